"""From flows and settings to desired deployments. Pure.

Two ways of declaring meet here: a flow that was discovered, with what deployment-config.yaml says of
it, and a deployment that a prefect.yaml spells out, where the environment fills only what is open.
"""

import re
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployment_system.config import (
    Environment,
    FlowSettings,
    PrefectDeployment,
    Schedule,
    Source,
    is_docker_step,
    merged_mappings,
)
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.schedules import DesiredSchedule, generated_slug
from deployment_system.discovery import Flow
from deployment_system.error_handling import ErrorContext

if TYPE_CHECKING:
    from deployment_system.deploy.images import DesiredImage

PROCESS_POOL_TYPE = "process"
FOLDER_IN_IMAGE = "/opt/prefect"
"""Below it is the repository, in an image that was built as Prefect builds it."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


def declared_by_flow(
    flow: Flow,
    settings: FlowSettings,
    environment: Environment,
    environment_name: str,
    *,
    root: Path,
    schema: Mapping[str, Any] | None,
    image: "DesiredImage | None" = None,
) -> DesiredDeployment:
    """The deployment of a discovered flow: in a container with an `image`, else as a process. What a work
    pool is told about the container is added once the pool is known."""
    deployment_type = "python" if image is None else "docker"
    name = deployment_name(settings.deployment_name, flow.name, deployment_type, environment_name)
    pools = environment.work_pools
    limit = settings.concurrency_limit
    fields: dict[str, Any] = {
        "entrypoint": flow.entrypoint,
        "description": _first_said(settings.description, flow.description, _docstring(flow)),
        "version": settings.version,
        "tags": unique((*environment.default_tags, *settings.tags)),
        "parameters": parameters_for(flow, environment, settings.parameters),
        "job_variables": merged_mappings(environment.job_variables, settings.job_variables),
        "work_pool_name": settings.work_pool or (pools.python if image is None else pools.docker),
        "concurrency_limit": limit.limit if limit else None,
        "pull_steps": pull_steps(environment.source, root) if image is None else steps_in_image(image),
        "enforce_parameter_schema": True,
    }
    if schema is not None:
        fields["parameter_openapi_schema"] = schema
    if limit and limit.collision_strategy:
        fields["concurrency_options"] = concurrency_options(
            limit.collision_strategy, limit.grace_period_seconds
        )
    return DesiredDeployment(
        name=name,
        flow_name=flow.name,
        type=deployment_type,
        file=flow.file,
        fields=fields,
        schedules=tuple(desired_schedule(schedule) for schedule in settings.schedules or ()),
        place=ErrorContext(file_path=flow.file, line_number=flow.line),
        schedules_declared=settings.schedules is not None,
        removes_foreign_schedules=settings.schedules == (),
        image=image,
        pool_type=PROCESS_POOL_TYPE if image is None else None,
        places=settings.places,
    )


def declared_by_prefect_yaml(
    declared: PrefectDeployment,
    flow: Flow,
    environment: Environment,
    *,
    root: Path,
    schema: Mapping[str, Any] | None,
    default_work_pool: str | None,
) -> DesiredDeployment:
    """A deployment that a prefect.yaml declares, taken as it says."""
    fields: dict[str, Any] = {
        "entrypoint": declared.entrypoint,
        "description": _first_said(declared.description, flow.description, _docstring(flow)),
        "tags": unique(declared.tags if declared.tags is not None else environment.default_tags),
        "parameters": dict(declared.parameters or {}),
        "job_variables": dict(
            declared.job_variables if declared.job_variables is not None else environment.job_variables
        ),
        "work_pool_name": declared.work_pool_name or default_work_pool or environment.work_pools.python,
        "pull_steps": (
            list(declared.pull_steps)
            if declared.pull_steps is not None
            else pull_steps_of_prefect(declared, environment.source, root)
        ),
        "concurrency_limit": None,
    }
    if declared.version is not None:
        # Where the file says none, `prefect deploy` stores a hash of the flow's file: left as it is.
        fields["version"] = declared.version
    if declared.enforce_parameter_schema is not None:
        fields["enforce_parameter_schema"] = declared.enforce_parameter_schema
    if schema is not None:
        fields["parameter_openapi_schema"] = schema
    if declared.work_queue_name is not None:
        fields["work_queue_name"] = declared.work_queue_name
    limit = declared.concurrency_limit
    if limit is not None:
        fields["concurrency_limit"] = limit.limit
        if limit.collision_strategy:
            fields["concurrency_options"] = concurrency_options(
                limit.collision_strategy, limit.grace_period_seconds
            )
    return DesiredDeployment(
        name=declared.name,
        flow_name=declared.flow_name or flow.name,
        type="python",
        file=flow.file,
        fields=fields,
        schedules=tuple(desired_schedule(schedule) for schedule in declared.schedules or ()),
        place=declared.place,
        schedules_declared=declared.schedules is not None,
        removes_foreign_schedules=declared.schedules == (),
        paused=declared.paused,
        prefect=declared,
        places=declared.places,
    )


def deployment_name(template: str, flow: str, deployment_type: str, environment: str) -> str:
    """The name that the template makes of these three."""
    values = {"flow": flow, "type": deployment_type, "environment": environment}
    return re.sub(
        r"\{(flow|type|environment)\}", lambda found: values[found[1].lower()], template, flags=re.IGNORECASE
    )


def parameters_for(flow: Flow, environment: Environment, said: Mapping[str, Any]) -> dict[str, Any]:
    """The environment's parameters that the flow has, and over them those said for the flow."""
    known = {parameter.name for parameter in flow.parameters}
    usual = {name: value for name, value in environment.default_parameters.items() if name in known}
    return {**usual, **said}


