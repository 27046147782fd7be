"""Small durable values by scope and key, such as what was declared or refused in an environment."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment_system.error_handling.store.database import Database, Transaction
from deployment_system.error_handling.store.failures import damaged


@dataclass(frozen=True, slots=True)
class Note:
    """A value to be kept under a scope and a key; None: to be forgotten."""

    scope: str
    key: str
    value: Any


class Notes:
    """JSON values. A note is replaced whole; the last one to write wins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, scope: str, key: str) -> Any:
        """The value; None where there is none."""
        found = self._database.rows(
            "SELECT content FROM notes WHERE scope = ? AND note_key = ?", (scope, key)
        )
        return self._value(found[0][0]) if found else None

    def all(self, scope: str) -> dict[str, Any]:
        """Every note of a scope by its key."""
        found = self._database.rows(
            "SELECT note_key, content FROM notes WHERE scope = ? ORDER BY note_key", (scope,)
        )
        return {key: self._value(content) for key, content in found}

    def put(self, scope: str, key: str, value: Any) -> None:
        """Writes the value durably."""
        with self._database.write() as writing:
            write_notes(writing, [Note(scope, key, value)])

    def delete(self, scope: str, key: str) -> bool:
        """Removes the value; whether there was one."""
        with self._database.write() as writing:
            return writing.execute(_DELETE, (scope, key)) > 0

    @contextmanager
    def together(self) -> Iterator["OpenNotes"]:
        """Reads and writes of several notes as one: no other process is inside such a block at the same time,
        and everything in it is kept when it ends, or nothing where it raises."""
        with self._database.write(alone=True) as writing:
            yield OpenNotes(writing, self._database.place)

    def _value(self, content: str) -> Any:
        return _read(content, self._database.place)


class OpenNotes:
    """Notes inside a transaction."""

    def __init__(self, writing: Transaction, place: str) -> None:
        self._writing = writing
        self._place = place

    def get(self, scope: str, key: str) -> Any:
        """The value; None where there is none."""
        found = self._writing.rows("SELECT content FROM notes WHERE scope = ? AND note_key = ?", (scope, key))
        return _read(found[0][0], self._place) if found else None

    def all(self, scope: str) -> dict[str, Any]:
        """Every note of a scope by its key."""
        found = self._writing.rows(
            "SELECT note_key, content FROM notes WHERE scope = ? ORDER BY note_key", (scope,)
        )
        return {key: _read(content, self._place) for key, content in found}

    def put(self, scope: str, key: str, value: Any) -> None:
        """Writes the value; None: forgets it."""
        write_notes(self._writing, [Note(scope, key, value)])


def _read(content: str, place: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise damaged(place, "a note is no JSON", error) from error


_PUT = """INSERT INTO notes (scope, note_key, content, written_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (scope, note_key)
    DO UPDATE SET content = excluded.content, written_at = excluded.written_at"""
_DELETE = "DELETE FROM notes WHERE scope = ? AND note_key = ?"


def write_notes(writing: Transaction, notes: Iterable[Note]) -> None:
    """Keeps or forgets each, inside a transaction."""
    for note in notes:
        if note.value is None:
            writing.execute(_DELETE, (note.scope, note.key))
        else:
            now = datetime.now(UTC).isoformat()
            writing.execute(_PUT, (note.scope, note.key, json.dumps(note.value), now))
