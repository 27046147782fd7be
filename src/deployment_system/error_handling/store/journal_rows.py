"""The journal's SQL, and how its rows are read and written."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deployment_system.error_handling.plain_values import valid_text
from deployment_system.error_handling.store.database import Row
from deployment_system.error_handling.store.encoding import Blobs, as_text, from_text
from deployment_system.error_handling.store.owner import Owner
from deployment_system.error_handling.store.records import Mark, OperationRecord, OperationStatus, PlanRecord

__all__ = ["Row", "mark_values", "operation_of", "operation_values", "plan_of", "plan_values"]

INSERT_PLAN = """INSERT INTO plans
    (plan_id, description, scope, status, created_at, finished_at, undoing, owner, facts, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_PLAN = """SELECT plan_id, description, scope, status, created_at, finished_at, undoing, owner, facts, error
    FROM plans """
PLAN = _PLAN + "WHERE plan_id = ?"
PLANS = _PLAN + "ORDER BY created_at, plan_id"
NEWEST_PLANS = _PLAN + "{where}ORDER BY plan_id DESC LIMIT ?"
SCOPE = "SELECT scope FROM plans WHERE plan_id = ?"
OPEN_PLANS = _PLAN + "WHERE status IN (?, ?) ORDER BY created_at, plan_id"
COMMITS = """SELECT scope, finished_at FROM plans
    WHERE status = ? AND scope IS NOT NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC"""
SETTLED_BEFORE = """SELECT plan_id FROM plans
    WHERE status IN (?, ?) AND coalesce(finished_at, created_at) <= ?"""
PENDING_IN_SCOPE = "SELECT plan_id FROM plans WHERE status = ? AND scope = ?"
START_UNDO = "UPDATE plans SET status = ?, undoing = 1, error = ?, finished_at = NULL WHERE plan_id = ?"
FINISH_PLAN = "UPDATE plans SET status = ?, finished_at = ? WHERE plan_id = ?"
REMOVE_PLAN = (
    "DELETE FROM blobs WHERE plan_id = ?",
    "DELETE FROM operations WHERE plan_id = ?",
    "DELETE FROM plans WHERE plan_id = ?",
)

INSERT_OPERATION = """INSERT INTO operations
    (plan_id, sequence, group_number, operation_type, kind, reference, before_state, after_state,
     after_known, description, status, error, found_state, undo_started)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
UPDATE_OPERATION = """UPDATE operations SET status = ?, error = ?, found_state = ?, undo_started = ?
    WHERE plan_id = ? AND sequence = ?"""
MARK_DONE = "UPDATE operations SET status = ? WHERE plan_id = ? AND sequence = ?"
COMPLETE_PENDING = "UPDATE operations SET status = ? WHERE plan_id = ? AND status = ?"
RECORD_AFTER = "UPDATE operations SET after_state = ?, after_known = 1 WHERE plan_id = ? AND sequence = ?"
OPERATIONS = """SELECT plan_id, sequence, group_number, operation_type, kind, reference, before_state,
    after_state, after_known, description, status, error, found_state, undo_started
    FROM operations WHERE plan_id = ? ORDER BY sequence"""

INSERT_BLOB = "INSERT INTO blobs (plan_id, digest, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
BLOBS = "SELECT digest, content FROM blobs WHERE plan_id = ?"
LOCK_TOKEN = "SELECT token FROM locks WHERE name = ?"  # noqa: S105 - a query, not a password


def operation_id(plan_id: str, sequence: int) -> str:
    """The name of an operation, unlike any other's."""
    return f"{plan_id}-{sequence}"


def plan_values(plan: PlanRecord) -> tuple[Any, ...]:
    """The row of a plan."""
    return (
        plan.plan_id,
        plan.description,
        plan.scope,
        plan.status.value,
        plan.created_at.isoformat(),
        plan.finished_at.isoformat() if plan.finished_at else None,
        int(plan.undoing),
        json.dumps(plan.owner.to_dict()),
        json.dumps(plan.facts),
        None if plan.error is None else json.dumps(plan.error),
    )


def plan_of(row: Row) -> PlanRecord:
    """The plan of a row."""
    plan_id, description, scope, status, created, finished, undoing, owner, facts, error = row
    return PlanRecord(
        plan_id,
        description,
        scope,
        OperationStatus(status),
        datetime.fromisoformat(created),
        datetime.fromisoformat(finished) if finished else None,
        bool(undoing),
        Owner.from_dict(json.loads(owner)),
        json.loads(facts),
        None if error is None else json.loads(error),
    )


def operation_values(operation: OperationRecord, blobs: Blobs) -> tuple[Any, ...]:
    """The row of an operation; its large values go into `blobs`."""
    return (
        operation.plan_id,
        operation.sequence,
        operation.group,
        operation.operation_type,
        operation.kind,
        as_text(operation.reference, blobs),
        _state_text(operation.before, blobs),
        _state_text(operation.after, blobs),
        int(operation.after_known),
        valid_text(operation.description).replace("\0", ""),
        operation.status.value,
        None if operation.error is None else json.dumps(operation.error),
        _state_text(operation.found, blobs),
        int(operation.undo_started),
    )


def operation_of(row: Row, blobs: Mapping[str, bytes]) -> OperationRecord:
    """The operation of a row."""
    (plan_id, sequence, group, kind_of_change, kind, reference, before, after) = row[:8]
    (after_known, description, status, error, found, undo_started) = row[8:]
    return OperationRecord(
        operation_id=operation_id(plan_id, sequence),
        plan_id=plan_id,
        sequence=sequence,
        group=group,
        operation_type=kind_of_change,
        kind=kind,
        reference=from_text(reference, blobs),
        before=_state(before, blobs),
        after=_state(after, blobs),
        after_known=bool(after_known),
        description=description,
        status=OperationStatus(status),
        error=None if error is None else json.loads(error),
        found=_state(found, blobs),
        undo_started=bool(undo_started),
    )


def mark_values(plan_id: str, mark: Mark, blobs: Blobs) -> tuple[Any, ...]:
    """The values of an update that marks an operation."""
    return (
        mark.status.value,
        None if mark.error is None else json.dumps(mark.error),
        _state_text(mark.found, blobs),
        int(mark.undo_started),
        plan_id,
        mark.sequence,
    )


def _state_text(state: Mapping[str, Any] | None, blobs: Blobs) -> str | None:
    return None if state is None else as_text(state, blobs)


def _state(text: str | None, blobs: Mapping[str, bytes]) -> Any:
    return None if text is None else from_text(text, blobs)
