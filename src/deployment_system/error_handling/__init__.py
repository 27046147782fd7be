"""Typed errors with context and remedy, and what is done about them. Usable without Prefect and Docker."""

from deployment_system.error_handling.error_codes import (
    REGISTRY,
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)
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

__all__ = [
    "REGISTRY",
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
    "ValidationError",
]
