"""What every store promises, on SQLite and on a real PostgreSQL server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import DeploymentSystemError, ErrorCodes
from deployment_system.error_handling.store import Mark, OperationRecord, Owner, Store, open_store
from deployment_system.error_handling.store.encoding import Blobs, as_text, from_text
from deployment_system.error_handling.store.records import OperationStatus

ME = Owner.current()
ELSEWHERE = replace(ME, host="another-machine", boot="another-boot")


@pytest.fixture
def store(state_url: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(state_url) as opened:
        yield opened


def operation(plan_id: str, sequence: int, **fields: object) -> OperationRecord:
    """An operation with everything in it."""
    usual = OperationRecord(
        operation_id=f"{plan_id}-{sequence}",
        plan_id=plan_id,
        sequence=sequence,
        group=sequence,
        operation_type="custom",
        kind="thing",
        reference={"name": f"thing {sequence}"},
        before=None,
        after={"value": sequence},
        after_known=True,
        description="make a thing",
    )
    return replace(usual, **fields)  # type: ignore[arg-type]


def code_of(raised: pytest.ExceptionInfo[DeploymentSystemError]) -> str:
    return raised.value.error_code


def started(source: str, *arguments: str) -> subprocess.Popen[str]:
    """A child process that runs the source; what it prints comes through a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


# --- the journal


def test_what_was_appended_is_there_for_the_next_process(state_url: str) -> None:
    """Every field, with odd text, bytes and large values, comes back as it was written."""
    odd = {
        "text": "ünï\0\ud800 'quoted' %s ? {}",
        "bytes": b"\x00\xff",
        "large text": "é" * 70_000,
        "large bytes": os.urandom(200_000),
        "looks like ours": {"$bytes": "no"},
        "nothing": None,
        "list": [1, 2.5, True, {"deep": [b"x"]}],
    }
    with open_store(state_url) as store:
        plan, lock = store.journal.begin("odd\0 text", ME, scope="production", facts={"commit": "abc"})
        written = [operation(plan.plan_id, 1, before=odd, reference=odd), operation(plan.plan_id, 2)]
        store.journal.append(lock, written)
    with open_store(state_url) as store:
        assert store.journal.plans() == [plan]
        assert store.journal.operations(plan.plan_id) == written


def test_a_group_is_written_whole_or_not_at_all(store: Store) -> None:
    """The second of three cannot be written: neither are the others."""
    plan, lock = store.journal.begin("group", ME)
    store.journal.append(lock, [operation(plan.plan_id, 2)])
    with pytest.raises(DeploymentSystemError):
        store.journal.append(lock, [operation(plan.plan_id, number) for number in (1, 2, 3)])
    assert [each.sequence for each in store.journal.operations(plan.plan_id)] == [2]


def test_marks_of_many_operations(store: Store) -> None:
    """Status, error and what was found are kept for each."""
    plan, lock = store.journal.begin("marks", ME)
    store.journal.append(lock, [operation(plan.plan_id, number) for number in (1, 2)])
    error = {"message": "no"}
    store.journal.mark(
        lock,
        plan.plan_id,
        [
            Mark(1, OperationStatus.FAILED, error, {"content": b"x" * 100_000}, True),
            Mark(2, OperationStatus.SKIPPED),
        ],
    )
    first, second = store.journal.operations(plan.plan_id)
    assert (first.status, first.error, first.undo_started) == (OperationStatus.FAILED, error, True)
    assert first.found == {"content": b"x" * 100_000}
    assert second.status is OperationStatus.SKIPPED


def test_one_open_plan_per_scope(store: Store) -> None:
    """Another environment, and plans without one, are not held up; after the commit it is free again."""
    plan, lock = store.journal.begin("first", ME, scope="production")
    store.journal.begin("other", ME, scope="staging")
    store.journal.begin("no scope", ME)
    store.journal.begin("no scope", ME)
    with pytest.raises(DeploymentSystemError, match=plan.plan_id) as raised:
        store.journal.begin("second", ME, scope="production")
    assert code_of(raised) == ErrorCodes.PLAN_UNFINISHED
    store.journal.finish(lock, plan.plan_id, OperationStatus.COMPLETED)
    store.journal.begin("second", ME, scope="production")


