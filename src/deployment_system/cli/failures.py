"""How a command ends that did not succeed: typed errors, in the format that was asked for."""

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.output import write_errors
from deployment_system.cli.recording import record_errors
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorCategory,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INVALID = 3
EXIT_LOCKED = 5
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_WRONG_USAGE = (ErrorCodes.SERVE_TOKEN_REQUIRED, ErrorCodes.SERVE_TOKEN_INVALID)
_STATE = (ErrorCodes.STATE_FULL, ErrorCodes.STATE_BUSY, ErrorCodes.STATE_DAMAGED, ErrorCodes.STATE_UNUSABLE)
"""Nothing that the user wrote is wrong: the place of the state is."""


def report_usage(invocation: Invocation, error: click.UsageError) -> int:
    """A command line that cannot be understood."""
    command = error.ctx.command_path if error.ctx else "deployment-cli"
    usage = DeploymentSystemError(
        error.format_message().rstrip("."),
        error_code=ErrorCodes.USAGE_INVALID,
        category=ErrorCategory.USAGE,
        context=ErrorContext(operation=command),
        remediation=[f"Run `{command} --help`."],
    )
    return _report(invocation, [usage], "usage", EXIT_USAGE)


def report_any(invocation: Invocation, error: Exception) -> int:
    """Any error that ended the command."""
    problems = getattr(error, "errors", None)
    if problems and hasattr(error, "exit_status"):
        return _report(invocation, list(problems), error.status, error.exit_status)  # type: ignore[attr-defined]
    if isinstance(error, DeploymentSystemError):
        if error.error_code in _WRONG_USAGE:
            return _report(invocation, [error], "usage", EXIT_USAGE)
        if error.error_code == ErrorCodes.LOCK_HELD:
            return _report(invocation, [error], "locked", EXIT_LOCKED)
        failed_outside = (
            isinstance(error, PrefectAPIError | DeploymentError | DockerError) or error.error_code in _STATE
        )
        status = (invocation.failed_word, EXIT_FAILED) if failed_outside else ("invalid", EXIT_INVALID)
        return _report(invocation, [error], *status)
    unexpected = DeploymentSystemError(
        f"something went wrong that nobody foresaw: {type(error).__name__}: {error}",
        error_code=ErrorCodes.UNEXPECTED_ERROR,
        cause=error,
    )
    unexpected.__traceback__ = error.__traceback__
    return _report(invocation, [unexpected], invocation.failed_word, EXIT_FAILED)


def interrupted(invocation: Invocation) -> int:
    """Ctrl-C, before anything was changed (or the command would have said what)."""
    return _report(invocation, [_interrupted("Ctrl-C")], "interrupted", EXIT_INTERRUPTED)


def terminated(invocation: Invocation, end: SystemExit) -> int:
    """SIGTERM, or a command that set its own exit status."""
    if end.code != EXIT_TERMINATED:
        return end.code if isinstance(end.code, int) else EXIT_FAILED
    return _report(invocation, [_interrupted("SIGTERM")], "interrupted", EXIT_TERMINATED)


def _interrupted(by: str) -> DeploymentError:
    return DeploymentError(
        f"interrupted by {by}: nothing was changed",
        error_code=ErrorCodes.DEPLOYMENT_INTERRUPTED,
    )


def _report(
    invocation: Invocation, errors: list[DeploymentSystemError], status: str, exit_status: int
) -> int:
    from deployment_system.cli.notifying import tell  # by who has something to tell

    record_errors(invocation, errors)
    told = tell(invocation, status, errors)
    write_errors(invocation, errors, status, told.to_dict())
    told.deliver()
    return exit_status
