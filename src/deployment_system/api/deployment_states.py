"""The state of a deployment: everything of it that can be put back, as JSON values, and what tells two apart.
Pure."""

from collections.abc import Mapping
from typing import Any

from deployment_system.api.stored_values import same_field, same_timing, stored_fields

State = Mapping[str, Any]

_OURS_TO_SEND = "prefect."
"""The server writes labels with this prefix itself, and refuses them from others."""


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


def part_of(one: State, other: State, name: str) -> tuple[Any, Any]:
    """A part that `parts_that_differ` names, in both."""
    kind, _, key = name.partition(" ")
    if name == "paused":
        return one["paused"], other["paused"]
    if kind == "label" and key:
        return one["labels"].get(key), other["labels"].get(key)
    if kind == "schedule" and key:
        return _by_slug(one).get(key), _by_slug(other).get(key)
    return one["fields"].get(name), other["fields"].get(name)


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
