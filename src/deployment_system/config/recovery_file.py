"""Recovery plans in a YAML file: those that come with the package, and a user's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployment_system.config.problems import as_errors
from deployment_system.config.scalars import Dialect
from deployment_system.config.yaml_source import YamlDocument, YamlReading, read_yaml, read_yaml_file
from deployment_system.error_handling import Confidence, ConfigurationError, ErrorContext

RECOVERY_FILE = "recovery-plans.yaml"
"""Of a user's own plans, beside the configuration."""


class DeclaredStep(BaseModel):
    """A step of a plan: an action of the catalogue with its settings."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    action: Annotated[str, Field(min_length=1)]
    """Its name, such as create_work_pool or run."""
    settings: Annotated[dict[str, Any], Field(alias="with")] = {}
    confidence: Confidence | None = None
    """How sure it is; by default what the action says of itself."""


class DeclaredPlan(BaseModel):
    """One plan."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    codes: Annotated[list[str], Field(alias="for", min_length=1)]
    """The error codes that it is for."""
    description: Annotated[str, Field(min_length=1)]
    """What it does, in a few words."""
    environments: list[str] = []
    """The environments that it is for; empty: all."""
    when: dict[str, Any] = {}
    """Values that the error's context must have."""
    steps: list[DeclaredStep] = []
    guidance: list[str] = []
    """What a person can do."""


class DeclaredLimits(BaseModel):
    """What keeps recoveries within bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """How often the same plan is tried for the same fault within the window."""
    window_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """How long an attempt counts."""
    pause_seconds: Annotated[float, Field(ge=0)] = 5.0
    """Between two attempts at the same fault."""
    most_flows: Annotated[int, Field(ge=1)] = 5
    """How many flows one run may touch; what several share is mended once, and counts once."""


class RecoveryFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plans: dict[str, DeclaredPlan] = {}
    """By name; of several for one code the first is taken."""
    limits: DeclaredLimits = DeclaredLimits()
    """Of all recoveries here, also those of the package's plans."""


@dataclass(frozen=True, slots=True)
class LoadedPlans:
    """What a file says, or what is wrong with it."""

    plans: dict[str, DeclaredPlan]
    errors: tuple[ConfigurationError, ...]
    document: YamlDocument
    limits: DeclaredLimits = field(default_factory=DeclaredLimits)

    def place(self, plan: str, *path: str | int) -> ErrorContext:
        """Where something of a plan stands."""
        return self.document.place(("plans", plan, *path))


def load_recovery_file(file: Path, *, shown_as: str) -> LoadedPlans:
    """Reads and checks a file. Nothing is raised: what is wrong stands in `errors`, with its line."""
    return _loaded(read_yaml_file(file, shown_as=shown_as, dialect=Dialect.YAML_1_2))


def load_recovery_text(text: str, *, shown_as: str) -> LoadedPlans:
    """As `load_recovery_file`, of text."""
    return _loaded(read_yaml(text.encode(), shown_as=shown_as, dialect=Dialect.YAML_1_2))


def _loaded(reading: YamlReading) -> LoadedPlans:
    if reading.errors:
        return LoadedPlans({}, reading.errors, reading.document)
    data = reading.document.data if reading.document.data is not None else {}
    try:
        found = RecoveryFile.model_validate(data)
    except ValidationError as error:
        errors = as_errors(error, reading.document, data, RecoveryFile)
        return LoadedPlans({}, tuple(errors), reading.document)
    return LoadedPlans(found.plans, (), reading.document, found.limits)
