"""What deployment-config.yaml says, as frozen values. The field descriptions are also those of the
JSON schema that editors show."""

from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from deployment_system.config.notifications import Notifications
from deployment_system.config.schedule import Schedules
from deployment_system.config.value_types import (
    AsList,
    FilledText,
    FilledTexts,
    Flag,
    ListedValues,
    Memory,
    NameTemplate,
    Number,
    ServerUrl,
    Settings,
    StateUrl,
    Text,
    Texts,
    Values,
    Whole,
    problem,
)
from deployment_system.config.yaml_source import YamlDocument

DEFAULT_ENVIRONMENT = "development"
DEFAULT_SERVER_URL = "http://127.0.0.1:4200/api"
DEFAULT_REQUEST_TIMEOUT_SECONDS = 30.0
DEFAULT_DEPLOYMENT_NAME = "{flow}-{type}-{environment}"
DEFAULT_EXCLUDE = ("**/tests/**", "**/test_*.py")

DeploymentType = Literal["python", "docker"]


class Scan(Settings):
    """Where flows are looked for."""

    paths: FilledTexts | None = None
    """Folders and files. Default: flows/ if there is one, else the whole repository."""
    exclude: Texts = DEFAULT_EXCLUDE
    """Patterns of what is left out, in addition to what git and Prefect ignore."""


class WorkPools(Settings):
    """The work pool that each type of deployment goes to."""

    python: FilledText = "default-pool"
    """Work pool of process deployments."""
    docker: FilledText = "docker-pool"
    """Work pool of container deployments."""


class ResourceLimits(Settings):
    """What a container may use at most."""

    memory: Memory | None = None
    """As in 512Mi."""
    cpu: Annotated[Number, Field(gt=0)] | None = None
    """Cores, as in 0.5."""


class GitSource(Settings):
    """A Git repository that the worker clones before a run."""

    url: FilledText
    """Address of the repository."""
    ref: FilledText | None = None
    """Branch, tag or commit. Default: the repository's default branch."""


class Source(Settings):
    """Where the worker finds the code of process deployments: exactly one of three."""

    local: Flag | None = None
    """True: worker and repository share a file system."""
    git: GitSource | None = None
    """The worker clones a Git repository."""
    pull_steps: ListedValues | None = None
    """Steps in the form of `pull` in a prefect.yaml, taken as they are."""

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = [key for key in ("local", "git", "pull_steps") if value.get(key) is not None]
        if not given:
            raise problem("must say one of local: true, git: {url: …, ref: …} or pull_steps: […]")
        if len(given) > 1:
            raise problem(f"has {' and '.join(given)}; there is exactly one source")
        return value

    @model_validator(mode="after")
    def _local_is_true(self) -> Self:
        if self.local is False:
            raise problem("says local: false; name the source instead: git: {url: …} or pull_steps: […]")
        return self

    @property
    def kind(self) -> Literal["local", "git", "pull_steps"]:
        """Which of the three it is."""
        if self.git is not None:
            return "git"
        return "local" if self.pull_steps is None else "pull_steps"

    @property
    def url(self) -> str | None:
        """Of the Git repository."""
        return self.git.url if self.git else None

    @property
    def ref(self) -> str | None:
        """Branch, tag or commit of the Git repository."""
        return self.git.ref if self.git else None


class SecretSource(Settings):
    """Where the value of a build's secret comes from: exactly one of two."""

    env: FilledText | None = None
    """Name of an environment variable."""
    file: FilledText | None = None
    """Path of a file, relative to this one."""

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and sum(value.get(key) is not None for key in ("env", "file")) != 1:
            raise problem("must say where it comes from: env: NAME or file: PATH")
        return value


class ImageSettings(Settings):
    """How images are built."""

    base: FilledText | None = None
    """Image that generated Dockerfiles start from. Default: Prefect's own, of the version installed here."""
    context: FilledText | None = None
    """Folder that is sent to the engine, relative to this file. Default: the folder of this file."""
    target: FilledText | None = None
    """Stage of the Dockerfile to build. Default: the last one."""
    platform: FilledText | None = None
    """Such as linux/amd64. Default: the engine's."""
    build_args: dict[str, Text] = Field(default_factory=dict)
    """Values of ARG instructions. They can be read from the image: no place for secrets."""
    secrets: dict[str, SecretSource] = Field(default_factory=dict)
    """By the id that RUN --mount=type=secret,id=… names; they stay in no layer. Needs BuildKit."""
    network: FilledText | None = None
    """Network of the commands while building: host, none. Default: the engine's."""


