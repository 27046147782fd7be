"""Places messages in the outbox, and sends what is due there."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from deployment_system.error_handling import DeploymentSystemError, ErrorCodes, ErrorContext
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.store import Store
from deployment_system.error_handling.store.notes import OpenNotes
from deployment_system.notifications import outbox
from deployment_system.notifications.channels import Channel, Failure, Sending, send_all
from deployment_system.notifications.folding import begin_anew, fold, untold
from deployment_system.notifications.message import Message
from deployment_system.notifications.outbox import Entry
from deployment_system.notifications.routes import Route
from deployment_system.notifications.templates import digest, title_and_body
from deployment_system.notifications.unfinished import (
    close,
    close_own,
    messages_of_the_dead,
    scope_of_unfinished,
)


class Placed(StrEnum):
    """What became of a message on a route."""

    QUEUED = "queued"
    HELD = "held"
    """Until the quiet hours are over."""
    FOLDED = "folded"
    """Counted: the same was told a moment ago."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A message on a route."""

    route: str
    status: Placed

    def to_dict(self) -> dict[str, str]:
        """As JSON results have it under `notifications`."""
        return {"route": self.route, "status": self.status.value}


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of sending."""

    sent: int = 0
    """Texts that arrived."""
    errors: tuple[DeploymentSystemError, ...] = ()
    """One for each channel that did not take one, and each message that is given up."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What goes to a route as one text."""

    route: Route
    entries: tuple[Entry, ...]

    @property
    def arrived(self) -> tuple[int, ...]:
        return self.entries[0].arrived

    def sendings(self) -> list[Sending]:
        messages = [entry.message for entry in self.entries]
        title, body = digest(self.route.title, self.route.body, messages)
        return sendings_of(self.route, title, body, messages, self.arrived)


