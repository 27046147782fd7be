"""The process dies at every call that writes, syncs or renames; the next one puts everything right."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deployment_system.error_handling import FileHandler, OperationStatus, RollbackManager, UndoHandlers
from deployment_system.error_handling.store import open_store
from tests.conftest import CRASH_POINTS
from tests.crash_sweep.system_calls import needed_strace, signalling

Record = Callable[[str, object], None]
FILES = FileHandler()
SWEEP_ALL = os.environ.get("CRASH_SWEEP") == "all"
CALLS = ("pwrite64", "write", "fsync", "fdatasync", "rename", "unlink", "ftruncate")
"""Each is swept by itself: strace counts them apart."""

CHILD = """
import sys
import tempfile
from deployment_system.error_handling import FileHandler, RollbackManager, file_reference, file_state
state, folder, what = sys.argv[1:]
files = FileHandler()
manager = RollbackManager(state)
if what == "recover":
    for plan in manager.store.journal.unfinished():
        manager.execute_rollback(plan.plan_id)
    sys.exit()
changes = {"modified": file_state(b"new" * 50_000), "created": file_state(b"new"), "deleted": None}
with manager.transaction("child", scope="here"):
    for name, after in changes.items():
        reference = file_reference(f"{folder}/{name}")
        found = files.observe(reference)
        manager.change(
            "file", reference, after, lambda: files.restore(reference, after, found), description=name
        )
print("committed", flush=True)
"""


def picture(folder: Path) -> dict[str, Any]:
    """Every file by its name, with content and mode."""
    return {path.name: FILES.observe({"path": str(path)}) for path in sorted(folder.iterdir())}


def prepared(folder: Path) -> dict[str, Any]:
    """The files before the transaction."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "modified").write_bytes(b"old" * 40_000)
    (folder / "deleted").write_bytes(b"precious")
    (folder / "deleted").chmod(0o600)
    return picture(folder)


