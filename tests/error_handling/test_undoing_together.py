"""Operations that a handler can look at and remove together, and what happens where that fails."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from deployment_system.error_handling import (
    GroupUndoHandler,
    Intent,
    OperationStatus,
    PrefectAPIError,
    RollbackManager,
    UndoHandlers,
)
from deployment_system.error_handling.undo_preview import Verdict


class Shelf(GroupUndoHandler):
    """Things by name, in memory. Real rules: what is said to be there is there."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.together_fails = False
        self.stuck: set[str] = set()
        self.needed: set[str] = set()

    def observe(self, reference: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """One thing."""
        self.asked.append(f"observe {reference['name']}")
        return self.things.get(reference["name"])

    def observe_all(self, references: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
        """All of them."""
        self.asked.append(f"observe all {len(references)}")
        if self.together_fails:
            raise PrefectAPIError("too many at once")
        return [self.things.get(reference["name"]) for reference in references]

    def restore(self, reference: Mapping[str, Any], state: Any, found: Any) -> None:
        """One thing."""
        self.asked.append(f"restore {reference['name']}")
        if reference["name"] in self.stuck:
            raise PrefectAPIError(f"{reference['name']} is stuck")
        if state is None:
            self.things.pop(reference["name"], None)
        else:
            self.things[reference["name"]] = dict(state)

    def remove_all(self, references: Sequence[Mapping[str, Any]], found: Sequence[Any]) -> None:
        """All of them, or none."""
        self.asked.append(f"remove all {len(references)}")
        if self.together_fails or self.stuck & {reference["name"] for reference in references}:
            raise PrefectAPIError("not all at once")
        for reference in references:
            self.things.pop(reference["name"], None)

    def is_needed(self, found: Mapping[str, Any]) -> bool:
        """Whether it carries a name that is needed."""
        return found.get("name") in self.needed


@pytest.fixture
def shelf() -> Shelf:
    """An empty one."""
    return Shelf()


@pytest.fixture
def manager(shelf: Shelf) -> RollbackManager:
    """With a shelf to put things on."""
    return RollbackManager(handlers=UndoHandlers({"shelf": shelf}))


def created(manager: RollbackManager, shelf: Shelf, count: int) -> str:
    """A transaction that has put things on the shelf, in one group; its plan's id."""
    plan_id = manager.start_transaction("fill the shelf")
    names = [f"thing-{number}" for number in range(count)]
    manager.prepare(
        [Intent("shelf", {"name": name}, None, {"name": name}, f"create {name}") for name in names]
    )
    shelf.things |= {name: {"name": name} for name in names}
    shelf.asked.clear()
    return plan_id


def test_a_group_is_looked_at_and_removed_with_three_calls(manager: RollbackManager, shelf: Shelf) -> None:
    """Look, remove, look again."""
    assert manager.execute_rollback(created(manager, shelf, 100))
    assert shelf.things == {}
    assert shelf.asked == ["observe all 100", "remove all 100", "observe all 100"]


def test_what_was_there_before_is_restored_one_by_one(manager: RollbackManager, shelf: Shelf) -> None:
    """Only removing goes together."""
    shelf.things = {"a": {"v": 1}, "b": {"v": 1}}
    plan_id = manager.start_transaction("change")
    manager.prepare([Intent("shelf", {"name": name}, {"v": 1}, {"v": 2}, name) for name in "ab"])
    shelf.things = {"a": {"v": 2}, "b": {"v": 2}}
    assert manager.execute_rollback(plan_id)
    assert shelf.things == {"a": {"v": 1}, "b": {"v": 1}}
    assert "remove all 2" not in shelf.asked


def test_where_the_call_for_all_fails_each_is_taken_by_itself(manager: RollbackManager, shelf: Shelf) -> None:
    """And one that cannot be removed does not keep the others."""
    plan_id = created(manager, shelf, 5)
    shelf.together_fails, shelf.stuck = True, {"thing-2"}
    assert not manager.execute_rollback(plan_id)
    assert set(shelf.things) == {"thing-2"}
    statuses = [operation.status for operation in manager.rollback_plans[plan_id].operations]
    assert statuses.count(OperationStatus.ROLLED_BACK) == 4
    (failed,) = [each for each in manager.rollback_plans[plan_id].operations if each.error]
    assert failed.status is OperationStatus.FAILED
    assert failed.error is not None
    assert failed.error["message"] == "thing-2 is stuck"
    shelf.together_fails, shelf.stuck = False, set()
    assert manager.execute_rollback(plan_id)
    assert shelf.things == {}


def test_what_somebody_else_changed_is_left_out_of_the_call_for_all(
    manager: RollbackManager, shelf: Shelf
) -> None:
    """The others go together, and the conflict says what was found."""
    plan_id = created(manager, shelf, 5)
    shelf.things["thing-3"] = {"name": "thing-3", "colour": "green"}
    assert not manager.execute_rollback(plan_id)
    assert set(shelf.things) == {"thing-3"}
    assert "remove all 4" in shelf.asked
    (conflict,) = [
        each for each in manager.rollback_plans[plan_id].operations if each.status is OperationStatus.CONFLICT
    ]
    assert conflict.error is not None
    assert "(colour)" in conflict.error["message"]
    assert conflict.error["context"]["differs"] == {"colour": {"expected": None, "found": "green"}}


def test_what_others_need_by_now_stays_until_they_do_not(manager: RollbackManager, shelf: Shelf) -> None:
    """Skipped is no end: when the plan is rolled back again, it is looked at again."""
    plan_id = created(manager, shelf, 2)
    shelf.needed = {"thing-0"}
    assert manager.execute_rollback(plan_id)
    assert set(shelf.things) == {"thing-0"}
    assert manager.rollback_plans[plan_id].operations[0].status is OperationStatus.SKIPPED


def test_a_preview_changes_nothing_and_says_what_would_be_done(
    manager: RollbackManager, shelf: Shelf
) -> None:
    """Each step is judged as if those after it were undone already."""
    plan_id = created(manager, shelf, 3)
    manager.prepare([Intent("shelf", {"name": "thing-0"}, {"name": "thing-0"}, {"name": "x"}, "rename")])
    shelf.things["thing-0"] = {"name": "x"}
    shelf.things["thing-1"] = {"name": "theirs"}
    del shelf.things["thing-2"]
    before = {name: dict(state) for name, state in shelf.things.items()}
    previews = manager.preview_rollback(plan_id)
    assert [(each.operation.description, each.verdict) for each in previews] == [
        ("rename", Verdict.RESTORE),
        ("create thing-2", Verdict.NOTHING),
        ("create thing-1", Verdict.CONFLICT),
        ("create thing-0", Verdict.RESTORE),
    ]
    assert previews[2].error is not None
    assert shelf.things == before
    assert manager.rollback_plans[plan_id].status is OperationStatus.PENDING
    shelf.needed = {"x"}
    assert manager.preview_rollback(plan_id)[0].verdict is Verdict.RESTORE, "it was there before: not ours"


def test_progress_counts_operations(shelf: Shelf) -> None:
    """Group by group."""
    told: list[tuple[int, int, str]] = []
    manager = RollbackManager(
        handlers=UndoHandlers({"shelf": shelf}), on_undone=lambda *facts: told.append(facts)
    )
    plan_id = created(manager, shelf, 3)
    manager.prepare([Intent("shelf", {"name": "more"}, None, {"name": "more"}, "create more")])
    assert manager.execute_rollback(plan_id)
    assert [(done, total) for done, total, _ in told] == [(1, 4), (4, 4)]


def test_what_comes_late_is_put_back_by_a_second_look(manager: RollbackManager, shelf: Shelf) -> None:
    """A write whose answer was lost is made when everything has been put back already."""
    plan_id = created(manager, shelf, 3)
    late = shelf.things.pop("thing-1")

    def wait() -> bool:
        assert shelf.things == {}
        shelf.things["thing-1"] = late
        return True

    assert manager.execute_rollback(plan_id, await_late=wait)
    assert shelf.things == {}
    statuses = [operation.status for operation in manager.rollback_plans[plan_id].operations]
    assert statuses == [OperationStatus.ROLLED_BACK] * 3


def test_a_second_look_minds_nobody_elses_business(manager: RollbackManager, shelf: Shelf) -> None:
    """What somebody makes after everything was put back is no conflict, and what cannot be looked at is not
    undone twice."""
    plan_id = created(manager, shelf, 2)
    called: list[str] = []
    manager.add_rollback_operation("custom", "call", rollback_function=lambda: called.append("undone"))

    def wait() -> bool:
        shelf.things["thing-0"] = {"name": "somebody's"}
        return True

    assert manager.execute_rollback(plan_id, await_late=wait)
    assert shelf.things == {"thing-0": {"name": "somebody's"}}
    assert called == ["undone"]
