"""Opens the project for a command, and says which environment and server are active."""

import os
from pathlib import Path

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.output import error_text, write_note
from deployment_system.deploy.deploying import Confirm
from deployment_system.deploy.plan import Plan
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.project import EXIT_INVALID, Project, open_project
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCategory,
    ErrorCodes,
    ErrorContext,
)


def open_here(invocation: Invocation) -> Project:
    """The project of the current folder. Raises `ProblemsFound`."""
    return open_project(
        Path.cwd(),
        config_file=invocation.config_file,
        environment=invocation.environment,
        environ=os.environ,
    )


def say_target(invocation: Invocation, project: Project) -> None:
    """Which environment and which server: always said, as acting on the wrong one hurts most."""
    write_note(
        invocation,
        f"environment {project.environment_name} · server {project.server.url} ({project.server.origin})",
    )


def say_warnings(invocation: Invocation, warnings: tuple[DeploymentSystemError, ...]) -> None:
    """Warnings, once each, on standard error."""
    seen: set[str] = set()
    for warning in warnings:
        if warning.message not in seen:
            seen.add(warning.message)
            write_note(invocation, error_text(invocation, warning))


def selected(types: str, only: tuple[str, ...], *, prune: bool) -> Selection:
    """The selection of the options. Containers come with a later version."""
    if types == "docker":
        raise not_available("deploy --type docker", "Container deployments come")
    return Selection(types, only, prune)


def not_available(command: str, what: str) -> DeploymentSystemError:
    """The error for what a later version brings."""
    return DeploymentSystemError(
        f"`deployment-cli {command}`: {what} with a later version",
        error_code=ErrorCodes.COMMAND_NOT_AVAILABLE,
        category=ErrorCategory.USAGE,
        context=ErrorContext(operation=command),
    )


def check_protection(invocation: Invocation, project: Project) -> None:
    """A protected environment without a terminal needs --yes together with --env."""
    if not project.environment.protected:
        return
    if invocation.yes and not project.environment_was_named:
        raise _unconfirmed(
            project, f"--yes in the protected environment {project.environment_name!r} needs --env as well"
        )
    if not invocation.yes and not invocation.interactive:
        raise _unconfirmed(
            project, f"environment {project.environment_name!r} is protected, and nobody can be asked here"
        )


def question(invocation: Invocation, project: Project, *, always: bool, shown: str) -> Confirm | None:
    """How this command asks before it changes anything; None: it does not ask."""
    differs = any(warning.error_code == ErrorCodes.SERVER_URL_DIFFERS for warning in project.warnings)
    needed = always or project.environment.protected or (differs and project.environment.protected)

    def confirm(plan: Plan) -> bool:
        deletes = plan.summary["delete"]
        if not needed and not deletes:
            return True
        if invocation.yes:
            return True
        if not invocation.interactive:
            return False
        summary = ", ".join(f"{count} to {action}" for action, count in plan.summary.items() if count)
        click.echo(f"{shown}: {summary}, in {project.environment_name} on {project.server.url}", err=True)
        return click.confirm("Go on?", default=False, err=True)

    return confirm


def _unconfirmed(project: Project, message: str) -> ProblemsFound:
    error = DeploymentError(
        message,
        error_code=ErrorCodes.CONFIRMATION_REQUIRED,
        context=ErrorContext(environment=project.environment_name),
    )
    return ProblemsFound([error], EXIT_INVALID, "invalid")
