"""From a repository to desired deployments, and to everything that is wrong with it.

Nothing here asks a server: what can be known from files alone is known first. A flow that is invalid
is left out with its error; the others go on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from deployment_system.config import FlowSettings, PrefectDeployment, flow_settings
from deployment_system.deploy.declare import declared_by_flow, declared_by_prefect_yaml
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.plan import SkippedFlow
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.discovery import Discovery, Flow, NotDeployable, discover
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    FlowDiscoveryError,
    ValidationError,
)
from deployment_system.validation import (
    check_dependencies,
    check_deployment_name,
    check_flow_names,
    check_parameters,
    check_required,
    check_schedule,
    parameter_schemas,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How deep the look goes."""

    check_environment: bool = False
    """What is declared but not installed here is an error, not a warning."""
    allow_import: bool = True
    """Files whose parameter types cannot be read statically are imported in an isolated process."""


@dataclass(frozen=True)
class Assessment:
    """What a repository declares for one environment, and what is wrong with it."""

    flows: tuple[Flow, ...]
    not_deployable: tuple[NotDeployable, ...]
    desired: tuple[DesiredDeployment, ...]
    errors: tuple[DeploymentSystemError, ...]
    warnings: tuple[DeploymentSystemError, ...]
    skipped: tuple[SkippedFlow, ...]
    not_deployed: tuple[str, ...]
    unreadable: frozenset[str]
    """Files and folders where nothing could be read, or whose flows are invalid."""
    invalid_flows: frozenset[str]

    @property
    def valid(self) -> bool:
        """Nothing is wrong."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `validate` shows it."""
        return {
            "valid": self.valid,
            "flows": [flow.to_dict() for flow in self.flows],
            "errors": [error.to_dict() for error in self.errors],
            "warnings": [warning.to_dict() for warning in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A deployment that is declared, with the flow that it is of."""

    flow: Flow
    settings: FlowSettings | None = None
    prefect: PrefectDeployment | None = None

    @property
    def label(self) -> str:
        return self.prefect.name if self.prefect else self.flow.name


def assess(
    project: Project,
    *,
    paths: Sequence[str] = (),
    options: Options | None = None,
    progress: Progress = no_progress,
) -> Assessment:
    """Discovers and checks. `paths` narrows the scan. Raises only what makes every flow unusable: a scan
    path that is not there, a state folder that cannot be used."""
    options = options or Options()
    found = _scan(project, paths, progress)
    named = check_flow_names(found.flows)
    dependencies = check_dependencies(
        found.flows, root=project.root, check_environment=options.check_environment
    )
    problems = _Problems([*found.errors, *named, *dependencies.errors], found.flows)
    candidates, left_out, warnings = _candidates(project, found, problems)
    usable = [candidate for candidate in candidates if not problems.of(candidate.flow)]
    schemas = parameter_schemas(
        list({candidate.flow.entrypoint: candidate.flow for candidate in usable}.values()),
        root=project.root,
        cache_folder=project.state.schema_cache,
        allow_import=options.allow_import,
        on_progress=lambda done: progress("schemas", done, None, ""),
    )
    desired: list[DesiredDeployment] = []
    for candidate in usable:
        schema = schemas[candidate.flow.entrypoint]
        warnings.extend(schema.warnings)
        declared = _declare(project, candidate, schema.schema)
        errors = [*schema.errors, *_declaration_errors(candidate, declared, schema.schema)]
        if errors:
            problems.add(candidate, errors)
        else:
            desired.append(declared)
    desired = _without_duplicates(desired, problems)
    return Assessment(
        flows=found.flows,
        not_deployable=found.not_deployable,
        desired=tuple(desired),
        errors=tuple(problems.errors),
        warnings=(*project.warnings, *found.warnings, *dependencies.warnings, *warnings),
        skipped=tuple(problems.skipped()),
        not_deployed=tuple(left_out),
        unreadable=frozenset(problems.files),
        invalid_flows=frozenset(problems.flow_names),
    )


class _Problems:
    """Errors gathered by the flow that they make invalid."""

    def __init__(self, errors: Iterable[DeploymentSystemError], flows: Sequence[Flow]) -> None:
        self.errors: list[DeploymentSystemError] = []
        self.files: set[str] = set()
        self.flow_names: set[str] = set()
        self._labels: dict[int, str] = {}
        self._by_flow: defaultdict[tuple[str, str], list[DeploymentSystemError]] = defaultdict(list)
        self._by_file: defaultdict[str, list[DeploymentSystemError]] = defaultdict(list)
        self._flows = {(flow.file, flow.name) for flow in flows}
        for error in errors:
            self._note(error)

    def of(self, flow: Flow) -> list[DeploymentSystemError]:
        """What makes this flow invalid."""
        return [*self._by_flow[(flow.file, flow.name)], *self._by_file[flow.file]]

    def add(self, candidate: _Candidate, errors: Iterable[DeploymentSystemError]) -> None:
        """Notes what is wrong with a declaration."""
        for error in errors:
            error.with_context(flow_name=candidate.flow.name)
            self._labels[id(error)] = candidate.label
            self.errors.append(error)
        self.files.add(candidate.flow.file)
        self.flow_names.add(candidate.flow.name)

    def add_plain(self, errors: Iterable[DeploymentSystemError]) -> None:
        """Notes errors that carry their own place."""
        for error in errors:
            self._note(error)

    def skipped(self) -> Iterator[SkippedFlow]:
        """One entry an error."""
        for error in self.errors:
            context = error.context
            said = (
                self._labels.get(id(error)),
                context.deployment_name,
                context.flow_name,
                context.file_path,
            )
            yield SkippedFlow(next(filter(None, said), ""), error)

    def _note(self, error: DeploymentSystemError) -> None:
        self.errors.append(error)
        context = error.context
        file = context.extra.get("flow_file") or context.file_path
        if file:
            self.files.add(file)
        if context.flow_name:
            self.flow_names.add(context.flow_name)
        if file and context.flow_name and (file, context.flow_name) in self._flows:
            self._by_flow[(file, context.flow_name)].append(error)
        elif file and not context.flow_name:
            self._by_file[file].append(error)


def _scan(project: Project, paths: Sequence[str], progress: Progress) -> Discovery:
    project.state.make()
    progress("discover", 0, None, "")
    return discover(
        project.root,
        paths=paths or project.scan_paths,
        exclude=project.configuration.scan.exclude,
        cache_file=project.state.discovery_cache,
        on_progress=lambda done: progress("discover", done, None, ""),
    )


def _candidates(
    project: Project, found: Discovery, problems: _Problems
) -> tuple[list[_Candidate], list[str], list[DeploymentSystemError]]:
    candidates = list(_from_prefect_yaml(project, found, problems))
    declared_elsewhere = {candidate.flow.entrypoint for candidate in candidates}
    left_out: list[str] = []
    warnings: list[DeploymentSystemError] = []
    for flow in found.flows:
        if flow.entrypoint in declared_elsewhere:
            continue
        if not project.deploys_discovered_flows:
            left_out.append(flow.name)
            continue
        settings = flow_settings(project.configuration, flow.name, project.environment_name)
        if settings.environments is not None and project.environment_name not in settings.environments:
            left_out.append(flow.name)
            continue
        if settings.types is not None and "docker" in settings.types:
            warnings.append(_containers_come_later(flow, settings))
        if settings.types is None or "python" in settings.types:
            candidates.append(_Candidate(flow, settings=settings))
    warnings.extend(_rules_for_nothing(project, found))
    return candidates, left_out, warnings


def _from_prefect_yaml(project: Project, found: Discovery, problems: _Problems) -> Iterator[_Candidate]:
    if project.prefect_project is None:
        return
    problems.add_plain(
        error for error in project.prefect_project.errors if error.context.deployment_name is not None
    )
    by_entrypoint = {flow.entrypoint: flow for flow in found.flows}
    for declared in project.prefect_project.deployments:
        if declared.build_steps or declared.push_steps:
            problems.add_plain([_steps_come_later(declared)])
            continue
        entrypoint = normal_entrypoint(declared.entrypoint)
        flow = by_entrypoint.get(entrypoint) or _scanned_on_its_own(project, entrypoint, problems)
        if flow is None:
            problems.add_plain([_flow_not_found(declared, entrypoint, found)])
            continue
        if declared.flow_name:
            flow = replace(flow, name=declared.flow_name)
        yield _Candidate(flow, prefect=declared)


def _steps_come_later(declared: PrefectDeployment) -> ValidationError:
    """Never left out silently: the deployment would refer to an image that nobody has built."""
    step = (*declared.build_steps, *declared.push_steps)[0]
    return ValidationError(
        f"the deployment {declared.name!r}: {step.phase} steps are not supported yet: they come with "
        "container deployments",
        error_code=ErrorCodes.PREFECT_YAML_UNSUPPORTED,
        context=step.place.extended(deployment_name=declared.name),
        remediation=[
            f"Deploy it with `prefect deploy --name {declared.name}` as before, or remove its steps."
        ],
    )


def normal_entrypoint(entrypoint: str) -> str:
    """`./flows/a.py:f` and `flows.a.f` as discovery writes them: `flows/a.py:f`."""
    file, colon, function = entrypoint.rpartition(":")
    if not colon:
        module, _, function = entrypoint.rpartition(".")
        file = module.replace(".", "/") + ".py"
    elif not file.endswith(".py"):
        file = file.replace(".", "/") + ".py"
    return f"{PurePosixPath(file)}:{function}"


def _scanned_on_its_own(project: Project, entrypoint: str, problems: _Problems) -> Flow | None:
    """A flow outside what is scanned, which a prefect.yaml may name all the same."""
    file = entrypoint.rpartition(":")[0]
    if not (project.root / file).is_file():
        return None
    alone = discover(project.root, paths=[file])
    known = {error.fingerprint for error in problems.errors}
    problems.add_plain(error for error in alone.errors if error.fingerprint not in known)
    return next((flow for flow in alone.flows if flow.entrypoint == entrypoint), None)


def _flow_not_found(declared: PrefectDeployment, entrypoint: str, found: Discovery) -> FlowDiscoveryError:
    file, _, function = entrypoint.rpartition(":")
    there = [flow for flow in found.flows if flow.file == file]
    hint = f"; {file} has: {', '.join(flow.function for flow in there)}" if there else ""
    return FlowDiscoveryError(
        f"deployment {declared.name!r} names {declared.entrypoint!r}; "
        f"no flow {function!r} was found there{hint}",
        error_code=ErrorCodes.FLOW_NOT_FOUND,
        context=declared.place.extended(deployment_name=declared.name),
    )


def _declare(project: Project, candidate: _Candidate, schema: Mapping[str, Any] | None) -> DesiredDeployment:
    if candidate.prefect is not None:
        return declared_by_prefect_yaml(
            candidate.prefect,
            candidate.flow,
            project.environment,
            root=project.root,
            schema=schema,
            default_work_pool=project.default_work_pool,
        )
    return declared_by_flow(
        candidate.flow,
        candidate.settings or FlowSettings(),
        project.environment,
        project.environment_name,
        root=project.root,
        schema=schema,
    )


def _declaration_errors(
    candidate: _Candidate, declared: DesiredDeployment, schema: Mapping[str, Any] | None
) -> Iterator[DeploymentSystemError]:
    settings: Any = candidate.prefect or candidate.settings

    def place_of(name: str) -> ErrorContext:
        """Of the longest known beginning of the name: `parameters.limit`, else `parameters`."""
        while name:
            found: ErrorContext | None = settings.places.get(name)
            if found is not None:
                return found
            name = name.rpartition(".")[0]
        return declared.place

    def place_in(above: str, name: str) -> ErrorContext:
        return place_of(f"{above}.{name}")

    flow, given = candidate.flow, declared.fields["parameters"]
    yield from check_deployment_name(declared.name, place_of("deployment_name"))
    yield from check_parameters(given, flow, schema, partial(place_in, "parameters"))
    slugs: set[str] = set()
    for index, schedule in enumerate(settings.schedules or ()):
        at = f"schedules.{index}"
        yield from check_schedule(schedule, partial(place_in, at))
        own = schedule.parameters
        yield from check_parameters(own, flow, schema, partial(place_in, f"{at}.parameters"))
        yield from check_required({**given, **own}, flow, schema, place_of(at))
        if schedule.slug in slugs:
            yield ValidationError(
                f"two schedules have the slug {schedule.slug!r}; each needs its own",
                error_code=ErrorCodes.SCHEDULE_INVALID,
                context=place_of(f"{at}.slug"),
            )
        if schedule.slug:
            slugs.add(schedule.slug)


def _without_duplicates(desired: Sequence[DesiredDeployment], problems: _Problems) -> list[DesiredDeployment]:
    """Two deployments of one flow and name would overwrite each other: neither is deployed."""
    by_key: defaultdict[tuple[str, str], list[DesiredDeployment]] = defaultdict(list)
    for deployment in desired:
        by_key[deployment.key].append(deployment)
    for (flow_name, name), same in by_key.items():
        if len(same) > 1:
            places = ", ".join(_place_text(item.place) for item in same)
            problems.add_plain(
                [
                    ValidationError(
                        f"{len(same)} deployments of flow {flow_name!r} are called {name!r}: {places}",
                        error_code=ErrorCodes.DEPLOYMENT_NAME_DUPLICATE,
                        context=same[0].place.extended(flow_name=flow_name, deployment_name=name),
                    )
                ]
            )
    return [deployment for deployment in desired if len(by_key[deployment.key]) == 1]


def _place_text(place: ErrorContext) -> str:
    return f"{place.file_path}:{place.line_number}" if place.line_number else str(place.file_path)


def _containers_come_later(flow: Flow, settings: FlowSettings) -> DeploymentSystemError:
    return ValidationError(
        f"flow {flow.name!r} asks for a container deployment, which this version does not make yet",
        error_code=ErrorCodes.COMMAND_NOT_AVAILABLE,
        severity=ErrorSeverity.MEDIUM,
        context=(
            settings.places.get("types") or ErrorContext(file_path=flow.file, line_number=flow.line)
        ).extended(flow_name=flow.name),
    )


def _rules_for_nothing(project: Project, found: Discovery) -> Iterator[DeploymentSystemError]:
    """A rule that fits no flow is most likely a misspelt name."""
    names = {flow.name for flow in found.flows}
    for pattern in project.configuration.flows:
        if any(pattern == name or fnmatchcase(name, pattern) for name in names):
            continue
        document = project.configuration.document
        place = document.place(("flows", pattern), key=True) if document else ErrorContext()
        yield ValidationError(
            f"the configuration speaks of flow {pattern!r}, and no flow that was found has that name",
            error_code=ErrorCodes.FLOW_NOT_FOUND,
            severity=ErrorSeverity.LOW,
            context=place,
        )
