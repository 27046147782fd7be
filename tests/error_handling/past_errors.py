"""Errors of chosen moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from deployment_system.error_handling import DockerError, ErrorContext

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=10)
"""Ten days ago."""


def at(moment: datetime, message: str = "the build failed", **context: Any) -> DockerError:
    """An error of that moment."""
    return DockerError(message, context=ErrorContext(**context), timestamp=moment)
