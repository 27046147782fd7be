"""The audit trail of recoveries: who changed what, when, why, and how it was before and after.

It is kept in the store apart from the journal, which forgets old transactions. An entry is written before
anything is changed, so that there is no change without one.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.plain_values import json_value
from deployment_system.error_handling.recovery_outcomes import Recovery
from deployment_system.error_handling.store import OperationRecord, Owner, State, Store

SCOPE = "recovery audit"
BEGUN = "begun"
"""The outcome of a recovery whose process ended before it did."""
LONGEST_VALUE = 300
"""Characters of one value, as JSON: a work pool's template has tens of thousands."""

_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class RecoveryAudit:
    """Reads and writes the entries."""

    store: Store

    def begin(
        self,
        plan_id: str,
        error: DeploymentSystemError,
        proposed: Recovery,
        *,
        environment: str | None,
        agreed_by: str,
        now: datetime,
    ) -> dict[str, Any]:
        """Writes down what is about to be done. Raises what the store raises: then nothing must be done."""
        entry = {
            "plan_id": plan_id,
            "plan": proposed.plan.name,
            "strategy": proposed.plan.strategy.value,
            "who": str(Owner.current()),
            "agreed_by": agreed_by,
            "environment": environment or error.context.environment,
            "error_code": str(error.error_code),
            "fault": error.fingerprint,
            "message": json_value(error.message),
            "begun_at": now.isoformat(),
            "outcome": BEGUN,
            "steps": [each.to_dict() for each in proposed.steps],
        }
        self.store.notes.put(SCOPE, plan_id, entry)
        return entry

    def end(
        self,
        entry: Mapping[str, Any],
        recovery: Recovery,
        operations: Iterable[OperationRecord],
        now: datetime,
    ) -> None:
        """Writes down what came of it. Never raises: what was done must not be lost over that."""
        ended = {
            **entry,
            "outcome": recovery.outcome.value,
            "ended_at": now.isoformat(),
            "seconds": None if recovery.seconds is None else round(recovery.seconds, 3),
            "said": list(recovery.messages),
            "changes": [_change(operation) for operation in operations],
        }
        try:
            self.store.notes.put(SCOPE, str(entry["plan_id"]), ended)
        except DeploymentSystemError as failure:
            _log.warning("how the recovery ended could not be noted: %s", failure.message)

    def entries(self) -> list[dict[str, Any]]:
        """All of them, the newest first."""
        found = self.store.notes.all(SCOPE).values()
        return sorted(found, key=lambda entry: str(entry["begun_at"]), reverse=True)


def _change(operation: OperationRecord) -> dict[str, Any]:
    """One change: what differs between before and after, without secrets."""
    before, after = operation.before, operation.after
    names = sorted((before or {}).keys() | (after or {}).keys())
    differs = [name for name in names if (before or {}).get(name) != (after or {}).get(name)]
    return {
        "description": operation.description,
        "type": operation.operation_type,
        "status": operation.status.value,
        "before": None if before is None else _shown(before, differs),
        "after": None if after is None else _shown(after, differs),
    }


def _shown(state: State, names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(state[name]) for name in names if name in state}


def _value(value: Any) -> Any:
    """As JSON; a file's content by its hash, as it may hold secrets: what changed in it says the diff."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:16]}"
    plain = json_value(value)
    text = str(plain)
    return plain if len(text) <= LONGEST_VALUE else f"{len(text)} characters"
