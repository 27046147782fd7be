"""What can go wrong, as exceptions that carry their facts.

The tree:

    DeploymentSystemError
    ├── FlowDiscoveryError    a file, or a flow in it, cannot be read or used
    ├── ValidationError       flows, dependencies, parameters or schedules are not as they must be
    ├── ConfigurationError    a configuration file or an environment is wrong
    ├── DockerError           an image cannot be built, tagged, pushed or found
    ├── PrefectAPIError       the Prefect server did not do what it was asked
    ├── DeploymentError       a deployment cannot be made, changed, verified or removed
    └── RecoveryError         an undo or a remedy failed

An error is made once, at the door where it happened. Context is added while it travels up, by
`error.with_context(...)`; what is known already stays.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import (
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)
from deployment_system.error_handling.error_context import ErrorContext
from deployment_system.error_handling.fingerprints import fingerprint
from deployment_system.error_handling.plain_values import plain_text
from deployment_system.error_handling.traceback_text import traceback_text

__all__ = [
    "ConfigurationError",
    "DeploymentError",
    "DeploymentSystemError",
    "DockerError",
    "ErrorCategory",
    "ErrorCodes",
    "ErrorContext",
    "ErrorSeverity",
    "FlowDiscoveryError",
    "PrefectAPIError",
    "RecoveryError",
    "RestoredCause",
    "ValidationError",
]


class RestoredCause(Exception):  # noqa: N818 - stands for any exception, not for an error of ours
    """Stands for a cause that was read back from a record: its text is the cause's description."""


