"""Progress on standard error: a moving line for a person, one line a phase for a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from deployment_system.cli.invocation import Invocation

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

PHASES = {
    "discover": "looking for flows",
    "schemas": "reading parameters",
    "observe": "asking the server",
    "steps": "running the steps of prefect.yaml",
    "build": "building images",
    "preflight": "importing flows in their images",
    "apply": "writing deployments",
    "verify": "reading back",
    "activate": "activating schedules",
    "delete": "deleting",
    "remove images": "removing images",
    "roll back": "putting back what was changed",
    "wait for late writes": "some answers were lost: waiting for what the server may still do, to look again",
    "wait for the server": "the server is away: waiting for it, to put back what was changed",
}


class ShownProgress(Protocol):
    """Progress that whoever watches can take."""

    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        """`done` of `total` in this phase; `label` says with what."""

    def hide(self) -> None:
        """Frees the screen for a question; the next step shows the progress again."""

    def line(self, text: str) -> None:
        """Shows a line of a build, above the progress."""


@contextmanager
def shown_progress(invocation: Invocation) -> Iterator[ShownProgress]:
    """The progress of one command."""
    if invocation.quiet or invocation.json:
        yield _Silence()
    elif sys.stderr.isatty():
        moving = _MovingLine()
        try:
            yield moving
        finally:
            moving.hide()
    else:
        yield _LinePerPhase()


class _Silence:
    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        """Tells nobody."""

    def hide(self) -> None:
        """There is nothing to hide."""

    def line(self, text: str) -> None:
        """Tells nobody."""


class _LinePerPhase:
    def __init__(self) -> None:
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        count = f" ({total})" if total else ""
        click.echo(f"… {PHASES.get(phase, phase)}{count}", err=True)

    def hide(self) -> None:
        """What was said stays."""

    def line(self, text: str) -> None:
        """One more line."""
        click.echo(f"  {text.rstrip()}", err=True)


class _MovingLine:
    """One bar a phase; rich is imported when the first one is shown."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, int] = {}

    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        bars = self._shown()
        if phase not in self._tasks:
            self._tasks[phase] = bars.add_task(PHASES.get(phase, phase), total=total, label="")
        bars.update(self._tasks[phase], completed=done, total=total, label=label)  # type: ignore[arg-type]

    def hide(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()

    def line(self, text: str) -> None:
        """Above the bars."""
        self._shown().console.print(text.rstrip(), markup=False, highlight=False)

    def _shown(self) -> "Bars":
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("[dim]{task.fields[label]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.start()
        return self._bars
