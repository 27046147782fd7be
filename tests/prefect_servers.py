"""Real Prefect servers of the tests' own, each a process that can be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

SERVER_BOOT_SECONDS = 120.0
SERVER_END_SECONDS = 20.0


class PrefectProcess:
    """A server on SQLite in a folder of its own, on one port for all its lives."""

    def __init__(self, home: Path, port: int, environ: Mapping[str, str] | None = None) -> None:
        self.url = f"http://127.0.0.1:{port}/api"
        self._home = home
        self._port = port
        self._environ = environ or {}
        """Settings of this server alone."""
        self._log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, without waiting until it answers."""
        with self._log.open("a") as output:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("prefect")),
                    "server",
                    "start",
                    "--port",
                    str(self._port),
                ],
                env={
                    **os.environ,
                    "PREFECT_HOME": str(self._home),
                    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                    # Without it the pages of the UI ask port 4200, whatever port they were served from.
                    "PREFECT_SERVER_UI_API_URL": self.url,
                    **self._environ,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_healthy(self) -> None:
        """Returns once it answers; fails the test where it ends, or takes too long."""
        deadline = time.monotonic() + SERVER_BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        pytest.fail(f"the Prefect server did not start:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """SIGKILL, to it and to what it started."""
        self._send(signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end, and kills it where it does not."""
        try:
            self._send(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        os.killpg(self._process.pid, number)
        self._process.wait(SERVER_END_SECONDS)
