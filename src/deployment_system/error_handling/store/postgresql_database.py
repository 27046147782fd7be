"""PostgreSQL through psycopg, for teams. Nothing else in the project imports psycopg."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import errors

from deployment_system.error_handling.error_types import RecoveryError
from deployment_system.error_handling.store.database import Row, Transaction
from deployment_system.error_handling.store.failures import busy, damaged, full, unusable

SCHEMA = "deployment_system"
"""The tables' own name space: the database may be Prefect's, or somebody else's."""
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 30
_ALONE = 0x6465706C6F79
"""The key of the advisory lock of those who must be alone: any number that nobody else uses."""


class PostgreSQLDatabase:
    """One connection, which threads take turns with and which is made anew after it broke."""

    lock_rows = " FOR UPDATE"
    schema_words: Mapping[str, str] = MappingProxyType(
        {"bytes": "BYTEA", "clustered": "", "by_bytes": ' COLLATE "C"'}
    )

    def __init__(self, url: str, *, connect_seconds: int = CONNECT_SECONDS) -> None:
        self._url = url
        self._connect_seconds = connect_seconds
        self.place = _without_password(url)
        self._turn = threading.RLock()
        self._connection: psycopg.Connection[Row] | None = None
        self._process = 0
        with self._translated():
            self._mine()

    def _mine(self) -> psycopg.Connection[Row]:
        """The connection. One that was carried over a fork is left to the parent."""
        connection = self._connection
        if connection is None or connection.closed or self._process != os.getpid():
            connection = self._connect()
            self._connection, self._process = connection, os.getpid()
        return connection

    def _connect(self) -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Row] = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=self._connect_seconds,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            application_name="deployment-system",
        )
        try:
            # A server may be set to answer before it is on the disk; here an answer means that it is.
            connection.execute("SET synchronous_commit = on")
            connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
            connection.execute("SET client_min_messages = warning")
            if connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
                _make_schema(connection)
            connection.execute(f"SET search_path = {SCHEMA}")
        except BaseException:
            connection.close()
            raise
        return connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """See `Database`."""
        with self._turn, self._translated():
            return self._mine().execute(_own_marks(sql), values).fetchall()

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Transaction]:
        """See `Database`."""
        with self._turn, self._translated(), self._mine().transaction():
            writing = _Writing(self._mine())
            if alone:
                writing.rows("SELECT pg_advisory_xact_lock(?)", (_ALONE,))
            yield writing

    def has_table(self, name: str) -> bool:
        """See `Database`."""
        # Not to_regclass, which answers from a cache: it may not know yet what another has just committed.
        found = self.rows("SELECT 1 FROM pg_tables WHERE schemaname = ? AND tablename = ?", (SCHEMA, name))
        return bool(found)

    def is_empty(self) -> bool:
        """See `Database`."""
        return not self.rows("SELECT 1 FROM pg_tables WHERE schemaname = ? LIMIT 1", (SCHEMA,))

    def now(self) -> float:
        """See `Database`."""
        return float(self.rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])

    def close(self) -> None:
        """See `Database`."""
        with self._turn:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translated(error, self.place) from error


class _Writing:
    """A transaction that writes; what it raises is translated around it."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """See `Transaction`."""
        return self._connection.execute(_own_marks(sql), values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """See `Transaction`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_own_marks(sql), rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """See `Transaction`."""
        return self._connection.execute(_own_marks(sql), values).fetchall()


def translated(error: psycopg.Error, place: str) -> RecoveryError:
    """The typed error for one of psycopg's, most specific first."""
    why = " ".join(str(error).split()) or type(error).__name__
    match error:
        case errors.DiskFull() | errors.OutOfMemory():
            return full(place, why, error)
        case errors.DataCorrupted() | errors.IndexCorrupted():
            return damaged(place, why, error)
        case (
            errors.InvalidPassword()
            | errors.InvalidAuthorizationSpecification()
            | errors.InvalidCatalogName()
        ):
            return unusable(place, why, error)
        case errors.QueryCanceled() | errors.LockNotAvailable() | errors.SerializationFailure():
            return busy(place, why, error)
        case psycopg.OperationalError() | psycopg.InterfaceError() | errors.DeadlockDetected():
            return busy(place, why, error)
        case _:
            return unusable(place, why, error)


def _make_schema(connection: psycopg.Connection[Row]) -> None:
    # Two may begin at once, which PostgreSQL's IF NOT EXISTS does not cover: then it is there as well.
    with suppress(errors.UniqueViolation, errors.DuplicateSchema):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")


def _own_marks(sql: str) -> str:
    return sql.replace("?", "%s")


def _without_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{user}{parts.hostname or ''}{port}{parts.path}"
