"""The same again within the cool-down of a route is counted, not told: by all processes together, in the
notes of the store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from deployment_system.error_handling.store.notes import OpenNotes
from deployment_system.notifications.message import Event, Message
from deployment_system.notifications.routes import Route

FORGOTTEN_AFTER = timedelta(days=30)
"""Of a route that nobody configures any more, what was counted."""
_THE_STORY_IS_OVER = (Event.DEPLOYED, Event.RECOVERED)


def scope_of_repeats(project: str) -> str:
    """Where a project's counts are."""
    return f"notifications/repeats/{project}"


@dataclass(frozen=True, slots=True)
class Folded:
    """What becomes of a message on a route."""

    message: Message
    """With the number of repeats that were not told."""
    is_told: bool


def fold(notes: OpenNotes, route: Route, message: Message, now: datetime) -> Folded:
    """Whether it is told now, or counted: noted at once. What went well is always told."""
    if message.went_well or not route.cool_down:
        return Folded(message, is_told=True)
    scope, key = scope_of_repeats(message.project), f"{route.name}/{message.fingerprint}"
    before = notes.get(scope, key)
    if before is not None and now < datetime.fromisoformat(before["told_at"]) + route.cool_down:
        count = before["count"] + 1
        since = before["since"] or message.occurred_at.isoformat()
        notes.put(scope, key, {**before, "count": count, "since": since, "last": message.to_dict()})
        return Folded(message, is_told=False)
    notes.put(scope, key, _record(message, now))
    return Folded(_with_repeats(message, before, before["count"] if before else 0), is_told=True)


def begin_anew(notes: OpenNotes, message: Message) -> None:
    """Once an environment is well again, the next failure is news."""
    if message.event not in _THE_STORY_IS_OVER:
        return
    scope = scope_of_repeats(message.project)
    for key, record in notes.all(scope).items():
        if record["environment"] == message.environment:
            notes.put(scope, key, None)


def untold(
    notes: OpenNotes, project: str, routes: Mapping[str, Route], now: datetime
) -> Iterator[tuple[Route, Message]]:
    """What was counted and not told, where the cool-down is over: its last message, once."""
    scope = scope_of_repeats(project)
    for key, record in notes.all(scope).items():
        told_at, route = datetime.fromisoformat(record["told_at"]), routes.get(key.rpartition("/")[0])
        if route is None:
            if now > told_at + FORGOTTEN_AFTER:
                notes.put(scope, key, None)
        elif now >= told_at + route.cool_down:
            if not record["count"]:
                notes.put(scope, key, None)
                continue
            last = Message.from_dict(record["last"])
            notes.put(scope, key, _record(last, now))
            yield route, _with_repeats(last, record, record["count"] - 1)


def _record(message: Message, now: datetime) -> dict[str, Any]:
    return {
        "told_at": now.isoformat(),
        "environment": message.environment,
        "count": 0,
        "since": None,
        "last": None,
    }


def _with_repeats(message: Message, before: Mapping[str, Any] | None, count: int) -> Message:
    if before is None or count <= 0:
        return message
    return replace(message, repeats=count, repeats_since=datetime.fromisoformat(before["since"]))
