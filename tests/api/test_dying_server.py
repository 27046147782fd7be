"""A server that dies in the middle of a run, over real sockets: it is left alone, and the error says so."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deployment_system.api import translate
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.error_handling import (
    CircuitBreaker,
    CircuitPolicy,
    CircuitState,
    ErrorContext,
    PrefectAPIError,
    RetryBudget,
    RetryBudgetPolicy,
    no_sleep,
)

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Answering:
    """Answers each request with what `script` says of its number: a status, or None to break off."""

    def __init__(self, *script: int | None, then: int | None, bodies: dict[str, str] | None = None) -> None:
        self.script, self.then, self.bodies = list(script), then, bodies or {}
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def next(self, asked: str) -> int | None:
        """Counts a request."""
        with self.lock:
            self.asked.append(asked)
            return self.script.pop(0) if self.script else self.then


@contextmanager
def listening(answering: Answering) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = f"{self.command} {self.path.removeprefix('/api')}"
            status = answering.next(asked)
            self.close_connection = True
            if status is None:
                self.connection.close()
                return
            body = answering.bodies.get(asked, "{}").encode()
            self.send_response(status)
            self.send_header("connection", "close")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def delete_all(server: PrefectServer, count: int, writers: int) -> list[PrefectAPIError]:
    """Tries every one, as undoing does, and gives the errors."""

    def one(number: int) -> PrefectAPIError | None:
        try:
            server.delete_deployment(str(number), ErrorContext(operation="delete a deployment"))
        except PrefectAPIError as error:
            return error
        return None

    with ThreadPoolExecutor(writers) as pool:
        return [error for error in pool.map(one, range(count)) if error is not None]


@pytest.mark.parametrize("writers", [1, 4])
@pytest.mark.parametrize("status", [503, None], ids=["503", "breaks off"])
def test_a_dead_server_is_not_hammered_by_a_run(writers: int, status: int | None) -> None:
    """200 operations of 5 attempts would be 1000 requests: about 20 are sent, the rest are told why."""
    answering = Answering(then=status)
    with listening(answering) as url, no_sleep():
        breaker = CircuitBreaker(clock=lambda: 0.0)
        with PrefectServer(url, breaker=breaker) as server:
            errors = delete_all(server, 200, writers)
    assert len(errors) == 200
    assert 20 <= len(answering.asked) < 20 + writers
    refused = [error for error in errors if error.error_code == "CIRCUIT_OPEN"]
    assert len(refused) >= 195
    assert url in refused[-1].message
    assert "left alone for 5.0 s" in refused[-1].message
    assert refused[-1].retryable
    assert refused[-1].context.extra["attempts"] == 0
    assert refused[-1].remediation


def test_a_server_has_a_breaker_and_a_budget_of_its_own() -> None:
    """Nobody has to think of it; another server is not held responsible."""
    dead, alive = Answering(then=503), Answering(then=204)
    with listening(dead) as dead_url, listening(alive) as alive_url, no_sleep():
        with PrefectServer(dead_url) as server:
            delete_all(server, 50, 1)
        with PrefectServer(alive_url) as server:
            assert delete_all(server, 50, 1) == []
    assert (len(dead.asked), len(alive.asked)) == (20, 50)


def test_the_budget_bounds_a_server_that_answers_now_and_then() -> None:
    """The breaker never opens; retries are a fifth of the successes at most, once the savings are spent."""
    script = [204, *[503] * 5] * 40
    answering, budget = Answering(*script, then=204), RetryBudget(RetryBudgetPolicy(50))
    with listening(answering) as url, no_sleep(), PrefectServer(url, budget=budget) as server:
        errors = delete_all(server, 80, 1)
    assert {error.error_code for error in errors} == {"PREFECT_API_UNAVAILABLE"}
    assert budget.tokens < 10
    assert len(answering.asked) <= 80 + 10 + 80 // 5


def test_it_is_asked_again_once_it_lives() -> None:
    """A probe after the rest, and everything goes on."""
    now = [0.0]
    answering = Answering(*[503] * 5, then=204)
    breaker = CircuitBreaker(CircuitPolicy(failures_to_open=5), clock=lambda: now[0])
    with listening(answering) as url, no_sleep(), PrefectServer(url, breaker=breaker) as server:
        assert len(delete_all(server, 3, 1)) == 3
        now[0] = 5.0
        assert delete_all(server, 3, 1) == []
    assert breaker.state is CircuitState.CLOSED
    assert len(answering.asked) == 8


SCHEDULES = {"GET /deployments/d": '{"schedules": [{"slug": "nightly"}]}'}


@pytest.mark.parametrize(
    ("script", "bodies", "asked"),
    [
        ((None, 200), SCHEDULES, ["POST", "GET"]),
        ((None, 404, 201), {}, ["POST", "GET", "POST"]),
        ((None, 200, 201), {"GET /deployments/d": '{"schedules": []}'}, ["POST", "GET", "POST"]),
        ((None, None, 503, 200), SCHEDULES, ["POST", "GET", "GET", "GET"]),
    ],
)
def test_a_schedule_is_looked_up_before_it_is_sent_again(
    script: tuple[int | None, ...], bodies: dict[str, str], asked: list[str]
) -> None:
    """One that is there is not sent twice; looking is part of the attempt, not a retried call in it."""
    answering = Answering(*script, then=500, bodies=bodies)
    with listening(answering) as url, no_sleep(), PrefectServer(url) as server:
        server.add_schedule("d", {"slug": "nightly"}, ErrorContext())
    assert [request.split()[0] for request in answering.asked] == asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("Tuesday, 01-Jan-30 12:00:05 GMT", 5.0),
        ("Tue Jan  1 12:00:05 2030", 5.0),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Tue, 99 Jan 2030 12:00:00 GMT", None),
        (None, None),
    ],
)
def test_a_server_says_how_long_to_wait_in_both_forms(header: str | None, seconds: float | None) -> None:
    """Seconds or a date, in each of the three notations of RFC 9110; what is neither says nothing."""
    assert translate.retry_after_seconds(header, now=NOW) == seconds
