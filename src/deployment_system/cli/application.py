"""The command with its sub-commands, which are imported only when they are called."""

import importlib
from typing import Any

import click

from deployment_system import __version__
from deployment_system.cli.invocation import (
    FINDINGS_FORMATS,
    FORMATS,
    Invocation,
    common_options,
    take_common,
)

_COMMANDS = "deployment_system.cli.commands"

SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "discover": ("discover:discover", "Find flows without importing them."),
    "validate": ("validate:validate", "Check flows, dependencies and configuration."),
    "plan": ("plan:plan", "Show what deploy would do."),
    "deploy": ("deploy:deploy", "Make the server as the repository declares."),
    "status": ("status:status", "Show what is deployed, its drift and health."),
    "clean": ("clean:clean", "Remove the deployments that this project made."),
    "build": ("build:build", "Build the images of flows that run in containers."),
    "doctor": ("doctor:doctor", "Check Prefect, configuration and state."),
    "up": ("local:up", "Start a local Prefect server and a worker."),
    "down": ("local:down", "Stop what up started."),
    "init": ("init:init", "Write a commented configuration."),
    "explain": ("explain:explain", "Say what an error code means."),
    "error": ("error:error", "The errors of the past: looked at, exported, explained."),
    "recovery": ("recovery:recovery", "Unfinished and past transactions, and recovery plans."),
    "notify": ("notify:notify", "Who is told of outcomes: routes listed, tried, delivered."),
    "lock": ("lock:lock", "Keep everybody from deploying to an environment."),
    "serve": ("serve:serve", "Health, readiness and metrics over HTTP."),
    "metrics": ("metrics:metrics", "What monitoring is told: shown, written, pushed."),
    "completion": ("completion:completion", "Print the shell completion script."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and one line; a command's module is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, attribute = SUBCOMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"{_COMMANDS}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is none of that name."""
        name = args[0]
        if name not in SUBCOMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands for --help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in SUBCOMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Takes a repository of Prefect flows to a Prefect server as one transaction.",
)
@click.version_option(__version__, prog_name="deployment-cli", message="%(prog)s %(version)s")
@common_options
@click.pass_obj
def application(invocation: Invocation, /, **values: Any) -> None:
    """Takes the options that stand before the command."""
    take_common(invocation, values, (*FORMATS, *FINDINGS_FORMATS))
