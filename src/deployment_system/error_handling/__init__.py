"""Typed errors with context and remedy, and what is done about them. Usable without Prefect and Docker."""

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
    "ErrorSeverity",
    "FailedAttempt",
    "FlowDiscoveryError",
    "LookUpFirst",
    "OpenCircuit",
    "PrefectAPIError",
    "RecoveryError",
    "Remedy",
    "RetryBudget",
    "RetryBudgetPolicy",
    "RetryHandler",
    "RetryPolicies",
    "RetryPolicy",
    "RetryStrategy",
    "ValidationError",
    "attempts_of",
    "explain_code",
    "explain_text",
    "format_user_error",
    "log_attempts",
    "no_sleep",
    "with_async_retry",
    "with_retry",
]
