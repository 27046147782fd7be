"""A deployment as it is declared, and as the server has it. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployment_system.api.stored_values import stored_fields
from deployment_system.deploy.schedules import ActualSchedule, DesiredSchedule
from deployment_system.error_handling import ErrorContext

if TYPE_CHECKING:  # images are read by who has some
    from deployment_system.config import BuildStep, PrefectDeployment
    from deployment_system.deploy.images import DesiredImage

PROJECT_LABEL = "deployment-system.project"
ENVIRONMENT_LABEL = "deployment-system.environment"
TYPE_LABEL = "deployment-system.type"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose deployments these are: said by labels, which outlive renames of anything else."""

    project: str
    environment: str

    def labels(self, deployment_type: str) -> dict[str, str]:
        """What is written on a deployment of this owner."""
        return {
            PROJECT_LABEL: self.project,
            ENVIRONMENT_LABEL: self.environment,
            TYPE_LABEL: deployment_type,
        }


@dataclass(frozen=True, slots=True)
class DesiredDeployment:
    """What somebody declared, for one environment."""

    name: str
    flow_name: str
    type: str
    """`python` or `docker`."""
    file: str
    """The flow's file, relative to the repository's root."""
    fields: Mapping[str, Any]
    """Of DEPLOYMENT_FIELDS those that the declaration speaks about."""
    schedules: tuple[DesiredSchedule, ...]
    place: ErrorContext = field(default_factory=ErrorContext)
    """Where it is declared."""
    schedules_declared: bool = True
    """False: nothing is said of schedules, and those that we did not declare ourselves stay."""
    removes_foreign_schedules: bool = False
    """`schedules: []` was written: also those made by hand go."""
    paused: bool | None = None
    """None: nothing is said, and what the server has stays."""
    image: "DesiredImage | None" = field(default=None, repr=False)
    """What its runs start from: of container deployments."""
    pool_type: str | None = None
    """The type that its work pool must have; None: whoever declared it chose the pool for a reason."""
    prefect: "PrefectDeployment | None" = field(default=None, repr=False)
    """As a prefect.yaml says it, with the steps that run before it is deployed."""
    places: Mapping[str, ErrorContext] = field(default_factory=dict, repr=False, compare=False)
    """Where its settings stand, as far as they are its own: `job_variables.env`, `work_pool`."""

    def place_of(self, *names: str) -> ErrorContext:
        """Where the first of these settings that stands anywhere does; else where it is declared."""
        return next(filter(None, map(self.places.get, names)), self.place)

    @property
    def key(self) -> tuple[str, str]:
        """What the server knows it by."""
        return (self.flow_name, self.name)

    @property
    def steps(self) -> "tuple[BuildStep, ...]":
        """What runs before it is deployed, in this order."""
        return () if self.prefect is None else (*self.prefect.build_steps, *self.prefect.push_steps)

    @property
    def fields_from_steps(self) -> frozenset[str]:
        """The fields whose values are known only when the steps have run."""
        references = () if self.prefect is None else self.prefect.references
        return frozenset(_field_at(reference.where) for reference in references)


def _field_at(where: Sequence[str | int]) -> str:
    """From the way to a value in a prefect.yaml to the field that it is part of."""
    first = where[1] if where[0] == "work_pool" else where[0]
    return "pull_steps" if first == "pull" else str(first)


@dataclass(frozen=True, slots=True)
class ActualDeployment:
    """What the server has."""

    id: str
    name: str
    flow_name: str
    fields: Mapping[str, Any]
    schedules: tuple[ActualSchedule, ...]
    labels: Mapping[str, Any]
    paused: bool
    status: str | None
    raw: Mapping[str, Any] = field(repr=False)
    """The server's own JSON, whole."""

    @classmethod
    def from_api(cls, stored: Mapping[str, Any], flow_name: str) -> "ActualDeployment":
        """From the server's JSON."""
        return cls(
            id=stored["id"],
            name=stored["name"],
            flow_name=flow_name,
            fields=stored_fields(stored),
            schedules=tuple(ActualSchedule.from_api(item) for item in stored.get("schedules") or ()),
            labels=stored.get("labels") or {},
            paused=bool(stored.get("paused")),
            status=stored.get("status"),
            raw=stored,
        )

    @property
    def key(self) -> tuple[str, str]:
        """What the server knows it by."""
        return (self.flow_name, self.name)

    @property
    def file(self) -> str:
        """The flow's file, as its entrypoint says."""
        return str(self.fields.get("entrypoint") or "").rsplit(":", 1)[0]

    @property
    def type(self) -> str:
        """`python` or `docker`, as its label says."""
        return str(self.labels.get(TYPE_LABEL, "python"))

    def is_owned_by(self, owner: Owner) -> bool:
        """Whether this owner made or adopted it."""
        return (
            self.labels.get(PROJECT_LABEL) == owner.project
            and self.labels.get(ENVIRONMENT_LABEL) == owner.environment
        )

    @property
    def other_owner(self) -> Owner | None:
        """The owner that its labels name, if any."""
        if PROJECT_LABEL not in self.labels:
            return None
        return Owner(str(self.labels[PROJECT_LABEL]), str(self.labels.get(ENVIRONMENT_LABEL, "")))
