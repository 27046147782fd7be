"""How requests to a Prefect server are sent: timeouts, retries, pages, and each failure as a typed error.

Plain HTTP instead of Prefect's own client: importing Prefect costs more than most commands take, and
its client repeats a POST after a lost answer without saying so. Every call has a timeout; what may
pass by itself is tried again by the retry policy, and only where repeating is safe. The calls of a run
share a retry budget and a circuit breaker, so that a dying server is not hammered.
"""

import math
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from deployment_system.api import translate
from deployment_system.error_handling import (
    CircuitBreaker,
    ErrorContext,
    LookUpFirst,
    OpenCircuit,
    RetryBudget,
    RetryHandler,
    RetryPolicies,
    RetryPolicy,
)
from deployment_system.error_handling.collected import RetryWatch

PAGE_SIZE = 200
"""The most objects that a Prefect server returns at once (PREFECT_API_DEFAULT_LIMIT's default)."""

BULK_SIZE = 50
"""The most objects that a Prefect server deletes at once."""

DEFAULT_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0
HEALTH_TIMEOUT_SECONDS = 2.0

LATE_SECONDS = 60.0
"""How long after it was sent a write may still be made that nobody waits for any more: a server on SQLite
waits so long for its database (`PRAGMA busy_timeout` of prefect 3.8)."""
BROKEN_OFF_SECONDS = 2.0
"""The same where the connection broke off: mostly the server is gone, and the write with it."""

