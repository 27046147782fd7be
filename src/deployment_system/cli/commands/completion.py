"""`completion`: the shell's completion script, as click makes it."""

from typing import Any

import click
from click.shell_completion import get_completion_class

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_options
@click.pass_context
def completion(context: click.Context, /, shell: str, **values: Any) -> int:
    """Print the completion script of a shell; for bash: eval "$(deployment-cli completion bash)"."""
    invocation = context.find_object(Invocation) or Invocation()
    take_common(invocation, values)
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell!r}.", context)
    script = kind(context.find_root().command, {}, "deployment-cli", "_DEPLOYMENT_CLI_COMPLETE").source()
    write_result(invocation, {"shell": shell, "script": script}, script)
    return 0