class Environment(Settings):
    """One place to deploy to."""

    prefect_api_url: ServerUrl | None = None
    """URL of the Prefect API. Default: PREFECT_API_URL, else the active Prefect profile's, else
    http://127.0.0.1:4200/api."""
    prefect_api_key: FilledText | None = Field(default=None, repr=False)
    """API key; keep it out of the file: "${PREFECT_API_KEY:-}". Default: as for the URL."""
    request_timeout_seconds: Annotated[Number, Field(gt=0, le=3600)] = DEFAULT_REQUEST_TIMEOUT_SECONDS
    """How long the server may take for one answer; then it is asked again, where that is safe."""
    protected: Flag = False
    """True: every change asks, and --yes must be given together with --env."""
    work_pools: WorkPools = WorkPools()
    """Work pools by type of deployment."""
    default_parameters: Values = Field(default_factory=dict)
    """Given to the flows that have such a parameter."""
    default_tags: Texts = ()
    """Tags of every deployment."""
    job_variables: Values = Field(default_factory=dict)
    """Job variables of every deployment."""
    resource_limits: ResourceLimits = ResourceLimits()
    """Of container deployments."""
    docker_registry: FilledText | None = None
    """Registry that images are pushed to, such as registry.example.com/team. Default: they stay where they
    are built."""
    docker_host: FilledText | None = None
    """Address of the Docker engine that builds. Default: DOCKER_HOST, else the socket of this machine."""
    image: ImageSettings = ImageSettings()
    """How images are built."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a worker pulls the image, in the words of Prefect's Docker worker."""
    networks: FilledTexts = ()
    """Docker networks of container deployments."""
    volumes: FilledTexts = ()
    """Docker volumes of container deployments, such as /data:/data:ro."""
    outage_patience_seconds: Annotated[Number, Field(ge=0, le=3600)] = 60.0
    """How long a rollback waits for a server that went away in the middle of a deployment, in seconds."""
    source: Source = Source(local=True)
    """Where the worker finds the code of process deployments."""


def _limit_alone(value: Any) -> Any:
    """`concurrency_limit: 1` is short for `concurrency_limit: {limit: 1}`."""
    return value if isinstance(value, dict | ConcurrencyLimit) else {"limit": value}


class ConcurrencyLimit(Settings):
    """How many runs of a deployment may be active at once."""

    limit: Whole = Field(ge=1, le=2_147_483_647)
    """Number of runs."""
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] | None = None
    """What happens to a run too many. Default: it waits (ENQUEUE)."""
    grace_period_seconds: Annotated[Whole, Field(ge=60, le=86400)] | None = None
    """How long a run may take to start before its place is given away."""


Limit = Annotated[
    ConcurrencyLimit,
    BeforeValidator(_limit_alone, json_schema_input_type=int | ConcurrencyLimit),
]
Types = Annotated[tuple[DeploymentType, ...], AsList]


class FlowKeys(Settings):
    """What can be said of a flow's deployments. Absent (or null): not said here."""

    types: Types | None = None
    """Types of deployment. Default: python, and docker where the flow has a Dockerfile."""
    environments: FilledTexts | None = None
    """Environments that the flow is deployed to. Default: all."""
    schedules: Schedules | None = None
    """When it runs. An empty list: on demand only."""
    parameters: Values | None = None
    """Parameters of its runs."""
    tags: Texts | None = None
    """Tags, beside those of the environment."""
    description: Text | None = None
    """Default: the flow's docstring."""
    version: FilledText | None = None
    """A version of your own."""
    concurrency_limit: Limit | None = None
    """How many runs may be active at once: a number, or {limit: …, collision_strategy: …}."""
    work_pool: FilledText | None = None
    """Default: the environment's work pool for the type."""
    job_variables: Values | None = None
    """Job variables, beside those of the environment."""
    dockerfile: FilledText | None = None
    """Path of the Dockerfile, relative to this file."""
    image: ImageSettings | None = None
    """How its image is built, key by key over the environment's."""
    deployment_name: NameTemplate | None = None
    """Template of the deployment's name. Default: {flow}-{type}-{environment}."""


class FlowRule(FlowKeys):
    """What is said of the flows whose names match a pattern."""

    overrides: dict[str, FlowKeys] = Field(default_factory=dict)
    """The same keys again, by environment."""


class Configuration(Settings):
    """All of deployment-config.yaml."""

    project: FilledText = "project"
    """Owner of what is deployed. Default: the folder's name."""
    default_environment: FilledText = DEFAULT_ENVIRONMENT
    """The environment that is active when neither --env nor DEPLOYMENT_ENV names one."""
    state_url: StateUrl | None = None
    """Where the state lives: sqlite:///PATH or postgresql://…
    Default: .deployment-system/ beside this file."""
    error_retention_days: Annotated[Whole, Field(ge=1, le=36_500)] = 90
    """Days for which the errors of commands are remembered."""
    deployment_name: NameTemplate = DEFAULT_DEPLOYMENT_NAME
    """Template of the deployments' names, made of {flow}, {type} and {environment}."""
    scan: Scan = Scan()
    """Which files are searched for flows."""
    environments: dict[str, Environment] = Field(default_factory=dict)
    """Places to deploy to, by name."""
    flows: dict[str, FlowRule] = Field(default_factory=dict)
    """What is said of flows, by flow name or pattern (* ? [abc]); the most specific wins, key by key."""
    notifications: Notifications = Notifications()
    """Who is told what came of a command, and how."""
    prefect_events: Flag = True
    """Whether the Prefect server is told of outcomes as events, for automations."""
    _document: YamlDocument | None = PrivateAttr(default=None)

    @property
    def document(self) -> YamlDocument | None:
        """The file that this was read from, for the places of its values; None where there is none."""
        return self._document

    def read_from(self, document: YamlDocument) -> Self:
        """The same, with the file that it was read from."""
        copy = self.model_copy()
        copy._document = document
        return copy


def standard_environments() -> MappingProxyType[str, Environment]:
    """The environments that exist where none is configured. Production is protected: nobody has said
    otherwise, and asking once too often hurts nobody."""
    return MappingProxyType(
        {
            "development": Environment(),
            "staging": Environment(),
            "production": Environment(protected=True),
        }
    )
