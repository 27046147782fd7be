"""Plans and their operations: what was intended, durably, before it was done.

Every write is one transaction, and every write to a plan first sees that the writer still has the plan's
lock: a process that was believed dead and wakes up cannot add to what another one is undoing.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import ErrorContext, RecoveryError
from deployment_system.error_handling.plain_values import valid_text
from deployment_system.error_handling.store import journal_rows as rows
from deployment_system.error_handling.store.database import Database, Transaction
from deployment_system.error_handling.store.encoding import Blobs, as_text, blobs_named
from deployment_system.error_handling.store.failures import damaged, lock_held, lock_lost
from deployment_system.error_handling.store.locks import Lock, read_lock, remove_lock, take_lock
from deployment_system.error_handling.store.measures import (
    ROLLBACK_SECONDS,
    Measure,
    duration,
    of_scope,
    transaction_ended,
    write_measures,
)
from deployment_system.error_handling.store.notes import Note, write_notes
from deployment_system.error_handling.store.owner import Owner
from deployment_system.error_handling.store.records import (
    Mark,
    OperationRecord,
    OperationStatus,
    PlanRecord,
    State,
)

_SETTLED = (OperationStatus.COMPLETED, OperationStatus.ROLLED_BACK)
_OPEN = (OperationStatus.PENDING, OperationStatus.FAILED)


class Journal:
    """Writes and reads plans. Raises RecoveryError: the store's codes, and LOCK_HELD, LOCK_LOST,
    PLAN_NOT_FOUND and PLAN_UNFINISHED."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        description: str,
        owner: Owner,
        *,
        scope: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> tuple[PlanRecord, Lock]:
        """A new plan, and the lock of who runs it. Raises PLAN_UNFINISHED when the scope has one that
        was neither committed nor rolled back."""
        created = datetime.now(UTC)
        plan = PlanRecord(
            plan_id=f"rollback_{created:%Y%m%d_%H%M%S}_{os.urandom(4).hex()}",
            description=valid_text(description).replace("\0", ""),
            scope=scope,
            status=OperationStatus.PENDING,
            created_at=created,
            finished_at=None,
            undoing=False,
            owner=owner,
            facts=dict(facts or {}),
        )
        now = self._database.now()
        with self._database.write(alone=True) as writing:
            if scope is not None:
                _refuse_second(writing, scope)
            lock = _taken(writing, plan, owner, now)
            writing.execute(rows.INSERT_PLAN, rows.plan_values(plan))
        return plan, lock

    def append(self, lock: Lock, operations: Sequence[OperationRecord], done: Iterable[int] = ()) -> None:
        """Writes a group of intents, all or none. Only when this has returned may they be done. `done`:
        the numbers of earlier operations of the plan that are known to have been done."""
        blobs: Blobs = {}
        values = [rows.operation_values(operation, blobs) for operation in operations]
        plan_id = operations[0].plan_id
        marks = [(OperationStatus.COMPLETED.value, plan_id, sequence) for sequence in done]
        with self._database.write() as writing:
            self._see_that_held(writing, lock)
            self._put_blobs(writing, plan_id, blobs)
            writing.execute_many(rows.INSERT_OPERATION, values)
            if marks:
                writing.execute_many(rows.MARK_DONE, marks)

    def mark(self, lock: Lock, plan_id: str, marks: Iterable[Mark]) -> None:
        """Says what became of operations, in one write."""
        blobs: Blobs = {}
        values = [rows.mark_values(plan_id, mark, blobs) for mark in marks]
        with self._database.write() as writing:
            self._see_that_held(writing, lock)
            self._put_blobs(writing, plan_id, blobs)
            writing.execute_many(rows.UPDATE_OPERATION, values)

    def record_after(self, lock: Lock, plan_id: str, sequence: int, after: State | None) -> None:
        """Says what an operation made, when that was not known before."""
        blobs: Blobs = {}
        text = None if after is None else as_text(after, blobs)
        with self._database.write() as writing:
            self._see_that_held(writing, lock)
            self._put_blobs(writing, plan_id, blobs)
            writing.execute(rows.RECORD_AFTER, (text, plan_id, sequence))

    def start_undo(
        self, plan_id: str, owner: Owner, held: Lock | None, error: Mapping[str, Any] | None
    ) -> tuple[PlanRecord, Lock]:
        """Takes a plan to be rolled back: from now on nothing can be added to it, and nobody else can roll
        it back. `held` is the lock of who runs it already. The first error that is given stays.

        Raises LOCK_HELD when another process that is alive runs it.
        """
        now = self._database.now()
        with self._database.write(alone=True) as writing:
            plan = self._plan(writing.rows(rows.PLAN, (plan_id,)), plan_id)
            if held is not None:
                self._see_that_held(writing, held)
            lock = held or _taken(writing, plan, owner, now, from_myself=True)
            first = plan.error or error
            text = None if first is None else json.dumps(first)
            writing.execute(rows.START_UNDO, (OperationStatus.PENDING, text, plan_id))
        return self.plan(plan_id), lock

    def commit(self, lock: Lock, plan_id: str, notes: Sequence[Note] = ()) -> None:
        """Commits: one durable write, after which everything counts as done; with it the notes."""
        with self._database.write() as writing:
            self._see_that_held(writing, lock)
            writing.execute(
                rows.COMPLETE_PENDING, (OperationStatus.COMPLETED, plan_id, OperationStatus.PENDING)
            )
            finished = datetime.now(UTC).isoformat()
            writing.execute(rows.FINISH_PLAN, (OperationStatus.COMPLETED, finished, plan_id))
            write_notes(writing, notes)
            write_measures(writing, _ended(writing, plan_id, OperationStatus.COMPLETED))
            remove_lock(writing, lock.name, lock.token)

    def finish(
        self,
        lock: Lock,
        plan_id: str,
        status: OperationStatus,
        marks: Iterable[Mark] = (),
        seconds: float | None = None,
    ) -> None:
        """Ends a roll back that took so long, with the last marks, in one durable write, and gives the plan's
        lock back."""
        blobs: Blobs = {}
        values = [rows.mark_values(plan_id, mark, blobs) for mark in marks]
        with self._database.write() as writing:
            self._see_that_held(writing, lock)
            self._put_blobs(writing, plan_id, blobs)
            if values:
                writing.execute_many(rows.UPDATE_OPERATION, values)
            writing.execute(rows.FINISH_PLAN, (status, datetime.now(UTC).isoformat(), plan_id))
            write_measures(writing, _ended(writing, plan_id, status, seconds))
            remove_lock(writing, lock.name, lock.token)

    def plan(self, plan_id: str) -> PlanRecord:
        """One plan. Raises PLAN_NOT_FOUND."""
        return self._plan(self._database.rows(rows.PLAN, (plan_id,)), plan_id)

    def plans(self, *, scope: str | None = None) -> list[PlanRecord]:
        """All plans, or all of a scope, the oldest first."""
        found = self._database.rows(rows.PLANS)
        return [plan for plan in map(self._read_plan, found) if scope is None or plan.scope == scope]

    def newest(self, limit: int, *, before: str | None = None) -> list[PlanRecord]:
        """The newest plans, `limit` at most; `before`: only those that are older than the one of that id."""
        where, values = ("", ()) if before is None else ("WHERE plan_id < ? ", (before,))
        found = self._database.rows(rows.NEWEST_PLANS.format(where=where), (*values, limit))
        return [self._read_plan(row) for row in found]

    def unfinished(self, *, scope: str | None = None) -> list[PlanRecord]:
        """Plans that were begun and neither committed nor rolled back, those whose roll back failed
        included, the newest first: what a recovery has to look at. Whether somebody still works on one says
        `runner`."""
        found = self._database.rows(rows.OPEN_PLANS, _OPEN)
        plans = [plan for plan in map(self._read_plan, found) if scope is None or plan.scope == scope]
        return plans[::-1]

    def last_commit(self, environment: str | None = None) -> datetime | None:
        """When something was last committed in an environment, or in any; None: never, as far as plans are
        remembered."""
        found = self._database.rows(rows.COMMITS, (OperationStatus.COMPLETED,))
        for scope, finished in found:
            if environment is None or scope.rpartition("/")[2] == environment:
                return datetime.fromisoformat(finished)
        return None

    def runner(self, plan_id: str) -> Lock | None:
        """Who works on a plan and is not known to be gone; None: it is free to be rolled back."""
        now = self._database.now()
        lock = read_lock(self._database, _lock_name(plan_id))
        return None if lock is None or lock.is_stale(now) else lock

    def operations(self, plan_id: str) -> list[OperationRecord]:
        """The operations of a plan in the order in which they were begun."""
        found = self._database.rows(rows.OPERATIONS, (plan_id,))
        named = any(isinstance(cell, str) and blobs_named(cell) for row in found for cell in row)
        blobs = self._blobs(plan_id) if named else {}
        try:
            return [rows.operation_of(row, blobs) for row in found]
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(self._database.place, f"operations of {plan_id} cannot be read", error) from error

    def remove_settled(self, older_than: timedelta) -> int:
        """Forgets plans that were committed or rolled back longer ago than that, with their before states:
        they can no longer be taken back. The number of plans."""
        before = datetime.now(UTC) - older_than
        with self._database.write(alone=True) as writing:
            old = [
                (plan_id,)
                for (plan_id,) in writing.rows(rows.SETTLED_BEFORE, (*_SETTLED, before.isoformat()))
            ]
            for statement in rows.REMOVE_PLAN:
                writing.execute_many(statement, old)
        return len(old)

    def _blobs(self, plan_id: str) -> dict[str, bytes]:
        return {digest: bytes(content) for digest, content in self._database.rows(rows.BLOBS, (plan_id,))}

    def _put_blobs(self, writing: Transaction, plan_id: str, blobs: Blobs) -> None:
        if blobs:
            writing.execute_many(
                rows.INSERT_BLOB, [(plan_id, digest, content) for digest, content in blobs.items()]
            )

    def _see_that_held(self, writing: Transaction, lock: Lock) -> None:
        found = writing.rows(rows.LOCK_TOKEN + self._database.lock_rows, (lock.name,))
        if not found or found[0][0] != lock.token:
            raise lock_lost(lock.name)

    def _plan(self, found: list[rows.Row], plan_id: str) -> PlanRecord:
        if not found:
            raise RecoveryError(
                f"there is no plan {plan_id!r}",
                error_code=ErrorCodes.PLAN_NOT_FOUND,
                context=ErrorContext(plan_id=plan_id),
            )
        return self._read_plan(found[0])

    def _read_plan(self, row: rows.Row) -> PlanRecord:
        try:
            return rows.plan_of(row)
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(self._database.place, f"plan {row[0]} cannot be read", error) from error


