"""What was asked for beside the command itself: environment, format, how much to say."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import click

from deployment_system.cli.held_signals import HeldSignals

FORMATS = ("text", "json")
FINDINGS_FORMATS = ("sarif", "github", "junit")
"""What `validate` writes for machines that show findings at their places."""

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Invocation:
    """One call of the command. Filled by the options, wherever they stand."""

    environment: str | None = None
    config_file: Path | None = None
    format: str = "text"
    verbose: bool = False
    quiet: bool = False
    yes: bool = False
    failed_word: str = "failed"
    """The status of a failure that changed nothing: for commands that change the server, what a deploy
    that was put back is called."""
    command: str = ""
    """The command's name with its groups, as far as it was understood."""
    looks_only: bool = False
    """Whether a command that changes things was asked to show only what it would do."""
    active_environment: str | None = None
    """The environment that is acted on, once the configuration was read."""
    recoveries: tuple[Mapping[str, Any], ...] = ()
    """What was tried in order to mend a failure, as JSON values: told with the failure, too."""
    signals: HeldSignals = field(default_factory=HeldSignals)
    """Held between the end of a transaction and its result."""
    secrets: tuple[str | None, ...] = ()
    """Values that must not be told: how the servers are logged in to."""

    @classmethod
    def guessed_from(cls, arguments: Sequence[str]) -> "Invocation":
        """The format and verbosity as far as they can be told before anything is parsed: a wrong
        command line must be answered in the format that it asks for."""
        guessed = cls()
        for argument, after in pairwise([*arguments, ""]):
            wanted = None
            if argument in ("-o", "--format"):
                wanted = after
            elif argument.startswith("--format="):
                wanted = argument.removeprefix("--format=")
            elif argument.startswith("-o") and not argument.startswith("--"):
                wanted = argument.removeprefix("-o")
            if wanted == "json":
                guessed.format = "json"
        guessed.verbose = "-v" in arguments or "--verbose" in arguments
        return guessed

    @property
    def json(self) -> bool:
        """Whether standard output holds one JSON document."""
        return self.format == "json"

    @property
    def colour(self) -> bool:
        """Whether a person looks at standard output and has nothing against colour."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    @property
    def interactive(self) -> bool:
        """Whether somebody can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.json


def common_options(command: Command) -> Command:
    """The options that every command takes; also accepted before the command's name."""
    options = (
        click.option("--env", "-e", "environment", metavar="NAME", help="Environment to act on."),
        click.option(
            "--config",
            "config_file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Configuration file.",
        ),
        click.option("--format", "-o", "format", metavar="text|json", help="Format of the output."),
        click.option(
            "--verbose", "-v", is_flag=True, default=None, help="Say more; with errors: tracebacks."
        ),
        click.option("--quiet", "-q", is_flag=True, default=None, help="Say only the result."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def yes_option(command: Command) -> Command:
    """`--yes`, for commands that ask."""
    return click.option("--yes", "-y", is_flag=True, default=None, help="Answer every question with yes.")(
        command
    )


def take_common(invocation: Invocation, values: dict[str, Any], formats: Sequence[str] = FORMATS) -> None:
    """Moves the common options out of a command's values into the invocation."""
    invocation.command = click.get_current_context().command_path.partition(" ")[2]
    for name in ("environment", "config_file", "format", "verbose", "quiet", "yes"):
        value = values.pop(name, None)
        if value is not None:
            setattr(invocation, name, value)
    if invocation.format not in formats:
        wrong, invocation.format = invocation.format, "text"
        raise click.BadParameter(
            f"{wrong!r} is not one of {', '.join(formats)}.", param_hint="'--format' / '-o'"
        )
