"""The build and push steps of a deployment, read as Prefect 3.8.8 reads them and checked before any runs.

Prefect finds out while it runs that a step is malformed or misses an input; what can be known from the
file is an error here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployment_system.config.build_steps import BuildStep, Phase
from deployment_system.config.docker_steps import docker_input_errors
from deployment_system.config.prefect_templates import Kind, Templates
from deployment_system.config.problems import described, dotted, unknown_key
from deployment_system.config.step_functions import PREFECTS_OWN, known_function, nearest_function
from deployment_system.config.yaml_source import Where
from deployment_system.error_handling import ConfigurationError, ErrorCodes

_RESERVED = ("id", "requires")
_FUNCTION = re.compile(r"[\w\-./\\]+[.:][A-Za-z_][\w.]*")


def step_entries(value: Any, path: Where) -> list[tuple[Where, Any]] | None:
    """Each step with its path; a single one may stand without a list. None where it is no list."""
    if isinstance(value, dict):
        return [(path, value)] if value else []
    if not isinstance(value, list):
        return None
    return [((*path, index), item) for index, item in enumerate(value)]


def step_ids(entries: Sequence[tuple[Where, Any]]) -> Iterator[str]:
    """The ids that are given, in their order."""
    for _, entry in entries:
        inputs = next(iter(entry.values()), None) if isinstance(entry, dict) else None
        if isinstance(inputs, dict) and isinstance(inputs.get("id"), str):
            yield inputs["id"]


def read_steps(
    templates: Templates, entries: Sequence[tuple[Where, Any]], phase: Phase
) -> tuple[BuildStep, ...]:
    """The steps that are well formed, in their order. What is wrong goes to the errors of `templates`, and
    what they give to its scope."""
    reader = _StepReader(templates, phase)
    read = [reader.step(path, entry) for path, entry in entries if entry != {}]
    return tuple(step for step in read if step is not None)


class _StepReader:
    """Reads one entry after the other."""

    def __init__(self, templates: Templates, phase: Phase) -> None:
        self.templates = templates
        self.document = templates.document
        self.phase = phase

    def step(self, path: Where, entry: Any) -> BuildStep | None:
        """The step; None where it is malformed, and then nobody knows what it would give."""
        wrong = self._shape_problem(path, entry)
        if wrong is not None:
            self.templates.errors.append(wrong)
            self.templates.scope.add_unknown(step_ids([(path, entry)]))
            return None
        [(function, given)] = entry.items()
        path = (*path, function)
        inputs = {
            key: self.templates.replaced(value, (*path, key), Kind.STEP)
            for key, value in given.items()
            if key not in _RESERVED
        }
        step = BuildStep(
            self.phase,
            function,
            inputs,
            self._id(given, path),
            self._requires(given, path),
            self.templates.references_below(path),
            self.document,
            path,
        )
        self.templates.errors.extend(self._input_errors(step))
        self.templates.scope.add(function, step.id)
        return step

    def _shape_problem(self, path: Where, entry: Any) -> ConfigurationError | None:
        if not isinstance(entry, dict):
            return self._invalid(
                path, f"must be a mapping from a function to its inputs, not {described(path, entry)}"
            )
        function, *others = entry
        if others:
            return self._several_keys(path, function, others)
        below = (*path, function)
        if not _FUNCTION.fullmatch(function):
            what = "names no function: write its module too, as in prefect.deployments.steps.run_shell_script"
            return self._invalid(below, what, key=True)
        if function.startswith(PREFECTS_OWN) and known_function(function) is None:
            meant = nearest_function(function)
            hint = f": did you mean {meant}?" if meant else ""
            return self._invalid(
                below,
                f"is no step of Prefect{hint}",
                key=True,
                remedy=f"Write {meant}." if meant else None,
            )
        if not isinstance(entry[function], dict):
            return self._invalid(
                below,
                "must have its inputs as a mapping (key: value) below it",
                key=True,
                remedy=f"Write `{function}: {{}}` where it takes none.",
            )
        return None

    def _several_keys(self, path: Where, function: str, others: Sequence[str]) -> ConfigurationError:
        return self._invalid(
            (*path, others[0]),
            f"stands beside {function}; a step is one function, with its inputs below it",
            key=True,
            remedy=f"Indent {', '.join(others)} further than {function}, or begin another step with `-`.",
        )

    def _id(self, given: Mapping[str, Any], path: Where) -> str | None:
        step_id = given.get("id")
        if step_id is None or (isinstance(step_id, str) and step_id.strip()):
            return step_id
        wrong = self._invalid((*path, "id"), f"must be text, not {described((), step_id)}")
        self.templates.errors.append(wrong)
        self.templates.scope.add_unknown()
        return None

    def _requires(self, given: Mapping[str, Any], path: Where) -> tuple[str, ...]:
        """One package, or a list of them."""
        requires = given.get("requires") or []
        listed = [requires] if isinstance(requires, str) else requires
        if isinstance(listed, list) and all(isinstance(item, str) and item.strip() for item in listed):
            return tuple(listed)
        self.templates.errors.append(
            self._invalid((*path, "requires"), "must be the name of a package, or a list of names")
        )
        return ()

    def _input_errors(self, step: BuildStep) -> Iterator[ConfigurationError]:
        function = known_function(step.function)
        if function is None:
            return
        yield from docker_input_errors(step.function, step.inputs, self.document, step.path)
        if not function.takes_any_input:
            for key in step.inputs:
                if key not in function.inputs:
                    yield unknown_key(self.document, (*step.path, key), (*function.inputs, *_RESERVED))
        for key in function.required:
            if step.inputs.get(key) is None:
                yield self.document.error(
                    f"{dotted((*step.path, key))} is missing",
                    step.path,
                    ErrorCodes.CONFIG_MISSING_REQUIRED_FIELD,
                    key=True,
                    remediation=[f"Add `{key}:` below {step.function}."],
                )

    def _invalid(
        self, path: Where, what: str, *, key: bool = False, remedy: str | None = None
    ) -> ConfigurationError:
        return self.document.error(
            f"{dotted(path)} {what}",
            path,
            ErrorCodes.BUILD_STEP_INVALID,
            key=key,
            remediation=[remedy] if remedy else None,
        )
