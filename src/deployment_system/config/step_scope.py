"""Which outputs of steps are there at a point of a prefect.yaml, before anything has run.

Follows Prefect's run_steps: a step's outputs are stored under its id, and then each of them under its
own name too, so that `{{ image }}` is the image of the last step that gave one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from deployment_system.config.problems import nearest
from deployment_system.config.step_functions import OutputKind, StepFunction, known_function, short_name
from deployment_system.config.yaml_source import Where
from deployment_system.error_handling import ErrorContext


@dataclass(frozen=True, slots=True)
class OutputReference:
    """`{{ build-image.image }}`, somewhere in a value."""

    name: str
    text: str
    """With its braces, as it stands there."""
    where: Where
    """The way to the text, from the inputs of the step or from the deployment."""
    may_be_the_workers: bool = False
    """In a pull step: the output of another pull step, unless a build or push step gives it."""
    place: ErrorContext = field(default_factory=ErrorContext, compare=False, repr=False)


class Found(Enum):
    """What is known of an output before the steps run."""

    CERTAIN = auto()
    POSSIBLE = auto()
    """Only the function itself knows what it gives."""
    MISSING = auto()


@dataclass(frozen=True, slots=True)
class _Step:
    function_name: str
    function: StepFunction | None


def parts_of(name: str) -> list[str]:
    """`build.additional_tags[0]` as Prefect takes it apart."""
    return name.replace("[", ".").replace("]", "").split(".")


class StepScope:
    """What the steps before this point give. Grows while a file is read from top to bottom."""

    def __init__(self, ahead: Iterable[str] = ()) -> None:
        self._given: dict[str, _Step | OutputKind] = {}
        self._ahead = list(ahead)
        """Ids of the steps that are still to come, in their order."""
        self.is_open = False
        """A step has run whose outputs nobody knows."""

    def add(self, function_name: str, step_id: str | None) -> None:
        """The step has run."""
        function = known_function(function_name)
        if step_id is not None:
            self._given[step_id] = _Step(function_name, function)
            if step_id in self._ahead:
                self._ahead.remove(step_id)
        if function is None:
            self.is_open = True
        else:
            self._given.update(function.outputs)

    def add_unknown(self, step_ids: Iterable[str] = ()) -> None:
        """A step has run of which not even the function is known."""
        for step_id in step_ids:
            self._given[step_id] = _Step("", None)
            if step_id in self._ahead:
                self._ahead.remove(step_id)
        self.is_open = True

    def find(self, name: str) -> Found:
        """Whether the output is there."""
        first, *rest = parts_of(name)
        given = self._given.get(first)
        if given is None:
            return Found.POSSIBLE if self.is_open and first not in self._ahead else Found.MISSING
        if not rest:
            return Found.CERTAIN
        if isinstance(given, OutputKind):
            return _found_inside(given)
        if given.function is None:
            return Found.POSSIBLE
        kind = given.function.outputs.get(rest[0])
        if kind is None:
            return Found.MISSING
        return Found.CERTAIN if rest[1:] == [] else _found_inside(kind)

    def why_missing(self, name: str) -> tuple[str, str | None]:
        """What is wrong with a reference to nothing, and the reference that was probably meant."""
        first, *rest = parts_of(name)
        given = self._given.get(first)
        if isinstance(given, OutputKind) or (isinstance(given, _Step) and rest[1:]):
            return "asks for a part of a value that has no parts", ".".join([first, *rest[:-1]])
        if given is not None:
            return self._why_not_given(first, given, rest[0])
        if first in self._ahead:
            return f"is an output of the step {first!r}, which has not run by then", None
        meant = nearest(first, self._given)
        return "is no output of a step that runs before", meant and ".".join([meant, *rest])

    @property
    def names(self) -> tuple[str, ...]:
        """What can be referred to here."""
        return tuple(self._given)

    @staticmethod
    def _why_not_given(step_id: str, step: _Step, wanted: str) -> tuple[str, str | None]:
        outputs = sorted(step.function.outputs) if step.function else []
        gives = ", ".join(outputs)
        meant = nearest(wanted, outputs)
        what = f"does not exist: the step {step_id!r} ({short_name(step.function_name)}) gives {gives}"
        return what, meant and f"{step_id}.{meant}"


def _found_inside(kind: OutputKind) -> Found:
    """Whether an element of an output is there: how long a list is shows when its step has run."""
    return Found.POSSIBLE if kind is OutputKind.LIST else Found.MISSING


NOT_GIVEN = object()


def output_value(outputs: Mapping[str, Any], name: str) -> Any:
    """The value of an output after its step has run, found as Prefect finds it; NOT_GIVEN where there is
    none."""
    value: Any = outputs
    for part in parts_of(name):
        try:
            value = value[_key(part)]
        except (TypeError, KeyError, IndexError):
            return NOT_GIVEN
    return value


def _key(part: str) -> str | int:
    try:
        return int(part)
    except ValueError:
        return part
