"""The undoing of one operation: what was found decides what is to be done, and is looked at again after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.store.encoding import as_text
from deployment_system.error_handling.store.records import Mark, OperationRecord, OperationStatus, State
from deployment_system.error_handling.undo import (
    FUNCTION_KIND,
    UndoFunction,
    UndoHandler,
    UndoHandlers,
    states_are_same,
    unknown_handler,
)

Again = Callable[[Callable[[], Any]], Any]
"""Calls a function, again where that can help."""

Starts = Mapping[int, Sequence[State | None]]
"""For each operation by its number: how its resource may have been before."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a resource was found, by a look at many at once. A state of None is a finding too."""

    state: State | None


@dataclass
class UndoStep:
    """One operation on its way back. `looked` and `restored` are told what was done for many at once."""

    operation: OperationRecord
    handlers: UndoHandlers
    functions: Mapping[str, Callable[..., object]]
    starts: Sequence[State | None]
    """The states before the operation and before each earlier one of its plan on the same resource."""
    force: bool
    again: Again
    tidies: bool = True
    """Whether what an interrupted change left beside the resource is taken away before it is looked at."""
    mark: Mark | None = None
    """What became of it; None while it is to be restored."""
    needed: bool = False
    """What was made has others by now that need it: it stays."""
    looked: Look | None = None
    restored: Look | None = None
    _found: State | None = field(init=False)
    _restoring: bool = field(init=False)

    def __post_init__(self) -> None:
        self._found = self.operation.found
        self._restoring = self.operation.undo_started

    @property
    def found(self) -> State | None:
        """How the resource was before it was restored."""
        return self._found

    def look(self) -> None:
        """Decides whether there is something to do, something in the way, or nothing."""
        self._guarded(self._look)

    def restore(self) -> None:
        """Puts it back and looks whether it is."""
        self._guarded(self._restore)

    def intent(self) -> Mark:
        """That it is about to be restored, from what was found."""
        operation = self.operation
        return Mark(operation.sequence, operation.status, operation.error, self._found, undo_started=True)

    def handler(self) -> UndoHandler | UndoFunction:
        """What undoes it. Raises UNDO_HANDLER_UNKNOWN."""
        if self.operation.kind != FUNCTION_KIND:
            return self.handlers.get(self.operation.kind)
        function = self.functions.get(self.operation.operation_id)
        if function is None:
            raise unknown_handler(FUNCTION_KIND)
        return UndoFunction(function)

    def _look(self) -> None:
        operation, handler = self.operation, self.handler()
        if isinstance(handler, UndoFunction):
            return
        if self.looked is None:
            if self.tidies:
                handler.tidy(operation.reference)
            self.looked = Look(self.again(lambda: handler.observe(operation.reference)))
        found = self._found = self.looked.state
        if any(states_are_same(handler, found, start) for start in reversed(self.starts)):
            # As it was: nothing was done, or a roll back that could not note it has been here.
            undone = operation.undo_started
            self.mark = self._marked(OperationStatus.ROLLED_BACK if undone else OperationStatus.SKIPPED)
        elif operation.before is None and found is not None and handler.is_needed(found):
            self.needed = True
            self.mark = self._marked(OperationStatus.SKIPPED)
        elif not self.force and not is_ours(handler, operation, found):
            self.mark = self._marked(OperationStatus.CONFLICT, _conflict(handler, operation, found))

    def _restore(self) -> None:
        operation, handler, again = self.operation, self.handler(), self.again
        self._restoring = True
        left: DeploymentSystemError | None = None
        if isinstance(handler, UndoFunction):
            if again(lambda: handler.function(operation.reference)) is False:
                raise _failed(operation, "its undo function returned False")
        else:
            if self.restored is None:
                found = self._found
                again(lambda: handler.restore(operation.reference, operation.before, found))
                self.restored = Look(again(lambda: handler.observe(operation.reference)))
            now = self.restored.state
            if not states_are_same(handler, now, operation.before):
                self._found = now
                raise _not_verified(operation)
            left = handler.leftover(operation.reference)
        self.mark = self._marked(OperationStatus.ROLLED_BACK, left)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and must not stop the others
            typed = error if isinstance(error, DeploymentSystemError) else _failed(self.operation, error)
            self.mark = self._marked(OperationStatus.FAILED, typed)

    def _marked(self, status: OperationStatus, error: DeploymentSystemError | None = None) -> Mark:
        # After a conflict what is there is not ours: nothing of it may count as begun by us.
        started = self._restoring and status is not OperationStatus.CONFLICT
        record = None if error is None else error.to_dict()
        return Mark(self.operation.sequence, status, record, self._found, undo_started=started)


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


def _context(operation: OperationRecord) -> ErrorContext:
    return ErrorContext(operation=operation.description, operation_id=operation.operation_id)


def _conflict(handler: UndoHandler, operation: OperationRecord, found: State | None) -> RecoveryError:
    after = operation.after
    differs = handler.differences(after, found) if after is not None and found is not None else {}
    if found is None:
        what = "it is gone"
    elif after is None:
        what = "it was made again"
    else:
        what = ", ".join(differs) or "it"
    return RecoveryError(
        f"{operation.description!r}: somebody else changed it since ({what}), so it was left as it is",
        error_code=ErrorCodes.UNDO_CONFLICT,
        context=_context(operation).extended(
            differs={
                name: {"expected": pair[0], "found": pair[1]} if all(map(_is_plain, pair)) else {}
                for name, pair in differs.items()
            }
        ),
    )


def _is_plain(value: Any) -> bool:
    """Whether a value may be told: what has an inner structure (job variables, say) may hold a secret."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


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
