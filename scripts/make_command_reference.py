"""Writes docs/commands.md from what the command says of itself: `make reference`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from deployment_system.cli.application import application

TARGET = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEADER = """\
# Command reference

Made by `make reference` from the command's own help; edit the help, not this page.

Standard output holds the result and nothing else; progress, hints and problems go to standard error. `-o json` prints
one JSON document, also when the command fails. Options that every command has stand under
[everywhere](#everywhere).

## Exit status

| status | meaning |
| --- | --- |
| 0 | done |
| 1 | failed, and everything that the command had changed was put back; `status`: drifted or unhealthy; `doctor`: a check failed |
| 2 | wrong usage |
| 3 | validation failed, nothing was changed |
| 4 | failed, and something could not be put back |
| 5 | another deployer holds the lock |
| 6 | `plan --detailed-exitcode`: there are changes |
| 130, 143 | interrupted by Ctrl-C or SIGTERM |
"""  # noqa: E501 - a row of a table is one line


def commands(
    group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command below the group with its full name, those of nested groups after their group."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        yield below.command_path.removeprefix("deployment-cli "), command, below
        if isinstance(command, click.Group):
            yield from commands(command, below)


def options_of(command: click.Command, context: click.Context) -> dict[str, str]:
    """Each option as it is typed, with what it means."""
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    return {record[0]: " ".join(record[1].split()) for record in records if record}


def table(options: dict[str, str]) -> str:
    """Options as a Markdown table."""
    cells = (
        f"| `{name.replace('|', chr(92) + '|')}` | {meaning.replace('|', chr(92) + '|')} |"
        for name, meaning in options.items()
    )
    return "\n".join(["| option | |", "| --- | --- |", *cells])


def section(title: str, command: click.Command, context: click.Context, everywhere: dict[str, str]) -> str:
    """One command: what it does, how it is called, its own options."""
    own = {name: text for name, text in options_of(command, context).items() if name not in everywhere}
    usage = re.sub(r"^Usage: ", "", click.unstyle(command.get_usage(context)).strip())
    parts = [f"## {title}", paragraphs(command.help or ""), f"```\n{' '.join(usage.split())}\n```"]
    if own:
        parts.append(table(own))
    return "\n\n".join(part for part in parts if part)


def paragraphs(text: str) -> str:
    """The help as prose: click's line breaks and its mark for kept lines taken out."""
    kept = (" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))
    return "\n\n".join(part for part in kept if part)


def reference() -> str:
    """The whole page."""
    context = click.Context(application, info_name="deployment-cli")
    everywhere = options_of(application, context)
    sections = [
        section(title, command, below, everywhere) for title, command, below in commands(application, context)
    ]
    shared = f"## Everywhere\n\n{table(everywhere)}"
    return "\n\n".join([HEADER.strip(), shared, *sections]) + "\n"


def main() -> int:
    """Writes the page; with --check, says only whether it is up to date."""
    text = reference()
    if "--check" in sys.argv[1:]:
        current = TARGET.exists() and TARGET.read_text() == text
        print("docs/commands.md is up to date." if current else "docs/commands.md: run `make reference`.")
        return 0 if current else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
