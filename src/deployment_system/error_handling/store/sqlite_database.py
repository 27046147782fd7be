"""SQLite: write-ahead log, synchronised at every commit, readable by its owner only."""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deployment_system.error_handling.error_types import RecoveryError
from deployment_system.error_handling.store.database import Row, Transaction
from deployment_system.error_handling.store.failures import busy, damaged, file_fault, full, unusable

IN_MEMORY = ":memory:"
BUSY_SECONDS = 30.0
"""How long a write waits for another process's; each takes milliseconds."""
_PRIMARY_CODE = 0xFF
"""SQLite's extended error codes hold the primary one in their lowest byte."""


class SQLiteDatabase:
    """A file, or memory. One connection, which threads take turns with; a forked child gets its own."""

    lock_rows = ""  # the transaction locks the whole file
    schema_words: Mapping[str, str] = MappingProxyType(
        {"bytes": "BLOB", "clustered": " WITHOUT ROWID", "by_bytes": ""}
    )

    def __init__(self, file: Path | None, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.place = str(file) if file else "memory"
        self._file = file
        self._busy_seconds = busy_seconds
        self._turn = threading.RLock()
        self._inherited: list[sqlite3.Connection] = []
        with self._translated():
            self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        if self._file:
            _make_private(self._file)
        connection = sqlite3.connect(
            self._file or IN_MEMORY,
            timeout=self._busy_seconds,
            isolation_level=None,  # transactions begin and end where this file says so
            check_same_thread=False,
        )
        try:
            # Where a log is not possible (some network file systems) SQLite stays with its older journal,
            # which is durable with EXTRA.
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
        except BaseException:
            connection.close()
            raise
        self._process = os.getpid()
        return connection

    def _mine(self) -> sqlite3.Connection:
        """The connection; SQLite's must not be used over a fork, nor closed: that would end locks."""
        if self._file and self._process != os.getpid():
            self._inherited.append(self._connection)
            self._connection = self._connect()
        return self._connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """See `Database`."""
        with self._turn, self._translated():
            return self._mine().execute(sql, values).fetchall()

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Transaction]:
        """See `Database`. SQLite has one writer at a time anyway."""
        with self._turn:
            with self._translated():
                connection = self._mine()
                connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Writing(self, connection)
                with self._translated():
                    connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # ended by SQLite itself, or the file is gone: nothing is kept
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    def has_table(self, name: str) -> bool:
        """See `Database`."""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def is_empty(self) -> bool:
        """See `Database`."""
        return not self.rows("SELECT 1 FROM sqlite_master LIMIT 1")

    def now(self) -> float:
        """See `Database`."""
        return time.time()

    def close(self) -> None:
        """See `Database`."""
        with self._turn:
            if self._file is None or self._process == os.getpid():
                self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.place) from error
        except OSError as error:
            raise file_fault(self.place, error) from error


class _Writing:
    """A transaction that writes."""

    def __init__(self, database: SQLiteDatabase, connection: sqlite3.Connection) -> None:
        self._database = database
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """See `Transaction`."""
        with self._database._translated():
            return self._connection.execute(sql, values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """See `Transaction`."""
        with self._database._translated():
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """See `Transaction`."""
        with self._database._translated():
            return self._connection.execute(sql, values).fetchall()


def translated(error: sqlite3.Error, place: str) -> RecoveryError:
    """The typed error for one of SQLite's, by its number."""
    number = getattr(error, "sqlite_errorcode", None)
    if number == sqlite3.SQLITE_IOERR_SHMSIZE:
        return full(place, error)  # the file beside the log could not grow when it was opened
    match number & _PRIMARY_CODE if number is not None else None:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_FORMAT:
            return damaged(place, error)
        case sqlite3.SQLITE_FULL:
            return full(place, error)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return busy(place, "another process is writing to it")
        case _:
            return unusable(place, error)


def _make_private(file: Path) -> None:
    """Makes file and folder where there are none, for their owner only. SQLite gives the files beside it
    the same mode; a folder that exists belongs to the user and stays as it is."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        status = file.stat()
        if stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid():
            file.chmod(0o600)
        return
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else a power cut could take the file's name with it
    finally:
        os.close(folder)
