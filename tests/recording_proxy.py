"""A way to a real Prefect server that notes every request, and can fail where a network or a server does.

The server behind it is real, and so are its answers; only the way is ours to break.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

QUESTIONS = ("/filter", "/count", "/paginate", "/health")
TOLD = "/api/events"
"""What is sent there tells of changes and makes none."""
PASSED_ON = ("content-type", "authorization", "accept")


@dataclass(frozen=True)
class Seen:
    """One request as it was sent, and the status of its answer; 0 where there was none."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]
    status: int

    @property
    def writes(self) -> bool:
        """Whether it was meant to change something."""
        asks = self.method == "GET" or any(word in self.path for word in QUESTIONS)
        return not asks and self.path != TOLD


@dataclass
class Fault:
    """What happens to requests that match, from the `after`-th match on, `times` times."""

    method: str
    """Empty: any."""
    path: str
    """A regular expression that is searched in the request's path."""
    status: int | None = None
    """Answer this instead of asking the server."""
    body: str = "{}"
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    answer_after: bool = False
    """Ask the server, and pass on `status` all the same."""
    drop_before: bool = False
    """Close the connection without asking the server."""
    drop_after: bool = False
    """Ask the server, then close the connection without passing its answer on."""
    delay_seconds: float = 0.0
    after: int = 0
    times: int = 1_000_000
    then: Callable[[], None] | None = None
    """Called when it strikes."""
    afterwards: Callable[[], None] | None = None
    """Called when the server has answered, before that is passed on."""
    matched: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether it is about such a request."""
        return self.method in ("", method) and re.search(self.path, path) is not None

    def strikes(self, method: str, path: str) -> bool:
        """Counts a match, and says whether this one fails."""
        if not self.matches(method, path):
            return False
        self.matched += 1
        return self.after < self.matched <= self.after + self.times


class RecordingProxy:
    """Listens on a port of its own for as long as the block of `recording_proxy` lasts."""

    def __init__(self, target: str) -> None:
        self.target = target.removesuffix("/api")
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.in_flight = 0
        """Requests that came and were not done with yet."""
        self.lock = threading.Lock()
        self.client = httpx.Client(base_url=self.target, timeout=60, trust_env=False)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api"

    @property
    def writes(self) -> list[Seen]:
        """The requests that were meant to change something, without those that a busy server refused: on
        SQLite it does so now and then, and takes them when they are sent again."""
        busy = httpx.codes.SERVICE_UNAVAILABLE
        return [seen for seen in self.seen if seen.writes and seen.status != busy]

    def forget(self) -> None:
        """Begins to count anew, and mends every fault."""
        with self.lock:
            self.seen.clear()
            self.faults.clear()

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request."""
        with self.lock:
            return next((fault for fault in self.faults if fault.strikes(method, path)), None)

    def count(self, by: int) -> None:
        """One more, or one less, that is here."""
        with self.lock:
            self.in_flight += by

    def note(self, seen: Seen) -> None:
        """Adds a request."""
        with self.lock:
            self.seen.append(seen)


@contextmanager
def recording_proxy(target: str) -> Iterator[RecordingProxy]:
    """A proxy before the server at `target`."""
    proxy = RecordingProxy(target)
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        proxy.client.close()


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on, or fails it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body of each answer are 40 ms apart
    proxy: RecordingProxy

    def handle_any(self) -> None:
        """Counts a request while it is here."""
        self.proxy.count(1)
        try:
            self.handle_one()
        finally:
            self.proxy.count(-1)

    def handle_one(self) -> None:
        """What becomes of a request."""
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length) if length else b""
        if len(raw) < length:
            self._break_off()  # whoever sent it is gone: a server does nothing with half a request
            return
        fault = self.proxy.fault_for(self.command, self.path)
        if fault is None:
            self._pass_on(raw)
            return
        time.sleep(fault.delay_seconds)
        if fault.then is not None:
            fault.then()
        if fault.drop_before:
            self._note(raw, 0)
            self._break_off()
        elif fault.status is not None:
            if fault.answer_after:
                self._ask(raw)
            self._note(raw, fault.status)
            self._answer(fault.status, fault.body.encode(), fault.content_type, fault.headers)
        else:
            self._pass_on(raw, fault)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what was asked is in `seen`."""

    def _pass_on(self, raw: bytes, fault: Fault | None = None) -> None:
        answer = self._ask(raw)
        drop = fault is not None and fault.drop_after
        self._note(raw, 0 if answer is None or drop else answer.status_code)
        if fault is not None and fault.afterwards is not None:
            fault.afterwards()
        if answer is None or drop:
            self._break_off()
        else:
            kind = answer.headers.get("content-type", "application/json")
            self._answer(answer.status_code, answer.content, kind, {})

    def _ask(self, raw: bytes) -> httpx.Response | None:
        """The server's answer; None where there is no server (any more)."""
        headers = {name: value for name, value in self.headers.items() if name.lower() in PASSED_ON}
        try:
            return self.proxy.client.request(self.command, self.path, content=raw, headers=headers)
        except httpx.TransportError:
            return None

    def _note(self, raw: bytes, status: int) -> None:
        body = json.loads(raw) if raw else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.proxy.note(Seen(self.command, self.path, body, headers, status))

    def _answer(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": content_type, **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        with suppress(ConnectionError):  # who asked has not waited for it, or was killed
            self.end_headers()
            if status != httpx.codes.NO_CONTENT:
                self.wfile.write(body)

    def _break_off(self) -> None:
        self.close_connection = True
        self.connection.close()
