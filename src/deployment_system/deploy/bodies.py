"""What is sent for a change of a deployment, and whether the server has it afterwards. Pure."""

from typing import Any

from deployment_system.api.stored_values import DEPLOYMENT_FIELDS
from deployment_system.deploy.deployments import ActualDeployment, DesiredDeployment, Owner
from deployment_system.deploy.plan import Action, Change, Memory, plan_deployment
from deployment_system.error_handling import DeploymentError


def put_body(change: Change, flow_id: str, owner: Owner) -> dict[str, Any]:
    """The whole deployment for POST: what is declared, over what the server has where it is adopted.

    A new one with schedules starts paused, and is activated once it was looked at.
    """
    desired = desired_of(change)
    actual = change.actual
    body: dict[str, Any] = {}
    if actual is not None:
        kept = {name: actual.fields.get(name) for name in DEPLOYMENT_FIELDS}
        body = {name: value for name, value in kept.items() if value is not None}
    body |= {name: desired.fields[name] for name in DEPLOYMENT_FIELDS if name in desired.fields}
    labels = {**(actual.labels if actual else {}), **owner.labels(desired.type)}
    body |= {
        "name": desired.name,
        "flow_id": flow_id,
        "labels": {name: value for name, value in labels.items() if not name.startswith("prefect.")},
        "schedules": _schedules_to_put(change),
        "paused": _starts_paused(change),
    }
    return body


def is_put_whole(change: Change) -> bool:
    """Created or taken over with all its fields, rather than changed in some."""
    return change.action is Action.CREATE or change.adopted


def patch_body(change: Change) -> dict[str, Any]:
    """The fields for PATCH: what differs, and nothing else."""
    body = {
        name: field_change.after
        for name, field_change in change.fields.items()
        if name in DEPLOYMENT_FIELDS or name == "paused"
    }
    desired = desired_of(change)
    if "work_queue_name" in body and "work_pool_name" not in body:
        # Alone, the queue's name would move the deployment to the pool `default-agent-pool`.
        pool = desired.fields.get("work_pool_name") or (
            change.actual and change.actual.fields["work_pool_name"]
        )
        body["work_pool_name"] = pool
    elif "work_pool_name" in body and desired.fields.get("work_queue_name"):
        body["work_queue_name"] = desired.fields["work_queue_name"]
    if "concurrency_options" in body and "concurrency_limit" not in body:
        body["concurrency_limit"] = desired.fields.get("concurrency_limit")
    return body


def differences(
    change: Change, actual: ActualDeployment | None, owner: Owner, *, activated: bool
) -> list[str]:
    """The names of what is not as it was sent; before the activation, schedules and the pause are not
    looked at."""
    desired = desired_of(change)
    if actual is None:
        return ["it is missing"]
    found = plan_deployment(desired, actual, owner, Memory())
    left = [name for name in found.fields if activated or name not in ("schedules", "paused")]
    removed = {pair.actual.id for pair in change.schedules if pair.desired is None and pair.actual}
    if activated and removed & {item.id for item in actual.schedules}:
        left.append("schedules")
    if activated and change.action is Action.CREATE and actual.paused != bool(desired.paused):
        left.append("paused")
    return left


def desired_of(change: Change) -> DesiredDeployment:
    """What a change declares. Raises DEPLOYMENT_FAILED for one that declares nothing."""
    if change.desired is None:
        raise DeploymentError(f"{change.action.value} of {change.name!r} without a declaration")
    return change.desired


def _schedules_to_put(change: Change) -> list[dict[str, Any]]:
    if change.action is Action.CREATE:
        return [item.to_api() for item in desired_of(change).schedules]
    schedules = []
    for pair in change.schedules:
        if pair.desired is not None:
            body = pair.desired.to_api()
            body["active"] = False if pair.left_paused else body["active"]
            schedules.append(body)
    if change.actual is not None and not desired_of(change).schedules_declared:
        schedules.extend(item.to_api() for item in change.actual.schedules)
    return schedules


def _starts_paused(change: Change) -> bool:
    desired = desired_of(change)
    if desired.paused is not None:
        return desired.paused
    if change.actual is not None:
        return change.actual.paused
    return needs_activation(change)


def needs_activation(change: Change) -> bool:
    """Whether something has to be switched on, off or over after the deployment was looked at."""
    if change.action is Action.CREATE:
        desired = desired_of(change)
        return not desired.paused and any(item.active for item in desired.schedules)
    return not change.adopted and any(not pair.in_sync for pair in change.schedules)
