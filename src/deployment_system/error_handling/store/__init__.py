"""The durable state: journal, locks, notes, measures and the errors of the past, in SQLite or in PostgreSQL.

`open_store` opens it by its address. Everything that a call wrote is on the disk when the call returns,
and either all of it is or nothing. What goes wrong is a `RecoveryError` with one of the codes
STATE_UNUSABLE, STATE_DAMAGED, STATE_FULL, STATE_BUSY (which may pass by itself) and STATE_TOO_NEW.
"""

from deployment_system.error_handling.store.error_filter import ErrorFilter
from deployment_system.error_handling.store.error_records import ErrorRecords
from deployment_system.error_handling.store.journal import Journal
from deployment_system.error_handling.store.locks import Lock, Locks
from deployment_system.error_handling.store.measures import ErrorTotal, Measure, Measures
from deployment_system.error_handling.store.notes import Note, Notes
from deployment_system.error_handling.store.opening import Store, open_store
from deployment_system.error_handling.store.owner import Owner
from deployment_system.error_handling.store.records import (
    Mark,
    OperationRecord,
    OperationStatus,
    PlanRecord,
    State,
)

__all__ = [
    "ErrorFilter",
    "ErrorRecords",
    "ErrorTotal",
    "Journal",
    "Lock",
    "Locks",
    "Mark",
    "Measure",
    "Measures",
    "Note",
    "Notes",
    "OperationRecord",
    "OperationStatus",
    "Owner",
    "PlanRecord",
    "State",
    "Store",
    "open_store",
]
