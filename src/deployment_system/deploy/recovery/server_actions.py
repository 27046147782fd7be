"""Remedies at the Prefect server: waited for, started, given the work pool that is missing."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from deployment_system.api.local_server import start_local_server, stop_local_server
from deployment_system.api.undo import WORK_POOL, WorkPoolUndo, work_pool_reference, work_pool_state
from deployment_system.config import is_loopback
from deployment_system.deploy.project import Project
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings, SettingTypes

WAIT_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class ServerAction(RecoveryAction):
    """What all of these need: a project, whose configuration could be read."""

    opened: Project | None

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return None if self.opened is not None else "the configuration has to be mended first"

    @property
    def project(self) -> Project:
        """The one that was opened. Raises RECOVERY_FAILED where none could be."""
        if self.opened is None:
            raise RecoveryError(
                "the configuration could not be read: it has to be mended first",
                error_code=ErrorCodes.RECOVERY_FAILED,
                context=ErrorContext(operation="recover"),
            )
        return self.opened


@dataclass(frozen=True)
class WaitForServer(ServerAction):
    """A server that restarts is back in ten to thirty seconds."""

    sleep: Callable[[float], None] = time.sleep

    name = "wait_for_server"
    changes = "nothing"
    checks = "the server answers"
    confidence = Confidence.CERTAIN
    known_settings: ClassVar[SettingTypes] = {"seconds": (int, float)}

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(f"wait up to {_seconds(settings):.0f} s for the server at {self.project.server.url}")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Returns when the server answers, or the time is over."""
        began = time.monotonic()
        with self.project.connect() as server:
            while not server.is_healthy() and time.monotonic() - began < _seconds(settings):
                self.sleep(ASK_AGAIN_SECONDS)
        return f"waited {time.monotonic() - began:.0f} s for the server at {self.project.server.url}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return _still_away(self.project)


@dataclass(frozen=True)
class StartLocalServer(ServerAction):
    """As `deployment-cli up`, where the configured server is one of this machine and none runs."""

    environ: Mapping[str, str]

    name = "start_local_server"
    changes = "a local server and a worker run in the background (`deployment-cli down` stops them)"
    checks = "the server answers"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        parts = urlsplit(self.project.server.url)
        if not parts.hostname or not is_loopback(parts.hostname) or not parts.port:
            return f"the server {self.project.server.url} is none of this machine"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(
            f"start a local Prefect server at {self.project.server.url} with a worker for the work pool "
            f"{self.project.environment.work_pools.python!r}, as `deployment-cli up` does"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        project = self.project
        project.state.make()
        folder = project.state.local_server

        def stop() -> None:
            stop_local_server(folder, on_progress=lambda _: None)

        transaction.add_rollback_operation(
            OperationType.CUSTOM, "start a local Prefect server", rollback_function=stop
        )
        started = start_local_server(
            folder,
            port=urlsplit(project.server.url).port or 0,
            work_pool=project.environment.work_pools.python,
            environ=self.environ,
            on_progress=lambda _: None,
        )
        return f"started {' and '.join(started.started) or 'nothing: it runs already'} at {started.url}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return _still_away(self.project)


@dataclass(frozen=True)
class CreateWorkPool(ServerAction):
    """From the server's own template for its type."""

    name = "create_work_pool"
    changes = "a new work pool on the server"
    checks = "the server has a pool of that name and type"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        name, kind = _pool_of(error)
        if not name or not kind:
            return "the error does not say which work pool of which type is missing"
        with self.project.connect() as server:
            if server.worker_template(kind) is None:
                return f"the server knows no template for work pools of type {kind!r}"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        name, kind = _pool_of(error)
        return Proposal(
            f"create the work pool {name!r} of type {kind!r} on {self.project.server.url}, from the server's "
            f"own template; `prefect worker start --pool {name}` then runs what is deployed to it"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        name, kind = _pool_of(error)
        context = ErrorContext(operation="create a work pool", work_pool=name)
        with self.project.connect() as server:
            body = {"name": name, "type": kind, "base_job_template": server.worker_template(kind)}
            made = transaction.change(
                WORK_POOL,
                work_pool_reference(server.url, name),
                work_pool_state(body),
                lambda: server.put_work_pool(body, context),
                description=f"create work pool {name}",
                operation_type=OperationType.WORK_POOL_CREATE,
            )
        return f"created the work pool {name!r}" if made else f"the work pool {name!r} was there already"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        name, kind = _pool_of(error)
        with self.project.connect() as server:
            found = server.work_pool(name)
        if found is None:
            return f"there is still no work pool {name!r}"
        return None if found["type"] == kind else f"work pool {name!r} is of type {found['type']!r}"


@dataclass(frozen=True)
class ResumeWorkPool(ServerAction):
    """Somebody may have had a reason to pause it: a person is asked."""

    name = "resume_work_pool"
    changes = "the work pool is not paused any more"
    checks = "the server says so"
    confidence = Confidence.PROBABLE

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        name, _ = _pool_of(error)
        return Proposal(f"resume the work pool {name!r} on {self.project.server.url}: its runs start again")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        name, _ = _pool_of(error)
        reference = work_pool_reference(self.project.server.url, name)
        context = ErrorContext(operation="resume a work pool", work_pool=name)
        with self.project.connect() as server:
            before = WorkPoolUndo(lambda _: server).observe(reference)
            transaction.change(
                WORK_POOL,
                reference,
                {**(before or {}), "is_paused": False},
                lambda: server.change_work_pool(name, {"is_paused": False}, context),
                description=f"resume work pool {name}",
                operation_type=OperationType.WORK_POOL_UPDATE,
            )
        return f"resumed the work pool {name!r}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        name, _ = _pool_of(error)
        with self.project.connect() as server:
            found = server.work_pool(name)
        if found is None:
            return f"the work pool {name!r} is gone"
        return f"the work pool {name!r} is still paused" if found.get("is_paused") else None


def server_actions(project: Project | None, environ: Mapping[str, str]) -> list[RecoveryAction]:
    """All of this file."""
    return [
        WaitForServer(project),
        StartLocalServer(project, environ),
        CreateWorkPool(project),
        ResumeWorkPool(project),
    ]


def _pool_of(error: DeploymentSystemError) -> tuple[str, str]:
    known: Mapping[str, Any] = error.context.extra
    return str(known.get("work_pool") or ""), str(known.get("work_pool_type") or "")


def _seconds(settings: Settings) -> float:
    return float(settings.get("seconds", WAIT_SECONDS))


def _still_away(project: Project) -> str | None:
    with project.connect() as server:
        return None if server.is_healthy() else f"the server at {server.url} does not answer"