def test_who_lost_the_plan_s_lock_can_write_nothing(store: Store) -> None:
    """A process that was taken for dead and wakes up adds, marks and commits nothing."""
    plan, lock = store.journal.begin("stalled", replace(ELSEWHERE, pid=1))
    stolen = store.locks.release_by_force(lock.name)
    assert stolen
    assert stolen.token == lock.token
    store.journal.start_undo(plan.plan_id, ME, None, None)
    for attempt in (
        lambda: store.journal.append(lock, [operation(plan.plan_id, 1)]),
        lambda: store.journal.mark(lock, plan.plan_id, [Mark(1, OperationStatus.COMPLETED)]),
        lambda: store.journal.finish(lock, plan.plan_id, OperationStatus.COMPLETED),
        lambda: store.locks.renew(lock),
    ):
        with pytest.raises(DeploymentSystemError) as raised:
            attempt()
        assert code_of(raised) == ErrorCodes.LOCK_LOST
    assert store.journal.operations(plan.plan_id) == []


def test_a_plan_that_somebody_runs_cannot_be_undone_by_another(store: Store) -> None:
    """Only after its owner is gone."""
    plan, lock = store.journal.begin("running", ME)
    with pytest.raises(DeploymentSystemError) as raised:
        store.journal.start_undo(plan.plan_id, replace(ME, pid=1), None, None)
    assert code_of(raised) == ErrorCodes.LOCK_HELD
    assert store.journal.runner(plan.plan_id) == lock
    store.locks.release(lock)
    assert store.journal.runner(plan.plan_id) is None
    undone, _ = store.journal.start_undo(plan.plan_id, ME, None, {"message": "first"})
    assert (undone.undoing, undone.error) == (True, {"message": "first"})


def test_old_plans_go_with_all_that_is_theirs(store: Store) -> None:
    """Unfinished ones stay, however old."""
    done, lock = store.journal.begin("done", ME)
    store.journal.append(lock, [operation(done.plan_id, 1, before={"content": b"x" * 100_000})])
    store.journal.finish(lock, done.plan_id, OperationStatus.COMPLETED)
    pending, _ = store.journal.begin("pending", ME)
    assert store.journal.remove_settled(timedelta(days=1)) == 0
    assert store.journal.remove_settled(timedelta(0)) == 1
    assert [plan.plan_id for plan in store.journal.plans()] == [pending.plan_id]
    assert store.journal.operations(done.plan_id) == []
    with pytest.raises(DeploymentSystemError) as raised:
        store.journal.plan(done.plan_id)
    assert code_of(raised) == ErrorCodes.PLAN_NOT_FOUND


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["$bytes", "$mapping"]), inner)
    ),
)


@given(JSON)
def test_any_state_survives_its_encoding(value: object) -> None:
    """Whatever its keys are called."""
    blobs: Blobs = {}
    assert from_text(json.dumps(json.loads(as_text(value, blobs))), blobs) == value


# --- locks

HOLD = """
import sys, time
from deployment_system.error_handling.store import open_store, Owner
store = open_store(sys.argv[1])
store.locks.acquire("environment/production", Owner.current(), "hold")
print("held", flush=True)
time.sleep(60)
"""

COUNT = """
import sys
from pathlib import Path
from deployment_system.error_handling.store import open_store, Owner
store, file = open_store(sys.argv[1]), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    lock = store.locks.acquire("counter", Owner.current(), "count", wait=60)
    file.write_text(str(int(file.read_text()) + 1))  # loses increments if two are ever inside
    store.locks.release(lock)
"""


def test_a_lock_is_held_by_one(store: Store) -> None:
    """Not even the same process gets it twice; its holder can be read; released it is free."""
    lock = store.locks.acquire("a", ME, "deploy 3 flows")
    with pytest.raises(DeploymentSystemError, match="deploy 3 flows") as raised:
        store.locks.acquire("a", ME, "again")
    assert code_of(raised) == ErrorCodes.LOCK_HELD
    held = store.locks.holder("a")
    assert held
    assert (held.owner, held.purpose, held.token) == (ME, "deploy 3 flows", lock.token)
    assert store.locks.release(lock)
    assert not store.locks.release(lock)
    assert store.locks.holder("a") is None


