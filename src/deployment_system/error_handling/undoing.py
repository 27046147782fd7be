"""Rolls a plan back: last first, looking before and after, whatever happens on the way.

It is the same for a failed deployment, a crash, a crash of the roll back itself and a committed plan: what
is to be done follows from what the journal says and what is found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.store.encoding import as_text
from deployment_system.error_handling.store.journal import Journal
from deployment_system.error_handling.store.locks import Lock
from deployment_system.error_handling.store.records import Mark, OperationRecord, OperationStatus, State
from deployment_system.error_handling.undo import (
    FUNCTION_KIND,
    UndoFunction,
    UndoHandler,
    UndoHandlers,
    states_are_same,
    unknown_handler,
)

SideBySide = Callable[[Sequence[Callable[[], None]]], None]
"""Runs all of these, in any order or at once, and returns when all have ended. They raise nothing but
what should stop everything, such as KeyboardInterrupt."""
Again = Callable[[Callable[[], Any]], Any]
"""Calls a function, again where that can help."""

_SETTLED = (OperationStatus.ROLLED_BACK, OperationStatus.SKIPPED)
_STORE_CODES = (ErrorCodes.STATE_FULL, ErrorCodes.STATE_BUSY, ErrorCodes.STATE_UNUSABLE)


def one_after_another(steps: Sequence[Callable[[], None]]) -> None:
    """The simplest way to run them."""
    for step in steps:
        step()


def called_once(function: Callable[[], Any]) -> Any:
    """No second attempt: handlers that reach a network try again by themselves."""
    return function()


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
    _unwritten: list[Mark] = field(default_factory=list)
    _starts: dict[int, list[State | None]] = field(default_factory=dict)
    """By an operation's number, the states before it and before each earlier one of its resource."""

    def run(self, operations: Iterable[OperationRecord]) -> OperationStatus:
        """Undoes them and records the result; what became of the plan. Raises LOCK_LOST, at once, and at
        the end the error of a store that took no notes."""
        statuses: set[OperationStatus] = set()
        last_first = sorted(operations, key=lambda operation: operation.sequence, reverse=True)
        self._starts = starts_of(last_first[::-1])
        for _, group in groupby(last_first, key=lambda operation: operation.group):
            statuses |= self._undo_group(list(group))
        status = _of_plan(statuses)
        try:
            self.journal.finish(self.lock, self.plan_id, status, self._unwritten)
        except DeploymentSystemError as error:
            raise error.with_context(plan_id=self.plan_id, undone=status.value)  # noqa: B904 - the same error
        return status

    def is_undone(self, handler: UndoHandler, operation: OperationRecord, found: State | None) -> bool:
        """Whether the resource is as it was before the operation, or before an earlier one of this plan:
        then a roll back that could not note it has been here."""
        starts = self._starts[operation.sequence]
        return any(states_are_same(handler, found, start) for start in reversed(starts))

    def _undo_group(self, group: list[OperationRecord]) -> set[OperationStatus]:
        steps = [_Step(self, operation) for operation in group if operation.status not in _SETTLED]
        self.side_by_side([step.look for step in steps])
        to_restore = [step for step in steps if step.mark is None]
        self._unwritten += [step.mark for step in steps if step.mark]
        if to_restore:
            # What was found is durable before it is changed, and with it what became of the later groups:
            # so a crash in the middle of a restore is told from somebody else's change.
            self._note([step.intent() for step in to_restore])
            self.side_by_side([step.restore for step in to_restore])
            self._unwritten += [step.mark for step in to_restore if step.mark]
        return {step.mark.status for step in steps if step.mark}

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


