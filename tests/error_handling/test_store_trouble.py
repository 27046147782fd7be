"""What can be wrong with a store: permissions, damage, a full disk, another version, another's file."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deployment_system.error_handling import DeploymentSystemError, ErrorCodes
from deployment_system.error_handling.store import Owner, open_store
from deployment_system.error_handling.store.schema import KNOWN_VERSION, VERSION_TABLE
from deployment_system.error_handling.store.sqlite_database import SQLiteDatabase

ME = Owner.current()


def code_of(attempt: Callable[[], object]) -> str:
    """The code of the error that the attempt raises."""
    with pytest.raises(DeploymentSystemError) as raised:
        attempt()
    return raised.value.error_code


def test_files_are_their_owner_s_only(tmp_path: Path) -> None:
    """Also those beside the database, and whatever the umask; an existing folder stays as it is."""
    old = os.umask(0)
    try:
        with open_store(tmp_path / "new" / "state.db") as store:
            store.notes.put("a", "b", 1)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
            assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
            assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    finally:
        os.umask(old)
    (tmp_path / "new" / "state.db").chmod(0o644)
    tmp_path.chmod(0o755)
    open_store(f"sqlite:///{tmp_path}/new/state.db").close()
    assert stat.S_IMODE((tmp_path / "new" / "state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_every_commit_is_synchronised(tmp_path: Path) -> None:
    """SQLite's own words for it."""
    database = SQLiteDatabase(tmp_path / "state.db")
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    assert database.rows("PRAGMA synchronous") == [(2,)], "FULL"


def test_a_newer_format_is_refused_and_left_alone(state_url: str) -> None:
    """On both databases; what is in it stays."""
    insert = f"INSERT INTO {VERSION_TABLE} VALUES (?, ?)"  # noqa: S608 - the table's name is ours
    with open_store(state_url) as store, store._database.write() as writing:
        writing.execute(insert, (KNOWN_VERSION + 1, "later"))
    assert code_of(lambda: open_store(state_url)) == ErrorCodes.STATE_TOO_NEW


def test_somebody_else_s_database_is_refused(tmp_path: Path) -> None:
    """It gets no tables of ours."""
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    assert code_of(lambda: open_store(file)) == ErrorCodes.STATE_UNUSABLE
    assert sqlite3.connect(file).execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_what_is_no_database(tmp_path: Path) -> None:
    """A text file, a folder, a folder that is a file, an address that nobody understands."""
    (tmp_path / "text").write_text("{}" * 1000)
    assert code_of(lambda: open_store(tmp_path / "text")) == ErrorCodes.STATE_DAMAGED
    assert (tmp_path / "text").read_text() == "{}" * 1000
    assert code_of(lambda: open_store(tmp_path)) == ErrorCodes.STATE_UNUSABLE
    assert code_of(lambda: open_store(tmp_path / "text" / "state.db")) == ErrorCodes.STATE_UNUSABLE
    for address in ("mysql://user:secret@host/db", "sqlite:///"):
        assert code_of(lambda address=address: open_store(address)) == ErrorCodes.STATE_UNUSABLE


def test_a_page_in_the_middle_is_damaged(tmp_path: Path) -> None:
    """Nothing is guessed from what is left."""
    file = tmp_path / "state.db"
    with open_store(file) as store:
        for number in range(200):
            store.notes.put("scope", str(number), "x" * 500)
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    file.write_bytes(content)
    assert code_of(lambda: open_store(file).notes.all("scope")) == ErrorCodes.STATE_DAMAGED


