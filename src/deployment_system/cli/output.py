"""Standard output for the result, standard error for everything else."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.error_handling import DeploymentSystemError
from deployment_system.error_handling.error_format import format_user_error
from deployment_system.error_handling.known_secrets import KnownSecrets


def write_json(document: Mapping[str, Any]) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(document, indent=2, default=str, ensure_ascii=False))


def write_text(invocation: Invocation, text: str) -> None:
    """The result for a person."""
    click.echo(text, color=False if _no_colour() else None)


def write_note(invocation: Invocation, text: str) -> None:
    """Something that is not the result: progress, hints."""
    if not invocation.quiet and not invocation.json:
        click.echo(text, err=True, color=False if _no_colour() else None)


def write_result(invocation: Invocation, document: Mapping[str, Any], text: str) -> None:
    """The result, in the format that was asked for."""
    if invocation.json:
        write_json(_known(invocation).hide_in(_without_tracebacks(document, keep=invocation.verbose)))
    else:
        write_text(invocation, text)


def write_errors(invocation: Invocation, errors: Iterable[DeploymentSystemError], status: str) -> None:
    """A command that failed: JSON with `status` and `errors`, or words on standard error."""
    if invocation.json:
        shown = {"status": status, "errors": [error.to_dict() for error in errors]}
        write_json(_known(invocation).hide_in(_without_tracebacks(shown, keep=invocation.verbose)))
        return
    sys.stdout.flush()
    for error in errors:
        write_error(invocation, error)


def write_error(invocation: Invocation, error: DeploymentSystemError) -> None:
    """One error in words, also with --quiet; in JSON it stands in the document."""
    if not invocation.json:
        click.echo(error_text(invocation, error), err=True, color=False if _no_colour() else None)


def say_warnings(invocation: Invocation, warnings: Iterable[DeploymentSystemError]) -> None:
    """Warnings, once each, on standard error."""
    for warning in _once(warnings):
        write_note(invocation, error_text(invocation, warning, "warning"))


def say_errors(invocation: Invocation, errors: Iterable[DeploymentSystemError]) -> None:
    """Errors that stand in the result as well, once each, on standard error; also with --quiet."""
    for error in _once(errors):
        write_error(invocation, error)


def _once(problems: Iterable[DeploymentSystemError]) -> Iterator[DeploymentSystemError]:
    seen: set[str] = set()
    for problem in problems:
        if problem.message not in seen:
            seen.add(problem.message)
            yield problem


def error_text(invocation: Invocation, error: DeploymentSystemError, word: str = "error") -> str:
    """One error for a person, with its traceback where -v asks for it. `word`: what it is called here,
    `error` or `warning`."""
    # Imported by who has an error to tell: it needs what the history needs.
    from deployment_system.error_handling.error_report import without_known

    told = without_known(error, _known(invocation))
    text = format_user_error(told, details=invocation.verbose).replace("error[", f"{word}[", 1)
    colour = "red" if word == "error" else "yellow"
    head, _, rest = text.partition("\n")
    return click.style(head, fg=colour, bold=True) + (f"\n{rest}" if rest else "")


def _known(invocation: Invocation) -> KnownSecrets:
    """The values of the environment and of the configuration that no output may tell."""
    return KnownSecrets.of_environ(os.environ, invocation.secrets)


def _no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))


def _without_tracebacks(document: Any, *, keep: bool) -> Any:
    """Errors as the contract shows them; -v adds tracebacks."""
    if keep:
        return document
    if isinstance(document, Mapping):
        return {
            key: _without_tracebacks(value, keep=keep)
            for key, value in document.items()
            if not (key == "traceback" and "error_code" in document)
        }
    if isinstance(document, list):
        return [_without_tracebacks(item, keep=keep) for item in document]
    return document
