"""One deployment of a prefect.yaml, with its steps: read, its templates replaced, and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from deployment_system.config.build_steps import BuildStep, Phase
from deployment_system.config.flow_rules import Places
from deployment_system.config.models import ConcurrencyLimit
from deployment_system.config.prefect_models import SUPPORTED_LATER, PrefectKeys
from deployment_system.config.prefect_templates import PLACEHOLDER, Kind, Templates
from deployment_system.config.problems import as_errors
from deployment_system.config.schedule import Schedule
from deployment_system.config.step_functions import PREFECTS_OWN, known_function, nearest_function
from deployment_system.config.step_reading import read_steps, step_entries, step_ids
from deployment_system.config.step_scope import OutputReference, StepScope
from deployment_system.config.value_types import settled
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext

DEFAULT_POOL_VARIABLES = ("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "PREFECT_DEFAULT_WORK_POOL_NAME")

READ_APART = ("build", "push", "pull", *SUPPORTED_LATER)
"""Keys of a deployment that its model does not check."""
_MAY_HOLD_OUTPUTS = ("description", "parameters", "tags", "version")


@dataclass(frozen=True, slots=True)
class PrefectDeployment:
    """One deployment, as its file says it. None: not said."""

    name: str
    entrypoint: str
    flow_name: str | None = None
    """Prefect ignores it: a deployment belongs to the flow that the entrypoint names."""
    schedules: tuple[Schedule, ...] | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    description: str | None = None
    version: str | None = None
    concurrency_limit: ConcurrencyLimit | None = None
    enforce_parameter_schema: bool | None = None
    paused: bool | None = None
    pull_steps: tuple[Mapping[str, Any], ...] | None = None
    """(): none on purpose. None: not said; Prefect then sets the working directory to the folder of the
    prefect.yaml (to /opt/prefect where the job variables name an image)."""
    build_steps: tuple[BuildStep, ...] = ()
    push_steps: tuple[BuildStep, ...] = ()
    references: tuple[OutputReference, ...] = ()
    """To outputs of its steps, still in its values; `filled_deployment` replaces them. Those in the steps
    themselves stand there. Ways begin as in the file: `work_pool`, `pull`, `parameters`, …"""
    place: ErrorContext = field(default_factory=ErrorContext, compare=False, repr=False)
    places: Places = field(default_factory=lambda: Places(YamlDocument(""), {}), compare=False, repr=False)
    """Where its keys stand: `schedules.0.cron`, `work_pool.name`, `parameters.limit`."""


class DeploymentReader:
    """Reads one entry of `deployments`."""

    def __init__(
        self, document: YamlDocument, top: Mapping[str, Any], index: int, environ: Mapping[str, str]
    ) -> None:
        self.document = document
        self.top = top
        self.path: Where = ("deployments", index)
        self.environ = environ
        self.name: str | None = None
        self.templates = Templates(document, environ)
        self.errors = self.templates.errors

    def checked(self, item: Any) -> PrefectDeployment | None:
        """The deployment; None where `errors` say why not."""
        if not isinstance(item, dict):
            self.errors.append(wrong_shape(self.document, self.path, "a mapping (key: value)"))
            return None
        self.name = item["name"] if isinstance(item.get("name"), str) else None
        self._refuse_what_comes_later(item)
        build_steps, push_steps = self._steps(item)
        pull_steps, pull_references = self._pull_steps(item)
        keys = self._validated(self._settings(item))
        if keys is None:
            return None
        self.name = keys.name
        return replace(
            self._deployment(keys),
            build_steps=build_steps,
            push_steps=push_steps,
            pull_steps=pull_steps,
            references=(*self._references(), *pull_references),
        )

    def _settings(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The keys that the model checks, with their templates replaced."""
        return {
            key: self._setting(key, value, (*self.path, key))
            for key, value in item.items()
            if key not in READ_APART
        }

    def _setting(self, key: str, value: Any, path: Where) -> Any:
        replaced = self.templates.replaced
        if key == "work_pool" and isinstance(value, dict):
            kinds = {"job_variables": Kind.JOB_VARIABLE, "work_queue_name": Kind.LATER_SETTING}
            return {
                name: replaced(part, (*path, name), kinds.get(name, Kind.SETTING))
                for name, part in value.items()
            }
        if key == "schedules" and isinstance(value, list):
            return [self._schedule(schedule, (*path, index)) for index, schedule in enumerate(value)]
        if key == "schedule":
            return self._schedule(value, path)
        if key not in _MAY_HOLD_OUTPUTS:
            return replaced(value, path, Kind.SETTING)
        value = replaced(value, path, Kind.LATER_SETTING)
        # One output may give the whole list.
        if key == "tags" and isinstance(value, str) and PLACEHOLDER.fullmatch(value):
            return [value]
        return value

    def _schedule(self, value: Any, path: Where) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: self.templates.replaced(
                part, (*path, name), Kind.LATER_SETTING if name == "parameters" else Kind.SETTING
            )
            for name, part in value.items()
        }

    def _references(self) -> Iterator[OutputReference]:
        """Those in the settings. The only schedule counts as the first of a list, as everywhere else."""
        for reference in self.templates.references_below(self.path):
            first, *rest = reference.where
            if first == "schedule":
                yield replace(reference, where=("schedules", 0, *rest))
            elif first not in READ_APART:
                yield reference

    def _validated(self, settings: dict[str, Any]) -> PrefectKeys | None:
        try:
            return PrefectKeys.model_validate(settings)
        except ValidationError as found:
            already = {line_of(error) for error in self.errors}
            more = as_errors(
                found,
                self.document,
                settings,
                PrefectKeys,
                below=self.path,
                also_known=READ_APART,
            )
            self.errors.extend(error for error in more if line_of(error) not in already)
            return None

    def _refuse_what_comes_later(self, item: Mapping[str, Any]) -> None:
        for key in SUPPORTED_LATER:
            if item.get(key):
                self.errors.append(self._comes_later(key, (*self.path, key)))

    def _comes_later(self, key: str, path: Where) -> ConfigurationError:
        name = self.name or "NAME"
        return self.document.error(
            f"the deployment {name!r}: {key} is not supported yet: it comes with a later version",
            path,
            ErrorCodes.PREFECT_YAML_UNSUPPORTED,
            key=True,
            remediation=[
                f"Deploy it with `prefect deploy --name {name}` as before, or remove `{key}` from it."
            ],
        )

    def _steps(self, item: Mapping[str, Any]) -> tuple[tuple[BuildStep, ...], tuple[BuildStep, ...]]:
        """The build steps and the push steps, which see what those give."""
        build, push = self._entries(item, "build"), self._entries(item, "push")
        self.templates.scope = StepScope([*step_ids(build), *step_ids(push)])
        return read_steps(self.templates, build, "build"), read_steps(self.templates, push, "push")

    def _entries(self, item: Mapping[str, Any], phase: Phase) -> list[tuple[Where, Any]]:
        """Prefect runs the global push steps of a deployment also where it says `push: null` or
        `push: []`, unlike build steps."""
        falls_back = phase not in item if phase == "build" else not item.get(phase)
        path: Where = (phase,) if falls_back else (*self.path, phase)
        value = (self.top if falls_back else item).get(phase)
        entries = step_entries(value or [], path)
        if entries is None:
            self.errors.append(wrong_shape(self.document, path, "a list of steps"))
        return entries or []

    def _pull_steps(
        self, item: Mapping[str, Any]
    ) -> tuple[tuple[Mapping[str, Any], ...] | None, tuple[OutputReference, ...]]:
        """The deployment's pull steps, else the file's, and where they refer to outputs."""
        path: Where = (*self.path, "pull")
        steps = item.get("pull")
        if not steps and steps != []:
            path, steps = ("pull",), self.top.get("pull")
        if steps is None or steps == {}:
            return None, ()
        entries = step_entries(steps, path)
        if entries is None or not all(isinstance(step, dict) for _, step in entries):
            self.errors.append(wrong_shape(self.document, path, "a list of steps, each a mapping"))
            return None, ()
        read: list[Mapping[str, Any]] = []
        references: list[OutputReference] = []
        self.templates.pull_scope = StepScope(step_ids(entries))
        for step_path, step in entries:
            if step:
                self._check_pull_function(step, step_path)
                replaced = self.templates.replaced(step, step_path, Kind.PULL_STEP)
                references += self.templates.references_below(step_path, under=("pull", len(read)))
                read.append(settled(replaced))
                self.templates.pull_scope.add(*_function_and_id(step))
        return tuple(read), tuple(references)

    def _check_pull_function(self, step: Mapping[str, Any], path: Where) -> None:
        """Prefect itself finds out at the first run. What resembles none of its functions is left to the
        worker, whose Prefect may be another."""
        function, _ = _function_and_id(step)
        if not function.startswith(PREFECTS_OWN) or known_function(function) is not None:
            return
        if meant := nearest_function(function):
            self.errors.append(
                self.document.error(
                    f"the pull step {function} is no step of Prefect: did you mean {meant}?",
                    (*path, function),
                    ErrorCodes.BUILD_STEP_INVALID,
                    key=True,
                    remediation=[f"Write {meant}."],
                )
            )

    def _deployment(self, keys: PrefectKeys) -> PrefectDeployment:
        pool = keys.work_pool
        defaults = (self.environ.get(name) for name in DEFAULT_POOL_VARIABLES)
        return PrefectDeployment(
            name=keys.name,
            entrypoint=keys.entrypoint,
            flow_name=keys.flow_name or None,
            schedules=keys.all_schedules,
            work_pool_name=pool.name or next((name for name in defaults if name), None),
            work_queue_name=pool.work_queue_name,
            job_variables=pool.job_variables,
            parameters=keys.parameters,
            tags=keys.tags,
            description=keys.description or None,
            version=keys.version or None,
            concurrency_limit=keys.concurrency_limit,
            enforce_parameter_schema=keys.enforce_parameter_schema,
            paused=keys.paused,
            place=self.document.place((*self.path, "name")),
            places=Places(self.document, {"": self.path}),
        )


def _function_and_id(step: Mapping[str, Any]) -> tuple[str, str | None]:
    """Of a pull step, which only the worker checks: the last key is the one that Prefect takes."""
    function = list(step)[-1]
    inputs = step[function]
    step_id = inputs.get("id") if isinstance(inputs, dict) else None
    return function, step_id if isinstance(step_id, str) else None


def line_of(error: ConfigurationError) -> tuple[int, int]:
    """Where an error stands, to sort by."""
    return (error.context.line_number or 0, error.context.column or 0)


def wrong_shape(document: YamlDocument, path: Where, wanted: str) -> ConfigurationError:
    """A part of the file that is no list or mapping where one is needed."""
    what = ".".join(str(part) for part in path) or document.shown_as
    return document.error(f"{what} must be {wanted}", path, ErrorCodes.CONFIG_INVALID_FORMAT)
