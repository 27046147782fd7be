"""Outputs of steps, put in the place of the references to them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployment_system.config.build_steps import BuildStep
from deployment_system.config.prefect_deployment import PrefectDeployment
from deployment_system.config.prefect_templates import PLACEHOLDER
from deployment_system.config.problems import dotted, nearest
from deployment_system.config.step_scope import NOT_GIVEN, OutputReference, output_value, parts_of
from deployment_system.config.variables import VariableText
from deployment_system.config.yaml_source import Where
from deployment_system.error_handling import ConfigurationError, ErrorCodes

Outputs = Mapping[str, Any]
"""As Prefect keeps them: the outputs of a step under its id, and each under its own name."""


def with_outputs(outputs: Outputs, step: BuildStep, given: Mapping[str, Any]) -> Outputs:
    """The outputs after the step has run and given these."""
    own = {step.id: dict(given)} if step.id else {}
    return {**outputs, **own, **given}


def filled_step(step: BuildStep, outputs: Outputs) -> BuildStep:
    """The step with the outputs of those before it in its inputs. A text that is one reference and nothing
    else takes the value as it is, of any type.

    Raises ConfigurationError (BUILD_STEP_OUTPUT_UNKNOWN) where an output is not there.
    """
    inputs = _Filling(step.references, outputs).value(step.inputs, ())
    return replace(step, inputs=inputs, references=())


def filled_deployment(deployment: PrefectDeployment, outputs: Outputs) -> PrefectDeployment:
    """The deployment with the outputs of all its steps.

    Raises ConfigurationError: BUILD_STEP_OUTPUT_UNKNOWN where an output is not there,
    CONFIG_INVALID_VALUE where it is not of the type that its setting takes.
    """
    filling = _Filling(deployment.references, outputs)
    schedules = deployment.schedules
    if schedules is not None:
        schedules = tuple(
            schedule.model_copy(
                update={"parameters": filling.value(schedule.parameters, ("schedules", index, "parameters"))}
            )
            for index, schedule in enumerate(schedules)
        )
    pull_steps = deployment.pull_steps
    if pull_steps is not None:
        pull_steps = tuple(filling.value(list(pull_steps), ("pull",)))
    return replace(
        deployment,
        schedules=schedules,
        pull_steps=pull_steps,
        job_variables=filling.value(deployment.job_variables, ("work_pool", "job_variables")),
        parameters=filling.value(deployment.parameters, ("parameters",)),
        tags=filling.tags(deployment.tags),
        description=filling.text(deployment.description, ("description",)),
        version=filling.text(deployment.version, ("version",)),
        work_queue_name=filling.text(deployment.work_queue_name, ("work_pool", "work_queue_name")),
        references=(),
    )


@dataclass(slots=True)
class _Filling:
    """One walk through the values that hold references."""

    references: Sequence[OutputReference]
    outputs: Outputs
    by_place: dict[Where, dict[str, OutputReference]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_place = {}
        for reference in self.references:
            self.by_place.setdefault(reference.where, {})[reference.text] = reference

    def value(self, value: Any, where: Where) -> Any:
        """The value with its references replaced, deeply."""
        if isinstance(value, Mapping):
            return {key: self.value(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*where, index)) for index, item in enumerate(value)]
        here = self.by_place.get(where)
        return self._replaced(value, here) if here and isinstance(value, str) else value

    def text(self, value: str | None, where: Where) -> str | None:
        """The same for a setting that is text."""
        filled = self.value(value, where)
        if filled is not None and not isinstance(filled, str):
            raise self._wrong_type(where, filled, "text")
        if filled is None and value is not None:
            raise self._wrong_type(where, filled, "text")
        return filled

    def tags(self, tags: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The same for tags, which one output may give all of."""
        if tags is None:
            return None
        if ("tags",) not in self.by_place:
            return tuple(self.text(tag, ("tags", index)) or "" for index, tag in enumerate(tags))
        given = self.value(tags[0], ("tags",))
        if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
            raise self._wrong_type(("tags",), given, "a list of texts")
        return tuple(given)

    def _replaced(self, text: str, here: Mapping[str, OutputReference]) -> Any:
        if text in here:
            return self._given(here[text], text)
        filled = PLACEHOLDER.sub(
            lambda found: str(self._given(here[found[0]], found[0])) if found[0] in here else found[0], text
        )
        if isinstance(text, VariableText):
            return VariableText(filled, source=text.source, variables=text.variables)
        return filled

    def _given(self, reference: OutputReference, otherwise: str) -> Any:
        found = output_value(self.outputs, reference.name)
        if found is not NOT_GIVEN:
            return found
        if reference.may_be_the_workers:
            return otherwise
        raise self._not_given(reference)

    def _not_given(self, reference: OutputReference) -> ConfigurationError:
        first, *rest = parts_of(reference.name)
        step = self.outputs.get(first)
        known = list(step if isinstance(step, dict) and rest else self.outputs)
        meant = nearest(rest[0] if isinstance(step, dict) and rest else first, known)
        what = f"the step {first!r} has not given that" if first in self.outputs else "no step has given that"
        hint = f"; did you mean {meant!r}?" if meant else ""
        return ConfigurationError(
            f"{dotted(reference.where)}: {reference.text} has no value: {what}{hint}",
            error_code=ErrorCodes.BUILD_STEP_OUTPUT_UNKNOWN,
            context=reference.place,
            remediation=[f"Given were: {', '.join(known) or 'no outputs at all'}."],
        )

    def _wrong_type(self, where: Where, found: Any, wanted: str) -> ConfigurationError:
        reference = next(iter(self.by_place[where].values()))
        kind = "nothing (null)" if found is None else f"a value of type {type(found).__name__}"
        return ConfigurationError(
            f"{dotted(where)} must be {wanted}; the output {reference.name} is {kind}",
            error_code=ErrorCodes.CONFIG_INVALID_VALUE,
            context=reference.place,
            remediation=[f"Let the step give {wanted}."],
        )
