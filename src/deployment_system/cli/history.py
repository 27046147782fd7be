"""The error history of the current folder, as commands look at it."""

import os
from pathlib import Path
from typing import Any

from deployment_system.cli.invocation import Invocation
from deployment_system.deploy.error_history import reader_of
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCategory,
    ErrorCodes,
    ErrorReporter,
)


def history_here(invocation: Invocation) -> ErrorReporter:
    """To be looked at; close it."""
    return reader_of(Path.cwd(), config_file=invocation.config_file, environ=os.environ)


def one_report(history: ErrorReporter, error_id: str | None) -> dict[str, Any]:
    """The error of that id, or of which the id ends so; without one, the last error. Raises
    ERROR_NOT_FOUND."""
    if error_id:
        found = history.records.get(error_id)
        message = f"there is no error {error_id!r} in the history"
    else:
        found = next(history.records.find(limit=1), None)
        message = "there is no error in the history"
    if found is None:
        raise DeploymentSystemError(
            message, error_code=ErrorCodes.ERROR_NOT_FOUND, category=ErrorCategory.USAGE
        )
    return found
