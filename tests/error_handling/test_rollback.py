"""Transactions and their roll back, with real files and a handler that can be made to fail."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    FileHandler,
    Intent,
    OperationStatus,
    OperationType,
    RollbackManager,
    UndoHandler,
    UndoHandlers,
    file_reference,
    file_state,
)

FILES = FileHandler()


class Shelf(UndoHandler):
    """Named values in memory. `broken` names raise when restored; `deaf` ones ignore it."""

    def __init__(self, **things: Any) -> None:
        self.things: dict[str, Any] = {name: {"value": value} for name, value in things.items()}
        self.restored: list[str] = []
        self.broken: set[str] = set()
        self.deaf: set[str] = set()

    def observe(self, reference: Mapping[str, Any]) -> Any:
        return self.things.get(reference["name"])

    def restore(self, reference: Mapping[str, Any], state: Any, found: Any) -> None:
        name = reference["name"]
        if name in self.broken:
            raise OSError(f"{name} is stuck")
        self.restored.append(name)
        if name in self.deaf:
            return
        if state is None:
            self.things.pop(name, None)
        else:
            self.things[name] = state

    def put(self, name: str, value: Any) -> None:
        self.things[name] = {"value": value}


def manager_of(shelf: Shelf, state: str | Path | None = None, **options: Any) -> RollbackManager:
    return RollbackManager(state, handlers=UndoHandlers({"thing": shelf}), **options)


def change(manager: RollbackManager, shelf: Shelf, name: str, value: Any) -> None:
    after = {"value": value}
    manager.change(
        "thing", {"name": name}, after, lambda: shelf.put(name, value), description=f"change {name}"
    )


def statuses(manager: RollbackManager, plan_id: str) -> list[str]:
    return [operation.status.value for operation in manager.rollback_plans[plan_id].operations]


def write(manager: RollbackManager, path: Path, state: dict[str, Any] | None) -> None:
    reference = file_reference(path)
    found = FILES.observe(reference)
    manager.change(
        "file",
        reference,
        state,
        lambda: FILES.restore(reference, state, found),
        description=f"write {path.name}",
    )


def fail_within(manager: RollbackManager, error: BaseException, *changes: Any) -> str:
    """A transaction that makes the changes and fails; its plan's id."""

    def run() -> None:
        with manager.transaction("fails"):
            for one in changes:
                one()
            raise error

    with pytest.raises(type(error)) as raised:
        run()
    assert raised.value is error
    return list(manager.rollback_plans)[-1]


