"""Progress on standard error: a moving line for a person, one line a phase for a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.deploy.apply import Progress, no_progress

PHASES = {
    "discover": "looking for flows",
    "schemas": "reading parameters",
    "observe": "asking the server",
    "apply": "writing deployments",
    "verify": "reading back",
    "activate": "activating schedules",
    "delete": "deleting",
}


@contextmanager
def shown_progress(invocation: Invocation) -> Iterator[Progress]:
    """The progress of one command, as whoever watches can take it."""
    if invocation.quiet or invocation.json:
        yield no_progress
    elif sys.stderr.isatty():
        with _moving_line() as progress:
            yield progress
    else:
        yield _LinePerPhase()


class _LinePerPhase:
    def __init__(self) -> None:
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        count = f" ({total})" if total else ""
        click.echo(f"… {PHASES.get(phase, phase)}{count}", err=True)


@contextmanager
def _moving_line() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[label]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, int] = {}

        def progress(phase: str, done: int, total: int | None, label: str) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(PHASES.get(phase, phase), total=total, label="")
            bars.update(tasks[phase], completed=done, total=total, label=label)  # type: ignore[arg-type]

        yield progress
