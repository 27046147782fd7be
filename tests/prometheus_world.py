"""Real Prometheus, Alertmanager, Pushgateway and node_exporter, each a process of the tests' own."""

import os
import shutil
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

START_SECONDS = 60
PROGRAMS = (
    *("prometheus", "promtool", "amtool"),
    *("prometheus-alertmanager", "prometheus-pushgateway", "prometheus-node-exporter"),
)


def needed_program(name: str) -> str:
    """Where it is. Where it is not installed, the test is skipped; in CI it fails."""
    found = shutil.which(name)
    if found is None:
        why = f"no {name} here: `make prometheus` installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return found


def checked(*command: str, content: str | None = None) -> str:
    """What a tool prints; the test fails where it finds fault."""
    finished = subprocess.run(
        [needed_program(command[0]), *command[1:]], input=content, capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(folder: Path, ready: str, *command: str) -> Iterator[None]:
    """Runs while the block runs, which begins when the URL `ready` is answered."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [needed_program(command[0]), *command[1:]], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """What a query finds now; the test fails where it is no query."""
        return self._result("query", {"query": expression})

    def ask_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """What a query finds over a time."""
        return self._result(
            "query_range", {"query": expression, "start": str(start), "end": str(end), "step": str(step)}
        )

    def value(self, expression: str) -> float | None:
        """The one number that a query finds; None: it finds nothing."""
        found = self.ask(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by their names."""
        found = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert for alert in found if alert["state"] == "firing"}

    def _result(self, kind: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.url}/api/v1/{kind}", data=dict(parameters), timeout=30)
        document = answer.json()
        assert document["status"] == "success", (parameters, document)
        found: list[dict[str, Any]] = document["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, configuration: str) -> Iterator[Prometheus]:
    """One with this configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(configuration)
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    )
    with program(folder, f"{url}/-/ready", *command):
        yield Prometheus(url)


@contextmanager
def alertmanager(folder: Path, configuration: str) -> Iterator[str]:
    """The URL of one with this configuration, alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(configuration)
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    )
    with program(folder, f"{url}/-/ready", *command):
        yield url


@dataclass
class Received:
    """What came in, and the URL that it came to."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Received]:
    """A real HTTP server that keeps what is posted to it."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.headers.append(dict(self.headers.items()))
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    """Mails that came in, and the address of their server."""

    address: str = ""
    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd says
        """Takes a mail."""
        self.mails.append(envelope.content)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A real SMTP server that keeps what is sent to it."""
    from aiosmtpd.controller import Controller

    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.address = f"127.0.0.1:{port}"
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.noop()
        yield box
    finally:
        controller.stop()