class Notifier:
    """Tells a project's messages by its routes."""

    def __init__(
        self,
        project: str,
        routes: Iterable[Route],
        *,
        timeout_seconds: float,
        known: KnownSecrets,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.project = project
        self.routes = {route.name: route for route in routes}
        self._timeout_seconds = timeout_seconds
        self._known = known
        self._now = now

    def place(self, store: Store, message: Message) -> list[Placement]:
        """Puts a message into the outbox for each route that wants it; from then on it is not lost."""
        with store.notes.together() as notes:
            close(notes, self.project, message)
            close_own(notes, self.project)
            return self._placed(notes, message)

    def has_told(self, store: Store, plan_ids: Iterable[str]) -> None:
        """Notes that a message tells of these transactions, whoever made them."""
        for plan_id in plan_ids:
            store.notes.delete(scope_of_unfinished(self.project), plan_id)

    def place_of_the_dead(self, store: Store) -> None:
        """As `place`, for transactions whose process has died before it told."""
        for message in list(messages_of_the_dead(store, self.project, self._known, self._now())):
            with store.notes.together() as notes:
                if close(notes, self.project, message):
                    self._placed(notes, message)

    def deliver(self, store: Store) -> Delivered:
        """Sends what is due, side by side, within the timeout."""
        now = self._now()
        usable = {name: route for name, route in self.routes.items() if not route.unset}
        with store.notes.together() as notes:
            for route, message in untold(notes, self.project, self.routes, now):
                self._put(notes, route, message, now)
            due, given_up = outbox.take_due(notes, self.project, usable, now)
        batches = _batches(due, usable)
        sendings = [batch.sendings() for batch in batches]
        outcomes = iter(send_all([each for of_batch in sendings for each in of_batch], self._timeout_seconds))
        done = [[(each, next(outcomes)) for each in of_batch] for of_batch in sendings]
        with store.notes.together() as notes:
            for batch, of_batch in zip(batches, done, strict=True):
                self._settle(notes, batch, [each.channel.number for each, failed in of_batch if not failed])
        failures = [failed for of_batch in done for _, failed in of_batch if failed is not None]
        return Delivered(
            sum(failed is None for of_batch in done for _, failed in of_batch),
            (*map(error_of, failures), *map(_given_up, given_up)),
        )

    def send_at_once(self, message: Message) -> Delivered:
        """Sends without the outbox: the store cannot be used, and that is what there is to tell, say."""
        wanted = ((route, route.wanted(message)) for route in self.routes.values() if not route.unset)
        return self._sent([(route, told) for route, told in wanted if told is not None])

    def try_routes(self, routes: Iterable[Route], message: Message) -> Delivered:
        """Sends by each of them now, whatever it wants to hear of. One whose variables are not set fails."""
        routes = list(routes)
        done = self._sent([(route, message) for route in routes if not route.unset])
        unset = tuple(unset_error(route) for route in routes if route.unset)
        return Delivered(done.sent, (*unset, *done.errors))

    def _sent(self, told: Sequence[tuple[Route, Message]]) -> Delivered:
        sendings: list[Sending] = []
        for route, message in told:
            title, body = title_and_body(route.title, route.body, message)
            sendings += sendings_of(route, title, body, [message])
        failures = [each for each in send_all(sendings, self._timeout_seconds) if each is not None]
        return Delivered(len(sendings) - len(failures), tuple(map(error_of, failures)))

    def waiting(self, store: Store) -> list[Entry]:
        """What is in the outbox, the oldest first."""
        return outbox.entries(store.notes.all(outbox.scope_of_outbox(self.project)))

    def _placed(self, notes: OpenNotes, message: Message) -> list[Placement]:
        now = self._now()
        begin_anew(notes, message)
        placements = []
        for route in self.routes.values():
            wanted = route.wanted(message)
            if wanted is None:
                continue
            folded = fold(notes, route, wanted, now)
            status = self._put(notes, route, folded.message, now) if folded.is_told else Placed.FOLDED
            placements.append(Placement(route.name, status))
        return placements

    def _put(self, notes: OpenNotes, route: Route, message: Message, now: datetime) -> Placed:
        held_until = route.held_until(message, now)
        outbox.put(notes, self.project, Entry.new(route.name, message, now, held_until))
        return Placed.QUEUED if held_until is None else Placed.HELD

    def _settle(self, notes: OpenNotes, batch: _Batch, arrived: Sequence[int]) -> None:
        have_it = tuple(sorted({*batch.arrived, *arrived}))
        for entry in batch.entries:
            if len(have_it) >= len(batch.route.urls):
                outbox.remove(notes, self.project, entry)
            else:
                outbox.put(notes, self.project, entry.tried(have_it, self._now()))


def sendings_of(
    route: Route, title: str, body: str, messages: Sequence[Message], arrived: Sequence[int] = ()
) -> list[Sending]:
    """A text for each channel of a route that does not have it yet."""
    gravest = max(messages, key=lambda message: (not message.went_well, message.occurred_at))
    return [
        Sending(Channel(route.name, number, url), title, body, gravest.severity, gravest.went_well)
        for number, url in enumerate(route.urls)
        if number not in arrived
    ]


def error_of(failure: Failure) -> DeploymentSystemError:
    """The error of a channel that did not take a message."""
    channel = failure.channel
    return DeploymentSystemError(
        f"the route {channel.route!r} could not tell its channel {channel.number + 1} ({channel.scheme}): "
        f"{failure.reason}",
        error_code=failure.code,
        context=ErrorContext(operation="notify", route=channel.route, channel=channel.number + 1),
    )


def unset_error(route: Route) -> DeploymentSystemError:
    """The error of a route that needs variables which are not set here."""
    return DeploymentSystemError(
        f"the route {route.name!r} cannot be used here: {', '.join(route.unset)} is not set",
        error_code=ErrorCodes.CONFIG_VARIABLE_NOT_SET,
        context=ErrorContext(operation="notify", route=route.name),
        remediation=[f"Set it: export {route.unset[0]}=…"],
    )


def _given_up(entry: Entry) -> DeploymentSystemError:
    why = f"after {entry.attempts} attempts" if entry.attempts else "as no command here could use its route"
    return DeploymentSystemError(
        f"a message of {entry.placed_at:%Y-%m-%d %H:%M} UTC for the route {entry.route!r} is given up {why}: "
        f"{entry.message.event.value} in {entry.message.environment}",
        error_code=ErrorCodes.NOTIFICATION_FAILED,
        context=ErrorContext(operation="notify", route=entry.route),
    )


def _batches(due: Sequence[Entry], routes: Mapping[str, Route]) -> list[_Batch]:
    """What was held back by quiet hours goes together; everything else by itself."""
    held: dict[tuple[str, tuple[int, ...]], list[Entry]] = defaultdict(list)
    batches = []
    for entry in due:
        if entry.held:
            held[entry.route, entry.arrived].append(entry)
        else:
            batches.append(_Batch(routes[entry.route], (entry,)))
    return batches + [_Batch(routes[name], tuple(together)) for (name, _), together in held.items()]
