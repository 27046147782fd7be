"""A small HTTP server for reading: many clients at once, none of which can keep it from the others.

The standard library's, with what it leaves open: a limit on connections, a deadline for each request and each
answer however slowly they come, answers in JSON also for what is no HTTP, and an end that waits for answers
that are on their way.
"""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deployment_system.error_handling.loggers import logger_of

MOST_CONNECTIONS = 64
REQUEST_SECONDS = 15.0
"""How long a client may take for a request, and how long a connection may be kept without one."""
ANSWER_SECONDS = 30.0
"""How long making an answer and taking it may last together."""
END_SECONDS = 5.0
"""How long the end waits for answers that are on their way."""
_LOOK_SECONDS = 0.5

_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. `target`: path and query, as they were sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By their names in lower case."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gets."""

    status: HTTPStatus
    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


Answerer = Callable[[Request], Answer]
Refuse = Callable[[HTTPStatus, str], Answer]
"""Makes the answer to what is no request that can be answered."""


class HttpServer(ThreadingHTTPServer):
    """Listens as soon as it is made. Raises OSError where it cannot."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(
        self,
        address: tuple[str, int],
        answer: Answerer,
        refuse: Refuse,
        *,
        family: socket.AddressFamily = socket.AF_INET,
        request_seconds: float = REQUEST_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.address_family = family
        self._request_seconds = request_seconds
        self._answer_seconds = answer_seconds
        self.answer = answer
        self.refuse = refuse
        self._lock = threading.Lock()
        self._deadlines: dict[socket.socket, float] = {}
        self._answering: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without looking the host's name up, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def run(self) -> None:
        """Serves until an exception, that of a signal mostly, ends it, and waits for answers on their way."""
        try:
            self.serve_forever(poll_interval=_LOOK_SECONDS)
        finally:
            self.server_close()
            self._settle()

    # --- connections

    def process_request(self, request: Any, client_address: Any) -> None:
        """One thread for each connection, as long as there are not too many."""
        with self._lock:
            full = len(self._deadlines) >= MOST_CONNECTIONS
            if not full:
                self._deadlines[request] = time.monotonic() + self._request_seconds
        if full:
            _log.warning("a connection of %s was refused: there are %d", client_address, MOST_CONNECTIONS)
            self._send_away(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        with self._lock:
            self._deadlines.pop(request, None)
            self._answering.discard(request)
        super().shutdown_request(request)

    def begun(self, request: socket.socket) -> None:
        """A request is there: now the answer has its time."""
        with self._lock:
            self._answering.add(request)
            self._deadlines[request] = time.monotonic() + self._answer_seconds

    def answered(self, request: socket.socket) -> None:
        """The next one may come."""
        with self._lock:
            self._answering.discard(request)
            self._deadlines[request] = time.monotonic() + self._request_seconds

    def service_actions(self) -> None:
        """Ends connections whose time is up; called every half second."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, deadline in self._deadlines.items() if deadline < now]
        for request in late:
            _break_off(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours; nothing is printed."""
        _log.debug("the connection of %s ended early", client_address, exc_info=True)

    def _send_away(self, request: socket.socket) -> None:
        answer = self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "there are too many connections")
        head = (
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.media_type}\r\n"
            f"Content-Length: {len(answer.content)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        )
        request.setblocking(False)
        try:
            request.send(head.encode() + answer.content)
        except OSError:
            _log.debug("nor could it be told so", exc_info=True)
        super().shutdown_request(request)

    def _settle(self) -> None:
        end = time.monotonic() + END_SECONDS
        with self._lock:
            idle = [request for request in self._deadlines if request not in self._answering]
        for request in idle:
            _break_off(request)
        while self._answering and time.monotonic() < end:
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = REQUEST_SECONDS
    wbufsize = 64 * 1024
    server_version = "deployment-cli"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers."""
        self.server.begun(self.connection)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            self.close_connection = True  # else what nobody reads would be taken for the next request
        self._send(self.server.answer(Request(self.command, self.path, headers)))
        self.wfile.flush()
        self.server.answered(self.connection)

    do_HEAD = do_GET  # noqa: N815 - as the base class calls it

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """For what the base class cannot understand: no HTTP, or another method."""
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:
            status, message = HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} is not possible here: GET is"
        self.close_connection = True
        self._send(self.server.refuse(status, message or status.phrase))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {
            "Content-Type": answer.media_type,
            "Content-Length": str(len(answer.content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **answer.headers,
        }
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Into the log, not to standard error."""
        _log.debug(format, *args)


def _break_off(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("the connection was over already", exc_info=True)
