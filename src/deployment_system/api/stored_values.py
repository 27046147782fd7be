"""What a Prefect server makes of the values that it is sent: which texts mean the same. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DEPLOYMENT_FIELDS = (
    "entrypoint",
    "description",
    "version",
    "tags",
    "parameters",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "job_variables",
    "work_pool_name",
    "work_queue_name",
    "concurrency_limit",
    "concurrency_options",
    "path",
    "pull_steps",
)
"""The fields of a deployment that a declaration can speak about, in the order in which plans show them.
Schedules, labels and the pause are told apart: they are written in other ways."""

_RRULE_START = "DTSTART:20200101T000000\n"
"""What Prefect puts before a rule that does not say when it starts."""


def stored_fields(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a deployment from the server's JSON."""
    fields = {name: stored.get(name) for name in DEPLOYMENT_FIELDS}
    # The server reads the limit back only here: `concurrency_limit` itself is always null.
    limit = stored.get("global_concurrency_limit")
    fields["concurrency_limit"] = limit["limit"] if limit else None
    return fields


def same_field(name: str, one: Any, other: Any) -> bool:
    """Whether a field says the same in both. The order of tags means nothing, and what is empty says the
    same as what is missing."""
    if name == "tags":
        return sorted(one or []) == sorted(other or [])
    if name == "parameter_openapi_schema":
        return _said(one) == _said(other)
    if name in ("job_variables", "parameters", "pull_steps"):
        return bool((one or None) == (other or None))
    return bool(one == other)


def comparable_timing(timing: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The timing of a schedule without what the server fills in: an anchor date that was not `declared`,
    the default time zone, the start that it puts before a recurrence rule."""
    same: dict[str, Any] = {"timezone": timing.get("timezone") or "UTC"}
    if timing.get("cron") is not None:
        same |= {"cron": timing["cron"], "day_or": timing.get("day_or", True)}
    elif timing.get("interval") is not None:
        same["interval"] = float(timing["interval"])
        if declared.get("anchor_date") is not None:
            same["anchor_date"] = _instant(timing.get("anchor_date"))
    elif timing.get("rrule") is not None:
        rule = str(timing["rrule"]).strip()
        same["rrule"] = rule if rule.upper().startswith("DTSTART") else _RRULE_START + rule
    return same


def same_timing(declared: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether the server's timing is the declared one."""
    return comparable_timing(declared, declared) == comparable_timing(stored, declared)


def _said(schema: Any) -> dict[str, Any]:
    """A parameter schema without its empty parts: Prefect's own commands leave some of them out."""
    return {"type": "object", **{key: value for key, value in (schema or {}).items() if value}}


def _instant(text: Any) -> float | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