def _ended(
    writing: Transaction, plan_id: str, status: OperationStatus, seconds: float | None = None
) -> list[Measure]:
    """What is counted when a plan ends."""
    scope = writing.rows(rows.SCOPE, (plan_id,))[0][0]
    measures = transaction_ended(scope, status.value, datetime.now(UTC).timestamp())
    if seconds is not None:
        measures += duration(ROLLBACK_SECONDS, seconds, of_scope(scope))
    return measures


def _lock_name(plan_id: str) -> str:
    return f"plan/{plan_id}"


def _taken(
    writing: Transaction, plan: PlanRecord, owner: Owner, now: float, *, from_myself: bool = False
) -> Lock:
    """The plan's lock; `from_myself`: also when this very process has it, through a manager that it no
    longer uses and whose later writes are refused."""
    name = _lock_name(plan.plan_id)
    mine = read_lock(writing, name) if from_myself else None
    if mine and mine.owner == owner:
        remove_lock(writing, name, mine.token)
    lock, held = take_lock(writing, name, owner, plan.description, now)
    if lock is None:
        assert held is not None  # noqa: S101 - take_lock gives one or the other
        raise lock_held(held.name, held.owner, held.acquired_at, held.purpose, held.manual)
    return lock


def _refuse_second(writing: Transaction, scope: str) -> None:
    found = writing.rows(rows.PENDING_IN_SCOPE, (OperationStatus.PENDING, scope))
    if found:
        raise RecoveryError(
            f"{scope!r} has an unfinished plan: {found[0][0]}",
            error_code=ErrorCodes.PLAN_UNFINISHED,
            context=ErrorContext(environment=scope, plan_id=found[0][0]),
        )