class _Step:
    """The undoing of one operation."""

    def __init__(self, undoing: Undoing, operation: OperationRecord) -> None:
        self._undoing = undoing
        self._operation = operation
        self._found = operation.found
        self._restoring = operation.undo_started
        self.mark: Mark | None = None
        """What became of it; None while it is to be restored."""

    def look(self) -> None:
        """Decides whether there is something to do, something in the way, or nothing."""
        self._guarded(self._look)

    def restore(self) -> None:
        """Puts it back and looks whether it is."""
        self._guarded(self._restore)

    def intent(self) -> Mark:
        """That it is about to be restored, from what was found."""
        operation = self._operation
        return Mark(operation.sequence, operation.status, operation.error, self._found, undo_started=True)

    def _look(self) -> None:
        operation, handler = self._operation, self._handler()
        if isinstance(handler, UndoFunction):
            return
        handler.tidy(operation.reference)
        self._found = self._undoing.again(lambda: handler.observe(operation.reference))
        if self._undoing.is_undone(handler, operation, self._found):
            undone = operation.undo_started
            self.mark = self._marked(OperationStatus.ROLLED_BACK if undone else OperationStatus.SKIPPED)
        elif not self._undoing.force and not is_ours(handler, operation, self._found):
            self.mark = self._marked(OperationStatus.CONFLICT, _conflict(operation))

    def _restore(self) -> None:
        operation, handler, again = self._operation, self._handler(), self._undoing.again
        self._restoring = True
        if isinstance(handler, UndoFunction):
            if again(lambda: handler.function(operation.reference)) is False:
                raise _failed(operation, "its undo function returned False")
        else:
            found = self._found
            again(lambda: handler.restore(operation.reference, operation.before, found))
            now = again(lambda: handler.observe(operation.reference))
            if not states_are_same(handler, now, operation.before):
                self._found = now
                raise _not_verified(operation)
        self.mark = self._marked(OperationStatus.ROLLED_BACK)

    def _handler(self) -> UndoHandler | UndoFunction:
        if self._operation.kind != FUNCTION_KIND:
            return self._undoing.handlers.get(self._operation.kind)
        function = self._undoing.functions.get(self._operation.operation_id)
        if function is None:
            raise unknown_handler(FUNCTION_KIND)
        return UndoFunction(function)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and must not stop the others
            typed = error if isinstance(error, DeploymentSystemError) else _failed(self._operation, error)
            self.mark = self._marked(OperationStatus.FAILED, typed)

    def _marked(self, status: OperationStatus, error: DeploymentSystemError | None = None) -> Mark:
        # After a conflict what is there is not ours: nothing of it may count as begun by us.
        started = self._restoring and status is not OperationStatus.CONFLICT
        record = None if error is None else error.to_dict()
        return Mark(self._operation.sequence, status, record, self._found, undo_started=started)


def starts_of(operations: Sequence[OperationRecord]) -> dict[int, list[State | None]]:
    """For each operation by its number, in the order given: its state before, after those of the earlier
    operations on the same resource."""
    of_resource: dict[tuple[str, str], list[State | None]] = {}
    starts = {}
    for operation in operations:
        known = of_resource.setdefault((operation.kind, as_text(operation.reference, {})), [])
        known.append(operation.before)
        starts[operation.sequence] = known[:]
    return starts


def is_ours(handler: UndoHandler, operation: OperationRecord, found: State | None) -> bool:
    """Whether what was found is what the operation made, or a step on the way there or back."""
    if not operation.after_known or handler.made_by(found, operation.before, operation.after):
        return True
    return operation.undo_started and (
        states_are_same(handler, found, operation.found)
        or handler.made_by(found, operation.found, operation.before)
    )


def _of_plan(statuses: set[OperationStatus]) -> OperationStatus:
    for worst in (OperationStatus.FAILED, OperationStatus.CONFLICT):
        if worst in statuses:
            return worst
    return OperationStatus.ROLLED_BACK


def _context(operation: OperationRecord) -> ErrorContext:
    return ErrorContext(operation=operation.description, operation_id=operation.operation_id)


def _conflict(operation: OperationRecord) -> RecoveryError:
    return RecoveryError(
        f"{operation.description!r}: somebody else changed it since, so it was left as it is",
        error_code=ErrorCodes.UNDO_CONFLICT,
        context=_context(operation),
    )


def _failed(operation: OperationRecord, why: object) -> RecoveryError:
    cause = why if isinstance(why, BaseException) else None
    text = f"{type(cause).__name__}: {cause}" if cause and not isinstance(cause, OSError) else why
    return RecoveryError(
        f"{operation.description!r} could not be put back: {text}",
        error_code=ErrorCodes.UNDO_FAILED,
        context=_context(operation),
        cause=cause,
    )


def _not_verified(operation: OperationRecord) -> RecoveryError:
    return RecoveryError(
        f"{operation.description!r} was put back, but is not as before",
        error_code=ErrorCodes.UNDO_NOT_VERIFIED,
        context=_context(operation),
    )
