"""From a repository to desired deployments, and to everything that is wrong with it.

Nothing here asks a server: what can be known from files alone is known first. A flow that is invalid
is left out with its error; the others go on.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deployment_system.config import FlowSettings
from deployment_system.deploy.candidates import Candidate, Images, find_candidates
from deployment_system.deploy.declare import declared_by_flow, declared_by_prefect_yaml
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.flow_problems import Problems
from deployment_system.deploy.plan import SkippedFlow
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.scan_paths import scan_path_in_configuration
from deployment_system.discovery import Discovery, Flow, NotDeployable, discover
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    FlowDiscoveryError,
    ValidationError,
)
from deployment_system.monitoring.names import FLOWS, FOUND, INVALID
from deployment_system.validation import (
    check_dependencies,
    check_deployment_name,
    check_flow_names,
    check_parameters,
    check_required,
    check_schedule,
    parameter_schemas,
)

if TYPE_CHECKING:
    from deployment_system.deploy.images import DesiredImage


@dataclass(frozen=True, slots=True)
class Options:
    """How deep the look goes."""

    check_environment: bool = False
    """What is declared but not installed here is an error, not a warning."""
    types: str = "all"
    """`python`, `docker` or `all`: of other types nothing is looked at, their Dockerfiles neither."""
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
    problems = Problems([*found.errors, *named, *dependencies.errors], found.flows)
    images = Images(project)
    candidates, left_out, warnings = find_candidates(project, found, problems, images, options.types)
    usable = [candidate for candidate in candidates if not problems.of(candidate.flow)]
    schemas = parameter_schemas(
        list({candidate.flow.entrypoint: candidate.flow for candidate in usable}.values()),
        root=project.root,
        cache_folder=project.state.schema_cache,
        allow_import=options.allow_import,
        on_progress=lambda done: progress("schemas", done, None, ""),
    )
    desired: list[DesiredDeployment] = []
    spoilt: set[tuple[str, str]] = set()
    for candidate in usable:
        schema = schemas[candidate.flow.entrypoint]
        warnings.extend(schema.warnings)
        image, wrong_with_image = images.of(candidate)
        declared = _declare(project, candidate, schema.schema, image)
        errors = [
            *schema.errors,
            *_declaration_errors(candidate, declared, schema.schema),
            *wrong_with_image,
        ]
        if wrong_with_image:
            spoilt.add((candidate.flow.file, candidate.flow.name))
        if errors:
            problems.add(candidate.flow, candidate.label, errors)
        else:
            desired.append(declared)
    # A flow whose Dockerfile is wrong is invalid as a whole: its process deployment is left out too.
    desired = [item for item in desired if (item.file, item.flow_name) not in spoilt]
    desired = _without_duplicates(desired, problems)
    if not paths and options.types == "all":
        _tell_flows(project, len(found.flows), len({item.flow for item in problems.skipped()}))
    return Assessment(
        flows=found.flows,
        not_deployable=found.not_deployable,
        desired=tuple(desired),
        errors=tuple(problems.errors),
        warnings=(*project.warnings, *found.warnings, *dependencies.warnings, *warnings, *images.warnings),
        skipped=tuple(problems.skipped()),
        not_deployed=tuple(left_out),
        unreadable=frozenset(problems.files),
        invalid_flows=frozenset(problems.flow_names),
    )


def _tell_flows(project: Project, found: int, invalid: int) -> None:
    """For who watches: what a look at the whole repository found."""
    for state, number in ((FOUND, found), (INVALID, invalid)):
        project.collected.level(FLOWS, number, state=state, environment=project.environment_name)


def _scan(project: Project, paths: Sequence[str], progress: Progress) -> Discovery:
    project.state.make()
    progress("discover", 0, None, "")
    try:
        return discover(
            project.root,
            paths=paths or project.scan_paths,
            exclude=project.configuration.scan.exclude,
            cache_file=project.state.discovery_cache,
            on_progress=lambda done: progress("discover", done, None, ""),
        )
    except FlowDiscoveryError as error:
        if paths or error.error_code != ErrorCodes.SCAN_PATH_NOT_FOUND:
            raise
        raise scan_path_in_configuration(error, project) from error


def _declare(
    project: Project,
    candidate: Candidate,
    schema: Mapping[str, Any] | None,
    image: "DesiredImage | None",
) -> DesiredDeployment:
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
        image=image,
    )


def _declaration_errors(
    candidate: Candidate, declared: DesiredDeployment, schema: Mapping[str, Any] | None
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


def _without_duplicates(desired: Sequence[DesiredDeployment], problems: Problems) -> list[DesiredDeployment]:
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
