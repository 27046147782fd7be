"""A real Prefect server for the whole session, started by the tests themselves."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

SERVER_BOOT_SECONDS = 120.0
POOL = "test-pool"
CRASH_POINTS = "crash_points"
"""The property under which a test records at how many points it killed a process."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many of the tests that passed did so against a real server, and at how many points a
    process was killed."""
    passed = terminalreporter.getreports("passed")
    swept: dict[str, int] = {}
    against_server = [report for report in passed if "server" in report.keywords]
    terminalreporter.write_line(
        f"{len(against_server)} of the {len(passed)} tests that passed used a real Prefect server"
    )
    for report in [*passed, *terminalreporter.getreports("failed")]:
        for name, points in report.user_properties:
            if name == CRASH_POINTS:
                swept[report.nodeid.partition("::")[2]] = points
    if swept:
        told = ", ".join(f"{test} {points}" for test, points in swept.items())
        terminalreporter.write_line(f"killed at {sum(swept.values())} points: {told}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that asks for the server has its marker."""
    if "prefect_server" in getattr(item, "fixturenames", ()):
        item.add_marker("server")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of a real Prefect server on SQLite. DEPLOYMENT_TEST_SERVER names one that is already
    running, which spares its start while a test is written."""
    running = os.environ.get("DEPLOYMENT_TEST_SERVER")
    if running:
        yield running
        return
    home = tmp_path_factory.mktemp("prefect-home")
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = home / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", str(port)],
            env={
                **os.environ,
                "PREFECT_HOME": str(home),
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                # Without it the pages of the UI ask port 4200, whatever port they were served from.
                "PREFECT_SERVER_UI_API_URL": url,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(url, server, log)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


@pytest.fixture(scope="session")
def work_pool(prefect_server: str) -> str:
    """A process pool that tests deploy to, made from the server's own template."""
    kinds = httpx.get(f"{prefect_server}/collections/views/aggregate-worker-metadata", timeout=60).json()
    template = kinds["prefect"]["process"]["default_base_job_configuration"]
    body = {"name": POOL, "type": "process", "base_job_template": template}
    answer = httpx.post(f"{prefect_server}/work_pools/", json=body, timeout=60)
    assert answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    return POOL


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_BOOT_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"the Prefect server did not start:\n{log.read_text()[-3000:]}")
