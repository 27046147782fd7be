"""At the end of a command, whoever wants to hear of it is told: by the routes of the configuration.

First the outcome is placed in the outbox, then the command writes its result, and then what is due is sent.
Nothing of it changes the result or the exit status.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.output import error_text, write_note
from deployment_system.cli.recording import record_errors
from deployment_system.error_handling import DeploymentSystemError

if TYPE_CHECKING:
    from deployment_system.deploy.notifying import Telling
    from deployment_system.notifications import Message, Placement

_TOLD = frozenset(("deploy", "clean", "build", "recovery execute"))
"""The commands whose outcomes are news."""


@dataclass
class Told:
    """What was placed, and is still to be sent."""

    invocation: Invocation
    telling: "Telling | None" = None
    placements: Sequence["Placement"] = ()
    unplaced: "Message | None" = None
    """Where the store cannot be used: sent without waiting in it."""
    errors: list[DeploymentSystemError] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """What the JSON of the result has of it: nothing where nobody is told."""
        if not self.placements:
            return {}
        return {"notifications": [placement.to_dict() for placement in self.placements]}

    def deliver(self) -> None:
        """Sends what is due. A channel that fails is told on standard error and kept in the history."""
        if self.telling is None:
            return
        try:
            self._say_whom(self.telling)
            self.errors += deliver(self.telling, self.unplaced)
            say_failures(self.invocation, self.errors)
        except (KeyboardInterrupt, SystemExit):
            # The result is written, and stays the result. What was not sent waits for the next command.
            return

    def _say_whom(self, telling: "Telling") -> None:
        routes = telling.notifier.routes
        usable = [each.route for each in self.placements if not routes[each.route].unset]
        if usable:
            write_note(self.invocation, f"… notifying {', '.join(usable)}")


def tell(
    invocation: Invocation,
    status: str,
    errors: Sequence[DeploymentSystemError],
    *,
    plan_id: str | None = None,
    summary: str = "",
    settled: Sequence[str] = (),
) -> Told:
    """Places the outcome of a command for the routes that want it. `settled`: the transactions of others that
    it tells of. Raises nothing."""
    if invocation.command not in _TOLD or invocation.looks_only or not _routes_may_be_declared(invocation):
        return Told(invocation)
    # Imported by who may have something to tell.
    from deployment_system.deploy.notifying import telling_of
    from deployment_system.deploy.problems import ProblemsFound
    from deployment_system.notifications import EVENTS, Event
    from deployment_system.notifications.message import message_of

    try:
        telling = telling_of(
            Path.cwd(), config_file=invocation.config_file, environ=os.environ, secrets=invocation.secrets
        )
    except ProblemsFound:
        return Told(invocation)  # the command itself says what is wrong with the configuration
    if not telling.notifier.routes:
        return Told(invocation)
    message = None
    if status in EVENTS:
        message = message_of(
            Event(status),
            telling.project,
            _environment(invocation, telling),
            errors,
            telling.known,
            command=invocation.command,
            plan_id=plan_id,
            summary=summary,
        )
    try:
        with telling.open_store() as store:
            telling.notifier.has_told(store, settled)
            telling.notifier.place_of_the_dead(store)
            placements = telling.notifier.place(store, message) if message else ()
    except DeploymentSystemError as failure:
        return Told(invocation, telling, (), message, [failure])
    return Told(invocation, telling, placements)


def deliver(telling: "Telling", unplaced: "Message | None" = None) -> list[DeploymentSystemError]:
    """Sends what is due; what went wrong with it."""
    if unplaced is not None:
        return list(telling.notifier.send_at_once(unplaced).errors)
    try:
        with telling.open_store() as store:
            return list(telling.notifier.deliver(store).errors)
    except DeploymentSystemError as failure:
        return [failure]


def say_failures(invocation: Invocation, errors: Sequence[DeploymentSystemError]) -> None:
    """On standard error in every format: standard output holds the result already."""
    record_errors(invocation, errors)
    for error in errors:
        text = error_text(invocation, error, "warning")
        click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def _environment(invocation: Invocation, telling: "Telling") -> str:
    named = invocation.active_environment or invocation.environment
    return named or os.environ.get("DEPLOYMENT_ENV") or telling.default_environment


def _routes_may_be_declared(invocation: Invocation) -> bool:
    """Whether the configuration has the word for them: most have not, and pay nothing for it."""
    from deployment_system.deploy.error_history import configuration_file

    try:
        file = configuration_file(Path.cwd(), invocation.config_file)
        return file is not None and b"notifications" in file.read_bytes()
    except OSError:
        return False  # whoever needs the file says what is wrong with it
