"""A user's repository, opened: its configuration, the active environment, the server and the state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployment_system.api.connection import SERVER_RETRY
from deployment_system.api.prefect_server import Credentials, PrefectServer
from deployment_system.config import (
    Configuration,
    Environment,
    ServerChoice,
    load_configuration,
    resolve_server,
    scan_paths,
)
from deployment_system.config.prefect_yaml import PrefectProject, load_prefect_yaml
from deployment_system.deploy.deployments import Owner
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    RetryPolicies,
    RetryPolicy,
)
from deployment_system.error_handling.collected import Collected, RetryWatch

_NEEDED_FOR_RECOVERY = ("project", "default_environment", "state_url", "environments", "prefect_events")


@dataclass(frozen=True)
class Project:
    """Everything that a command needs to know before it looks at flows or at the server."""

    root: Path
    configured: bool
    """A deployment-config.yaml was found."""
    configuration: Configuration
    environment_name: str
    environment: Environment
    owner: Owner
    server: ServerChoice
    state: StateFolder
    prefect_project: PrefectProject | None
    default_work_pool: str | None
    """PREFECT_DEFAULT_WORK_POOL_NAME, which `prefect deploy` uses too."""
    warnings: tuple[DeploymentSystemError, ...]
    state_url: str | None = None
    """DEPLOYMENT_STATE_URL, or the configuration's."""
    environment_was_named: bool = False
    """`--env` was given: a protected environment asks for it."""
    collected: Collected = field(default_factory=Collected, compare=False, repr=False)
    """What this run counts and measures, until it is written at its end."""

    @property
    def scan_paths(self) -> tuple[str, ...]:
        """Where flows are looked for."""
        return scan_paths(self.configuration, self.root)

    @property
    def deploys_discovered_flows(self) -> bool:
        """With a prefect.yaml and no configuration of ours, only what it declares is deployed."""
        return self.configured or self.prefect_project is None

    def connect(self) -> PrefectServer:
        """The server, to be closed by the caller."""
        return self.connect_to(self.server.url)

    def connect_to(
        self, url: str, *, timeout_seconds: float | None = None, retry_policy: RetryPolicy = SERVER_RETRY
    ) -> PrefectServer:
        """The server at a URL, which a journal names: with the credentials where it is this project's."""
        is_ours = url.rstrip("/") == self.server.url.rstrip("/")
        known = Credentials(self.server.api_key, self.server.auth_string) if is_ours else None
        patience = self.environment.request_timeout_seconds
        return PrefectServer(
            url,
            known,
            timeout_seconds=min(timeout_seconds or patience, patience),
            retry_policy=retry_policy,
            watch=RetryWatch(self.collected, "prefect", self.environment_name),
        )

    def connect_once(self, timeout_seconds: float) -> PrefectServer:
        """The server for who only wants to know whether it answers: nothing is tried again, or counted."""
        once = replace(RetryPolicies.QUICK_RETRY, max_attempts=1)
        known = Credentials(self.server.api_key, self.server.auth_string)
        return PrefectServer(self.server.url, known, timeout_seconds=timeout_seconds, retry_policy=once)

    @property
    def state_target(self) -> str | Path:
        """Where the journal and the locks are: a database's URL, or a file in the state folder."""
        return self.state_url or self.state.path / "state.db"

    @property
    def has_state(self) -> bool:
        """Whether there can be anything in the state: only a file may not have been made yet."""
        return self.state_url is not None or (self.state.path / "state.db").exists()


def open_project(
    start: Path,
    *,
    config_file: Path | None = None,
    environment: str | None = None,
    environ: Mapping[str, str],
    for_recovery: bool = False,
) -> Project:
    """Reads what the user wrote. Raises `ProblemsFound` with every error of the files.

    `for_recovery`: only what says where the state and the servers are. What is declared may be wrong then:
    a broken repository is a common reason to roll back.
    """
    loaded = load_configuration(
        start,
        config_file=config_file,
        environ=environ,
        environment=environment,
        sections=_NEEDED_FOR_RECOVERY if for_recovery else None,
    )
    if loaded.configuration is None:
        raise ProblemsFound(loaded.errors, EXIT_INVALID, "invalid")
    root = loaded.root.resolve()
    settings = loaded.configuration.environments[loaded.environment_name]
    place = loaded.document.place(("environments", loaded.environment_name, "prefect_api_url"))
    server = resolve_server(settings, environ, place=place)
    prefect_project = None if for_recovery else load_prefect_yaml(root, environ=environ)
    errors = (*server.errors, *(_fatal(prefect_project) if prefect_project else ()))
    if errors:
        raise ProblemsFound(errors, EXIT_INVALID, "invalid")
    state = StateFolder(root / FOLDER_NAME)
    warnings = (
        *loaded.warnings,
        *server.warnings,
        *(prefect_project.warnings if prefect_project else ()),
        *_state_warnings(loaded.configuration, environ),
    )
    return Project(
        root=root,
        configured=loaded.file is not None,
        configuration=loaded.configuration,
        environment_name=loaded.environment_name,
        environment=settings,
        owner=Owner(loaded.configuration.project, loaded.environment_name),
        server=server,
        state=state,
        prefect_project=prefect_project,
        default_work_pool=environ.get("PREFECT_DEFAULT_WORK_POOL_NAME") or None,
        warnings=warnings,
        state_url=environ.get("DEPLOYMENT_STATE_URL") or loaded.configuration.state_url,
        environment_was_named=environment is not None,
    )


def _fatal(prefect_project: PrefectProject) -> tuple[DeploymentSystemError, ...]:
    """Errors of the file as a whole; those of one deployment only leave that one out."""
    return tuple(error for error in prefect_project.errors if error.context.deployment_name is None)


def _state_warnings(
    configuration: Configuration, environ: Mapping[str, str]
) -> tuple[DeploymentSystemError, ...]:
    elsewhere = configuration.state_url or environ.get("DEPLOYMENT_STATE_URL")
    if elsewhere or environ.get("CI", "").lower() not in ("1", "true", "yes"):
        return ()
    return (
        DeploymentError(
            f"this looks like a CI machine, and the state is in {FOLDER_NAME}/ on its disk: "
            "a machine that is thrown away takes it along",
            error_code=ErrorCodes.STATE_NOT_KEPT,
            severity=ErrorSeverity.LOW,
            context=ErrorContext(file_path=FOLDER_NAME),
        ),
    )