def test_a_torn_last_page_of_the_log_loses_nothing_else(tmp_path: Path) -> None:
    """Cut anywhere in the last transaction, all earlier ones are there, and it can be written to."""
    file, log = tmp_path / "state.db", tmp_path / "state.db-wal"
    with open_store(file) as store:
        store.notes.put("scope", "first", 1)
        whole = log.stat().st_size
        store.notes.put("scope", "second", 2)
        database, complete = file.read_bytes(), log.read_bytes()
    assert len(complete) > whole
    for cut in (whole, whole + 1, whole + 24, (whole + len(complete)) // 2, len(complete) - 1):
        torn = tmp_path / f"torn{cut}"
        torn.mkdir()
        (torn / "state.db").write_bytes(database)
        (torn / "state.db-wal").write_bytes(complete[:cut] + b"\0" * (len(complete) - cut))
        with open_store(torn / "state.db") as store:
            assert store.notes.all("scope") == {"first": 1}
            store.notes.put("scope", "second", 2)
        with open_store(torn / "state.db") as store:
            assert store.notes.all("scope") == {"first": 1, "second": 2}


FILL = """
import resource, sys
from deployment_system.error_handling import *
state, file = sys.argv[1:]
files, reference = FileHandler(), file_reference(file)
manager = RollbackManager(state)
manager.start_transaction("t")
def change(content):
    after, found = file_state(content), files.observe(reference)
    manager.change("file", reference, after, lambda: files.restore(reference, after, found), description="x")
change(b"new")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for number in range(1000):
        change(b"new %d" % number * 1000)
except DeploymentSystemError as error:
    print(error.error_code, number)
try:
    print(manager.execute_rollback())
except DeploymentSystemError as error:
    print(error.error_code, error.context.extra["undone"])
"""


def test_no_room_for_the_state(tmp_path: Path) -> None:
    """The change that could not be noted is not made, what was made is put back all the same, and the
    next one, with room again, finds nothing left to do."""
    state, file = tmp_path / "state" / "state.db", tmp_path / "file"
    file.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(state), str(file)], capture_output=True, text=True, check=False
    )
    refused, _, number = done.stdout.split("\n")[0].partition(" ")
    assert refused in (ErrorCodes.STATE_FULL, ErrorCodes.STATE_UNUSABLE), done.stderr
    assert int(number) > 0
    assert done.stdout.endswith(" rolled_back\n")
    assert file.read_bytes() == b"old"
    with open_store(state) as store:
        from deployment_system.error_handling import RollbackManager

        (plan,) = store.journal.unfinished()
        assert RollbackManager(store=store).execute_rollback(plan.plan_id)
        assert store.journal.unfinished() == []


def test_another_writer_is_waited_for_and_then_said(tmp_path: Path) -> None:
    """Busy may pass by itself."""
    file = tmp_path / "state.db"
    open_store(file).close()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = SQLiteDatabase(file, busy_seconds=0.05)
    with pytest.raises(DeploymentSystemError) as raised, database.write():
        pass
    assert (raised.value.error_code, raised.value.retryable) == (ErrorCodes.STATE_BUSY, True)
    other.execute("ROLLBACK")
    with database.write():
        pass


def test_a_store_in_memory_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a manager without arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_store(None) as store:
        store.journal.begin("t", ME)
    assert list(tmp_path.iterdir()) == []


def test_postgresql_that_is_gone_comes_back(postgresql_url: str) -> None:
    """A connection that was cut is an error that may pass by itself; the next call makes a new one."""
    import psycopg

    store = open_store(postgresql_url)
    store.notes.put("a", "b", 1)
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'deployment-system'"
        )
    assert code_of(lambda: store.notes.put("a", "b", 2)) == ErrorCodes.STATE_BUSY
    assert store.notes.get("a", "b") == 1
    store.notes.put("a", "b", 3)
    assert store.notes.get("a", "b") == 3


def test_postgresql_that_is_not_there() -> None:
    """The address is shown without its password."""
    with pytest.raises(DeploymentSystemError, match=r"@127\.0\.0\.1:1/x") as raised:
        open_store("postgresql://me:secret@127.0.0.1:1/x")
    assert raised.value.error_code == ErrorCodes.STATE_BUSY
    assert "secret" not in str(raised.value)
