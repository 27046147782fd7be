"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def selection_options(command: Command) -> Command:
    """What a command is about, and how deep it looks."""
    options = (
        click.option(
            "--type",
            "types",
            type=click.Choice(["python", "docker", "all"]),
            default="all",
            help="Type of deployments.  [default: all]",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="GLOB",
            help="Only flows, deployments or files that match; repeatable.",
        ),
        click.option("--check-environment", is_flag=True, help="What is not installed here is an error."),
        click.option("--no-import", is_flag=True, help="Never import a file, not even isolated."),
    )
    for option in reversed(options):
        command = option(command)
    return command
