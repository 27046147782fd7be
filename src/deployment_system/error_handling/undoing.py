"""Rolls a plan back: last first, looking before and after, whatever happens on the way.

It is the same for a failed deployment, a crash, a crash of the roll back itself and a committed plan: what
is to be done follows from what the journal says and what is found.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.store.journal import Journal
from deployment_system.error_handling.store.locks import Lock
from deployment_system.error_handling.store.records import Mark, OperationRecord, OperationStatus
from deployment_system.error_handling.undo import GroupUndoHandler, UndoFunction, UndoHandlers
from deployment_system.error_handling.undo_step import Again, Look, Starts, UndoStep, starts_of

SideBySide = Callable[[Sequence[Callable[[], None]]], None]
"""Runs all of these, in any order or at once, and returns when all have ended. They raise nothing but
what should stop everything, such as KeyboardInterrupt."""
AwaitLate = Callable[[], bool]
"""Waits for effects that may still be on their way, such as a write whose answer was lost, and says whether
there were any."""
OnUndone = Callable[[int, int, str], None]
"""Told how many of how many operations are settled, and what the last one of them was about."""

AS_BEFORE = (OperationStatus.ROLLED_BACK, OperationStatus.SKIPPED)

_log = logger_of(__name__)

_STORE_CODES = (ErrorCodes.STATE_FULL, ErrorCodes.STATE_BUSY, ErrorCodes.STATE_UNUSABLE)


def one_after_another(steps: Sequence[Callable[[], None]]) -> None:
    """The simplest way to run them."""
    for step in steps:
        step()


def called_once(function: Callable[[], Any]) -> Any:
    """No second attempt: handlers that reach a network try again by themselves."""
    return function()


def nothing_is_late() -> bool:
    """Every effect was waited for."""
    return False


def nobody_is_told(done: int, total: int, description: str) -> None:
    """Progress for nobody."""


@dataclass
class Undoing:
    """One roll back of one plan, by who holds its lock."""

    journal: Journal
    handlers: UndoHandlers
    lock: Lock
    plan_id: str
    force: bool = False
    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    side_by_side: SideBySide = one_after_another
    again: Again = called_once
    on_undone: OnUndone = nobody_is_told
    await_late: AwaitLate = nothing_is_late
    clock: Callable[[], float] = time.monotonic
    _unwritten: list[Mark] = field(default_factory=list)

    def run(self, operations: Iterable[OperationRecord]) -> OperationStatus:
        """Undoes them and records the result; what became of the plan. Raises LOCK_LOST, at once, and at
        the end the error of a store that took no notes."""
        began = self.clock()
        last_first = sorted(operations, key=lambda operation: operation.sequence, reverse=True)
        starts = starts_of(last_first[::-1])
        open_ones = [each for each in last_first if each.status is not OperationStatus.ROLLED_BACK]
        marks = self._undo(open_ones, starts)
        if self.await_late():
            marks |= self._undo_what_came_late(open_ones, starts, marks)
            self._unwritten = list(marks.values())
        status = _of_plan({mark.status for mark in marks.values()})
        try:
            took = self.clock() - began
            self.journal.finish(self.lock, self.plan_id, status, self._unwritten, took)
        except DeploymentSystemError as error:
            raise error.with_context(plan_id=self.plan_id, undone=status.value)  # noqa: B904 - the same error
        return status

    def _undo(self, last_first: Sequence[OperationRecord], starts: Starts) -> dict[int, Mark]:
        """What became of each operation, by its number."""
        marks: dict[int, Mark] = {}
        for _, group in groupby(last_first, key=lambda operation: operation.group):
            steps = [
                UndoStep(
                    operation,
                    self.handlers,
                    self.functions,
                    starts[operation.sequence],
                    self.force,
                    self.again,
                )
                for operation in group
            ]
            self._undo_group(steps)
            marks |= {step.operation.sequence: step.mark for step in steps if step.mark}
            self.on_undone(len(marks), len(last_first), steps[-1].operation.description)
        return marks

    def _undo_what_came_late(
        self, last_first: Sequence[OperationRecord], starts: Starts, marks: Mapping[int, Mark]
    ) -> dict[int, Mark]:
        """A second look at everything that was as before, and can be looked at."""
        again = [
            replace(operation, found=mark.found, undo_started=mark.undo_started)
            for operation in last_first
            if (mark := marks[operation.sequence]).status in AS_BEFORE
            and not isinstance(self.handlers.find(operation.kind), UndoFunction | None)
        ]
        found = self._undo(again, starts)
        # Where somebody changed what was as before already, that is no conflict with this plan; and what was
        # said of an operation that is still as before stays true.
        return {
            at: mark
            for at, mark in found.items()
            if mark.status is OperationStatus.FAILED
            or (mark.status is OperationStatus.ROLLED_BACK and marks[at].status is OperationStatus.SKIPPED)
        }

    def _undo_group(self, steps: list[UndoStep]) -> None:
        self._look_at_many(steps)
        self.side_by_side([step.look for step in steps])
        to_restore = [step for step in steps if step.mark is None]
        self._unwritten += [step.mark for step in steps if step.mark]
        if to_restore:
            # What was found is durable before it is changed, and with it what became of the later groups:
            # so a crash in the middle of a restore is told from somebody else's change.
            self._note([step.intent() for step in to_restore])
            self._remove_many(to_restore)
            self.side_by_side([step.restore for step in to_restore])
            self._unwritten += [step.mark for step in to_restore if step.mark]

    def _look_at_many(self, steps: Sequence[UndoStep]) -> None:
        for handler, same in _by_handler(steps):
            references = [step.operation.reference for step in same]
            try:
                states = self.again(partial(handler.observe_all, references))
            except Exception as error:  # noqa: BLE001 - each is looked at by itself then, and says why
                _log.warning("%d things are looked at one by one: %s", len(same), error)
                continue
            for step, state in zip(same, states, strict=True):
                step.looked = Look(state)

    def _remove_many(self, steps: Sequence[UndoStep]) -> None:
        """Those that were made by the plan and have to go."""
        for handler, same in _by_handler([step for step in steps if step.operation.before is None]):
            references = [step.operation.reference for step in same]
            found = [step.found for step in same]
            try:
                self.again(partial(handler.remove_all, references, found))
                states = self.again(partial(handler.observe_all, references))
            except Exception as error:  # noqa: BLE001 - each is removed by itself then, and says why not
                _log.warning("%d things are removed one by one: %s", len(same), error)
                continue
            for step, state in zip(same, states, strict=True):
                step.restored = Look(state)

    def _note(self, intents: list[Mark]) -> None:
        try:
            self.journal.mark(self.lock, self.plan_id, [*self._unwritten, *intents])
        except DeploymentSystemError as error:
            # Half undone is worse than undone and not noted: it goes on. What is unwritten is tried again
            # with the next note, and by the last one, whose failure is not passed over.
            if error.error_code not in _STORE_CODES:
                raise
        else:
            self._unwritten.clear()


def _by_handler(steps: Sequence[UndoStep]) -> Iterator[tuple[GroupUndoHandler, list[UndoStep]]]:
    """The steps that one handler can take together, two or more."""
    by_kind: dict[str, list[UndoStep]] = {}
    for step in steps:
        by_kind.setdefault(step.operation.kind, []).append(step)
    for kind, same in by_kind.items():
        handler = same[0].handlers.find(kind) if len(same) > 1 else None
        if isinstance(handler, GroupUndoHandler):
            yield handler, same


def _of_plan(statuses: set[OperationStatus]) -> OperationStatus:
    for worst in (OperationStatus.FAILED, OperationStatus.CONFLICT):
        if worst in statuses:
            return worst
    return OperationStatus.ROLLED_BACK
