"""What the journal holds, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.store.owner import Owner

State = Mapping[str, Any]
"""How a resource is: JSON values, and `bytes` where text would not do. Large values cost no memory in
the journal's own table: they are kept beside it."""


class OperationStatus(StrEnum):
    """What became of a plan or of one of its operations."""

    PENDING = "pending"
    """Begun: a plan not committed, an operation whose effect may or may not have happened."""
    COMPLETED = "completed"
    """A plan committed, an operation whose effect is known to have happened."""
    ROLLED_BACK = "rolled_back"
    """Put back, and seen to be as before."""
    SKIPPED = "skipped"
    """There was nothing to put back: all was as before."""
    FAILED = "failed"
    """It could not be put back; the operation's `error` says why."""
    CONFLICT = "conflict"
    """Somebody else changed it in between, so it was left as it is; `found` says what was there."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One transaction."""

    plan_id: str
    description: str
    scope: str | None
    """What the transaction is about, mostly an environment's name: only one may be open in it."""
    status: OperationStatus
    created_at: datetime
    finished_at: datetime | None
    undoing: bool
    """Whether a roll back was begun: nothing may be added any more."""
    owner: Owner
    """Who began it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    """What made the transaction fail: the first error, whatever the roll back met later."""


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One change: a resource, its state before and its state after."""

    operation_id: str
    plan_id: str
    sequence: int
    group: int
    """Operations of one group were begun side by side."""
    operation_type: str
    kind: str
    """The name of the handler that observes and restores."""
    reference: Mapping[str, Any]
    before: State | None
    after: State | None
    after_known: bool
    """False: nobody said what the change would make, so whatever is found counts as made by it."""
    description: str
    status: OperationStatus = OperationStatus.PENDING
    error: Mapping[str, Any] | None = None
    found: State | None = None
    """What was there when it was last looked at to undo it."""
    undo_started: bool = False
    """Whether something may have been restored already, starting from `found`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of one operation; several are written at once."""

    sequence: int
    status: OperationStatus
    error: Mapping[str, Any] | None = None
    found: State | None = None
    undo_started: bool = False
