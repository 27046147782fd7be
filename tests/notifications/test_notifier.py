"""Routes, folding, quiet hours and the outbox: a real store, a real web server, and a clock that is set."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from deployment_system.config import notifications as declared
from deployment_system.config.notifications import NotifiedEvent
from deployment_system.error_handling import (
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    ErrorSeverity,
    KnownSecrets,
    PrefectAPIError,
)
from deployment_system.error_handling.store import OperationStatus, Owner, Store, open_store
from deployment_system.notifications import (
    EVENTS,
    PLACEHOLDERS,
    Event,
    Message,
    Notifier,
    Placed,
    QuietHours,
    Route,
)
from deployment_system.notifications.channels import secrets_of
from deployment_system.notifications.message import message_of
from deployment_system.notifications.outbox import MOST_DAYS, TRIED_AGAIN
from deployment_system.notifications.templates import DEFAULT_BODY, DEFAULT_TITLE, title_and_body
from deployment_system.notifications.unfinished import note_begun
from tests.channels import Webhook, hanging_server, webhook_server

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOTHING_KNOWN = KnownSecrets([])


def told(event: Event = Event.ROLLED_BACK, *errors: DeploymentSystemError, **facts: Any) -> Message:
    """A message on an outcome in production."""
    return message_of(
        event, "shop", "production", errors or (DockerError("no space"),), NOTHING_KNOWN, **facts
    )


@dataclass
class Desk:
    """A notifier with its store, whose clock is set by the test."""

    file: Path
    routes: list[Route]
    now: datetime = NOON
    stores: list[Store] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """One connection for each look: as processes have."""
        self.stores.append(open_store(self.file))
        return self.stores[-1]

    @property
    def notifier(self) -> Notifier:
        """Another process each time."""
        return Notifier("shop", self.routes, timeout_seconds=5, known=NOTHING_KNOWN, now=lambda: self.now)

    def tell(self, message: Message) -> list[str]:
        """Places and delivers; what became of it on each route."""
        placed = self.notifier.place(self.store, message)
        assert not self.notifier.deliver(self.store).errors
        return [each.status for each in placed]


@pytest.fixture
def desk(tmp_path: Path, webhook: Webhook) -> Iterator[Desk]:
    """One route, to a web server."""
    made = Desk(tmp_path / "state.db", [Route("operations", (webhook.url,))])
    yield made
    for store in made.stores:
        store.close()


def test_what_can_be_declared_is_what_can_be_told() -> None:
    """The two rooms do not know each other."""
    assert set(NotifiedEvent.__args__) == set(EVENTS)
    assert declared.MESSAGE_PARTS == PLACEHOLDERS
    assert (declared.DEFAULT_TITLE, declared.DEFAULT_BODY) == (DEFAULT_TITLE, DEFAULT_BODY)


def test_a_message_says_what_where_and_what_to_do(desk: Desk, webhook: Webhook) -> None:
    """In the default words."""
    error = DockerError("no space left", context=ErrorContext(file_path="Dockerfile", line_number=3))
    assert desk.tell(told(Event.ROLLED_BACK, error, summary="create 2")) == [Placed.QUEUED]
    [sent] = webhook.received
    assert sent["title"] == "shop, production: failed, and everything is as before"
    for part in ("create 2", "DOCKER_BUILD_FAILED: no space left (Dockerfile:3)", error.remediation[0]):
        assert part in sent["message"]
    assert sent["type"] == "failure"


@pytest.mark.parametrize(
    ("change", "arrives"),
    [
        ({"events": (Event.DEPLOYED,)}, False),
        ({"events": (Event.ROLLED_BACK,)}, True),
        ({"environments": ("staging",)}, False),
        ({"environments": ("staging", "production")}, True),
        ({"minimum_severity": ErrorSeverity.CRITICAL}, False),
        ({"categories": ("prefect_api",)}, False),
        ({"categories": ("docker",)}, True),
        ({"codes": ("DOCKER_DISK_FULL",)}, False),
        ({"codes": ("DOCKER_BUILD_FAILED",)}, True),
    ],
    ids=str,
)
def test_a_route_takes_what_it_wants_to_hear(change: dict[str, Any], arrives: bool, webhook: Webhook) -> None:
    """By event, environment, severity, category and code."""
    route = replace(Route("operations", (webhook.url,)), **change)
    assert (route.wanted(told()) is not None) == arrives


def test_of_several_errors_those_that_fit_are_told() -> None:
    """And what went well has no errors that could fit."""
    route = Route("operations", (), categories=("docker",), events=EVENTS)
    both = told(Event.ROLLED_BACK, PrefectAPIError("away"), DockerError("no space"))
    wanted = route.wanted(both)
    assert wanted is not None
    assert [each.message for each in wanted.errors] == ["no space"]
    assert route.wanted(replace(both, event=Event.DEPLOYED, errors=())) is not None


def test_the_same_is_folded_across_processes_and_counted(desk: Desk, webhook: Webhook) -> None:
    """Each `tell` opens the store anew, as a process does."""
    assert desk.tell(told()) == [Placed.QUEUED]
    for minutes in range(1, 8):
        desk.now = NOON + timedelta(minutes=minutes)
        assert desk.tell(told(occurred_at=desk.now)) == [Placed.FOLDED]
    assert desk.tell(told(Event.ROLLED_BACK, DockerError("something else"))) == [Placed.QUEUED]
    assert len(webhook.received) == 2
    desk.now = NOON + timedelta(minutes=61)
    assert desk.tell(told(occurred_at=desk.now)) == [Placed.QUEUED]
    assert "7 more times since 2026-03-10 12:01:00 UTC" in webhook.received[-1]["message"]


def test_what_was_counted_is_told_when_the_cool_down_is_over(desk: Desk, webhook: Webhook) -> None:
    """Also when it does not happen again."""
    desk.tell(told())
    for _ in range(3):
        desk.tell(told(occurred_at=NOON))
    desk.now = NOON + timedelta(minutes=61)
    desk.notifier.deliver(desk.store)
    desk.notifier.deliver(desk.store)
    assert len(webhook.received) == 2
    assert "2 more times since" in webhook.received[-1]["message"]


def test_after_it_went_well_the_next_failure_is_news(desk: Desk, webhook: Webhook) -> None:
    """Within the cool-down too; also where nobody wants to hear that it went well."""
    desk.tell(told())
    assert desk.tell(replace(told(), event=Event.DEPLOYED, errors=())) == []
    assert desk.tell(told()) == [Placed.QUEUED]
    assert len(webhook.received) == 2


def test_without_a_cool_down_each_is_told(desk: Desk, webhook: Webhook) -> None:
    """So is each that went well, whatever the cool-down."""
    desk.routes = [replace(desk.routes[0], cool_down=timedelta(0))]
    desk.tell(told())
    desk.tell(told())
    assert len(webhook.received) == 2


NIGHT = QuietHours(clock_time(22), clock_time(7), "Europe/London")


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        ("2026-01-10T21:59:59+00:00", None),
        ("2026-01-10T22:00:00+00:00", "2026-01-11T07:00:00+00:00"),
        ("2026-01-11T06:59:59+00:00", "2026-01-11T07:00:00+00:00"),
        ("2026-01-11T07:00:00+00:00", None),
        ("2026-07-10T21:30:00+00:00", "2026-07-11T06:00:00+00:00"),  # summer time
        ("2026-03-28T23:00:00+00:00", "2026-03-29T06:00:00+00:00"),  # the night in which it begins
    ],
)
def test_quiet_hours_go_by_the_clock_of_their_place(moment: str, over: str | None) -> None:
    """Over midnight, and when the clocks change."""
    found = NIGHT.end_of(datetime.fromisoformat(moment))
    assert (found.isoformat() if found else None) == over


def test_quiet_hours_of_a_day_do_not_go_over_midnight() -> None:
    """From noon to one."""
    lunch = QuietHours(clock_time(12), clock_time(13))
    assert lunch.end_of(NOON) == NOON + timedelta(hours=1)
    assert lunch.end_of(NOON + timedelta(hours=1)) is None


def test_what_quiet_hours_hold_back_comes_together_when_they_are_over(desk: Desk, webhook: Webhook) -> None:
    """And what is critical at once."""
    desk.routes = [replace(desk.routes[0], quiet_hours=QuietHours(clock_time(11), clock_time(14)))]
    assert desk.tell(told(Event.ROLLED_BACK, DockerError("first"))) == [Placed.HELD]
    assert desk.tell(told(Event.FAILED, DockerError("second"))) == [Placed.HELD]
    assert webhook.received == []
    grave = DockerError("burning", severity=ErrorSeverity.CRITICAL)
    assert desk.tell(told(Event.FAILED, grave)) == [Placed.QUEUED]
    assert "burning" in webhook.received[0]["message"]
    desk.now = NOON + timedelta(hours=2)
    desk.notifier.deliver(desk.store)
    [_, digest] = webhook.received
    assert "2 messages" in digest["title"]
    assert digest["message"].index("first") < digest["message"].index("second")
    assert desk.notifier.waiting(desk.store) == []


def test_nothing_is_let_through_where_that_is_said(desk: Desk) -> None:
    """`let_through: nothing`."""
    quiet = QuietHours(clock_time(11), clock_time(14), let_through=None)
    desk.routes = [replace(desk.routes[0], quiet_hours=quiet)]
    grave = DockerError("burning", severity=ErrorSeverity.CRITICAL)
    assert desk.tell(told(Event.FAILED, grave)) == [Placed.HELD]


def test_a_channel_that_fails_is_an_error_and_the_message_waits(desk: Desk, webhook: Webhook) -> None:
    """The other channel of the route has it already, and does not get it twice."""
    with webhook_server() as second:
        desk.routes = [Route("operations", (webhook.url, second.url))]
        webhook.status = 500
        desk.notifier.place(desk.store, told())
        done = desk.notifier.deliver(desk.store)
        [error] = done.errors
        assert (done.sent, error.error_code) == (1, "NOTIFICATION_FAILED")
        assert "'operations'" in error.message
        assert "channel 1 (json)" in error.message
        assert "500" in error.message
        webhook.status = 200
        assert desk.notifier.deliver(desk.store).sent == 0  # not yet: the next command must not wait again
        desk.now += TRIED_AGAIN[0]
        assert desk.notifier.deliver(desk.store).sent == 1
        assert (len(webhook.received), len(second.received)) == (1, 1)


def test_a_message_that_never_arrives_is_given_up_and_that_is_told(desk: Desk, webhook: Webhook) -> None:
    """After days."""
    webhook.status = 500
    desk.notifier.place(desk.store, told())
    desk.notifier.deliver(desk.store)
    desk.now += MOST_DAYS + timedelta(hours=1)
    [error] = desk.notifier.deliver(desk.store).errors
    assert "given up after 1 attempts" in error.message
    assert desk.notifier.waiting(desk.store) == []


def test_a_channel_that_hangs_is_not_waited_for(desk: Desk, webhook: Webhook) -> None:
    """Nor are the others held up by it."""
    with hanging_server() as hanging:
        desk.routes = [Route("operations", (hanging, webhook.url))]
        notifier = Notifier("shop", desk.routes, timeout_seconds=1, known=NOTHING_KNOWN)
        notifier.place(desk.store, told())
        done = notifier.deliver(desk.store)
    assert done.sent == len(webhook.received) == 1
    assert "no answer within 1 seconds" in done.errors[0].message


def test_what_one_process_has_taken_no_other_sends(desk: Desk, webhook: Webhook) -> None:
    """Until so much time has passed that it must be dead."""
    from deployment_system.notifications import outbox

    desk.notifier.place(desk.store, told())
    with desk.store.notes.together() as notes:
        taken, _ = outbox.take_due(notes, "shop", {"operations": None}, desk.now)
    assert len(taken) == 1
    assert desk.notifier.deliver(desk.store).sent == 0
    desk.now += timedelta(seconds=outbox.TAKEN_SECONDS)
    assert desk.notifier.deliver(desk.store).sent == len(webhook.received) == 1


def test_a_url_that_nobody_understands_is_an_error_of_its_own(desk: Desk) -> None:
    """Not shown: it may be a secret that was written wrong."""
    desk.routes = [Route("operations", ("slak://T1A2B3C4D5/B1B2B3B4B5/hunter2hunter2",))]
    desk.notifier.place(desk.store, told())
    [error] = desk.notifier.deliver(desk.store).errors
    assert error.error_code == "NOTIFICATION_URL_INVALID"
    assert "hunter2" not in error.message
    assert "T1A2B3C4D5" not in error.message


def test_what_apprise_says_is_told_without_the_url_and_to_nobody_else(desk: Desk) -> None:
    """Its own log names what it does not like, and whoever logs everything would have it."""
    everything = StringIO()
    handler = logging.StreamHandler(everything)  # not caplog: that asks loggers which pass nothing on, too
    logging.getLogger().addHandler(handler)
    desk.routes = [Route("operations", ("json://127.0.0.1:9/?method=hunter2hunter2",))]
    desk.notifier.place(desk.store, told())
    [error] = desk.notifier.deliver(desk.store).errors
    logging.getLogger().removeHandler(handler)
    assert "The method specified (********) is invalid" in error.message
    assert "hunter2" not in everything.getvalue()


def test_a_route_whose_variable_is_not_set_leaves_its_messages_to_who_has_it(
    desk: Desk, webhook: Webhook
) -> None:
    """A laptop does not use up what production's CI can send."""
    usable = desk.routes[0]
    desk.routes = [replace(usable, urls=("${OPERATIONS}",), unset=("OPERATIONS",))]
    assert desk.tell(told()) == [Placed.QUEUED]
    assert len(desk.notifier.waiting(desk.store)) == 1
    desk.routes = [usable]
    assert desk.notifier.deliver(desk.store).sent == len(webhook.received) == 1


