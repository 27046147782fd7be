"""Opens the project for a command, and says which environment and server are active."""

import os
from pathlib import Path

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.output import write_note
from deployment_system.cli.progress import ShownProgress
from deployment_system.cli.render.plans import plan_text
from deployment_system.deploy.deploying import Confirm
from deployment_system.deploy.plan import Plan
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.project import Project, open_project
from deployment_system.error_handling import (
    DeploymentError,
    ErrorCodes,
    ErrorContext,
)


def open_here(
    invocation: Invocation, *, environment: str | None = None, for_recovery: bool = False
) -> Project:
    """The project of the current folder; `environment`: another one than the command names. Raises
    `ProblemsFound`."""
    project = open_project(
        Path.cwd(),
        config_file=invocation.config_file,
        environment=environment or invocation.environment,
        environ=os.environ,
        for_recovery=for_recovery,
    )
    invocation.active_environment = invocation.active_environment or project.environment_name
    invocation.secrets = (*invocation.secrets, project.server.api_key, project.server.auth_string)
    return project


def project_or_none(invocation: Invocation) -> Project | None:
    """The project of the current folder; None where its configuration is what is wrong."""
    try:
        return open_here(invocation)
    except ProblemsFound:
        return None


def say_target(invocation: Invocation, project: Project) -> None:
    """Which environment and which server: always said, as acting on the wrong one hurts most."""
    write_note(
        invocation,
        f"environment {project.environment_name} · server {project.server.url} ({project.server.origin})",
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


def question(invocation: Invocation, project: Project, progress: ShownProgress) -> Confirm:
    """How a command asks before it changes anything: always in a protected environment, and wherever
    something is to be deleted."""

    def confirm(plan: Plan) -> bool:
        if not (project.environment.protected or plan.summary["delete"] or plan.removed_images):
            return True
        if invocation.yes:
            return True
        if not invocation.interactive:
            return False
        progress.hide()
        click.echo(plan_text(plan), err=True)
        return click.confirm(f"Do this in {project.environment_name} on {project.server.url}?", err=True)

    return confirm


def _unconfirmed(project: Project, message: str) -> ProblemsFound:
    error = DeploymentError(
        message,
        error_code=ErrorCodes.CONFIRMATION_REQUIRED,
        context=ErrorContext(environment=project.environment_name),
    )
    return ProblemsFound([error], EXIT_INVALID, "invalid")
