"""Is everything there that a deployment needs? One check after the other, each failure with its remedy."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.containers import DOCKER_POOL_TYPE, takes_images
from deployment_system.deploy.declare import PROCESS_POOL_TYPE
from deployment_system.deploy.doctor_flows import look_at_flows
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.project import Project, open_project
from deployment_system.deploy.visibility import look_at_ui
from deployment_system.deploy.work_pools import missing_pool, wrong_pool_type
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
)
from deployment_system.error_handling.counted import counted

OLDEST_FASTAPI = Version("0.139")
"""Prefect's own bound."""
BREAKING_FASTAPI = Version("0.151")


@dataclass(frozen=True, slots=True)
class Check:
    """One question with its answer."""

    name: str
    message: str
    error: DeploymentSystemError | None = None

    @property
    def ok(self) -> bool:
        """Nothing is wrong there."""
        return self.error is None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "ok": self.ok,
            "message": self.message,
            "error_code": str(self.error.error_code) if self.error else None,
            "remediation": self.error.remediation if self.error else [],
        }


@dataclass(frozen=True)
class DoctorReport:
    """All answers."""

    checks: tuple[Check, ...]
    hints: tuple[DeploymentSystemError, ...] = ()
    """Of the flows: what keeps nothing from being deployed, and could be mended all the same."""

    @property
    def healthy(self) -> bool:
        """No check failed."""
        return all(check.ok for check in self.checks)

    @property
    def errors(self) -> list[DeploymentSystemError]:
        """Of the checks that failed."""
        return [check.error for check in self.checks if check.error is not None]

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `doctor` shows it."""
        return {"healthy": self.healthy, "checks": [check.to_dict() for check in self.checks]}


def run_checks(
    start: Path, *, config_file: Path | None, environment: str | None, environ: Mapping[str, str]
) -> DoctorReport:
    """Every check that can be made; what cannot be reached after a failure is left out."""
    hints: list[DeploymentSystemError] = []
    checks = tuple(_checks(start, config_file, environment, environ, hints))
    return DoctorReport(checks, tuple(hints))


def _checks(
    start: Path,
    config_file: Path | None,
    environment: str | None,
    environ: Mapping[str, str],
    hints: list[DeploymentSystemError],
) -> Iterator[Check]:
    yield _installation()
    yield _fastapi()
    try:
        project = open_project(start, config_file=config_file, environment=environment, environ=environ)
    except ProblemsFound as problems:
        for error in problems.errors:
            yield _failed("configuration", error)
        return
    what = "deployment-config.yaml" if project.configured else "defaults (no deployment-config.yaml)"
    yield Check("configuration", f"{what}, environment {project.environment_name}")
    for warning in project.warnings:
        if warning.error_code == ErrorCodes.SERVER_URL_DIFFERS:
            yield _failed("server", warning)
    yield _state(project)
    if project.configuration.notifications.routes:
        from deployment_system.deploy.doctor_notifications import notification_checks

        yield from notification_checks(project)
    looked = look_at_flows(project)
    yield from (_failed("flows", error) for error in looked.errors)
    if not looked.errors:
        yield Check("flows", looked.message)
    hints.extend(looked.hints)
    yield from _server(project, in_containers=looked.in_containers)
    if looked.in_containers:
        from deployment_system.deploy.doctor_docker import docker_checks

        yield from docker_checks(project)


def _failed(name: str, error: DeploymentSystemError) -> Check:
    return Check(name, error.message, error)


def _installation() -> Check:
    running = ".".join(map(str, sys.version_info[:3]))
    return Check("installation", f"Python {running}, Prefect {version('prefect')}")


def _fastapi() -> Check:
    try:
        installed = version("fastapi")
    except PackageNotFoundError as missing:
        return _failed(
            "fastapi",
            ConfigurationError(
                "fastapi is not installed here: a local server cannot start",
                error_code=ErrorCodes.PREFECT_SERVER_INCOMPATIBLE,
                cause=missing,
            ),
        )
    if Version(installed) >= BREAKING_FASTAPI:
        return _failed(
            "fastapi",
            ConfigurationError(
                f"fastapi {installed} is installed here, with which a Prefect server does not work",
                error_code=ErrorCodes.PREFECT_SERVER_INCOMPATIBLE,
            ),
        )
    return Check("fastapi", f"fastapi {installed}")


def _state(project: Project) -> Check:
    try:
        project.state.make()
        with tempfile.TemporaryFile(dir=project.state.path):
            pass
    except DeploymentSystemError as error:
        return _failed("state", error)
    except OSError as error:
        unusable = DeploymentError(
            f"the state folder {project.state.path.name} cannot be written: {error.strerror or error}",
            error_code=ErrorCodes.STATE_UNUSABLE,
            cause=error,
        )
        return _failed("state", unusable)
    return Check("state", f"{project.state.path.name}/ is writable")


def _server(project: Project, *, in_containers: bool) -> Iterator[Check]:
    pools = project.environment.work_pools
    with project.connect() as server:
        try:
            found = server.version()
            yield Check("server", f"{server.url} answers, version {found}{_older_than_here(found)}")
            yield _null_fields(server)
            yield _ui(project, server)
            there = {pool["name"]: pool for pool in server.work_pools()}
            yield _pool(project, server, pools.python, there, for_containers=False)
            if in_containers:
                yield _pool(project, server, pools.docker, there, for_containers=True)
        except PrefectAPIError as error:
            yield _failed("server", error)


def _null_fields(server: PrefectServer) -> Check:
    if server.answers_null_fields():
        return Check("server's fastapi", "takes fields that are null")
    return _failed(
        "server's fastapi",
        PrefectAPIError(
            "the server answers 422 to a field that is null: its fastapi is 0.151 or later",
            error_code=ErrorCodes.PREFECT_SERVER_INCOMPATIBLE,
        ),
    )


def _older_than_here(server_version: str) -> str:
    """What a person has to know of a server that is older than the Prefect here: workers ask it for more."""
    try:
        theirs, ours = Version(server_version), Version(version("prefect"))
    except InvalidVersion:
        return ""
    if theirs.release[:2] >= ours.release[:2]:
        return ""
    right = ".".join(map(str, theirs.release[:2]))
    return (
        f", older than Prefect {ours} here: workers that are started here may ask it for more than it knows; "
        f'`python -m pip install "prefect=={right}.*"` here, or upgrade the server'
    )


def _ui(project: Project, server: PrefectServer) -> Check:
    """Whether its pages show what is deployed; a server for programs alone has none."""
    view = look_at_ui(project, server, [])
    if view.api_url is None:
        return Check("Prefect UI", f"none is looked at beside {server.url}")
    if view.problems:
        return _failed("Prefect UI", view.problems[0])
    return Check("Prefect UI", f"the pages at {view.url} ask {view.api_url}")


def _pool(
    project: Project,
    server: PrefectServer,
    name: str,
    there: Mapping[str, Mapping[str, Any]],
    *,
    for_containers: bool,
) -> Check:
    """A pool for processes, or for containers: there, of the right kind, and with somebody who works."""
    context = ErrorContext(environment=project.environment_name, work_pool=name)
    pool = there.get(name)
    if pool is None:
        needed_type = DOCKER_POOL_TYPE if for_containers else PROCESS_POOL_TYPE
        return _failed("work pool", missing_pool(name, there, needed_type, context))
    if not (takes_images(pool) if for_containers else pool["type"] == PROCESS_POOL_TYPE):
        needed = "containers need one that takes an image" if for_containers else "processes need 'process'"
        return _failed("work pool", wrong_pool_type(pool, needed, context))
    online = [item for item in server.workers(name) if item.get("status") == "ONLINE"]
    if pool.get("is_paused"):
        remedy = [f"`prefect work-pool resume {name}`"]
        return _failed("work pool", _not_ready(name, "is paused", remedy, context.extended(paused=True)))
    if not online:
        remedy = [f"`prefect worker start --pool {name}`"]
        return _failed("work pool", _not_ready(name, "has no worker that is online", remedy, context))
    return Check("work pool", f"{name!r} has {counted(len(online), 'worker')} online")


def _not_ready(name: str, why: str, remediation: list[str], context: ErrorContext) -> PrefectAPIError:
    return PrefectAPIError(
        f"work pool {name!r} {why}: nothing that is deployed would run",
        error_code=ErrorCodes.WORK_POOL_NOT_READY,
        context=context,
        remediation=remediation,
    )