def begun(desk: Desk) -> tuple[Store, str]:
    """A transaction that was noted by a process that has died since."""
    store = desk.store
    owner = replace(Owner.current(), pid=2**22 - 1, started="1")
    record, lock = store.journal.begin("2 change(s) in production", owner, scope="shop/production")
    store.locks.release(lock)
    note_begun(store, "shop", "production", "deploy", record.plan_id)
    noted = store.notes.get("notifications/unfinished/shop", record.plan_id)
    store.notes.put("notifications/unfinished/shop", record.plan_id, {**noted, "owner": owner.to_dict()})
    return store, record.plan_id


def test_the_next_process_tells_of_one_that_died(desk: Desk, webhook: Webhook) -> None:
    """Once while nothing is put back, once more when it is."""
    store, plan_id = begun(desk)
    for _ in range(2):
        desk.notifier.place_of_the_dead(store)
        desk.notifier.deliver(store)
    assert webhook.titles == ["shop, production: a deployment died in the middle and is not put back yet"]
    assert "recovery execute" in webhook.received[0]["message"]
    _, lock = store.journal.start_undo(plan_id, Owner.current(), None, None)
    store.journal.finish(lock, plan_id, OperationStatus.ROLLED_BACK)
    for _ in range(2):
        desk.notifier.place_of_the_dead(store)
        desk.notifier.deliver(store)
    assert webhook.titles[1:] == ["shop, production: recovered"]


