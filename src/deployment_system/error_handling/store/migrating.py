"""Brings a database to the tables that this version knows, and refuses one from the future."""

from datetime import UTC, datetime

from deployment_system.error_handling.store.database import Database
from deployment_system.error_handling.store.failures import too_new, unusable
from deployment_system.error_handling.store.schema import KNOWN_VERSION, MIGRATIONS, VERSION_TABLE


def migrate(database: Database) -> None:
    """Applies what is missing, all in one transaction. A database that is up to date is only read.

    Raises STATE_TOO_NEW, and STATE_UNUSABLE for a database that holds somebody else's tables.
    """
    if _version(database) == KNOWN_VERSION:
        return
    with database.write(alone=True) as writing:
        # Another process may have been quicker: what counts is what is there now that we are alone.
        version = _version(database)
        if version == 0 and not database.has_table(VERSION_TABLE):
            if not database.is_empty():
                raise unusable(database.place, "it is a database of something else")
            writing.execute(
                f"CREATE TABLE {VERSION_TABLE} "
                "(version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL)"
            )
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in statements:
                writing.execute(statement.format(**database.schema_words))
            writing.execute(
                f"INSERT INTO {VERSION_TABLE} VALUES (?, ?)",  # noqa: S608 - the table's name is ours
                (number, datetime.now(UTC).isoformat()),
            )


def _version(database: Database) -> int:
    if not database.has_table(VERSION_TABLE):
        return 0
    version = database.rows(f"SELECT max(version) FROM {VERSION_TABLE}")[0][0] or 0  # noqa: S608 - as above
    if version > KNOWN_VERSION:
        raise too_new(database.place, version, KNOWN_VERSION)
    return int(version)
