"""Standard output for the result, standard error for everything else."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from deployment_system.cli.invocation import FINDINGS_FORMATS, Invocation
from deployment_system.error_handling import DeploymentSystemError, group_errors
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


def write_errors(
    invocation: Invocation,
    errors: Sequence[DeploymentSystemError],
    status: str,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """A command that failed: JSON with `status` and `errors`, findings where these were asked for, or
    words on standard error. `more`: what else its JSON has."""
    if invocation.json:
        shown: dict[str, Any] = {"status": status, "errors": [error.to_dict() for error in errors], **more}
        if invocation.recoveries:
            shown["recoveries"] = list(invocation.recoveries)
        write_json(_known(invocation).hide_in(_without_tracebacks(shown, keep=invocation.verbose)))
        return
    if invocation.format in FINDINGS_FORMATS:
        from deployment_system.cli.findings import folder_in_checkout, write_findings
        from deployment_system.cli.render.findings import Findings

        # What ends a command early is mostly the configuration, which lies here.
        here = invocation.config_file.parent if invocation.config_file else Path.cwd()
        write_findings(invocation, Findings(errors, folder=folder_in_checkout(here, os.environ)))
        return
    sys.stdout.flush()
    say_errors(invocation, errors)


def write_error(
    invocation: Invocation, error: DeploymentSystemError, others: Sequence[DeploymentSystemError] = ()
) -> None:
    """One error in words, with the other places of its kind; also with --quiet. In JSON it stands in the
    document."""
    if not invocation.json:
        text = error_text(invocation, error, others=others)
        click.echo(text, err=True, color=False if _no_colour() else None)


def say_warnings(invocation: Invocation, warnings: Iterable[DeploymentSystemError]) -> None:
    """Warnings on standard error: one for each reason, with its places."""
    for group in group_errors(warnings):
        write_note(invocation, error_text(invocation, group.first, "warning", others=group.others))


def say_errors(invocation: Invocation, errors: Iterable[DeploymentSystemError]) -> None:
    """Errors on standard error, also with --quiet: one for each reason, with its places."""
    for group in group_errors(errors):
        write_error(invocation, group.first, group.others)


def error_text(
    invocation: Invocation,
    error: DeploymentSystemError,
    word: str = "error",
    *,
    others: Sequence[DeploymentSystemError] = (),
) -> str:
    """One error for a person, with its traceback where -v asks for it. `word`: what it is called here,
    `error` or `warning`. `others`: those of the same reason."""
    # Imported by who has an error to tell: it needs what the history needs.
    from deployment_system.error_handling.error_report import without_known

    known = _known(invocation)
    told, also = without_known(error, known), [without_known(other, known) for other in others]
    text = format_user_error(told, details=invocation.verbose, others=also)
    colour = "red" if word == "error" else "yellow"
    head, _, rest = text.replace("error[", f"{word}[", 1).partition("\n")
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
