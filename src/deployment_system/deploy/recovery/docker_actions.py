"""Remedies at the Docker engine: waited for, started where that is possible, asked at its right address."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import list2cmdline
from typing import ClassVar

from deployment_system.api import local_processes
from deployment_system.config import CONFIGURATION_FILE
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.command_action import UNDO_COMMAND, run_command
from deployment_system.deploy.recovery.docker_places import likely_engines
from deployment_system.deploy.recovery.docker_start import WayToStart, way_to_start
from deployment_system.deploy.recovery.processes import note_process
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    DockerError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RetryPolicy,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings, SettingTypes

WAIT_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.2
LOOK_SECONDS = 5.0
DOCKERD = "dockerd"
"""What the engine is called that a recovery starts itself."""


@dataclass(frozen=True)
class DockerAction(ServerAction):
    """What all of these need: to know which engine is meant, and whether it answers."""

    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where the engine of this project listens."""
        with ImageDoors(self.project) as doors:
            return doors.engine().url

    def still_away(self) -> str | None:
        """That the engine does not answer; None: it does."""
        url = self.url
        return None if answers(url) else f"the Docker engine at {url} does not answer"


@dataclass(frozen=True)
class WaitForDocker(DockerAction):
    """An engine that restarts is back in some seconds."""

    sleep: Callable[[float], None] = time.sleep

    name = "wait_for_docker"
    changes = "nothing"
    checks = "the engine answers"
    confidence = Confidence.CERTAIN
    known_settings: ClassVar[SettingTypes] = {"seconds": (int, float)}

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(f"wait up to {_seconds(settings):.0f} s for the Docker engine at {self.url}")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Returns when the engine answers, or the time is over."""
        began = time.monotonic()
        while self.still_away() and time.monotonic() - began < _seconds(settings):
            self.sleep(ASK_AGAIN_SECONDS)
        return f"waited {time.monotonic() - began:.0f} s for the Docker engine at {self.url}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return self.still_away()


@dataclass(frozen=True)
class StartDocker(DockerAction):
    """By systemd or an init script where the engine is the system's, else the engine by itself."""

    sleep: Callable[[float], None] = time.sleep

    name = "start_docker"
    changes = "a Docker engine runs on this machine; taken back, it is stopped"
    checks = "the engine answers"
    confidence = Confidence.PROBABLE
    known_settings: ClassVar[SettingTypes] = {"seconds": (int, float), "command": list, "directly": bool}

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        command = settings.get("command", [])
        if not all(isinstance(word, str) for word in command):
            return "`command` must be a list of words, the program first"
        way = self._way_or_why(settings)
        return way if isinstance(way, str) else None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        way = self._way(settings)
        kept = "" if way.undo else ", in the background"
        return Proposal(f"start the Docker engine at {self.url}: `{list2cmdline(way.command)}`{kept}")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Raises RECOVERY_FAILED with the engine's own words where it ends."""
        way, shown = self._way(settings), f"start the Docker engine at {self.url}"
        self.project.state.make()
        began = time.monotonic()
        if way.undo is not None:
            data = {"handler": UNDO_COMMAND, "command": list(way.undo), "folder": str(self.project.root)}
            transaction.add_rollback_operation(OperationType.CUSTOM, shown, data)
            run_command(way.command, self.project.root, _seconds(settings))
            running: Callable[[], bool] = lambda: True  # noqa: E731 - too small
        else:
            folder = self.folder
            note_process(transaction, DOCKERD, folder, shown)
            process = local_processes.start(DOCKERD, way.command, self.environ, folder)
            running = lambda: process.alive  # noqa: E731 - too small
        while running() and self.still_away() and time.monotonic() - began < _seconds(settings):
            self.sleep(ASK_AGAIN_SECONDS)
        if not running():
            raise _ended(way, local_processes.log_end(DOCKERD, self.folder))
        return f"started `{list2cmdline(way.command)}`"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return self.still_away()

    @property
    def folder(self) -> Path:
        """Where the engine's log is, and the note by which it is known again."""
        return self.project.state.path / "docker"

    def _way_or_why(self, settings: Settings) -> WayToStart | str:
        directly = bool(settings.get("directly", False))
        return way_to_start(self.url, self.environ, settings.get("command"), directly=directly)

    def _way(self, settings: Settings) -> WayToStart:
        way = self._way_or_why(settings)
        if isinstance(way, str):
            raise RecoveryError(
                way, error_code=ErrorCodes.RECOVERY_FAILED, context=ErrorContext(operation="recover")
            )
        return way


@dataclass(frozen=True)
class CorrectDockerHost(DockerAction):
    """Where the configuration names an engine that does not answer, and the one that `docker` itself would
    take here does. Never another machine's that nobody has chosen."""

    name = "correct_docker_host"
    changes = "the engine's URL in the configuration"
    checks = "an engine answers there"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        right = self._right()
        if right is None:
            return "no other engine of this machine, and not the one that Docker's own settings name, answers"
        wrong = self.project.environment.docker_host
        if wrong is None:
            said = "DOCKER_HOST" if self.environ.get("DOCKER_HOST") else "the default"
            return (
                f"an engine answers at {right}, and {said} names {self.url}: `export DOCKER_HOST={right}`, "
                "or `docker_host:` of the environment"
            )
        file = self._file
        if not file.is_file() or read_text(file).count(wrong) != 1:
            return f"an engine answers at {right}; {wrong} does not stand once in {CONFIGURATION_FILE}"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        before, after, right = self._texts()
        return Proposal(
            f"correct the Docker engine's URL: one answers at {right}",
            diff_of(CONFIGURATION_FILE, before, after),
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        _, after, right = self._texts()
        changed_text(self._file, after, transaction, OperationType.CONFIG_UPDATE)
        return f"the configuration names {right} now"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. The project is still the one that was opened before the change."""
        text = read_text(self._file)
        named = any(url in text and answers(url) for url in likely_engines(self.environ))
        return None if named else "the configuration names no engine that answers"

    @property
    def _file(self) -> Path:
        return self.project.root / CONFIGURATION_FILE

    def _right(self) -> str | None:
        wrong = self.url
        return next((url for url in likely_engines(self.environ) if url != wrong and answers(url)), None)

    def _texts(self) -> tuple[str, str, str]:
        wrong, right = self.project.environment.docker_host or "", self._right()
        before = read_text(self._file)
        return before, before.replace(wrong, right) if wrong and right else before, right or wrong


def docker_actions(project: Project | None, environ: Mapping[str, str]) -> list[RecoveryAction]:
    """All of this file."""
    return [
        WaitForDocker(project, environ),
        StartDocker(project, environ),
        CorrectDockerHost(project, environ),
    ]


def answers(url: str) -> bool:
    """Whether an engine answers there, asked once."""
    from deployment_system.builders.engine import DockerEngine

    once = RetryPolicy(max_attempts=1)
    with DockerEngine(url, timeout_seconds=LOOK_SECONDS, retry_policy=once) as engine:
        try:
            engine.ping()
        except DockerError:
            return False
    return True


def _seconds(settings: Settings) -> float:
    return float(settings.get("seconds", WAIT_SECONDS))


def _ended(way: WayToStart, log: str) -> RecoveryError:
    said = f"; its log ends:\n{log}" if log else ""
    return RecoveryError(
        f"`{list2cmdline(way.command)}` ended before it answered{said}",
        error_code=ErrorCodes.RECOVERY_FAILED,
        context=ErrorContext(operation="recover"),
    )
