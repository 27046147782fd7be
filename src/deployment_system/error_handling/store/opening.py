"""Opens a store by its address."""

from pathlib import Path
from urllib.parse import unquote

from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.store.database import Database
from deployment_system.error_handling.store.error_records import ErrorRecords
from deployment_system.error_handling.store.failures import POSTGRESQL_REMEDY, unusable
from deployment_system.error_handling.store.journal import Journal
from deployment_system.error_handling.store.locks import Locks
from deployment_system.error_handling.store.measures import Measures
from deployment_system.error_handling.store.migrating import migrate
from deployment_system.error_handling.store.notes import Notes

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")


class Store(Closing):
    """The durable state: `journal`, `locks`, `notes`, `errors` and `measures` of one database. Close it, or
    use it in `with`."""

    def __init__(self, database: Database) -> None:
        self.place = database.place
        self.journal = Journal(database)
        self.locks = Locks(database)
        self.notes = Notes(database)
        self.errors = ErrorRecords(database)
        self.measures = Measures(database)
        self._database = database

    def close(self) -> None:
        """Ends the connection; what was written stays."""
        self._database.close()


def open_store(target: str | Path | None, *, patience_seconds: float | None = None) -> Store:
    """Opens the store at a path, at `sqlite:///PATH` or at `postgresql://…`, and makes it where there is
    none. None: one in memory, which ends with the process and touches no file. `patience_seconds`: how long
    to wait for a database that others are writing to, or that does not answer; else as long as a
    transaction should.

    Raises a RecoveryError: STATE_UNUSABLE, STATE_DAMAGED, STATE_FULL, STATE_BUSY or STATE_TOO_NEW.
    """
    database = _database(target, patience_seconds)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


def _database(target: str | Path | None, patience_seconds: float | None) -> Database:
    if isinstance(target, str) and target.startswith(_POSTGRESQL):
        return _postgresql(target, patience_seconds)
    # What SQLite needs is imported by who opens a store: most commands open none.
    from deployment_system.error_handling.store.sqlite_database import BUSY_SECONDS, SQLiteDatabase

    busy_seconds = BUSY_SECONDS if patience_seconds is None else patience_seconds
    return SQLiteDatabase(_file(target), busy_seconds=busy_seconds)


def _file(target: str | Path | None) -> Path | None:
    if target is None or isinstance(target, Path):
        return target
    if target.startswith(_SQLITE):
        path = unquote(target.removeprefix(_SQLITE))
        if not path:
            raise unusable(target, "the address names no file")
        return Path(path)
    if "://" in target:
        scheme = target.split("://", 1)[0]
        raise unusable(f"{scheme}://…", "only sqlite:///PATH and postgresql://… are understood")
    return Path(target)


def _postgresql(url: str, patience_seconds: float | None) -> Database:
    try:
        from deployment_system.error_handling.store.postgresql_database import (
            CONNECT_SECONDS,
            PostgreSQLDatabase,
        )
    except ImportError as error:
        raise unusable(
            "PostgreSQL", "psycopg is not installed", error, remediation=POSTGRESQL_REMEDY
        ) from error
    connect_seconds = CONNECT_SECONDS if patience_seconds is None else max(1, round(patience_seconds))
    return PostgreSQLDatabase(url, connect_seconds=connect_seconds)