def test_templates_are_words_and_places_and_nothing_else() -> None:
    """What stands in a value is not looked at again; lines without a word go."""
    message = told(Event.FAILED, DockerError("{user} {__class__} <b>"), command="deploy")
    title, body = title_and_body("{event}\n{code}", "a {message} b\n{plan_id}\n\n{count} {command}", message)
    assert title == "failed DOCKER_BUILD_FAILED"
    assert body == "a {user} {__class__} <b> b\n\n1 deploy"


def test_many_errors_are_counted() -> None:
    """Ten are told, the gravest first; no message grows without end."""
    errors = [DockerError(f"fault {number} {'x' * 3000}") for number in range(40)]
    errors[30] = DockerError("grave", severity=ErrorSeverity.CRITICAL)
    _, body = title_and_body(DEFAULT_TITLE, DEFAULT_BODY, told(Event.FAILED, *errors))
    assert len(body) <= 6000
    assert "grave" in body.splitlines()[0]
    assert "and 30 more" in title_and_body("", "{errors}", told(Event.FAILED, *[DockerError("x")] * 40))[1]
    assert title_and_body("{count}", "", told(Event.FAILED, *errors))[0] == "40"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("slack://T1A2B3C4/B5C6D7E8/hunter2hunter2", ["T1A2B3C4", "hunter2hunter2"]),
        ("mailto://ann:hunter2%2Bhunter2@mail.example", ["hunter2+hunter2"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["123456789", "abcdefg_hijklmnop"]),
        ("json://h/?+X-Key=hunter2hunter2", ["hunter2hunter2"]),
    ],
)
def test_what_of_a_url_is_hidden(url: str, secrets: list[str]) -> None:
    """Whatever the service calls it."""
    assert set(secrets) < set(secrets_of(url))
