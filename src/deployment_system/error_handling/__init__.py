"""Typed errors with context and remedy, and what is done about them. Usable without Prefect and Docker."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deployment_system.error_handling.circuit_breaker import (
    CircuitBreaker,
    CircuitPolicy,
    CircuitState,
    OpenCircuit,
)
from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)
from deployment_system.error_handling.error_format import explain_code, explain_text, format_user_error
from deployment_system.error_handling.error_groups import SameReason, group_errors
from deployment_system.error_handling.error_types import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    FlowDiscoveryError,
    PrefectAPIError,
    RecoveryError,
    ValidationError,
)
from deployment_system.error_handling.retry_attempts import (
    Attempt,
    FailedAttempt,
    attempts_of,
    log_attempts,
)
from deployment_system.error_handling.retry_budget import RetryBudget, RetryBudgetPolicy
from deployment_system.error_handling.retry_decorators import with_async_retry, with_retry
from deployment_system.error_handling.retry_handler import NOT_THERE, LookUpFirst, RetryHandler, no_sleep
from deployment_system.error_handling.retry_policy import RetryPolicies, RetryPolicy, RetryStrategy

if TYPE_CHECKING:
    from deployment_system.error_handling.error_analysis import ErrorGroup, ErrorSummary
    from deployment_system.error_handling.error_logging import configure_logging
    from deployment_system.error_handling.error_report import ErrorReport, Kept
    from deployment_system.error_handling.error_reporter import ErrorReporter
    from deployment_system.error_handling.known_secrets import KnownSecrets
    from deployment_system.error_handling.recovery_manager import RecoveryManager
    from deployment_system.error_handling.recovery_plans import RecoveryStrategy
    from deployment_system.error_handling.rollback_manager import Intent, RollbackManager
    from deployment_system.error_handling.rollback_plans import OperationStatus, OperationType, RollbackPlan
    from deployment_system.error_handling.store import ErrorFilter
    from deployment_system.error_handling.undo import (
        GroupUndoHandler,
        UndoFunction,
        UndoHandler,
        UndoHandlers,
    )
    from deployment_system.error_handling.undo_files import FileHandler, file_reference, file_state

# Imported when first asked for: most commands may raise errors, few keep one or begin a transaction.
_LATER = {
    "ErrorFilter": "store",
    "ErrorGroup": "error_analysis",
    "ErrorReport": "error_report",
    "ErrorReporter": "error_reporter",
    "ErrorSummary": "error_analysis",
    "FileHandler": "undo_files",
    "GroupUndoHandler": "undo",
    "Intent": "rollback_manager",
    "Kept": "error_report",
    "KnownSecrets": "known_secrets",
    "OperationStatus": "rollback_plans",
    "OperationType": "rollback_plans",
    "RecoveryManager": "recovery_manager",
    "RecoveryStrategy": "recovery_plans",
    "RollbackManager": "rollback_manager",
    "RollbackPlan": "rollback_plans",
    "UndoFunction": "undo",
    "UndoHandler": "undo",
    "UndoHandlers": "undo",
    "configure_logging": "error_logging",
    "file_reference": "undo_files",
    "file_state": "undo_files",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "NOT_THERE",
    "REGISTRY",
    "Attempt",
    "CircuitBreaker",
    "CircuitPolicy",
    "CircuitState",
    "CodeEntry",
    "Confidence",
    "ConfigurationError",
    "DeploymentError",
    "DeploymentSystemError",
    "DockerError",
    "ErrorCategory",
    "ErrorCodes",
    "ErrorContext",
    "ErrorFilter",
    "ErrorGroup",
    "ErrorReport",
    "ErrorReporter",
    "ErrorSeverity",
    "ErrorSummary",
    "FailedAttempt",
    "FileHandler",
    "FlowDiscoveryError",
    "GroupUndoHandler",
    "Intent",
    "Kept",
    "KnownSecrets",
    "LookUpFirst",
    "OpenCircuit",
    "OperationStatus",
    "OperationType",
    "PrefectAPIError",
    "RecoveryError",
    "RecoveryManager",
    "RecoveryStrategy",
    "Remedy",
    "RetryBudget",
    "RetryBudgetPolicy",
    "RetryHandler",
    "RetryPolicies",
    "RetryPolicy",
    "RetryStrategy",
    "RollbackManager",
    "RollbackPlan",
    "SameReason",
    "UndoFunction",
    "UndoHandler",
    "UndoHandlers",
    "ValidationError",
    "attempts_of",
    "configure_logging",
    "explain_code",
    "explain_text",
    "file_reference",
    "file_state",
    "format_user_error",
    "group_errors",
    "log_attempts",
    "no_sleep",
    "with_async_retry",
    "with_retry",
]
