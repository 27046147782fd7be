"""Errors that a command met go into the history, with the command, the environment and the transaction.

What belongs there is what somebody would look for later. A command that changes things is remembered with
everything that it met: who asks why nothing was deployed last night wants to hear of an invalid flow as well
as of a server that was away. A command that only looks is remembered where something failed outside; what is
wrong in the files it says again whenever it is asked. A command line that could not be understood is
nobody's history; a fault of this program itself always is.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.error_handling import DeploymentSystemError, ErrorCategory, ErrorSeverity

_CHANGE = frozenset(
    (
        *("deploy", "clean", "build", "up", "down"),
        *("recovery execute", "recovery plans run", "recovery cleanup"),
        *("lock take", "lock release", "notify deliver"),
    )
)
_LOOK = frozenset(("plan", "status", "recovery list", "recovery details", "recovery audit", "lock show"))
_OUTSIDE = frozenset(
    (
        *(ErrorCategory.PREFECT_API, ErrorCategory.DOCKER, ErrorCategory.NETWORK),
        *(ErrorCategory.FILESYSTEM, ErrorCategory.RECOVERY, ErrorCategory.DEPLOYMENT),
    )
)
_GRAVE = (ErrorSeverity.HIGH, ErrorSeverity.CRITICAL)


def record_errors(
    invocation: Invocation, errors: Iterable[DeploymentSystemError], *, plan_id: str | None = None
) -> None:
    """Keeps what belongs into the history. Never raises: where it cannot be kept, that is said."""
    kept = [error for error in errors if belongs_to_history(invocation, error)]
    if not kept:
        return
    # Imported by who has something to keep: a command that goes well needs none of it.
    from deployment_system.deploy.error_history import recorder_of
    from deployment_system.error_handling import Kept

    try:
        with recorder_of(
            Path.cwd(),
            config_file=invocation.config_file,
            environ=os.environ,
            secrets=invocation.secrets,
        ) as recorder:
            reports = recorder.report_errors(
                kept,
                command=invocation.command,
                environment=invocation.active_environment or invocation.environment,
                plan_id=plan_id,
            )
        is_kept = reports[0].kept is not Kept.NOWHERE
    except OSError:
        is_kept = False  # the current folder is gone, say, or one above it may not be looked into
    except KeyboardInterrupt:
        is_kept = False  # a second Ctrl-C: whoever is in such a hurry hears of the error itself all the same
    if not is_kept and not invocation.json:
        click.echo("this could not be written into the error history: the state cannot be used", err=True)


def grave(warnings: Sequence[DeploymentSystemError]) -> list[DeploymentSystemError]:
    """Warnings that somebody will ask about: what an earlier deployment left and nobody could put back."""
    return [each for each in warnings if each.severity in _GRAVE and each.category in _OUTSIDE]


def belongs_to_history(invocation: Invocation, error: DeploymentSystemError) -> bool:
    """Whether somebody would look for this error in the history."""
    if error.category is ErrorCategory.INTERNAL:
        return True
    if error.category is ErrorCategory.USAGE:
        return False
    if invocation.command in _CHANGE and not invocation.looks_only:
        return True
    looks = invocation.command in _LOOK or invocation.command in _CHANGE
    return looks and error.category in _OUTSIDE