class DeploymentSystemError(Exception):
    """Any error that this system raises on purpose. Its children say which part it belongs to.

    Category, severity, remediation and whether trying again can help come from the registry's entry
    for the code; each can be said otherwise here. `cause` becomes the exception's `__cause__`, as
    `raise ... from cause` does. Secrets in the message are hidden: it ends up in logs.
    """

    default_code: ClassVar[ErrorCodes] = ErrorCodes.UNEXPECTED_ERROR
    default_category: ClassVar[ErrorCategory] = ErrorCategory.INTERNAL

    error_code: str
    category: ErrorCategory
    severity: ErrorSeverity
    context: ErrorContext
    remedies: tuple[Remedy, ...]
    retryable: bool
    timestamp: datetime
    error_id: str | None = None
    """Its name in the error history, once it is kept there."""

    def __init__(
        self,
        message: str,
        *,
        error_code: str | None = None,
        category: ErrorCategory | str | None = None,
        severity: ErrorSeverity | str | None = None,
        context: ErrorContext | None = None,
        remediation: str | Remedy | Iterable[str | Remedy] | None = None,
        cause: BaseException | None = None,
        retryable: bool | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        self.message = plain_text(message)
        super().__init__(self.message)
        self.error_code = _known_code(error_code or self.default_code)
        entry = REGISTRY.get(self.error_code) if isinstance(self.error_code, ErrorCodes) else None
        self.category = ErrorCategory(category or self._usual_category())
        self.severity = ErrorSeverity(severity or (entry.severity if entry else ErrorSeverity.MEDIUM))
        self.context = context if context is not None else ErrorContext()
        self.remedies = _as_remedies(remediation, entry.remedies if entry else ())
        self.retryable = (entry.retryable if entry else False) if retryable is None else retryable
        self.timestamp = timestamp or datetime.now(UTC)
        self._recorded_traceback: str | None = None
        if cause is not None:
            self.__cause__ = cause

    def _usual_category(self) -> ErrorCategory:
        """The class's own category; the base class, which has none, takes that of the code."""
        entry = REGISTRY.get(self.error_code) if isinstance(self.error_code, ErrorCodes) else None
        if type(self) is DeploymentSystemError and entry:
            return entry.category
        return self.default_category

    @property
    def remediation(self) -> list[str]:
        """What to do, one sentence or command a line, the best first."""
        return [remedy.text for remedy in self.remedies]

    @property
    def cause(self) -> BaseException | None:
        """What made this error happen, if anything did."""
        return _cause_of(self)

    @property
    def fingerprint(self) -> str:
        """The same for repeats of one fault, on any machine and in any run."""
        return self._fingerprint(self.cause_descriptions())

    def _fingerprint(self, causes: Iterable[str]) -> str:
        return fingerprint(
            str(self.error_code),
            self.context.file_path,
            (self.context.flow_name, self.context.deployment_name),
            (self.message, *causes),
        )

    def with_context(self, **fields: Any) -> Self:
        """Adds what is known here to the error and returns it, so that `raise error.with_context(...)`
        keeps its traceback. What is known already stays."""
        self.context = self.context.extended(**fields)
        return self

    def cause_descriptions(self) -> list[str]:
        """One line a cause, the nearest first."""
        lines = []
        seen: set[int] = {id(self)}
        cause = _cause_of(self)
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            lines.append(_description(cause))
            cause = _cause_of(cause)
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON values, complete: `from_dict` makes one of it that says the same."""
        causes = self.cause_descriptions()
        return {
            "error_code": str(self.error_code),
            "error_type": type(self).__name__,
            "message": self.message,
            "category": self.category.value,
            "severity": self.severity.value,
            "retryable": self.retryable,
            "remediation": self.remediation,
            "remedies": [
                {"text": remedy.text, "confidence": remedy.confidence.value} for remedy in self.remedies
            ],
            "context": self.context.to_dict(),
            "cause": causes,
            "fingerprint": self._fingerprint(causes),
            "timestamp": self.timestamp.isoformat(),
            "traceback": self._traceback_text(),
            **({"error_id": self.error_id} if self.error_id else {}),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "DeploymentSystemError":
        """The error that `to_dict` was called on, of its own class; causes come back as their texts."""
        error_class = _class_named(record.get("error_type", cls.__name__))
        remedies = record.get("remedies")
        error = error_class(
            record["message"],
            error_code=record["error_code"],
            category=record.get("category"),
            severity=record.get("severity"),
            context=ErrorContext.from_dict(record.get("context", {})),
            remediation=(
                [Remedy(item["text"], Confidence(item["confidence"])) for item in remedies]
                if remedies is not None
                else list(record.get("remediation", ()))
            ),
            cause=_restored_chain(record.get("cause", ())),
            retryable=record.get("retryable"),
            timestamp=datetime.fromisoformat(record["timestamp"]) if record.get("timestamp") else None,
        )
        error._recorded_traceback = record.get("traceback")
        error.error_id = record.get("error_id")
        return error

    def _traceback_text(self) -> str | None:
        if self._recorded_traceback is not None:
            return self._recorded_traceback
        if self.__traceback__ is None:
            return None
        return plain_text(traceback_text(self))

    def __reduce__(self) -> tuple[Any, ...]:
        # As Python pickles and copies exceptions, causes are lost; they cannot be kept as they are,
        # because many exceptions of libraries cannot be pickled.
        state = {**self.__dict__, "_recorded_traceback": self._traceback_text()}
        return _revived, (type(self), self.args, state, self.cause_descriptions())


def _revived(
    error_class: type[DeploymentSystemError],
    arguments: tuple[Any, ...],
    state: dict[str, Any],
    causes: list[str],
) -> DeploymentSystemError:
    # Not by calling the class: a child may take other arguments than it hands to its parent.
    error = error_class.__new__(error_class, *arguments)
    error.__dict__.update(state)
    error.__cause__ = _restored_chain(causes)
    return error


class FlowDiscoveryError(DeploymentSystemError):
    """A file, or a flow in it, cannot be read or used."""

    default_code = ErrorCodes.FLOW_DISCOVERY_FAILED
    default_category = ErrorCategory.FLOW_DISCOVERY


class ValidationError(DeploymentSystemError):
    """Flows, dependencies, parameters or schedules are not as they must be."""

    default_code = ErrorCodes.VALIDATION_FAILED
    default_category = ErrorCategory.VALIDATION


class ConfigurationError(DeploymentSystemError):
    """A configuration file or an environment is wrong."""

    default_code = ErrorCodes.CONFIG_INVALID_FORMAT
    default_category = ErrorCategory.CONFIGURATION


class DockerError(DeploymentSystemError):
    """An image cannot be built, tagged, pushed or found."""

    default_code = ErrorCodes.DOCKER_BUILD_FAILED
    default_category = ErrorCategory.DOCKER


class PrefectAPIError(DeploymentSystemError):
    """The Prefect server did not do what it was asked."""

    default_code = ErrorCodes.PREFECT_API_ERROR
    default_category = ErrorCategory.PREFECT_API


class DeploymentError(DeploymentSystemError):
    """A deployment cannot be made, changed, verified or removed."""

    default_code = ErrorCodes.DEPLOYMENT_FAILED
    default_category = ErrorCategory.DEPLOYMENT


class RecoveryError(DeploymentSystemError):
    """An undo or a remedy failed."""

    default_code = ErrorCodes.RECOVERY_FAILED
    default_category = ErrorCategory.RECOVERY


def _known_code(code: str) -> str:
    """The registry's member for a code of ours, any other text as it is (third parties have codes too)."""
    return ErrorCodes(code) if code in ErrorCodes.__members__ else plain_text(code)


def _as_remedies(
    said: str | Remedy | Iterable[str | Remedy] | None, usual: tuple[Remedy, ...]
) -> tuple[Remedy, ...]:
    if said is None:
        return usual
    items = [said] if isinstance(said, str | Remedy) else list(said)
    return tuple(item if isinstance(item, Remedy) else Remedy(plain_text(item)) for item in items)


def _cause_of(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _description(error: BaseException) -> str:
    if isinstance(error, RestoredCause):
        return str(error)
    text = " ".join(plain_text(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _restored_chain(descriptions: Iterable[str]) -> RestoredCause | None:
    chain: RestoredCause | None = None
    for description in reversed(list(descriptions)):
        cause = RestoredCause(description)
        cause.__cause__ = chain
        chain = cause
    return chain


def _class_named(name: str) -> type[DeploymentSystemError]:
    """The error class of that name; an unknown one (of a plug-in not installed here) is read as the base."""
    pending = [DeploymentSystemError]
    while pending:
        candidate = pending.pop()
        if candidate.__name__ == name:
            return candidate
        pending.extend(candidate.__subclasses__())
    return DeploymentSystemError
