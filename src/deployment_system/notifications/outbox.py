"""Messages that are to be sent, in the notes of the store: whoever comes next sends what is due.

A message is taken by one process at a time, and goes only when each of its channels has it. Where a process
dies after sending and before noting that, it is sent once more: at least once, never less.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from deployment_system.error_handling.store.notes import OpenNotes
from deployment_system.notifications.message import Message

TAKEN_SECONDS = 120.0
"""How long a message is left to the process that took it."""
TRIED_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
"""After how long: a channel that is away must not hold up each command that follows."""
MOST_DAYS = timedelta(days=3)
"""Then a message is given up, and so is one whose route no command could use meanwhile."""
MOST_AT_ONCE = 50


def scope_of_outbox(project: str) -> str:
    """Where a project's messages wait."""
    return f"notifications/outbox/{project}"


@dataclass(frozen=True)
class Entry:
    """A message on its way to one route."""

    key: str
    """Sorts by time."""
    route: str
    message: Message
    placed_at: datetime
    due_at: datetime
    held: bool = False
    """Kept back by quiet hours."""
    attempts: int = 0
    arrived: tuple[int, ...] = ()
    """The channels of the route that have it, by their numbers."""
    taken_until: datetime | None = field(default=None, compare=False)

    @classmethod
    def new(cls, route: str, message: Message, now: datetime, held_until: datetime | None) -> Self:
        """One to be sent now, or when the quiet hours are over."""
        key = f"{time.time_ns():020}-{os.urandom(4).hex()}"
        return cls(key, route, message, now, held_until or now, held=held_until is not None)

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be sent now, by this process."""
        return self.due_at <= now and (self.taken_until is None or self.taken_until <= now)

    def is_given_up(self, now: datetime) -> bool:
        """Whether it was tried often enough, and long enough."""
        return self.attempts > len(TRIED_AGAIN) or now > self.placed_at + MOST_DAYS

    def tried(self, arrived: tuple[int, ...], now: datetime) -> Self:
        """After an attempt that did not reach every channel."""
        wait = TRIED_AGAIN[min(self.attempts, len(TRIED_AGAIN) - 1)]
        return replace(self, attempts=self.attempts + 1, arrived=arrived, due_at=now + wait, taken_until=None)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "route": self.route,
            "message": self.message.to_dict(),
            "placed_at": self.placed_at.isoformat(),
            "due_at": self.due_at.isoformat(),
            "held": self.held,
            "attempts": self.attempts,
            "arrived": list(self.arrived),
            "taken_until": self.taken_until.isoformat() if self.taken_until else None,
        }

    @classmethod
    def from_dict(cls, key: str, record: Mapping[str, Any]) -> Self:
        """The entry that `to_dict` was called on."""
        taken = record["taken_until"]
        return cls(
            key,
            record["route"],
            Message.from_dict(record["message"]),
            datetime.fromisoformat(record["placed_at"]),
            datetime.fromisoformat(record["due_at"]),
            record["held"],
            record["attempts"],
            tuple(record["arrived"]),
            datetime.fromisoformat(taken) if taken else None,
        )


def put(notes: OpenNotes, project: str, entry: Entry) -> None:
    """Places or replaces an entry."""
    notes.put(scope_of_outbox(project), entry.key, entry.to_dict())


def remove(notes: OpenNotes, project: str, entry: Entry) -> None:
    """Forgets an entry: it has arrived, or is given up."""
    notes.put(scope_of_outbox(project), entry.key, None)


def entries(records: Mapping[str, Any]) -> list[Entry]:
    """Of the notes of an outbox, the oldest first."""
    return [Entry.from_dict(key, record) for key, record in sorted(records.items())]


def take_due(
    notes: OpenNotes, project: str, usable: Mapping[str, Any], now: datetime
) -> tuple[list[Entry], list[Entry]]:
    """Takes what is due for routes that can be used here; beside it, what is given up, which goes."""
    due: list[Entry] = []
    given_up: list[Entry] = []
    for entry in entries(notes.all(scope_of_outbox(project))):
        if not entry.is_due(now):
            continue
        if entry.is_given_up(now):
            remove(notes, project, entry)
            given_up.append(entry)
        elif entry.route in usable and len(due) < MOST_AT_ONCE:
            taken = replace(entry, taken_until=now + timedelta(seconds=TAKEN_SECONDS))
            put(notes, project, taken)
            due.append(taken)
    return due, given_up