SERVER_RETRY = replace(
    RetryPolicies.NETWORK_RETRY, max_attempts=7, base_delay=0.01, backoff_multiplier=4.0, max_delay=5.0
)
"""A server on SQLite answers 503 to one write in fifteen, also when it has a single writer, and takes it at
once when it is sent again: the first wait is short. The last ones bridge a restart of some seconds."""


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens the server; never shown."""

    api_key: str | None = None
    auth_string: str | None = None
    """`user:password` for servers behind PREFECT_SERVER_API_AUTH_STRING."""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Connection:
    """Sends requests to one server. Safe to use from several threads. Raises `PrefectAPIError`, with the
    code CIRCUIT_OPEN where the server failed so often in a row that it is not even asked."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retry_policy: RetryPolicy = SERVER_RETRY,
        budget: RetryBudget | None = None,
        breaker: CircuitBreaker | None = None,
        watch: RetryWatch | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        credentials = credentials or Credentials()
        headers = {"Authorization": f"Bearer {credentials.api_key}"} if credentials.api_key else {}
        auth = None
        if credentials.auth_string and not credentials.api_key:
            user, _, password = credentials.auth_string.partition(":")
            auth = httpx.BasicAuth(user, password)
        self._watch = watch
        self._budget = budget or RetryBudget()
        self._breaker = breaker or CircuitBreaker(on_change=watch.circuit_changed if watch else None)
        self._retry = RetryHandler(
            retry_policy,
            watch.attempt_failed if watch else None,
            budget=self._budget,
            breaker=self._breaker,
            open_error=self._circuit_open,
            on_recovered=watch.call_recovered if watch else None,
        )
        self._count = threading.Lock()
        self.requests_sent = 0
        self.busy_answers = 0
        """How often the server answered that it is too busy."""
        self.answers_lost = 0
        """Of how many writes nobody knows whether the server made them, or still will."""
        self._late_until = -math.inf
        try:
            self._client = httpx.Client(
                base_url=self.url,
                headers=headers,
                auth=auth,
                timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
                follow_redirects=True,
                verify=_trust(self.url),
            )
        except httpx.InvalidURL as error:
            raise translate.transport_error(error, url, ErrorContext()) from error

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()
        if self._watch is not None and self.requests_sent:
            self._watch.ended(self._breaker.state, self._budget.tokens / (self._budget.policy.capacity or 1))

    def call(self, method: str, path: str, body: Any, context: ErrorContext) -> Any:
        """The object that the server answers; None where it answers without content."""
        answer = self._retry.retry(self._send_for_success, method, path, body, context)
        return self._json(answer, dict, context) if answer.content else None

    def text(self, path: str, context: ErrorContext) -> str:
        """The text that the server answers. One that knows nothing of the path is no Prefect API."""
        answer = self._retry.retry(self._send_for_success_or_missing, "GET", path, context)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise translate.not_a_prefect_server(self.url, answer, context)
        found: str = self._json(answer, str, context)
        return found

    def read_or_none(self, path: str, context: ErrorContext) -> dict[str, Any] | None:
        """The object at a path; None where there is none."""
        return self._retry.retry(self.read_once_or_none, path, context)

    def read_once_or_none(self, path: str, context: ErrorContext) -> dict[str, Any] | None:
        """As `read_or_none`, asked once: for who is retried already."""
        answer = self._send_for_success_or_missing("GET", path, context)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = self._json(answer, dict, context)
        return found

    def list(self, path: str, body: Any, context: ErrorContext) -> list[dict[str, Any]]:
        """An answer that must be a list: an empty object taken for "nothing there" would do harm."""
        answer = self._retry.retry(self._send_for_success, "POST", path, body, context)
        found: list[dict[str, Any]] = self._json(answer, list, context)
        return found

    def pages(self, path: str, wanted: Mapping[str, Any], context: ErrorContext) -> Iterator[dict[str, Any]]:
        """Every object that is wanted, however many there are."""
        offset = 0
        while True:
            page = self.list(path, {**wanted, "limit": PAGE_SIZE, "offset": offset}, context)
            yield from page
            if len(page) < PAGE_SIZE:
                return
            offset += PAGE_SIZE

    def delete(self, path: str, context: ErrorContext) -> None:
        """Deletes it; what is gone already is as good."""
        self._retry.retry(self._send_for_success_or_missing, "DELETE", path, context)

    def delete_many(self, kind: str, ids: Sequence[str], context: ErrorContext) -> None:
        """Deletes objects of a kind by their ids, many with one request; what is gone already is as good."""
        for start in range(0, len(ids), BULK_SIZE):
            some = list(ids[start : start + BULK_SIZE])
            wanted = {kind: {"id": {"any_": some}}, "limit": BULK_SIZE}
            self.call("POST", f"/{kind}/bulk_delete", wanted, context)

    def add(self, path: str, body: Any, is_there: Callable[[], Any], context: ErrorContext) -> None:
        """Sends what must not be sent twice: when an answer is lost, `is_there` is asked first, which
        returns NOT_THERE where it has to be sent again."""

        def send() -> None:
            self._send_for_success("POST", path, body, context)

        self._retry.retry(LookUpFirst(send, is_there))

    def status_of(self, method: str, path: str, body: Any, context: ErrorContext) -> int:
        """The status of a successful answer, or 422: for who looks for a known fault of the server."""
        answer = self._send(method, path, body, context)
        if answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
            self._raise_for_status(answer, context)
        return answer.status_code

    def page(self, url: str, context: ErrorContext) -> httpx.Response:
        """Whatever answers to a browser that opens the URL. Raises where nothing does."""
        try:
            return self._client.get(url, headers={"Accept": "text/html"})
        except httpx.HTTPError as error:
            raise translate.transport_error(error, self.url, context) from error

    def is_healthy(self) -> bool:
        """Whether the server answers now. Asked once, and soon given up."""
        try:
            answer = self._client.get("/health", timeout=HEALTH_TIMEOUT_SECONDS)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def late_seconds(self) -> float:
        """How long it may still take until each write whose answer was lost is made, or never will be."""
        return max(0.0, self._late_until - time.monotonic())

    # -- inside ----------------------------------------------------------------------------------

    def _send_for_success(self, method: str, path: str, body: Any, context: ErrorContext) -> httpx.Response:
        answer = self._send(method, path, body, context)
        self._raise_for_status(answer, context)
        return answer

    def _send_for_success_or_missing(self, method: str, path: str, context: ErrorContext) -> httpx.Response:
        answer = self._send(method, path, None, context)
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._raise_for_status(answer, context)
        return answer

    def _json(self, answer: httpx.Response, shape: type, context: ErrorContext) -> Any:
        try:
            content = answer.json()
        except ValueError as error:
            raise translate.not_a_prefect_server(self.url, answer, context) from error
        if not isinstance(content, shape):
            raise translate.not_a_prefect_server(self.url, answer, context)
        return content

    def _send(self, method: str, path: str, body: Any, context: ErrorContext) -> httpx.Response:
        with self._count:
            self.requests_sent += 1
        if self._watch is not None:
            self._watch.sent()
        asks, sent = _only_asks(method, path), time.monotonic()
        try:
            with nullcontext() if asks else _uninterrupted():
                answer = self._client.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if not asks and not isinstance(error, _NEVER_SENT):
                late = LATE_SECONDS if isinstance(error, httpx.TimeoutException) else BROKEN_OFF_SECONDS
                self._answer_was_lost(sent + late)
            raise translate.transport_error(error, self.url, context) from error
        if not asks and answer.status_code in _GIVEN_UP_ON_THE_WAY:
            self._answer_was_lost(sent + LATE_SECONDS)
        return answer

    def _answer_was_lost(self, late_until: float) -> None:
        with self._count:
            self.answers_lost += 1
            self._late_until = max(self._late_until, late_until)

    def _circuit_open(self, refusal: OpenCircuit) -> Exception:
        if self._watch is not None:
            self._watch.refused()
        return translate.circuit_open(refusal, self.url)

    def _raise_for_status(self, answer: httpx.Response, context: ErrorContext) -> None:
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            with self._count:
                self.busy_answers += 1
        if not answer.is_success:
            raise translate.status_error(answer, self.url, context)


_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_GIVEN_UP_ON_THE_WAY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.GATEWAY_TIMEOUT)
"""Who answers so has not waited for the server."""


def pages_of(values: Sequence[Item]) -> Iterable[list[Item]]:
    """At most as many at once as a server gives on one page."""
    return (list(values[start : start + PAGE_SIZE]) for start in range(0, len(values), PAGE_SIZE))


def _only_asks(method: str, path: str) -> bool:
    """Whether a request changes nothing: Prefect takes the filter of a question in the body of a POST."""
    return method == "GET" or path.endswith(("/filter", "/paginate"))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block: a write that is on its way is waited for, as the
    server might still take it when everything else is put back already. No longer than its timeout."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _trust(url: str) -> ssl.SSLContext:
    """Whose certificates are trusted: on this very machine nobody's, as HTTP needs none, and to read all
    that are known takes longer than asking a server there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # The client says what is wrong with the URL, in words of its own.
        return httpx.create_ssl_context()
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()
