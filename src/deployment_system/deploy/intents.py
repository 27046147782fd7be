"""What a deployment is about to change, as the journal keeps it: each resource before and after. Pure.

A new deployment is two steps, made inactive and then activated, and so is an update whose schedules
change: each step has a state before and after of its own, and undoing the second leads to the first.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deployment_system.api.deployment_states import State, deployment_state
from deployment_system.api.undo import (
    DEPLOYMENT,
    FLOW,
    WORK_QUEUE,
    deployment_reference,
    flow_reference,
    work_queue_reference,
)
from deployment_system.deploy.plan import Action, Change
from deployment_system.error_handling.rollback_manager import Intent, OperationType

_OPERATION_TYPES = {
    Action.CREATE: OperationType.DEPLOYMENT_CREATE,
    Action.UPDATE: OperationType.DEPLOYMENT_UPDATE,
    Action.DELETE: OperationType.DEPLOYMENT_DELETE,
}


def flow_intents(changes: Sequence[Change], known_flows: Mapping[str, str], server_url: str) -> list[Intent]:
    """The flows that the server does not have yet."""
    names = dict.fromkeys(change.flow_name for change in changes if change.flow_name not in known_flows)
    return [
        Intent(
            kind=FLOW,
            reference=flow_reference(server_url, name),
            before=None,
            after={},
            description=f"create flow {name}",
            operation_type=OperationType.FLOW_CREATE,
        )
        for name in names
    ]


def work_queue_intents(
    queues: Sequence[tuple[str, str]], known: Collection[tuple[str, str]], server_url: str
) -> list[Intent]:
    """The work queues, by their pool and name, that the server makes because deployments name them."""
    return [
        Intent(
            kind=WORK_QUEUE,
            reference=work_queue_reference(server_url, pool, name),
            before=None,
            after={},
            description=f"create work queue {name} of pool {pool}",
            operation_type=OperationType.WORK_QUEUE_CREATE,
        )
        for pool, name in dict.fromkeys(queues)
        if (pool, name) not in known
    ]


def put_intent(change: Change, body: Mapping[str, Any], server_url: str, *, whole: bool) -> Intent:
    """A deployment created, adopted (`whole`) or patched with `body`."""
    before = deployment_state(change.actual.raw) if change.actual else None
    after = _put(body) if whole or before is None else _patched(before, body)
    return _intent(change, server_url, before, after, change.action.value)


def activation_intent(change: Change, stored: Mapping[str, Any], server_url: str) -> Intent:
    """Schedules and the pause, after the deployment was read back as `stored`."""
    before = deployment_state(stored)
    if change.action is Action.CREATE:
        after = {**before, "paused": False}
    else:
        after = {**before, "schedules": _schedules_after(change)}
    return _intent(change, server_url, before, after, "activate")


def deletion_intent(change: Change, server_url: str) -> Intent:
    """A deployment that is removed."""
    before = deployment_state(change.actual.raw) if change.actual else None
    return _intent(change, server_url, before, None, "delete")


def _intent(change: Change, server_url: str, before: State | None, after: State | None, verb: str) -> Intent:
    return Intent(
        kind=DEPLOYMENT,
        reference=deployment_reference(server_url, change.flow_name, change.name),
        before=before,
        after=after,
        description=f"{verb} deployment {change.name}",
        operation_type=_OPERATION_TYPES[change.action],
    )


def _put(body: Mapping[str, Any]) -> State:
    told_apart = ("name", "flow_id", "labels", "schedules", "paused")
    return {
        "fields": {name: value for name, value in body.items() if name not in told_apart},
        "schedules": body["schedules"],
        "labels": body["labels"],
        "paused": body["paused"],
    }


def _patched(before: State, body: Mapping[str, Any]) -> State:
    fields = {name: value for name, value in body.items() if name != "paused"}
    return {
        **before,
        "fields": {**before["fields"], **fields},
        "paused": body.get("paused", before["paused"]),
    }


def _schedules_after(change: Change) -> list[dict[str, Any]]:
    declared = []
    for pair in change.schedules:
        if pair.desired is not None:
            shown = pair.desired.to_api()
            declared.append({**shown, "active": shown["active"] and not pair.left_paused})
    paired = {pair.actual.id for pair in change.schedules if pair.actual is not None}
    kept = [item for item in (change.actual.schedules if change.actual else ()) if item.id not in paired]
    return [*declared, *(item.to_api() for item in kept)]
