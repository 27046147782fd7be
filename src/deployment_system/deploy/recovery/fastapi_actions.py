"""A FastAPI with which a Prefect server does not work: another one in its place, and a new start."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from deployment_system.api import local_processes
from deployment_system.api.local_server import SERVER, start_local_server, stop_local_server
from deployment_system.deploy.doctor import BREAKING_FASTAPI, OLDEST_FASTAPI
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovery.command_action import UNDO_COMMAND, run_command
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    OperationType,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings, SettingTypes

REQUIREMENT = f"fastapi>={OLDEST_FASTAPI},<{BREAKING_FASTAPI}"
INSTALL_SECONDS = 300.0
ASK_SECONDS = 30.0

_ASK_VERSION = "import importlib.metadata as m; print(m.version('fastapi'))"


@dataclass(frozen=True)
class PinFastapi(ServerAction):
    """By pip, in the environment of this command or in that of `python`. Where the server runs elsewhere, the
    words say what to do there."""

    name = "pin_fastapi"
    changes = "the fastapi of a Python environment"
    checks = "its version is one with which a Prefect server works"
    confidence = Confidence.PROBABLE
    known_settings: ClassVar[SettingTypes] = {"python": str}

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        python = _python(settings)
        there = f'`python -m pip install "{REQUIREMENT}"`, and start it again'
        installed = fastapi_of(python)
        if installed is None:
            return f"there is no fastapi in the environment of {python}: where the server runs, there {there}"
        if works(installed):
            return f"fastapi {installed} of {python} is right: where the server runs instead, there {there}"
        if not _ends_well([python, "-m", "pip", "--version"]):
            return f'{python} has no pip: install "{REQUIREMENT}" there with what it was made with'
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        python = _python(settings)
        return Proposal(
            f'run `{python} -m pip install "{REQUIREMENT}"`: fastapi {fastapi_of(python)} is installed, '
            "with which a Prefect server does not work"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Raises RECOVERY_FAILED with pip's own words."""
        python, root = _python(settings), self.project.root
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        before = fastapi_of(python)
        data = {"handler": UNDO_COMMAND, "command": [*install, f"fastapi=={before}"], "folder": str(root)}
        transaction.add_rollback_operation(OperationType.CUSTOM, f"install {REQUIREMENT}", data)
        run_command([*install, REQUIREMENT], root, INSTALL_SECONDS)
        return f"installed fastapi {fastapi_of(python)} in place of {before}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        installed = fastapi_of(_python(settings))
        return None if installed and works(installed) else f"fastapi {installed} is installed there"


@dataclass(frozen=True)
class RestartLocalServer(ServerAction):
    """A server that `up` started reads its packages when it starts."""

    environ: Mapping[str, str]

    name = "restart_local_server"
    changes = "the local server and its worker are stopped and started again"
    checks = "the server answers, and takes fields that are null"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        running = local_processes.known(SERVER, self.project.state.local_server)
        return None if running else "no server runs here that `deployment-cli up` started"

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(f"start the local server at {self.project.server.url} and its worker again")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        transaction.add_rollback_operation(
            OperationType.CUSTOM, "start the local server again", rollback_function=self._start
        )
        stop_local_server(self.project.state.local_server, on_progress=lambda _: None)
        self._start()
        return f"started the local server at {self.project.server.url} again"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        with self.project.connect() as server:
            right = server.answers_null_fields()
        return None if right else "the server still answers 422 to a field that is null"

    def _start(self) -> None:
        """Where it does not run."""
        project = self.project
        start_local_server(
            project.state.local_server,
            port=urlsplit(project.server.url).port or 0,
            work_pool=project.environment.work_pools.python,
            environ=self.environ,
            on_progress=lambda _: None,
        )


def fastapi_actions(project: Project | None, environ: Mapping[str, str]) -> list[RecoveryAction]:
    """All of this file."""
    return [PinFastapi(project), RestartLocalServer(project, environ)]


def fastapi_of(python: str) -> str | None:
    """The version in the environment of an interpreter; None: there is none, or no such interpreter."""
    try:
        done = subprocess.run(
            [python, "-c", _ASK_VERSION], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def works(version: str) -> bool:
    """Whether a Prefect server works with this FastAPI."""
    try:
        return Version(version) < BREAKING_FASTAPI
    except InvalidVersion:
        return False


def _python(settings: Settings) -> str:
    return str(settings.get("python") or sys.executable)


def _ends_well(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=ASK_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