def child(state: Path, folder: Path, what: str, *before: str) -> subprocess.Popen[bytes]:
    """A process that deploys or recovers, started through the given command."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", CHILD, str(state), str(folder), what],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )


def recovered(state: Path, folder: Path, before: dict[str, Any]) -> None:
    """Recovers, and compares: all as it was, or, committed, all as it should be."""
    with RollbackManager(state) as manager:
        for plan in manager.store.journal.unfinished():
            assert manager.execute_rollback(plan.plan_id), [
                (each.description, each.status, each.error)
                for each in manager.store.journal.operations(plan.plan_id)
            ]
        plans = manager.store.journal.plans()
        if plans and plans[-1].status is OperationStatus.COMPLETED:
            assert set(picture(folder)) == {"modified", "created"}
            assert picture(folder)["modified"]["content"] == b"new" * 50_000
        else:
            assert picture(folder) == before
        assert manager.store.locks.all() == []


def killed_at(call: str, number: int, state: Path, folder: Path, what: str) -> bool:
    """Whether the process was killed at its call of that number; False: it ended before."""
    process = child(state, folder, what, *signalling(needed_strace(), call, number))
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode != 0


def sweep(call: str) -> Any:
    """The numbers of the calls to die at: all of them, or a sample that is another one each time."""
    step = 1 if SWEEP_ALL else 25 if call == "pwrite64" else 4
    return range(random.randint(1, step), 1000, step)  # noqa: S311 - no secret


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call(call: str, tmp_path: Path, record_property: Record) -> None:
    """Sweeps until a run ends untouched."""
    points = 0
    for number in sweep(call):
        folder, state = tmp_path / "files", tmp_path / f"state{number}" / "state.db"
        before = prepared(folder)
        alive = not killed_at(call, number, state, folder, "deploy")
        recovered(state, folder, before)
        if alive:
            break
        points += 1
    record_property(CRASH_POINTS, points)


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_of_the_recovery(call: str, tmp_path: Path, record_property: Record) -> None:
    """And recovered by the one after."""
    points = 0
    for number in sweep(call):
        folder, state = tmp_path / "files", tmp_path / f"state{number}" / "state.db"
        before = prepared(folder)
        with RollbackManager(state) as manager:
            manager.start_transaction("left", scope="here")
            for name, after in (("modified", b"new" * 50_000), ("deleted", None), ("created", b"new")):
                reference = {"path": str(folder / name)}
                found = FILES.observe(reference)
                made = None if after is None else {**before["modified"], "content": after}
                manager.change(
                    "file",
                    reference,
                    made,
                    lambda r=reference, m=made, f=found: FILES.restore(r, m, f),
                    description=name,
                )
            lock = manager.store.locks.all()[0]
            manager.store.locks.release(lock)  # as a dead process's
        alive = not killed_at(call, number, state, folder, "recover")
        recovered(state, folder, before)
        if alive:
            break
        points += 1
    record_property(CRASH_POINTS, points)


def test_killed_at_any_time(tmp_path: Path) -> None:
    """Without strace: after a while of any length."""
    for number in range(6):
        folder, state = tmp_path / "files", tmp_path / f"state{number}" / "state.db"
        before = prepared(folder)
        process = child(state, folder, "deploy")
        time.sleep(0.1 + random.random() * 0.2)  # noqa: S311 - no secret
        process.kill()
        process.communicate(timeout=60)
        recovered(state, folder, before)


def test_two_recoveries_at_once(tmp_path: Path) -> None:
    """One of them does it; whatever the other says, everything is as before."""
    folder, state = tmp_path / "files", tmp_path / "state" / "state.db"
    before = prepared(folder)
    killed_at("pwrite64", 60, state, folder, "deploy")
    recoveries = [child(state, folder, "recover") for _ in range(3)]
    for process in recoveries:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0 or b"LOCK_HELD" in errors or b"is held by" in errors, errors.decode()
    recovered(state, folder, before)


class Died(BaseException):
    """Stands for the end of the process."""


class Mortal(FileHandler):
    """Dies before or after a restore, when told to."""

    left: int | None = None

    def restore(self, reference: Any, state: Any, found: Any) -> None:
        self.maybe_die()
        super().restore(reference, state, found)
        self.maybe_die()

    def maybe_die(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Died


NAMES = st.sampled_from("abc")
CONTENTS = st.none() | st.sampled_from([b"1 one", b"2 two", b"3 three" * 20_000])


class Programs(RuleBasedStateMachine):
    """Operations, crashes and outside changes, against a model of what should be in the files."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.handler = Mortal()
        self.model: dict[str, bytes | None] = dict.fromkeys("abc")
        self.begun: list[tuple[str, bytes | None, bytes | None]] = []
        self.plan: str | None = None
        self.start_process()

    def start_process(self) -> None:
        self.manager = RollbackManager(
            self.folder / "s" / "state.db", handlers=UndoHandlers({"file": self.handler})
        )

    def state(self, content: bytes | None) -> Any:
        owners = {"owner": os.geteuid(), "group": os.getegid()}
        return None if content is None else {"type": "file", "content": content, "mode": 0o644, **owners}

    def put(self, name: str, content: bytes | None) -> None:
        reference = {"path": str(self.folder / name)}
        FILES.restore(reference, self.state(content), FILES.observe(reference))

    @precondition(lambda self: self.plan is None)
    @rule()
    def start(self) -> None:
        self.plan, self.begun = self.manager.start_transaction("t", scope="s"), []

    @precondition(lambda self: self.manager.current_plan)
    @rule(name=NAMES, content=CONTENTS, happens=st.booleans())
    def change(self, name: str, content: bytes | None, happens: bool) -> None:
        reference, before = {"path": str(self.folder / name)}, self.model[name]
        effect = (lambda: self.put(name, content)) if happens else (lambda: None)
        self.manager.change("file", reference, self.state(content), effect, description=name)
        self.begun.append((name, before, content))
        if happens:
            self.model[name] = content

    @rule(name=NAMES, content=CONTENTS)
    def outside(self, name: str, content: bytes | None) -> None:
        self.put(name, content)
        self.model[name] = content

    @rule()
    def crash(self) -> None:
        self.manager.close()
        self.start_process()

    @precondition(lambda self: self.manager.current_plan)
    @rule()
    def commit(self) -> None:
        self.manager.commit_transaction()
        assert self.manager.rollback_plans[str(self.plan)].status is OperationStatus.COMPLETED

    @precondition(lambda self: self.plan)
    @rule(dies_after=st.none() | st.integers(0, 5))
    def roll_back(self, dies_after: int | None) -> None:
        plan, self.handler.left = str(self.plan), dies_after
        try:
            restored = self.manager.execute_rollback(plan)
        except Died:
            self.crash()
            restored = self.manager.execute_rollback(plan)
        self.handler.left = None
        conflicts = False
        for number, (name, before, after) in reversed(list(enumerate(self.begun))):
            earlier = [start for other, start, _ in self.begun[:number] if other == name]
            if self.model[name] in earlier and self.model[name] != before:
                continue  # as it was before an earlier change: this one is undone
            if self.model[name] not in (before, after):
                conflicts = True
            else:
                self.model[name] = before
        assert restored is not conflicts
        self.plan = None

    @invariant()
    def files_are_as_in_the_model(self) -> None:
        for name, content in self.model.items():
            file = self.folder / name
            assert (file.read_bytes() if file.exists() else None) == content

    def teardown(self) -> None:
        self.manager.close()
        shutil.rmtree(self.folder)


Programs.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestPrograms = Programs.TestCase


def test_a_committed_plan_is_not_taken_back_by_a_recovery(tmp_path: Path) -> None:
    """Unfinished ones only."""
    folder, state = tmp_path / "files", tmp_path / "state" / "state.db"
    before = prepared(folder)
    assert child(state, folder, "deploy").wait(60) == 0
    assert child(state, folder, "recover").wait(60) == 0
    recovered(state, folder, before)
    with open_store(state) as store:
        assert [plan.status for plan in store.journal.plans()] == [OperationStatus.COMPLETED]
