"""Transactions: what is to be undone is durable before it is done, and undone last first.

    manager = RollbackManager(".deployment-system/state.db")
    with manager.transaction("rename the pool"):
        manager.change("file", reference, after, effect, description="...", operation_type=...)

An operation is a resource, its state before and its state after. `change` observes the resource, writes
down what is intended, and only then causes the effect. When the block raises, or the process dies and the
next one calls `execute_rollback`, everything is brought back to how it was, unless somebody else changed
it in between: that is a conflict, which is reported and left alone.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, RecoveryError
from deployment_system.error_handling.rollback_data import RollbackFunction, calling, described
from deployment_system.error_handling.rollback_plans import (
    OperationStatus,
    OperationType,
    RollbackPlan,
    RollbackPlans,
)
from deployment_system.error_handling.store import Note, OperationRecord, Owner, State, Store, open_store
from deployment_system.error_handling.store.journal_rows import operation_id
from deployment_system.error_handling.store.leases import LeaseKeeper
from deployment_system.error_handling.store.locks import Lock
from deployment_system.error_handling.undo import UndoFunction, UndoHandlers
from deployment_system.error_handling.undo_files import FILE_KIND, FileHandler
from deployment_system.error_handling.undo_preview import Preview, previewed
from deployment_system.error_handling.undo_step import Again
from deployment_system.error_handling.undoing import (
    AwaitLate,
    OnUndone,
    SideBySide,
    Undoing,
    called_once,
    nobody_is_told,
    nothing_is_late,
    one_after_another,
)

__all__ = ["Intent", "OperationStatus", "OperationType", "RollbackManager"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Intent:
    """A change that is about to be made, with the state before it, which the caller observed."""

    kind: str
    reference: Mapping[str, Any]
    before: State | None
    after: State | None
    description: str
    operation_type: str = OperationType.CUSTOM
    after_known: bool = True
    """False: what the change makes cannot be said beforehand; whatever is found counts as made by it."""


@dataclass
class _Open:
    """The transaction that a manager is in."""

    plan: RollbackPlan
    lock: Lock
    keeper: LeaseKeeper
    operations: list[OperationRecord] = field(default_factory=list)
    groups: int = 0
    done: set[int] = field(default_factory=set)
    """Known to be done, and not yet written down: that goes with the next write."""


class RollbackManager(Closing):
    """Runs transactions on a store. Without arguments the store is in memory and ends with the process.

    `handlers` are the undo handlers by name; `file` is always there. `run_side_by_side` runs the undoing
    of operations of one group; `again` calls what may fail and succeed later; `on_undone` is told how far
    a roll back is. Threads may share a manager; it has one transaction at a time. Errors are
    RecoveryErrors: TRANSACTION_MISUSED and those of the store.
    """

    def __init__(
        self,
        state_file: str | Path | None = None,
        *,
        store: Store | None = None,
        handlers: UndoHandlers | None = None,
        owner: Owner | None = None,
        run_side_by_side: SideBySide = one_after_another,
        again: Again = called_once,
        on_undone: OnUndone = nobody_is_told,
    ) -> None:
        self.store = store or open_store(state_file)
        self.handlers = handlers or UndoHandlers()
        if self.handlers.find_registered(FILE_KIND) is None:
            self.handlers.register(FILE_KIND, FileHandler())
        self.rollback_plans = RollbackPlans(self.store.journal)
        self._owns_store = store is None
        self._owner = owner or Owner.current()
        self._side_by_side = run_side_by_side
        self._again = again
        self._on_undone = on_undone
        self._open: _Open | None = None
        self._functions: dict[str, RollbackFunction] = {}
        self._turn = threading.RLock()

    # --- a transaction

    @property
    def current_plan(self) -> RollbackPlan | None:
        """The plan of the transaction that is open; None outside of one."""
        return self._open.plan if self._open else None

    def start_transaction(
        self, description: str, *, scope: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> str:
        """Begins a transaction; its plan's id. Only one may be open in a `scope`. `facts` are kept with
        the plan as JSON. Raises TRANSACTION_MISUSED inside another one, and PLAN_UNFINISHED."""
        with self._turn:
            if self._open:
                raise _misused(f"the transaction {self._open.plan.plan_id} is still open")
            record, lock = self.store.journal.begin(description, self._owner, scope=scope, facts=facts)
            keeper = LeaseKeeper(self.store.locks.renew, lock)
            self._open = _Open(RollbackPlan(self.store.journal, record), lock, keeper)
            return record.plan_id

    def prepare(self, intents: Sequence[Intent]) -> list[str]:
        """Writes down a group of changes, durably and all in one; the operations' ids. Only then may they
        be made, in any order or at once."""
        with self._turn:
            now = self._in_transaction()
            if not intents:
                return []
            first, plan_id, group = len(now.operations) + 1, now.plan.plan_id, now.groups + 1
            operations = [
                _operation(plan_id, number, group, intent)
                for number, intent in enumerate(intents, start=first)
            ]
            self.store.journal.append(now.lock, operations, now.done)
            now.done.clear()
            now.groups = group
            now.operations += operations
            return [operation.operation_id for operation in operations]

    def applied(self, operation_ids: Sequence[str]) -> None:
        """Notes that these changes were made. Written with the next write, and lost by a crash before it:
        rolling back looks at what is there, not at this."""
        with self._turn:
            now = self._in_transaction()
            now.done.update(int(operation.rpartition("-")[2]) for operation in operation_ids)

    def change(
        self,
        kind: str,
        reference: Mapping[str, Any],
        after: State | None,
        effect: Callable[[], Result],
        *,
        description: str,
        operation_type: str = OperationType.CUSTOM,
    ) -> Result:
        """Makes one change: observes the resource, writes down what `effect` is about to make of it, and
        calls `effect`. What it returns. Raises what the handler or the effect raises."""
        handler = self.handlers.get(kind)
        before = None if isinstance(handler, UndoFunction) else handler.observe(reference)
        ids = self.prepare([Intent(kind, reference, before, after, description, operation_type)])
        result = effect()
        self.applied(ids)
        return result

    def add_rollback_operation(
        self,
        operation_type: str,
        description: str,
        rollback_data: Mapping[str, Any] | None = None,
        rollback_function: RollbackFunction | None = None,
    ) -> str:
        """Notes, before something is done, how to undo it; the operation's id.

        `rollback_function` is called to undo it, with `rollback_data` if it takes an argument; it dies
        with this process. Otherwise `rollback_data` is for a handler, so that any process can undo it: the
        one that `rollback_data["handler"]` names, `file` where there is a `path` or `file_path`, or else
        the one registered under the operation type's name. A handler that observes does so now.
        """
        data = dict(rollback_data or {})
        intent = described(operation_type, description, data, self.handlers, rollback_function is not None)
        with self._turn:
            (added,) = self.prepare([Intent(**intent)])
            if rollback_function is not None:
                self._functions[added] = calling(rollback_function)
            return added

    def commit_transaction(self, notes: Sequence[Note] = ()) -> None:
        """Ends the transaction: one durable write, after which everything counts as done; the notes are
        part of it. Its plan can still be rolled back until it is cleaned up."""
        with self._turn:
            now = self._in_transaction()
            self._record_what_was_made(now)
            try:
                self.store.journal.commit(now.lock, now.plan.plan_id, notes)
            except DeploymentSystemError:
                if not self._is_undecided(now):
                    raise  # it is known not to be committed: the transaction is still open
            self._leave(now)

    @contextmanager
    def transaction(
        self, description: str, *, scope: str | None = None, facts: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Commits when the block ends, rolls back when it raises, Ctrl-C included; gives the plan's id.

        The first error stays the error: what rolling back met is added to it as notes."""
        plan_id = self.start_transaction(description, scope=scope, facts=facts)
        try:
            yield plan_id
            if self.current_plan and self.current_plan.plan_id == plan_id:
                self.commit_transaction()
        except BaseException as error:
            if self.current_plan and self.current_plan.plan_id == plan_id:
                self._roll_back_after(error, plan_id)
            raise

    # --- rolling back

    def execute_rollback(
        self,
        plan_id: str | None = None,
        *,
        force: bool = False,
        error: DeploymentSystemError | None = None,
        await_late: AwaitLate = nothing_is_late,
    ) -> bool:
        """Rolls back a plan: the open one, or one that a process left or committed. Whether everything is
        as before; if not, the operations of the plan say what is not, and why.

        `force` also overwrites what somebody else changed. `error` is what made it necessary: the plan's
        first one is kept. `await_late` is called when everything is put back: it waits for effects that may
        still be on their way, and says whether there were any; then what was as before is looked at a
        second time. Raises PLAN_NOT_FOUND; LOCK_HELD when another process is at work on the plan;
        and the store's errors, when what was done could not be recorded: then it can be called again.
        """
        with self._turn:
            now = self._open if self._open and plan_id in (None, self._open.plan.plan_id) else None
            if now is None and plan_id is None:
                raise _misused("there is no transaction to roll back: name a plan")
            record = None if error is None else error.to_dict()
            if now is None:
                return self._roll_back_stored(str(plan_id), force, record, await_late)
            try:
                return self._roll_back_open(now, force, record, await_late)
            finally:
                self._leave(now)

    def unfinished(self) -> list[RollbackPlan]:
        """Plans that were neither committed nor rolled back, the newest first."""
        journal = self.store.journal
        return [RollbackPlan(journal, record) for record in journal.unfinished()]

    def preview_rollback(self, plan_id: str, *, force: bool = False) -> list[Preview]:
        """What `execute_rollback` would do with each operation of a plan, last first. Changes nothing.
        Raises PLAN_NOT_FOUND."""
        self.store.journal.plan(plan_id)
        operations = self.store.journal.operations(plan_id)
        return previewed(operations, self.handlers, self._functions, self._again, force=force)

    def cleanup_old_plans(self, days: float = 30) -> int:
        """Forgets plans that were committed or rolled back so many days ago or more, with their before
        states; the number of plans. What is unfinished stays."""
        return self.store.journal.remove_settled(timedelta(days=days))

    def close(self) -> None:
        """Closes the store, if this manager opened it. An open transaction stays for a recovery."""
        if self._open:
            self._leave(self._open)
        if self._owns_store:
            self.store.close()

    # --- inside

    def _in_transaction(self) -> _Open:
        if self._open is None:
            raise _misused("there is no transaction: call start_transaction first")
        return self._open

    def _leave(self, now: _Open) -> None:
        now.keeper.stop()
        self._open = None

    def _is_undecided(self, now: _Open) -> bool:
        """After a commit that failed: False, it is known not to be committed; True: it is committed after
        all. Raises the store's error when that cannot be seen, and leaves the plan to a recovery: rolling
        back what may be committed would be wrong, and so would be going on."""
        try:
            return now.plan.status is OperationStatus.COMPLETED
        except DeploymentSystemError:
            self._leave(now)
            raise

    def _record_what_was_made(self, now: _Open) -> None:
        """Looks at what could not be said beforehand, so that a later roll back sees other changes."""
        for operation in now.operations:
            handler = self.handlers.find(operation.kind)
            if operation.after_known or handler is None or isinstance(handler, UndoFunction):
                continue
            try:
                after = handler.observe(operation.reference)
            except (DeploymentSystemError, OSError):
                continue  # it stays unknown, as it was
            self.store.journal.record_after(now.lock, now.plan.plan_id, operation.sequence, after)

    def _roll_back_open(
        self, now: _Open, force: bool, error: Mapping[str, Any] | None, await_late: AwaitLate
    ) -> bool:
        plan_id = now.plan.plan_id
        try:
            self.store.journal.start_undo(plan_id, self._owner, now.lock, error)
        except DeploymentSystemError as failure:
            if failure.error_code == ErrorCodes.LOCK_LOST:
                raise
            # The store takes no notes. Everything needed is in memory: better undone than half done.
        return self._undo(plan_id, now.lock, now.operations, force, await_late)

    def _roll_back_stored(
        self, plan_id: str, force: bool, error: Mapping[str, Any] | None, await_late: AwaitLate
    ) -> bool:
        if self.store.journal.plan(plan_id).status is OperationStatus.ROLLED_BACK:
            return True
        _, lock = self.store.journal.start_undo(plan_id, self._owner, None, error)
        keeper = LeaseKeeper(self.store.locks.renew, lock)
        try:
            return self._undo(plan_id, lock, self.store.journal.operations(plan_id), force, await_late)
        finally:
            keeper.stop()

    def _undo(
        self,
        plan_id: str,
        lock: Lock,
        operations: list[OperationRecord],
        force: bool,
        await_late: AwaitLate,
    ) -> bool:
        undoing = Undoing(
            self.store.journal,
            self.handlers,
            lock,
            plan_id,
            force=force,
            functions=self._functions,
            side_by_side=self._side_by_side,
            again=self._again,
            on_undone=self._on_undone,
            await_late=await_late,
        )
        return undoing.run(operations) is OperationStatus.ROLLED_BACK

    def _roll_back_after(self, error: BaseException, plan_id: str) -> None:
        first = error if isinstance(error, DeploymentSystemError) else None
        try:
            restored = self.execute_rollback(plan_id, error=first)
        except DeploymentSystemError as failure:
            error.add_note(f"rolling back {plan_id} met: {failure}")
            return
        if not restored:
            error.add_note(f"not everything could be put back: see the operations of {plan_id}")


def _operation(plan_id: str, number: int, group: int, intent: Intent) -> OperationRecord:
    return OperationRecord(
        operation_id=operation_id(plan_id, number),
        plan_id=plan_id,
        sequence=number,
        group=group,
        operation_type=str(intent.operation_type),
        kind=intent.kind,
        reference=intent.reference,
        before=intent.before,
        after=intent.after,
        after_known=intent.after_known,
        description=intent.description,
    )


def _misused(why: str) -> RecoveryError:
    return RecoveryError(why, error_code=ErrorCodes.TRANSACTION_MISUSED)