def test_the_intent_is_durable_before_the_effect(state_url: str) -> None:
    """When the effect runs, another connection already reads how to undo it."""
    shelf = Shelf(a=1)
    manager, other = manager_of(shelf, state_url), manager_of(shelf, state_url)

    def effect() -> str:
        (operation,) = other.rollback_plans[plan_id].operations
        assert (operation.before, operation.after) == ({"value": 1}, {"value": 2})
        shelf.put("a", 2)
        return "done"

    plan_id = manager.start_transaction("t")
    assert manager.change("thing", {"name": "a"}, {"value": 2}, effect, description="x") == "done"
    manager.commit_transaction()
    assert other.rollback_plans[plan_id].status is OperationStatus.COMPLETED
    assert statuses(other, plan_id) == ["completed"]
    assert manager.current_plan is None
    assert other.execute_rollback(plan_id), "a committed plan can be taken back"
    assert shelf.things == {"a": {"value": 1}}
    assert other.execute_rollback(plan_id), "and again, which does nothing"
    assert shelf.restored == ["a"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_a_block_that_raises_is_rolled_back_last_first(error: BaseException) -> None:
    """The same error comes out."""
    shelf = Shelf(a=1, b=1)
    manager = manager_of(shelf)
    plan_id = fail_within(
        manager,
        error,
        lambda: change(manager, shelf, "a", 2),
        lambda: change(manager, shelf, "c", 2),
        lambda: change(manager, shelf, "a", 3),
    )
    assert shelf.things == {"a": {"value": 1}, "b": {"value": 1}}
    assert shelf.restored == ["a", "c", "a"]
    assert manager.rollback_plans[plan_id].status is OperationStatus.ROLLED_BACK


def test_one_failed_undo_does_not_stop_the_others() -> None:
    """What could not be put back says why, and can be put back later."""
    shelf = Shelf(a=1, b=1, c=1)
    shelf.broken.add("b")
    manager = manager_of(shelf)
    first = DeploymentSystemError("the first error")
    plan_id = fail_within(manager, first, *(partial(change, manager, shelf, name, 2) for name in "abc"))
    assert plan_id in first.__notes__[0]
    plan = manager.rollback_plans[plan_id]
    assert statuses(manager, plan_id) == ["rolled_back", "failed", "rolled_back"]
    assert plan.status is OperationStatus.FAILED
    assert plan.operations[1].error
    assert plan.operations[1].error["error_code"] == ErrorCodes.UNDO_FAILED
    assert "stuck" in plan.operations[1].error["message"]
    shelf.broken.clear()
    assert manager.execute_rollback(plan_id, error=DeploymentSystemError("later"))
    assert shelf.things["b"] == {"value": 1}
    assert plan.error
    assert plan.error["message"] == "the first error"


def test_what_somebody_else_changed_is_left_alone() -> None:
    """A conflict, with what was found; the rest is put back; force overwrites it."""
    shelf = Shelf(a=1, b=1)
    manager = manager_of(shelf)
    plan_id = manager.start_transaction("t")
    change(manager, shelf, "a", 2)
    change(manager, shelf, "b", 2)
    shelf.put("a", "somebody's")
    assert not manager.execute_rollback()
    assert statuses(manager, plan_id) == ["conflict", "rolled_back"]
    assert shelf.things == {"a": {"value": "somebody's"}, "b": {"value": 1}}
    operation = manager.rollback_plans[plan_id].operations[0]
    assert operation.found == {"value": "somebody's"}
    assert operation.error
    assert operation.error["error_code"] == ErrorCodes.UNDO_CONFLICT
    assert not manager.execute_rollback(plan_id), "it stays one until somebody decides"
    assert manager.execute_rollback(plan_id, force=True)
    assert shelf.things["a"] == {"value": 1}


def test_a_restore_that_did_nothing_is_found_out() -> None:
    """Looked at afterwards, not believed."""
    shelf = Shelf(a=1)
    shelf.deaf.add("a")
    manager = manager_of(shelf)
    plan_id = fail_within(manager, ValueError(), lambda: change(manager, shelf, "a", 2))
    (operation,) = manager.rollback_plans[plan_id].operations
    assert operation.error
    assert operation.error["error_code"] == ErrorCodes.UNDO_NOT_VERIFIED
    shelf.deaf.clear()
    assert manager.execute_rollback(plan_id)


def test_a_group_is_one_write_and_is_handed_over_together() -> None:
    """In reverse order of the groups."""
    shelf = Shelf()
    groups: list[int] = []

    def side_by_side(steps: Any) -> None:
        groups.append(len(steps))
        for step in steps:
            step()

    manager = manager_of(shelf, run_side_by_side=side_by_side)
    manager.start_transaction("t")
    names = ["a", "b", "c"]
    intents = [Intent("thing", {"name": name}, None, {"value": 1}, name) for name in names]
    ids = manager.prepare(intents)
    for name in names:
        shelf.put(name, 1)
    manager.applied(ids)
    change(manager, shelf, "d", 1)
    assert manager.execute_rollback()
    assert shelf.things == {}
    assert groups == [1, 1, 3, 3]


def test_an_effect_that_never_happened_needs_no_undo() -> None:
    """The intent was written, and then nothing."""
    shelf = Shelf(a=1)
    manager = manager_of(shelf)
    plan_id = manager.start_transaction("t")
    manager.prepare([Intent("thing", {"name": "a"}, {"value": 1}, {"value": 2}, "x")])
    assert manager.execute_rollback()
    assert statuses(manager, plan_id) == ["skipped"]


def test_functions_die_with_their_process(tmp_path: Path) -> None:
    """Called here; elsewhere the operation fails and says so."""
    calls: list[Any] = []
    manager = RollbackManager(tmp_path / "state.db")
    for _ in range(2):
        plan_id = manager.start_transaction("t")
        manager.add_rollback_operation(OperationType.CUSTOM, "one", {"k": 1}, calls.append)
        manager.add_rollback_operation(OperationType.CUSTOM, "two", rollback_function=lambda: calls.append(2))
        if calls == []:
            assert manager.execute_rollback(plan_id)
            assert calls == [2, {"k": 1}]
    assert not RollbackManager(tmp_path / "state.db").execute_rollback(plan_id)
    error = manager.rollback_plans[plan_id].operations[0].error
    assert error
    assert error["error_code"] == ErrorCodes.UNDO_HANDLER_UNKNOWN


def test_a_registered_function_works_in_another_process(tmp_path: Path) -> None:
    """Found by the name in the data, or by the operation's type."""
    undone: list[Any] = []
    handlers = UndoHandlers()
    handlers.register_function("drop_table", lambda data: undone.append(data["table"]))
    handlers.register_function("deployment_create", lambda data: False)
    manager = RollbackManager(tmp_path / "state.db")
    plan_id = manager.start_transaction("t")
    manager.add_rollback_operation(OperationType.DEPLOYMENT_CREATE, "y", {"id": 1})
    manager.add_rollback_operation(OperationType.CUSTOM, "x", {"handler": "drop_table", "table": "t1"})
    later = RollbackManager(tmp_path / "state.db", handlers=handlers)
    assert not later.execute_rollback(plan_id), "a function that returns False has failed"
    assert undone == ["t1"]
    assert statuses(later, plan_id) == ["failed", "rolled_back"]


def test_misuse_is_said() -> None:
    manager = RollbackManager()
    for misuse in (manager.commit_transaction, manager.execute_rollback, lambda: manager.prepare([])):
        with pytest.raises(DeploymentSystemError) as raised:
            misuse()
        assert raised.value.error_code == ErrorCodes.TRANSACTION_MISUSED
    with manager.transaction("t"), pytest.raises(DeploymentSystemError, match="still open"):
        manager.start_transaction("u")


def test_files_come_back_with_everything(tmp_path: Path) -> None:
    """Content small and large, mode, links, folders, and what was not there goes."""
    large = tmp_path / "large"
    large.write_bytes(b"\0\xff" * 200_000)
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o4751)
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    before = picture(tmp_path)
    folder = {"type": "folder", "mode": 0o755, "owner": os.geteuid(), "group": os.getegid()}
    manager = RollbackManager(tmp_path.parent / f"{tmp_path.name}.state" / "state.db")
    fail_within(
        manager,
        ValueError(),
        lambda: write(manager, large, file_state(b"small", 0o600)),
        lambda: write(manager, script, None),
        lambda: write(manager, link, file_state(b"no link any more")),
        lambda: write(manager, tmp_path / "folder", folder),
        lambda: write(manager, tmp_path / "folder" / "new", file_state(b"new")),
        lambda: write(manager, large, file_state(b"again")),
    )
    assert picture(tmp_path) == before


