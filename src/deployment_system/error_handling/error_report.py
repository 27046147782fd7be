"""One report: an error with everything that is known of it when it is told, as a record that can be kept."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCategory, ErrorCodes, ErrorSeverity
from deployment_system.error_handling.error_types import DeploymentSystemError, RestoredCause
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.plain_values import json_value, plain_text
from deployment_system.error_handling.retry_attempts import attempts_of
from deployment_system.error_handling.store.error_filter import first_id_of, in_utc
from deployment_system.error_handling.store.owner import Owner

_MOST_CAUSES = 50
_RANDOM_DIGITS = 7


class Kept(StrEnum):
    """Where a report was kept."""

    HISTORY = "history"
    PENDING = "pending"
    """In the file beside the store, which is away."""
    NOWHERE = "nowhere"
    """Neither could be written; the log has it."""


@dataclass(frozen=True)
class ErrorReport:
    """What was told, when, and during what."""

    error_id: str
    """Its name in the history, such as `error_20251002_110652_0f3a71b2c4d5`; ids sort by time."""
    timestamp: datetime
    """When the error happened, in UTC."""
    operation: str | None
    error: DeploymentSystemError
    document: Mapping[str, Any]
    """The record: the error's own document (`DeploymentSystemError.to_dict`), and beside it `error_id`,
    `operation`, `command`, `environment`, `plan_id`, `causes`, `attempts`, `evidence`, `extra` and
    `reported_by`. JSON values without secrets."""
    kept: Kept = Kept.HISTORY

    @property
    def category(self) -> ErrorCategory:
        """Which part of the system it belongs to."""
        return self.error.category

    @property
    def severity(self) -> ErrorSeverity:
        """How much it hurts."""
        return self.error.severity

    @property
    def remediation(self) -> list[str]:
        """What to do."""
        return self.error.remediation

    def to_dict(self) -> dict[str, Any]:
        """The record."""
        return dict(self.document)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "ErrorReport":
        """The report of a record; its error says the same as the one that was told."""
        error = DeploymentSystemError.from_dict(document)
        return cls(document["error_id"], error.timestamp, document.get("operation"), error, document)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the error itself."""

    operation: str | None = None
    command: str | None = None
    environment: str | None = None
    plan_id: str | None = None
    evidence: Mapping[str, Any] | None = None
    """What was captured at the fault: an answer, a state, the end of a log."""
    extra: Mapping[str, Any] | None = None


def report_of(
    error: BaseException, around: Circumstances, *, owner: Owner, known: KnownSecrets
) -> ErrorReport:
    """The report of an error. One that is not of this system is told as the unexpected one that it is."""
    told = error if isinstance(error, DeploymentSystemError) else _unexpected(error)
    moment = in_utc(told.timestamp)
    operation = around.operation or told.context.operation
    document = {
        **told.to_dict(),
        "timestamp": moment.isoformat(timespec="microseconds"),
        "error_id": first_id_of(moment) + os.urandom(4).hex()[:_RANDOM_DIGITS],
        "operation": _text(operation),
        "command": _text(around.command),
        "environment": _text(around.environment or told.context.environment),
        "plan_id": _text(around.plan_id or told.context.extra.get("plan_id")),
        "causes": list(_causes(told)),
        "attempts": [asdict(attempt) for attempt in attempts_of(error)],
        "evidence": json_value(around.evidence or {}),
        "extra": json_value(around.extra or {}),
        "reported_by": {"host": owner.host, "pid": owner.pid, "user": owner.user},
    }
    document = known.hide_in(document)
    return ErrorReport(document["error_id"], moment, operation, told, document)


def without_known(error: BaseException, known: KnownSecrets) -> DeploymentSystemError:
    """The error with known values hidden. Not in its text when that is made: a line that is cut would leave
    half of one."""
    told = error if isinstance(error, DeploymentSystemError) else _unexpected(error)
    document = told.to_dict()
    hidden = known.hide_in(document)
    return told if hidden is document else DeploymentSystemError.from_dict(hidden)


def _unexpected(error: BaseException) -> DeploymentSystemError:
    told = DeploymentSystemError(
        f"{type(error).__name__}: {plain_text(error)}",
        error_code=ErrorCodes.UNEXPECTED_ERROR,
        cause=error.__cause__,
        timestamp=datetime.now(UTC),
    )
    told.__traceback__ = error.__traceback__
    return told


def _causes(error: DeploymentSystemError) -> Iterator[dict[str, Any]]:
    """The chain of causes, the nearest first, each with what it knows."""
    seen = {id(error)}
    cause = error.cause
    while cause is not None and id(cause) not in seen and len(seen) <= _MOST_CAUSES:
        seen.add(id(cause))
        known: dict[str, Any] = {"type": type(cause).__name__, "message": plain_text(cause)}
        if isinstance(cause, RestoredCause):
            kind, _, message = str(cause).partition(": ")
            known = {"type": kind, "message": message}
        if isinstance(cause, DeploymentSystemError):
            known |= {"error_code": str(cause.error_code), "context": cause.context.to_dict()}
        if attempts := attempts_of(cause):
            known["attempts"] = [asdict(attempt) for attempt in attempts]
        yield known
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _text(value: object) -> str | None:
    return None if value is None else plain_text(value)
