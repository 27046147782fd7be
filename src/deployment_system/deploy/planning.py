"""From a repository and a server to a plan: looks at both, changes nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.config import is_loopback
from deployment_system.config.problems import nearest
from deployment_system.deploy.assess import Assessment, Options, assess
from deployment_system.deploy.containers import DOCKER_POOL_TYPE, takes_images
from deployment_system.deploy.declare import PROCESS_POOL_TYPE
from deployment_system.deploy.deployments import ActualDeployment, DesiredDeployment, Owner
from deployment_system.deploy.memory import read_memory
from deployment_system.deploy.plan import (
    Action,
    Change,
    Memory,
    Plan,
    SkippedFlow,
    foreign_ownership,
    plan_deletion,
    plan_deployment,
    removable,
    schedule_warnings,
)
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.work_pools import (
    job_variable_problems,
    missing_pool,
    place_in,
    wrong_pool_type,
)
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    ValidationError,
)
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.store import Store

if TYPE_CHECKING:
    from deployment_system.deploy.image_plan import ImageChange


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command is about."""

    types: str = "all"
    """`python`, `docker` or `all`."""
    only: tuple[str, ...] = ()
    """Patterns of flow names, deployment names or files; none: everything."""
    prune: bool = False

    def takes(self, flow_name: str, deployment_name: str, file: str) -> bool:
        """Whether `only` means this deployment."""
        if not self.only:
            return True
        names = (flow_name, deployment_name, file)
        return any(fnmatchcase(name, pattern) for pattern in self.only for name in names)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"types": self.types, "only": list(self.only), "prune": self.prune}


