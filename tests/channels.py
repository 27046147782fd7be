"""Real channels of the tests' own: a web server that takes messages, and a mail server."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

WAIT_SECONDS = 30.0


@dataclass
class Webhook:
    """A web server that keeps what is posted to it."""

    port: int = 0
    status: int = 200
    """What it answers."""
    received: list[dict[str, Any]] = field(default_factory=list)
    silent: threading.Event | None = None
    """While it is there and not set, nothing is answered."""

    @property
    def url(self) -> str:
        """As Apprise takes it."""
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def titles(self) -> list[str]:
        """What came, in its order."""
        return [each["title"] for each in self.received]


@contextmanager
def webhook_server() -> Iterator[Webhook]:
    """A web server on a port of its own."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.silent is not None:
                hook.silent.wait(WAIT_SECONDS)
            if hook.status < 300:
                hook.received.append(json.loads(content))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hook
    finally:
        if hook.silent is not None:
            hook.silent.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    """A mail server that keeps what it is given."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        """As Apprise takes it."""
        return f"mailto://127.0.0.1:{self.port}?from=deploy@shop.example&to=night@shop.example"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Called with each message."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = BytesParser(policy=modern).parsebytes(content)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mailbox = Mailbox(probe.getsockname()[1])
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def hanging_server() -> Iterator[str]:
    """Takes connections and never says a word; its URL as Apprise takes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"json://127.0.0.1:{listening.getsockname()[1]}/?rto=60&cto=60"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A web server."""
    with webhook_server() as hook:
        yield hook


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server."""
    with mail_server() as box:
        yield box


def until(happened: Any) -> None:
    """Waits for a condition, with a deadline."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
