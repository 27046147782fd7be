"""`up` and `down`: a real server and a real worker in the background, and nothing left of them."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import free_port
from tests.repositories import Repository

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flows"
READY_SECONDS = 30
RUN_SECONDS = 90


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Repository]:
    """The example repository on a port of its own; whatever it started is ended."""
    root = tmp_path / "flows"
    shutil.copytree(EXAMPLE, root)
    url = f"http://127.0.0.1:{free_port()}/api"
    made = Repository(root, {"DEVELOPMENT_PREFECT_API_URL": url})
    yield made
    made.run("down")


def processes_under(folder: Path) -> list[str]:
    """The command lines of processes that work in a folder, or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.server
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_from_nothing_to_a_run_that_completed_and_back(example: Repository) -> None:
    """up, deploy, status, a run by the worker, up again, down: as on a newcomer's first day."""
    url = example.environ["DEVELOPMENT_PREFECT_API_URL"]
    started = example.run("up", "-o", "json")
    assert started.status == 0, started.errors or started.output
    assert (started.document["status"], started.document["url"]) == ("started", url)
    assert started.document["started"] == ["server", "worker"]
    assert example.run("deploy").status == 0
    status = healthy_status(example)
    assert example.run("doctor").status == 0
    run_to_completion(url, status["deployments"][0])
    assert example.run("up", "-o", "json").document["status"] == "running"
    stopped = example.run("down", "-o", "json")
    assert sorted(stopped.document["stopped"]) == ["server", "worker"]
    assert processes_under(example.root) == []
    assert example.run("down", "-o", "json").document["status"] == "not_running"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", timeout=2)


def healthy_status(example: Repository) -> dict[str, Any]:
    """The status, once the worker has polled for what was deployed."""
    deadline = time.monotonic() + READY_SECONDS
    while (status := example.run("status", "-o", "json")).status != 0:
        assert time.monotonic() < deadline, status.output
    assert status.document["healthy"] is True
    return status.document


def run_to_completion(url: str, deployment: dict[str, str]) -> None:
    """Asks for a run and waits until the worker has finished it."""
    identity = deployment["url"].rsplit("/", 1)[1]
    run = httpx.post(f"{url}/deployments/{identity}/create_flow_run", json={}, timeout=30).json()
    deadline = time.monotonic() + RUN_SECONDS
    while (
        state := httpx.get(f"{url}/flow_runs/{run['id']}", timeout=30).json()["state_type"]
    ) != "COMPLETED":
        assert state in ("SCHEDULED", "PENDING", "RUNNING"), state
        assert time.monotonic() < deadline, f"the run is still {state}"
        time.sleep(0.5)


def test_a_port_that_is_taken_is_an_error_and_starts_nothing(example: Repository) -> None:
    """Somebody else's program is never touched."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = example.run("up", "--port", port, "-o", "json")
    assert (refused.status, refused.codes) == (1, ["LOCAL_PORT_IN_USE"])
    assert port in refused.document["errors"][0]["message"]
    assert processes_under(example.root) == []
