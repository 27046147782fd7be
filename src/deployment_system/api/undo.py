"""Deployments and flows as resources that can be put back: how they are observed, compared and restored.

States are JSON values, so that a journal can keep them and another process can restore them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.stored_values import same_field, same_timing, stored_fields
from deployment_system.error_handling import ErrorContext, UndoHandler

DEPLOYMENT = "prefect.deployment"
FLOW = "prefect.flow"

State = Mapping[str, Any]
Connect = Callable[[str], PrefectServer]
"""From a server's URL to the server, with the credentials that this process has for it. Whoever supplies it
closes the server."""

_OURS_TO_SEND = "prefect."
"""The server writes labels with this prefix itself, and refuses them from others."""


def deployment_reference(server_url: str, flow_name: str, name: str) -> dict[str, str]:
    """What the journal knows a deployment by: its id changes when it is made again."""
    return {"server": server_url, "flow": flow_name, "deployment": name}


def flow_reference(server_url: str, name: str) -> dict[str, str]:
    """What the journal knows a flow by."""
    return {"server": server_url, "flow": name}


def deployment_state(stored: Mapping[str, Any]) -> State:
    """Everything of a deployment that can be put back, from the server's JSON."""
    schedules = [
        {
            "slug": item.get("slug"),
            "schedule": dict(item["schedule"]),
            "active": item["active"],
            "parameters": item.get("parameters") or {},
            "max_scheduled_runs": item.get("max_scheduled_runs"),
        }
        for item in stored.get("schedules") or ()
    ]
    return {
        "id": stored["id"],
        "fields": stored_fields(stored),
        "schedules": schedules,
        "labels": _sendable(stored.get("labels") or {}),
        "paused": bool(stored.get("paused")),
    }


class DeploymentUndo(UndoHandler):
    """Deployments: every field, schedules with their slugs and pauses, labels, concurrency limit."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """The deployment as the server has it."""
        server = self._connect(reference["server"])
        stored = server.deployment_named(reference["flow"], reference["deployment"])
        return None if stored is None else deployment_state(stored)

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Deletes it, or sends every field: what was not sent would stay as it is."""
        context = ErrorContext(
            flow_name=reference["flow"], deployment_name=reference["deployment"], operation="roll back"
        )
        server = self._connect(reference["server"])
        if state is None:
            if found is not None:
                server.delete_deployment(found["id"], context)
            return
        body = {
            **state["fields"],
            "name": reference["deployment"],
            "flow_id": server.ensure_flow(reference["flow"]),
            "labels": state["labels"],
            "schedules": state["schedules"],
            "paused": state["paused"],
        }
        server.put_deployment(body, context)

    def same(self, one: State, other: State) -> bool:
        """Whether both say the same. The id says nothing: what was deleted comes back with another."""
        return not parts_that_differ(one, other)

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """Whether the change from `before` to `after`, or a part of it, explains what was found: then each
        part is as it was or as it was to be. Anything else was somebody else."""
        if found is None or after is None:
            return found is after
        if before is None:
            return not parts_that_differ(after, found)
        changed = parts_that_differ(before, found)
        return changed.isdisjoint(parts_that_differ(after, found))


class FlowUndo(UndoHandler):
    """Flows that a deployment made on its way."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """The flow, as long as nothing needs it: one that has deployments or runs of others is no longer
        ours to remove, and counts as gone."""
        server = self._connect(reference["server"])
        for flow in server.flows([reference["flow"]]):
            if not server.flow_is_used(flow["id"]):
                return {"id": flow["id"]}
        return None

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Deletes the flow, or makes it again."""
        server = self._connect(reference["server"])
        if state is not None:
            server.ensure_flow(reference["flow"])
        elif found is not None:
            server.delete_flow(found["id"], ErrorContext(flow_name=reference["flow"], operation="roll back"))

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """A flow has nothing that somebody could change."""
        return True


def parts_that_differ(one: State, other: State) -> set[str]:
    """Names of the fields, labels and schedules that are not the same in both. Of the fields, those that
    `one` speaks of: an intended state leaves out what the server fills in."""
    fields = {
        name
        for name, value in one["fields"].items()
        if not same_field(name, value, other["fields"].get(name))
    }
    first, second = _by_slug(one), _by_slug(other)
    schedules = {
        f"schedule {slug}"
        for slug in first.keys() | second.keys()
        if slug not in first or slug not in second or not _same_schedule(first[slug], second[slug])
    }
    labels = {
        f"label {name}"
        for name in one["labels"].keys() | other["labels"].keys()
        if one["labels"].get(name) != other["labels"].get(name)
    }
    paused = {"paused"} if one["paused"] != other["paused"] else set()
    return fields | schedules | labels | paused


def _same_schedule(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    told = ("active", "parameters", "max_scheduled_runs")
    return same_timing(one["schedule"], other["schedule"]) and all(one[key] == other[key] for key in told)


def _by_slug(state: State) -> dict[str, Mapping[str, Any]]:
    """Schedules by slug; those without one by what they say, as nothing else tells them apart."""
    return {
        str(item["slug"] or sorted((key, str(value)) for key, value in item["schedule"].items())): item
        for item in state["schedules"]
    }


def _sendable(labels: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in labels.items() if not name.startswith(_OURS_TO_SEND)}