def test_the_lock_of_a_killed_process_is_taken_over(state_url: str, store: Store) -> None:
    """While it lives it keeps the lock, and after its death the next one hears whose it was."""
    child = started(HOLD, state_url)
    try:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        with pytest.raises(DeploymentSystemError, match=str(child.pid)):
            store.locks.acquire("environment/production", ME, "mine")
    finally:
        os.killpg(child.pid, signal.SIGKILL)
    # Not waited for: a zombie holds nothing.
    deadline = time.monotonic() + 10
    while (
        not store.locks.is_gone(store.locks.holder("environment/production")) and time.monotonic() < deadline
    ):  # type: ignore[arg-type]
        time.sleep(0.01)
    lock = store.locks.acquire("environment/production", ME, "mine")
    assert lock.taken_over_from
    assert lock.taken_over_from.pid == child.pid
    child.wait(10)
    child.stdout.close()


def test_a_process_number_used_again_is_another_process(store: Store) -> None:
    """The start time tells them apart."""
    store.locks.acquire("a", replace(ME, started="1"), "long ago")
    assert store.locks.acquire("a", ME, "now").taken_over_from


def test_who_cannot_be_seen_counts_as_alive_until_the_lease_ends(store: Store) -> None:
    """Another machine's holder keeps the lock by saying that it is alive."""
    lock = store.locks.acquire("a", ELSEWHERE, "far away")
    assert not store.locks.is_gone(lock)
    assert lock.is_stale(lock.leased_until + 1)
    assert not replace(lock, owner=ME).is_stale(lock.leased_until + 1), "alive, and seen to be"


def test_a_lock_taken_on_purpose_stays(store: Store) -> None:
    """Whoever took it is long gone; only a person releases it."""
    lock = store.locks.acquire("a", replace(ME, started="1"), "freeze before the holidays", manual=True)
    assert not lock.is_stale(lock.leased_until + 1e9)
    with pytest.raises(DeploymentSystemError, match=r"on purpose.*freeze"):
        store.locks.acquire("a", ME, "deploy")
    assert store.locks.release_by_force("a")
    store.locks.acquire("a", ME, "deploy")


def test_processes_are_never_inside_together(state_url: str, tmp_path: Path) -> None:
    """Five processes count in one file; nothing is lost."""
    open_store(state_url).close()
    file = tmp_path / "count"
    file.write_text("0")
    children = [started(COUNT, state_url, str(file), "8") for _ in range(5)]
    assert [child.wait(120) for child in children] == [0] * 5
    for child in children:
        assert child.stdout
        child.stdout.close()
    assert file.read_text() == "40"


def test_processes_open_a_new_store_at_once(state_url: str) -> None:
    """One of them makes the tables, the others find them."""
    source = (
        "import sys\nfrom deployment_system.error_handling.store import open_store\nopen_store(sys.argv[1])"
    )
    children = [started(source, state_url) for _ in range(6)]
    assert [child.wait(120) for child in children] == [0] * 6
    for child in children:
        assert child.stdout
        child.stdout.close()


# --- notes


def test_notes(state_url: str) -> None:
    """Replaced whole, kept apart by scope, gone when deleted."""
    with open_store(state_url) as store:
        assert store.notes.get("production", "declared") is None
        store.notes.put("production", "declared", {"a": [1, None]})
        store.notes.put("production", "declared", {"b": "ü\0"})
        store.notes.put("staging", "declared", 1)
    with open_store(state_url) as store:
        assert store.notes.get("production", "declared") == {"b": "ü\0"}
        assert store.notes.all("staging") == {"declared": 1}
        assert store.notes.delete("production", "declared")
        assert not store.notes.delete("production", "declared")
        assert store.notes.all("production") == {}
