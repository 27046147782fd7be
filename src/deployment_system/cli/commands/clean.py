"""`clean`: removes the deployments that this project made."""

from typing import Any

import click

from deployment_system.cli.commands.deploy import show_result
from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.opening import check_protection, open_here, question, say_target
from deployment_system.cli.progress import shown_progress
from deployment_system.deploy import deploying
from deployment_system.deploy.deploying import DeployOptions
from deployment_system.deploy.planning import Selection


@click.command()
@click.option(
    "--type",
    "types",
    type=click.Choice(["python", "docker", "all"]),
    default="all",
    help="Type of deployments.",
)
@click.option("--only", multiple=True, metavar="GLOB", help="Only what matches; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and do nothing.")
@click.option("--images", is_flag=True, help="Remove also the images that were built for it.")
@click.option("--force", is_flag=True, help="Remove also what automations or runs need.")
@yes_option
@common_options
@click.pass_obj
def clean(
    invocation: Invocation,
    /,
    types: str,
    only: tuple[str, ...],
    dry_run: bool,
    images: bool,
    force: bool,
    **values: Any,
) -> int:
    """Remove the deployments that this project made in the environment."""
    take_common(invocation, values)
    invocation.failed_word, invocation.looks_only = "rolled_back", dry_run
    project = open_here(invocation)
    say_target(invocation, project)
    if not dry_run:
        check_protection(invocation, project)
    with shown_progress(invocation) as progress:
        result = deploying.clean(
            project,
            Selection(types, only),
            DeployOptions(dry_run=dry_run, force=force, images=images, on_settled=invocation.signals.hold),
            confirm=question(invocation, project, progress),
            progress=progress,
        )
    return show_result(invocation, result)
