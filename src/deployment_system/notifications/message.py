"""What there is to tell of one command: how it ended, where, and the errors that it met."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from deployment_system.error_handling import DeploymentSystemError, ErrorSeverity
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.store import Owner

MOST_ERRORS = 20
"""Errors that a message carries; the others are counted."""
LONGEST_TEXT = 1000
"""Characters of an error's message and of a remedy."""


class Event(StrEnum):
    """How a command ended, in the words of `status` in its JSON result."""

    DEPLOYED = "deployed"
    RECOVERED = "recovered"
    """Mended, or put back after the process that deployed had died."""
    ROLLED_BACK = "rolled_back"
    ROLLBACK_INCOMPLETE = "rollback_incomplete"
    UNFINISHED = "unfinished"
    """The process died in the middle, and nobody has put anything back yet."""
    INTERRUPTED = "interrupted"
    INVALID = "invalid"
    LOCKED = "locked"
    FAILED = "failed"
    TEST = "test"
    """Of `notify test`."""


EVENTS = tuple(event for event in Event if event is not Event.TEST)
"""What a route can ask for."""
WENT_WELL = (Event.DEPLOYED, Event.RECOVERED, Event.TEST)

_ORDER = list(ErrorSeverity)


@dataclass(frozen=True, slots=True)
class ToldError:
    """Of an error, what a message says."""

    code: str
    message: str
    category: str
    severity: str
    fingerprint: str
    place: str = ""
    """File and line, or flow."""
    remedy: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Of `DeploymentSystemError.to_dict()`."""
        context = record.get("context", {})
        place = context.get("file_path") or context.get("deployment_name") or context.get("flow_name") or ""
        if place and context.get("line_number"):
            place = f"{place}:{context['line_number']}"
        return cls(
            record["error_code"],
            _short(record["message"]),
            record["category"],
            record["severity"],
            record["fingerprint"],
            place,
            _short(next(iter(record.get("remediation", ())), "")),
        )


@dataclass(frozen=True)
class Message:
    """One outcome. JSON values only: it waits in the store until it is sent."""

    event: Event
    project: str
    environment: str
    command: str = ""
    plan_id: str | None = None
    summary: str = ""
    """One sentence beside the errors."""
    errors: tuple[ToldError, ...] = ()
    errors_left_out: int = 0
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    host: str = ""
    user: str = ""
    repeats: int = 0
    """How often the same has happened since the last message, and was not told."""
    repeats_since: datetime | None = None

    @property
    def went_well(self) -> bool:
        """Nothing needs to be done about it."""
        return self.event in WENT_WELL

    @property
    def severity(self) -> ErrorSeverity | None:
        """That of its gravest error; None without errors."""
        return max((ErrorSeverity(each.severity) for each in self.errors), key=_ORDER.index, default=None)

    @property
    def fingerprint(self) -> str:
        """The same for the same outcome by the same faults, in any run and on any machine."""
        parts = [self.event, self.project, self.environment, self.command]
        parts += sorted({each.fingerprint for each in self.errors})
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def narrowed(self, errors: Sequence[ToldError]) -> Self:
        """The same with fewer errors: those that somebody wants to hear of."""
        return self if len(errors) == len(self.errors) else replace(self, errors=tuple(errors))

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        since = self.repeats_since
        return {
            **asdict(self),
            "event": self.event.value,
            "occurred_at": self.occurred_at.isoformat(),
            "repeats_since": since.isoformat() if since else None,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The message that `to_dict` was called on."""
        since = record["repeats_since"]
        return cls(
            **{
                **record,
                "event": Event(record["event"]),
                "errors": tuple(ToldError(**each) for each in record["errors"]),
                "occurred_at": datetime.fromisoformat(record["occurred_at"]),
                "repeats_since": datetime.fromisoformat(since) if since else None,
            }
        )


def message_of(
    event: Event,
    project: str,
    environment: str,
    errors: Sequence[DeploymentSystemError],
    known: KnownSecrets,
    command: str = "",
    plan_id: str | None = None,
    summary: str = "",
    occurred_at: datetime | None = None,
) -> Message:
    """The message on an outcome, without secrets, from this machine and user."""
    owner = Owner.current()
    records = [known.hide_in(error.to_dict()) for error in errors]
    # The gravest first: where some are left out, it is not these.
    records.sort(key=lambda record: -_ORDER.index(ErrorSeverity(record["severity"])))
    return Message(
        event,
        project,
        environment,
        errors=tuple(ToldError.of(record) for record in records[:MOST_ERRORS]),
        errors_left_out=max(0, len(records) - MOST_ERRORS),
        host=owner.host or os.uname().nodename,
        user=owner.user,
        command=command,
        plan_id=plan_id,
        summary=known.hide(summary),
        occurred_at=occurred_at or datetime.now(UTC),
    )


def at_least(severity: ErrorSeverity, minimum: ErrorSeverity) -> bool:
    """Whether it is as grave."""
    return _ORDER.index(severity) >= _ORDER.index(minimum)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
