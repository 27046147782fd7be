"""A Prefect server of its own for each contender, so that none works on what another one left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

BOOT_SECONDS = 120.0
ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/1\.[01]" (?P<status>\d{3})')
# These are POST because their question is a JSON body; they change nothing.
QUESTIONS = re.compile(r"/(filter|count|paginate|get_scheduled_flow_runs|next|lateness|history)(/|\?|$)")


@dataclass(frozen=True)
class Request:
    """One line of the server's access log."""

    method: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether it was meant to change something."""
        return self.method != "GET" and not QUESTIONS.search(self.path)


@dataclass(frozen=True)
class FreshServer:
    """A running server and its log."""

    url: str
    home: Path
    log: Path

    def requests(self) -> list[Request]:
        """Every request so far, but for those on its health."""
        found = ACCESS.finditer(self.log.read_text(errors="replace"))
        requests = [Request(m["method"], m["path"], int(m["status"])) for m in found]
        return [request for request in requests if not request.path.endswith("/api/health")]

    def environment(self) -> dict[str, str]:
        """Environment variables that lead Prefect's and our command to this server, and to no other one."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        return {**kept, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url}


@contextmanager
def fresh_server() -> Iterator[FreshServer]:
    """A server on an empty SQLite database; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="bench-prefect-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = FreshServer(f"http://127.0.0.1:{port}/api", home, home / "server.log")
        process = _start(server, port)
        try:
            _wait_until_healthy(server, process)
            yield server
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _start(server: FreshServer, port: int) -> "subprocess.Popen[bytes]":
    prefect = Path(sys.executable).with_name("prefect")
    with server.log.open("w") as log:
        return subprocess.Popen(
            [str(prefect), "server", "start", "--port", str(port), "--no-ui", "--log-level", "INFO"],
            env={**server.environment(), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_healthy(server: FreshServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/health", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise ConnectionError(f"the Prefect server did not start:\n{server.log.read_text()[-3000:]}")
