"""A command of the user's own as a remedy: run without a shell, with a time limit, its output kept."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
    UndoFunction,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings, SettingTypes

UNDO_COMMAND = "recovery.command"
"""The undo handler's name: what is to be undone can be undone by another process."""
TIMEOUT_SECONDS = 300.0
LONGEST_OUTPUT = 2000


@dataclass(frozen=True)
class RunCommand(RecoveryAction):
    """`command`, and after it `check`, which must end with status 0; `undo` is run when the plan fails."""

    root: Path

    name = "run"
    changes = "whatever the command changes"
    checks = "its `check` ends with status 0, or where there is none, the command itself"
    confidence = Confidence.PROBABLE
    known_settings: ClassVar[SettingTypes] = {
        "command": list,
        "check": list,
        "undo": list,
        "timeout_seconds": (int, float),
    }

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        for key in ("command", "check", "undo"):
            value = settings.get(key)
            if value is not None and not (value and all(isinstance(word, str) for word in value)):
                return f"`{key}` must be a list of words, the program first"
        return None if settings.get("command") else "the plan names no command"

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(f"run {_shown(settings['command'])}")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Raises RECOVERY_FAILED for a command that fails."""
        command = settings["command"]
        if undo := settings.get("undo"):
            data = {"handler": UNDO_COMMAND, "command": list(undo), "folder": str(self.root)}
            transaction.add_rollback_operation(OperationType.CUSTOM, f"run {_shown(command)}", data)
        run_command(command, self.root, float(settings.get("timeout_seconds", TIMEOUT_SECONDS)))
        return f"ran {_shown(command)}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if not (command := settings.get("check")):
            return None
        try:
            run_command(command, self.root, float(settings.get("timeout_seconds", TIMEOUT_SECONDS)))
        except RecoveryError as failure:
            return failure.message
        return None


def undo_command() -> UndoFunction:
    """What runs the `undo` of a command that did not help, in this process or in another one."""

    def run(data: Mapping[str, Any]) -> None:
        run_command(data["command"], Path(data["folder"]), TIMEOUT_SECONDS)

    return UndoFunction(run)


def run_command(command: Sequence[str], folder: Path, timeout_seconds: float) -> str:
    """What it wrote. Raises RECOVERY_FAILED with the end of that, where it does not end well in time."""
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(command, f"did not end within {timeout_seconds:.0f} s", "", error) from error
    except OSError as error:
        raise _failed(command, f"cannot be run: {error.strerror or error}", "", error) from error
    if done.returncode != 0:
        raise _failed(command, f"ended with status {done.returncode}", done.stdout, None)
    return done.stdout


def _failed(command: Sequence[str], how: str, output: str, cause: Exception | None) -> RecoveryError:
    said = f": {output.strip()[-LONGEST_OUTPUT:]}" if output.strip() else ""
    return RecoveryError(
        f"{_shown(command)} {how}{said}",
        error_code=ErrorCodes.RECOVERY_FAILED,
        context=ErrorContext(operation="recover", command=list(command)),
        cause=cause,
    )


def _shown(command: Sequence[str]) -> str:
    """As a person would type it."""
    return "`" + subprocess.list2cmdline(command) + "`"