@dataclass(frozen=True)
class Observed:
    """What the server has, as far as plans need it."""

    version: str
    deployments: Mapping[tuple[str, str], ActualDeployment]
    flow_ids: Mapping[str, str]
    work_pools: Mapping[str, Mapping[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from."""

    plan: Plan
    observed: Observed
    assessment: Assessment
    desired: tuple[DesiredDeployment, ...]
    memory: Memory


def observe(server: PrefectServer, flow_names: Sequence[str], owner: Owner, progress: Progress) -> Observed:
    """Reads the server: a handful of requests, however many deployments there are."""
    progress("observe", 0, None, server.url)
    version = server.version()
    stored = server.deployments()
    flow_ids = {flow["name"]: flow["id"] for flow in server.flows(flow_names)}
    names = {flow_id: name for name, flow_id in flow_ids.items()}
    unnamed = {item["flow_id"] for item in stored if item["flow_id"] not in names and _labelled(item, owner)}
    names |= {flow["id"]: flow["name"] for flow in server.flows_by_id(sorted(unnamed))}
    deployments = (
        ActualDeployment.from_api(item, names[item["flow_id"]]) for item in stored if item["flow_id"] in names
    )
    return Observed(
        version,
        {deployment.key: deployment for deployment in deployments},
        flow_ids,
        {pool["name"]: pool for pool in server.work_pools()},
    )


def make_plan(
    project: Project,
    server: PrefectServer,
    selection: Selection,
    *,
    options: Options | None = None,
    force: bool = False,
    progress: Progress = no_progress,
    store: Store | None = None,
) -> Planned:
    """What `deploy` with the same selection would do. `store`: the state, where it is open already.

    Raises `ProblemsFound` where nothing valid is left, and `PrefectAPIError` where the server does not
    answer as it must.
    """
    options = replace(options or Options(), types=selection.types)
    assessment = assess(project, options=options, progress=progress)
    selected = [item for item in assessment.desired if selection.takes(item.flow_name, item.name, item.file)]
    skipped = [item for item in assessment.skipped if _concerns(item, selection)]
    if not selected and not selection.prune:
        raise ProblemsFound(_nothing_left(assessment, skipped, selection), EXIT_INVALID, "invalid")
    if not assessment.flows:
        raise ProblemsFound(_nothing_left(assessment, skipped, selection), EXIT_INVALID, "invalid")
    names = sorted({item.flow_name for item in selected})
    observed = observe(server, names, project.owner, progress)
    desired, refused, warnings = _accepted(project, selected, observed, force=force)
    images: list[ImageChange] = []
    if any(item.image is not None for item in desired):
        desired, images, more = _in_containers(project, desired, observed)
        refused.extend(more)
    skipped.extend(refused)
    if not desired and not selection.prune:
        raise ProblemsFound([item.error for item in skipped], EXIT_INVALID, "invalid")
    memory = read_memory(project, store)
    changes = [
        plan_deployment(item, observed.deployments.get(item.key), project.owner, memory) for item in desired
    ]
    if selection.prune:
        deletions, kept = _deletions(project, server, assessment, observed, selection, skipped, force=force)
        changes.extend(deletions)
        warnings.extend(kept)
    for change in changes:
        warnings.extend(schedule_warnings(change))
    plan = Plan(
        project.environment_name,
        server.url,
        tuple(changes),
        tuple(skipped),
        (*assessment.warnings, *warnings),
        assessment.not_deployed,
        tuple(images),
    )
    return Planned(plan, observed, assessment, tuple(desired), memory)


def in_use(
    server: PrefectServer, deployments: Sequence[ActualDeployment], environment: str
) -> dict[str, DeploymentError]:
    """By deployment id: why deleting it would hurt somebody."""
    if not deployments:
        return {}
    reasons: dict[str, list[str]] = {deployment.id: [] for deployment in deployments}
    for automation in server.automations():
        text = json.dumps(automation)
        for deployment_id, found in reasons.items():
            if deployment_id in text:
                found.append(f"automation {automation['name']!r} refers to it")
    runs: dict[str, int] = {}
    for run in server.runs.in_flight(list(reasons)):
        runs[run["deployment_id"]] = runs.get(run["deployment_id"], 0) + 1
    for deployment_id, count in runs.items():
        reasons[deployment_id].append(f"{counted(count, 'run')} in flight")
    return {
        deployment.id: DeploymentError(
            f"{deployment.name!r} is kept: {' and '.join(reasons[deployment.id])}",
            error_code=ErrorCodes.DEPLOYMENT_STILL_USED,
            severity=ErrorSeverity.MEDIUM,
            context=ErrorContext(
                flow_name=deployment.flow_name, deployment_name=deployment.name, environment=environment
            ),
        )
        for deployment in deployments
        if reasons[deployment.id]
    }


def _labelled(stored: Mapping[str, Any], owner: Owner) -> bool:
    return ActualDeployment.from_api(stored, "").is_owned_by(owner)


def _accepted(
    project: Project, selected: Sequence[DesiredDeployment], observed: Observed, *, force: bool
) -> tuple[list[DesiredDeployment], list[SkippedFlow], list[DeploymentSystemError]]:
    """The deployments that the server can take; the others, each with its error."""
    desired: list[DesiredDeployment] = []
    refused: list[SkippedFlow] = []
    warnings: list[DeploymentSystemError] = list(_source_warnings(project, selected))
    for item in selected:
        errors: list[DeploymentSystemError] = []
        for problem in _server_problems(project, item, observed, force=force):
            low = problem.severity in (ErrorSeverity.LOW, ErrorSeverity.MEDIUM)
            (warnings if low and isinstance(problem, ValidationError) else errors).append(problem)
        refused.extend(SkippedFlow(item.flow_name, error) for error in errors)
        if not errors:
            desired.append(item)
    return desired, refused, warnings


def _in_containers(
    project: Project, accepted: Sequence[DesiredDeployment], observed: Observed
) -> "tuple[list[DesiredDeployment], list[ImageChange], list[SkippedFlow]]":
    """The deployments with their images, what becomes of these, and what the pools would not take."""
    from deployment_system.deploy.container_planning import with_images

    completed, images = with_images(project, accepted, observed.work_pools)
    desired: list[DesiredDeployment] = []
    refused: list[SkippedFlow] = []
    for item in completed:
        problems = [] if item.image is None else _job_variable_errors(project, item, observed)
        refused.extend(SkippedFlow(item.flow_name, problem) for problem in problems)
        if not problems:
            desired.append(item)
    needed = {item.image.name for item in desired if item.image is not None}
    return desired, [change for change in images if change.name in needed], refused


def _job_variable_errors(
    project: Project, item: DesiredDeployment, observed: Observed
) -> list[DeploymentSystemError]:
    found = job_variable_problems(
        item, project.environment_name, observed.work_pools[item.fields["work_pool_name"]]
    )
    return [each for each in found if each.severity not in (ErrorSeverity.LOW, ErrorSeverity.MEDIUM)]


def _server_problems(
    project: Project, item: DesiredDeployment, observed: Observed, *, force: bool
) -> Iterator[DeploymentSystemError]:
    place = place_in(item, project.environment_name, "work_pool.name", "work_pool")
    pool_name = item.fields["work_pool_name"]
    pool = observed.work_pools.get(pool_name)
    if pool is None:
        needed = DOCKER_POOL_TYPE if item.image is not None else item.pool_type or PROCESS_POOL_TYPE
        yield missing_pool(pool_name, observed.work_pools, needed, place)
    else:
        if item.pool_type is not None and pool["type"] != item.pool_type:
            yield wrong_pool_type(pool, f"this deployment needs one of type {item.pool_type!r}", place)
        if item.image is not None and not takes_images(pool):
            yield wrong_pool_type(pool, "this deployment needs one that takes an image", place)
        yield from job_variable_problems(item, project.environment_name, pool)
    if not force:
        foreign = foreign_ownership(item, observed.deployments.get(item.key), project.owner)
        if foreign is not None:
            yield foreign


def _source_warnings(
    project: Project, selected: Sequence[DesiredDeployment]
) -> Iterator[DeploymentSystemError]:
    host = urlsplit(project.server.url).hostname or ""
    if project.environment.source.kind == "local" and selected and not is_loopback(host):
        yield DeploymentError(
            f"the code is taken from {project.root} on this machine, and the server {host} is another: "
            "a worker there finds it only on a shared file system",
            error_code=ErrorCodes.LOCAL_SOURCE_ON_REMOTE_SERVER,
            severity=ErrorSeverity.MEDIUM,
            context=ErrorContext(environment=project.environment_name),
        )


def _deletions(
    project: Project,
    server: PrefectServer,
    assessment: Assessment,
    observed: Observed,
    selection: Selection,
    skipped: Sequence[SkippedFlow],
    *,
    force: bool,
) -> tuple[list[Change], list[DeploymentSystemError]]:
    """The owned deployments whose flow is gone, without those that somebody needs."""
    declared = {item.key for item in assessment.desired}
    left_out = {item.flow for item in skipped} | assessment.invalid_flows
    candidates = [
        deployment
        for deployment in removable(owned_by(project.owner, observed), declared, assessment.unreadable)
        if selection.types in ("all", deployment.type)
        and deployment.flow_name not in left_out
        and deployment.name not in left_out
        and selection.takes(deployment.flow_name, deployment.name, deployment.file)
    ]
    used = {} if force else in_use(server, candidates, project.environment_name)
    deletions = [plan_deletion(item) for item in candidates if item.id not in used]
    kept = [
        Change(Action.UNCHANGED, item.name, item.flow_name, {}, actual=item)
        for item in candidates
        if item.id in used
    ]
    return [*deletions, *kept], list(used.values())


def owned_by(owner: Owner, observed: Observed) -> list[ActualDeployment]:
    """The deployments that this owner made or adopted, by name."""
    owned = (item for item in observed.deployments.values() if item.is_owned_by(owner))
    return sorted(owned, key=lambda item: item.key)


def _concerns(item: SkippedFlow, selection: Selection) -> bool:
    context = item.error.context
    file = context.file_path or ""
    return selection.takes(context.flow_name or item.flow, context.deployment_name or item.flow, file)


def _nothing_left(
    assessment: Assessment, skipped: Sequence[SkippedFlow], selection: Selection
) -> list[DeploymentSystemError]:
    if selection.only and assessment.flows and not skipped:
        known_names = {name for flow in assessment.flows for name in (flow.name, flow.file)}
        meant = [near for wanted in selection.only if (near := nearest(wanted, known_names))]
        hint = f": did you mean {' '.join(dict.fromkeys(meant))}?" if meant else ""
        text = f"nothing that was found matches --only {' '.join(selection.only)}{hint}"
        known = ", ".join(sorted({flow.name for flow in assessment.flows})[:10])
        remediation = [f"Use a flow name, a deployment name or a file; flows found: {known}."]
        error = ValidationError(text, error_code=ErrorCodes.NOTHING_TO_DEPLOY, remediation=remediation)
    else:
        found = counted(len(assessment.flows), "flow")
        text = (
            f"of {found} found, none can be deployed"
            if assessment.flows
            else "no flow was found that can be deployed"
        )
        error = ValidationError(text, error_code=ErrorCodes.NOTHING_TO_DEPLOY)
    return [*(item.error for item in skipped), error]
