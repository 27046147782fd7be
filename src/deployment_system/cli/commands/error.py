"""`error`: the errors of the past."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from deployment_system.cli.history import history_here, one_report
from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.output import write_note, write_result
from deployment_system.cli.render.errors import (
    filter_words,
    guidance_text,
    list_text,
    show_text,
    summary_text,
)
from deployment_system.error_handling import (
    ErrorCategory,
    ErrorFilter,
    ErrorSeverity,
)
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.store.error_filter import in_utc

Command = TypeVar("Command", bound=Callable[..., Any])
EXPORT_FORMATS = ("json", "csv", "jsonl")


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """What was typed, a date, a time or so long ago, as a moment in UTC."""
    if value is None:
        return None
    text = value.strip()
    number, unit = text[:-1], _UNITS.get(text[-1:].lower())
    try:
        if unit and number.isascii() and number.isdigit():
            return datetime.now(UTC) - timedelta(**{unit: int(number)})
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is no time: 2026-01-31, 2026-01-31T12:00, 30m, 24h, 7d or 2w is one.",
            context,
            parameter,
        ) from error


def filter_options(command: Command) -> Command:
    """Which errors are meant."""
    options = (
        click.option(
            "--since", callback=moment, metavar="TIME", help="From then on: 7d, 24h, 2026-01-31 (UTC)."
        ),
        click.option("--until", callback=moment, metavar="TIME", help="Before then."),
        click.option("--code", metavar="CODE", help="Only this error code."),
        click.option("--flow", metavar="NAME", help="Only of this flow."),
        click.option("--environment", "of_environment", metavar="NAME", help="Only of this one; as --env."),
        click.option(
            "--severity", type=click.Choice([each.value for each in ErrorSeverity]), help="Only of this."
        ),
        click.option(
            "--category",
            type=click.Choice([each.value for each in ErrorCategory]),
            metavar="NAME",
            help="Only of this category, such as docker or prefect_api.",
        ),
        click.option("--command", metavar="NAME", help="Only met by this command."),
        click.option("--plan-id", metavar="ID", help="Only of this transaction."),
        click.option("--fingerprint", metavar="TEXT", help="Only repeats of this fault."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def error() -> None:
    """The errors of the past: looked at, exported, explained."""


@error.command()
@click.option(
    "--limit", type=click.IntRange(0), default=10, help="Most groups and recent errors.  [default: 10]"
)
@filter_options
@common_options
@click.pass_obj
def summary(invocation: Invocation, /, limit: int, **values: Any) -> int:
    """Count errors by category, severity, code, flow, environment and day, and group repeats of a fault."""
    wanted = _filter(invocation, values)
    with history_here(invocation) as history:
        found = history.summary(wanted, limit=limit)
    write_result(invocation, found.to_dict(), summary_text(found, wanted, limit))
    return 0


@error.command("list")
@click.option(
    "--limit", type=click.IntRange(0), default=50, help="Most errors that are shown.  [default: 50]"
)
@filter_options
@common_options
@click.pass_obj
def list_errors(invocation: Invocation, /, limit: int, **values: Any) -> int:
    """List errors, the newest first."""
    wanted = _filter(invocation, values)
    with history_here(invocation) as history:
        total = history.records.count(wanted)
        errors = list(history.records.find(wanted, limit=limit))
    document = {"errors": errors, "total_errors": total}
    write_result(invocation, document, list_text(errors, total, wanted))
    return 0


@error.command()
@click.argument("error_id", required=False)
@common_options
@click.pass_obj
def show(invocation: Invocation, /, error_id: str | None, **values: Any) -> int:
    """Show one error with all that is known of it; -v adds the traceback.

    The end of an id is enough where no other has it; without one, the last error is shown.
    """
    take_common(invocation, values)
    with history_here(invocation) as history:
        found = one_report(history, error_id)
        (group,) = history.summary(ErrorFilter(fingerprint=found["fingerprint"]), limit=1).groups
    repeats = {
        "count": group.count,
        "first_seen": group.first_seen.isoformat(),
        "last_seen": group.last_seen.isoformat(),
        "seconds_between": group.seconds_between,
    }
    write_result(
        invocation, {**found, "repeats": repeats}, show_text(found, group, details=invocation.verbose)
    )
    return 0


@error.command()
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file.")
@filter_options
@common_options
@click.pass_obj
def export(invocation: Invocation, /, output: Path | None, **values: Any) -> int:
    """Write errors out whole, the oldest first: --format json, jsonl or csv.

    Without a format, the end of the file's name says it, else it is json.
    """
    asked = values.pop("format", None) or (invocation.format if invocation.format != "text" else None)
    invocation.format = "json" if asked == "json" else "text"
    wanted = _filter(invocation, values)
    suffix = output.suffix.removeprefix(".").lower() if output else ""
    format_name = asked or (suffix if suffix in EXPORT_FORMATS else "json")
    if format_name not in EXPORT_FORMATS:
        raise click.BadParameter(
            f"{format_name!r} is not one of {', '.join(EXPORT_FORMATS)}.", param_hint="'--format' / '-o'"
        )
    with history_here(invocation) as history:
        if output is None:
            sys.stdout.writelines(history.exported(format_name, wanted))
            return 0
        count = history.records.count(wanted)
        history.export_error_report(output, format_name, wanted)
    document = {"status": "written", "file": os.fspath(output), "format": format_name, "errors": count}
    write_result(invocation, document, f"{counted(count, 'error')} written to {output}")
    return 0


@error.command()
@click.option(
    "--html", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Write to this file."
)
@click.option(
    "--limit", type=click.IntRange(0), default=50, help="Most groups and recent errors.  [default: 50]"
)
@filter_options
@common_options
@click.pass_obj
def report(invocation: Invocation, /, html: Path, limit: int, **values: Any) -> int:
    """Write a page with plots and tables that opens in a browser without a server."""
    from deployment_system.cli.render.error_page import error_page
    from deployment_system.error_handling.written_file import write_whole

    wanted = _filter(invocation, values)
    with history_here(invocation) as history:
        found = history.summary(wanted, limit=limit)
    write_whole(html, error_page(found, wanted))
    document = {"status": "written", "file": os.fspath(html), "errors": found.total_errors}
    write_result(invocation, document, f"{counted(found.total_errors, 'error')} in {html}")
    return 0


@error.command()
@filter_options
@yes_option
@common_options
@click.pass_obj
def clear(invocation: Invocation, /, **values: Any) -> int:
    """Forget errors: all of them, or those that the options name. Asks before."""
    wanted = _filter(invocation, values)
    with history_here(invocation) as history:
        count = history.records.count(wanted)
        what = f"{counted(count, 'error')}{filter_words(wanted)}"
        if count == 0:
            write_result(invocation, {"status": "nothing_to_do", "removed": 0}, "there is nothing to forget")
            return 0
        if not invocation.yes and not (invocation.interactive and click.confirm(f"Forget {what}?", err=True)):
            write_note(invocation, "nothing was forgotten: --yes does it")
            write_result(invocation, {"status": "kept", "removed": 0}, f"{what} kept")
            return 0
        removed = history.clear(wanted)
    document = {"status": "cleared", "removed": removed}
    write_result(invocation, document, f"{counted(removed, 'error')} forgotten")
    return 0


@error.command()
@click.argument("error_type_or_code")
@common_options
@click.pass_obj
def guidance(invocation: Invocation, /, error_type_or_code: str, **values: Any) -> int:
    """Say what to do about an error: by its code, by its type (DockerError) or category (docker).

    Of a type or category, what the history holds comes first.
    """
    from deployment_system.error_handling.error_guidance import guidance_on

    take_common(invocation, values)
    with history_here(invocation) as history:
        found = guidance_on(error_type_or_code, history.records.groups())
    write_result(invocation, found.to_dict(), guidance_text(found))
    return 0


def _filter(invocation: Invocation, values: dict[str, Any]) -> ErrorFilter:
    code, of_environment = values.pop("code"), values.pop("of_environment")
    wanted = {
        name: values.pop(name)
        for name in ("since", "until", "severity", "category", "command", "plan_id", "fingerprint")
    }
    flow_name = values.pop("flow")
    take_common(invocation, values)
    # Not DEPLOYMENT_ENV: whoever asks what went wrong does not want most of it left out without a word.
    environment = of_environment or invocation.environment
    write_note(invocation, f"environment {environment}" if environment else "errors of every environment")
    return ErrorFilter(
        error_code=code.upper().replace("-", "_") if code else None,
        flow_name=flow_name,
        environment=environment,
        **wanted,
    )