def pull_steps(source: Source, root: Path) -> list[dict[str, Any]]:
    """How the worker gets at the code."""
    if source.pull_steps is not None:
        return [dict(step) for step in source.pull_steps]
    if source.git is not None:
        step: dict[str, Any] = {"repository": source.git.url}
        if source.git.ref:
            step["commit_sha" if _COMMIT.fullmatch(source.git.ref) else "branch"] = source.git.ref
        return [{"prefect.deployments.steps.git_clone": step}]
    return [_working_directory(str(root))]


def pull_steps_of_prefect(declared: PrefectDeployment, source: Source, root: Path) -> list[dict[str, Any]]:
    """Those of a prefect.yaml that names none. A step that builds an image has the code copied to where
    Prefect expects it there; unless the environment says where the code is, as Prefect's own default."""
    builds_image = any(is_docker_step(step.function) for step in declared.build_steps)
    if builds_image and source.kind == "local":
        return [_working_directory(f"{FOLDER_IN_IMAGE}/{root.name}")]
    return pull_steps(source, root)


def steps_in_image(image: "DesiredImage") -> list[dict[str, Any]]:
    """Nothing has to be fetched in a container: the code is in the image's working directory. Where the
    Dockerfile says which that is, runs stay there; without a step Prefect copies it elsewhere before each."""
    folder = image.dockerfile.working_directory(image.settings.target)
    return [] if folder is None else [_working_directory(folder)]


def _working_directory(folder: str) -> dict[str, Any]:
    return {"prefect.deployments.steps.set_working_directory": {"directory": folder}}


def concurrency_options(collision_strategy: str, grace_period_seconds: int | None) -> dict[str, Any]:
    """As the server stores them."""
    return {"collision_strategy": collision_strategy, "grace_period_seconds": grace_period_seconds}


def desired_schedule(schedule: Schedule) -> DesiredSchedule:
    """A declared schedule in the words of the API."""
    timing: dict[str, Any] = {}
    if schedule.cron is not None:
        timing = {"cron": schedule.cron, "day_or": schedule.day_or}
    elif schedule.interval is not None:
        timing = {"interval": schedule.interval}
        if schedule.anchor_date is not None:
            timing["anchor_date"] = schedule.anchor_date
    elif schedule.rrule is not None:
        timing = {"rrule": schedule.rrule}
    if schedule.timezone is not None:
        timing["timezone"] = schedule.timezone
    return DesiredSchedule(
        slug=schedule.slug or generated_slug(timing, schedule.parameters),
        timing=timing,
        active=schedule.active,
        parameters=dict(schedule.parameters),
        max_scheduled_runs=schedule.max_scheduled_runs,
    )


def unique(tags: Sequence[str]) -> list[str]:
    """Each tag once, in their order."""
    return list(dict.fromkeys(tags))


def _docstring(flow: Flow) -> str | None:
    return cleandoc(flow.docstring) if flow.docstring else None


def _first_said(*texts: str | None) -> str | None:
    return next((text for text in texts if text is not None), None)
