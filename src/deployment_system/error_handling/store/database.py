"""What the store asks of a database. SQL is written with `?` for values, and once for both."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Transaction(Protocol):
    """One transaction that writes: everything in it becomes durable together, or nothing."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement; the number of rows that it changed."""
        ...

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once for each row of values."""
        ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """What a query finds, the transaction's own changes included."""
        ...


class Database(Protocol):
    """A door to one database. Raises only typed errors; safe to use from several threads."""

    place: str
    """Where it is, for messages: without a password."""
    lock_rows: str
    """What a query ends with so that the rows it finds stay as they are until the transaction ends."""
    schema_words: Mapping[str, str]
    """What takes the place of the marks in the schema."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """What a query finds."""
        ...

    def write(self, *, alone: bool = False) -> AbstractContextManager[Transaction]:
        """A transaction, durable when the block ends, undone when it raises. `alone`: no other process
        is inside such a block at the same time, so that what it reads is still so when it writes."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether the table exists."""
        ...

    def is_empty(self) -> bool:
        """Whether there is no table at all, so that ours may be made without touching somebody else's."""
        ...

    def now(self) -> float:
        """Seconds since 1970 by the one clock that all users of this database share."""
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...
