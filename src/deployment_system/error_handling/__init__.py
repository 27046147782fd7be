"""Typed errors with context and remedy, and what is done about them. Usable without Prefect and Docker."""

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
from deployment_system.error_handling.retry_handler import (
    Attempt,
    RetryHandler,
    RetryPolicies,
    RetryPolicy,
    RetryStrategy,
    no_sleep,
    with_async_retry,
    with_retry,
)

__all__ = [
    "REGISTRY",
    "Attempt",
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
    "FlowDiscoveryError",
    "PrefectAPIError",
    "RecoveryError",
    "Remedy",
    "RetryHandler",
    "RetryPolicies",
    "RetryPolicy",
    "RetryStrategy",
    "ValidationError",
    "explain_code",
    "explain_text",
    "format_user_error",
    "no_sleep",
    "with_async_retry",
    "with_retry",
]
