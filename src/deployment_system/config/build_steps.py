"""A build or push step of a deployment, as its prefect.yaml says it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deployment_system.config.prefect_templates import LOOKED_UP, PLACEHOLDER
from deployment_system.config.step_functions import short_name
from deployment_system.config.step_scope import OutputReference
from deployment_system.config.variables import VariableText
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ErrorContext

Phase = Literal["build", "push"]


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One step: a function, and what it is called with."""

    phase: Phase
    function: str
    """Its whole name, such as `prefect_docker.deployments.steps.build_docker_image`."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Environment variables are replaced; outputs of earlier steps, blocks and Prefect variables are
    not."""
    id: str | None = None
    requires: tuple[str, ...] = ()
    """Packages that the function needs, as pip names them."""
    references: tuple[OutputReference, ...] = ()
    document: YamlDocument = field(default_factory=lambda: YamlDocument(""), compare=False, repr=False)
    path: Where = field(default=(), compare=False)
    """Where its inputs stand in the document."""

    @property
    def place(self) -> ErrorContext:
        """Where the step stands."""
        return self.document.place(self.path, key=True)

    @property
    def name(self) -> str:
        """What messages call it: its id, else its function."""
        return self.id or short_name(self.function)

    @property
    def written_inputs(self) -> dict[str, Any]:
        """Its inputs as the file has them, with the names of environment variables and not their values."""
        return {key: _as_written(value) for key, value in self.inputs.items()}

    @property
    def looks_up(self) -> bool:
        """Whether its inputs hold blocks or variables of the Prefect server."""
        return any(name.startswith(LOOKED_UP) for name in _references(self.inputs))


def _as_written(value: Any) -> Any:
    if isinstance(value, VariableText):
        return value.source
    if isinstance(value, Mapping):
        return {key: _as_written(item) for key, item in value.items()}
    return [_as_written(item) for item in value] if isinstance(value, list | tuple) else value


def has_references(value: Any) -> bool:
    """Whether a value holds `{{ … }}` at any depth."""
    return next(_references(value), None) is not None


def _references(value: Any) -> Iterator[str]:
    """The names in the references of a value, at any depth."""
    if isinstance(value, str):
        yield from (found[1] for found in PLACEHOLDER.finditer(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)