def picture(folder: Path) -> dict[str, Any]:
    """Everything in the folder, as the handler sees it."""
    return {
        str(path.relative_to(folder)): FILES.observe({"path": str(path)})
        for path in sorted(folder.rglob("*"))
    }


def test_added_file_operations(tmp_path: Path) -> None:
    """The names of the description: created before or after it is said, changed, deleted."""
    for name in ("modified", "deleted"):
        (tmp_path / name).write_text(name)
    early = tmp_path / "early"
    early.write_text("made before it was said")
    manager = RollbackManager()
    before = {**picture(tmp_path)}
    del before["early"]
    plan_id = manager.start_transaction("t")
    manager.add_rollback_operation(OperationType.FILE_CREATE, "c", {"file_path": str(early)})
    manager.add_rollback_operation(OperationType.FILE_CREATE, "c", {"path": tmp_path / "created"})
    (tmp_path / "created").write_text("x")
    manager.add_rollback_operation(OperationType.FILE_MODIFY, "m", {"path": tmp_path / "modified"})
    (tmp_path / "modified").write_text("x")
    manager.add_rollback_operation(OperationType.FILE_DELETE, "d", {"path": tmp_path / "deleted"})
    (tmp_path / "deleted").unlink()
    manager.commit_transaction()
    (tmp_path / "modified").write_text("somebody's")
    assert not manager.execute_rollback(plan_id), "seen, because the commit looked at what was made"
    assert manager.execute_rollback(plan_id, force=True)
    assert picture(tmp_path) == before
