"""`status` tells of runs in trouble: the states are set on the real server, as a worker would set them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.runs import read_run_health, reason_of_crash
from tests.deploy.conftest import Workspace

KILLED = "Flow run infrastructure exited with non-zero status code 137."
FAILED = {"type": "FAILED", "message": "Flow run encountered an exception: ValueError: no"}


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    """A repository with one deployment."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    return workspace


def ended(deployed: Workspace, **state: Any) -> None:
    """A run of the deployment ends so, now."""
    path = f"/deployments/{deployed.stored_one('load')['id']}/create_flow_run"
    run = deployed.ask("POST", path, {"state": {"type": "PENDING"}})
    deployed.ask("POST", f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})


def status_of(deployed: Workspace) -> dict[str, Any]:
    """What `status` says of the deployment."""
    return dict(deployed.run("status", "-ojson").document["deployments"][0]["runs"])


def test_a_crashed_last_run_is_told_with_its_reason(deployed: Workspace) -> None:
    """An exit status is put into words; the deployment is not healthy."""
    ended(deployed, type="COMPLETED")
    ended(deployed, type="CRASHED", message=KILLED)
    runs = status_of(deployed)
    assert (runs["crashed"], runs["failed"], runs["late"]) == (1, 0, 0)
    [recent] = runs["recent"]
    assert (recent["state"], recent["url"]) == ("CRASHED", runs["newest"]["url"])
    newest = runs["newest"]
    assert (newest["state"], newest["message"]) == ("CRASHED", KILLED)
    assert "memory" in newest["reason"]
    assert "/runs/flow-run/" in newest["url"]
    shown = deployed.run("status")
    assert shown.status == 1
    assert "1 with a crashed last run" in shown.output
    assert "memory" in shown.output
    assert max(len(line) for line in shown.output.splitlines() if "http" not in line) <= 100


def test_a_crash_is_past_once_a_later_run_is_well(deployed: Workspace) -> None:
    """And it is still counted."""
    ended(deployed, type="CRASHED", message=KILLED)
    ended(deployed, type="COMPLETED")
    runs = status_of(deployed)
    assert (runs["crashed"], runs["newest"]["state"], runs["newest"]["reason"]) == (1, "COMPLETED", None)
    assert "1 crashed; the last one" in deployed.run("status").output


def test_what_is_older_than_a_day_is_not_told(deployed: Workspace) -> None:
    """Neither is a deployment without any trouble."""
    assert status_of(deployed) == {"crashed": 0, "failed": 0, "late": 0, "recent": [], "newest": None}
    ended(deployed, type="CRASHED", message=KILLED)
    deployments = {deployed.stored_one("load")["id"]: "python"}
    with PrefectServer(deployed.server_url) as server:
        assert list(read_run_health(server, deployments)) == list(deployments)
        tomorrow = datetime.now(UTC) + timedelta(hours=25)
        assert read_run_health(server, deployments, tomorrow) == {}


def test_a_run_that_failed_by_its_own_code_is_told_and_is_no_fault_of_the_deployment(
    deployed: Workspace,
) -> None:
    """The message is the flow's own."""
    ended(deployed, **FAILED)
    runs = status_of(deployed)
    assert (runs["failed"], runs["newest"]["message"]) == (1, FAILED["message"])
    assert "crashed last run" not in deployed.run("status").output


def test_a_run_that_nobody_starts_is_late(deployed: Workspace) -> None:
    """The server itself says so some seconds after it was due."""
    path = f"/deployments/{deployed.stored_one('load')['id']}/create_flow_run"
    late = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": "2026-01-01T00:00:00Z"}}
    deployed.ask("POST", path, {"state": late})
    runs = status_of(deployed)
    assert runs["late"] == 1
    assert [(run["state"], run["ended"]) for run in runs["recent"]] == [("LATE", None)]
    assert runs["recent"][0]["due"].startswith("2026-01-01T00:00:00")
    assert "1 late" in deployed.run("status").output


@pytest.mark.parametrize(
    ("message", "kind", "expected"),
    [
        (KILLED, "docker", "memory"),
        ("Flow run infrastructure exited with non-zero status code 1.", "docker", "--preflight"),
        ("Process exited with status code: 1. Some explanation.", "docker", "--preflight"),
        ("Flow run infrastructure exited with non-zero status code 1.", "python", "--check-environment"),
        ("Flow run infrastructure exited with non-zero status code 42.", "docker", None),
        ("Flow run could not be submitted to infrastructure: no such image", "docker", None),
    ],
)
def test_an_exit_status_is_put_into_words(message: str, kind: str, expected: str | None) -> None:
    """Where it has a meaning of its own; else Prefect's message stands alone."""
    reason = reason_of_crash(message, kind)
    assert (reason is None) if expected is None else (reason is not None and expected in reason)
