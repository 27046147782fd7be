"""A worker for a work pool of type process that has none, where the server is one of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from deployment_system.api.local_worker import (
    has_worker_online,
    start_local_worker,
    wait_for_worker,
    worker_name,
)
from deployment_system.config import is_loopback
from deployment_system.config.server import BASIC_AUTHENTICATION_VARIABLE, KEY_VARIABLE
from deployment_system.deploy.declare import PROCESS_POOL_TYPE
from deployment_system.deploy.recovery.processes import note_process
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import Confidence, DeploymentSystemError, RollbackManager
from deployment_system.error_handling.recovery_actions import Proposal, Settings, SettingTypes

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class StartWorker(ServerAction):
    """As `deployment-cli up` does. Elsewhere, runs would start on a machine that nobody meant for them."""

    environ: Mapping[str, str]

    name = "start_worker"
    changes = "a worker runs in the background (`deployment-cli down` stops it)"
    checks = "a worker of the pool is online"
    confidence = Confidence.PROBABLE
    known_settings: ClassVar[SettingTypes] = {"seconds": (int, float)}

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        pool, url = _pool_of(error), self.project.server.url
        if not pool:
            return "the error does not say which work pool it is about"
        with self.project.connect() as server:
            found: Mapping[str, Any] | None = server.work_pool(pool)
        if found is None:
            return f"there is no work pool {pool!r}"
        start = f"`prefect worker start --pool {pool}`"
        if not is_loopback(urlsplit(url).hostname or ""):
            return (
                f"the server {url} is none of this machine: {start} where the runs of {pool!r} are to start"
            )
        if found["type"] != PROCESS_POOL_TYPE:
            return f"work pool {pool!r} is of type {found['type']!r}: {start}, with what that type needs"
        return f"the work pool {pool!r} is paused" if found.get("is_paused") else None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        pool = _pool_of(error)
        return Proposal(
            f"start a worker for the work pool {pool!r} on this machine, in the background: "
            f"`prefect worker start --pool {pool} --type process`"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Returns when a worker is online, or the time is over."""
        project, pool = self.project, _pool_of(error)
        project.state.make()
        folder = project.state.local_server
        note_process(transaction, worker_name(pool), folder, f"start a worker for {pool}")
        known = {
            KEY_VARIABLE: project.server.api_key,
            BASIC_AUTHENTICATION_VARIABLE: project.server.auth_string,
        }
        login = {name: value for name, value in known.items() if value}
        worker = start_local_worker(folder, project.server.url, pool, self.environ, login)
        with project.connect() as server:
            wait_for_worker(worker, server, pool, folder, float(settings.get("seconds", WAIT_SECONDS)))
        return f"started a worker for the work pool {pool!r}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        pool = _pool_of(error)
        with self.project.connect() as server:
            online = has_worker_online(server, pool)
        return None if online else f"work pool {pool!r} still has no worker that is online"


def _pool_of(error: DeploymentSystemError) -> str:
    return str(error.context.extra.get("work_pool") or "")
