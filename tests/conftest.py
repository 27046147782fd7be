"""A real Prefect server for the whole session, started by the tests themselves."""

import os
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.prefect_servers import PrefectProcess

pytest_plugins = ["tests.channels", "tests.docker_fixtures", "tests.postgresql", "tests.recovery_evidence"]
"""Modules with fixtures and hooks, which are known to all tests."""

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
    server = PrefectProcess(tmp_path_factory.mktemp("prefect-home"), free_port())
    server.start()
    try:
        server.wait_until_healthy()
        yield server.url
    finally:
        server.stop()


def make_pool(server_url: str) -> None:
    """A process pool that tests deploy to, made from the server's own template."""
    kinds = httpx.get(f"{server_url}/collections/views/aggregate-worker-metadata", timeout=60).json()
    template = kinds["prefect"]["process"]["default_base_job_configuration"]
    body = {"name": POOL, "type": "process", "base_job_template": template}
    answer = httpx.post(f"{server_url}/work_pools/", json=body, timeout=60)
    assert answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)


@pytest.fixture(scope="session")
def work_pool(prefect_server: str) -> str:
    """The name of a process pool on the server."""
    make_pool(prefect_server)
    return POOL
