"""`lock`: keeps everybody from deploying to an environment, for as long as a person wants."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here, say_target
from deployment_system.cli.output import write_result
from deployment_system.deploy.locking import current_lock, release_lock, take_lock
from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import transactions
from deployment_system.error_handling.store import Lock


@click.group()
def lock() -> None:
    """Keep everybody from deploying to an environment."""


@lock.command()
@click.option("--reason", "-m", required=True, metavar="TEXT", help="Shown to whoever wants to deploy.")
@common_options
@click.pass_obj
def take(invocation: Invocation, /, reason: str, **values: Any) -> int:
    """Take the environment's lock: nobody deploys there until it is released."""
    take_common(invocation, values)
    project = _opened(invocation)
    with transactions(project) as manager:
        taken = take_lock(project, manager.store, reason)
    write_result(invocation, _document(project, taken), f"locked: {_words(taken)}")
    return 0


@lock.command()
@click.option("--force", is_flag=True, help="Also that of a deployment that runs.")
@common_options
@click.pass_obj
def release(invocation: Invocation, /, force: bool, **values: Any) -> int:
    """Give the environment's lock back, whoever took it."""
    take_common(invocation, values)
    project = _opened(invocation)
    with transactions(project) as manager:
        released = release_lock(project, manager.store, force=force)
    text = f"released; it was held by {_words(released)}" if released else "nobody has the lock"
    write_result(invocation, {**_document(project, None), "released": released is not None}, text)
    return 0


@lock.command()
@common_options
@click.pass_obj
def show(invocation: Invocation, /, **values: Any) -> int:
    """Show who has the environment's lock."""
    take_common(invocation, values)
    project = _opened(invocation)
    with transactions(project) as manager:
        held = current_lock(project, manager.store)
    write_result(invocation, _document(project, held), _words(held) if held else "nobody has the lock")
    return 0


def _opened(invocation: Invocation) -> Project:
    project = open_here(invocation, for_recovery=True)
    say_target(invocation, project)
    return project


def _words(held: Lock) -> str:
    how = "taken on purpose" if held.manual else "deploying"
    return f"{held.owner}, {how} since {held.acquired_at:%Y-%m-%d %H:%M:%S} UTC: {held.purpose}"


def _document(project: Project, held: Lock | None) -> dict[str, Any]:
    shown = held and {
        "owner": str(held.owner),
        "reason": held.purpose,
        "manual": held.manual,
        "since": held.acquired_at.isoformat(),
    }
    return {"environment": project.environment_name, "lock": shown}
