"""What goes wrong on the way to the server, or there: each has its code, and says what was changed."""

import signal
import socket
import time

import httpx
import pytest

from tests.deploy.conftest import Workspace
from tests.recording_proxy import Fault, RecordingProxy


@pytest.fixture
def three_flows(workspace: Workspace) -> Workspace:
    """A repository with three flows, nothing deployed."""
    for flow in ("first", "second", "third"):
        workspace.write_flow(flow)
    workspace.configure()
    return workspace


def closed_port() -> int:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- nothing was begun ----------------------------------------------------------------------------------


def test_a_server_that_is_down_is_a_failure_that_changed_nothing(three_flows: Workspace) -> None:
    """Exit 1: everything is as it was."""
    url = f"http://127.0.0.1:{closed_port()}/api"
    file = three_flows.root / "deployment-config.yaml"
    assert three_flows.proxy is not None
    file.write_text(file.read_text().replace(three_flows.proxy.url, url))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back")
    assert result.codes == ["PREFECT_API_UNAVAILABLE"]
    assert url in result.document["errors"][0]["message"]
    assert result.document["errors"][0]["remediation"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("GET", "/admin/version", status=401), "PREFECT_AUTH_FAILED"),
        (Fault("GET", "/admin/version", status=403), "PREFECT_AUTH_FAILED"),
        (Fault("GET", "/admin/version", status=404), "SERVER_URL_INVALID"),
        (
            Fault("GET", "/admin/version", status=200, body="<html>hello</html>", content_type="text/html"),
            "SERVER_URL_INVALID",
        ),
        (Fault("GET", "/admin/version", status=200, body="{not json"), "SERVER_URL_INVALID"),
        (Fault("GET", "/admin/version", status=200, body='{"version": 3}'), "SERVER_URL_INVALID"),
        (Fault("GET", "/admin/version", status=200, body='"2.20.3"'), "PREFECT_SERVER_TOO_OLD"),
        (Fault("GET", "/admin/version", status=200, body='"3.1.9"'), "PREFECT_SERVER_TOO_OLD"),
        (Fault("POST", "/deployments/filter", status=200, body="{}"), "SERVER_URL_INVALID"),
        (Fault("POST", "/deployments/filter", status=200, body="<p>", content_type="text/html"),
         "SERVER_URL_INVALID"),
        (Fault("POST", "/deployments/filter", status=500, body="boom"), "PREFECT_API_ERROR"),
        (Fault("POST", "/work_pools/filter", status=422), "PREFECT_REQUEST_REJECTED"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status} {value.body[:9]}",
)  # fmt: skip
def test_a_server_that_answers_wrongly_is_told_apart(
    three_flows: Workspace, proxy: RecordingProxy, fault: Fault, code: str
) -> None:
    """By status and content, before anything is written."""
    proxy.faults.append(fault)
    result = three_flows.deploy()
    assert (result.status, result.document["status"], result.codes) == (1, "rolled_back", [code])
    assert proxy.writes == []
    assert result.document["errors"][0]["remediation"]
    assert "Traceback" not in result.errors


def test_a_missing_work_pool_is_named_with_those_that_there_are(three_flows: Workspace) -> None:
    """Exit 3, and nothing is written; Prefect itself would answer with a 500."""
    file = three_flows.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("test-pool", "no-such-pool"))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (3, "invalid")
    assert set(result.codes) == {"WORK_POOL_NOT_FOUND"}
    assert "test-pool" in result.document["errors"][0]["message"]
    assert three_flows.stored() == {}


def test_a_work_pool_of_another_type_is_refused(three_flows: Workspace) -> None:
    """A process deployment in a Kubernetes pool would never run."""
    name = f"{three_flows.prefix}-kubernetes"
    three_flows.ask("POST", "/work_pools/", {"name": name, "type": "kubernetes"})
    file = three_flows.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("test-pool", name))
    result = three_flows.deploy()
    assert (result.status, set(result.codes)) == (3, {"WORK_POOL_TYPE_MISMATCH"})
    assert three_flows.stored() == {}


# -- something was begun --------------------------------------------------------------------------------


def test_a_refusal_in_the_middle_stops_and_says_what_is_there(
    three_flows: Workspace, proxy: RecordingProxy
) -> None:
    """Exit 4: one deployment is on the server, the report names it, and the next run does the rest."""
    proxy.faults.append(Fault("POST", "/deployments/", status=422, after=1 + 1, times=1))
    proxy.faults[0].path = "/api/deployments/"
    proxy.faults.insert(0, Fault("POST", "/deployments/filter", times=0))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (4, "rollback_incomplete")
    assert result.codes[0] == "DEPLOYMENT_CREATE_FAILED"
    stored = three_flows.stored()
    outcomes = {item["name"]: item["outcome"] for item in result.document["changes"]}
    assert {name for name, outcome in outcomes.items() if outcome in ("done", "applied")} == set(stored)
    assert 0 < len(stored) < 3
    proxy.forget()
    assert three_flows.deploy().status == 0
    assert len(three_flows.stored()) == 3


def test_an_answer_that_is_lost_is_asked_again(three_flows: Workspace, proxy: RecordingProxy) -> None:
    """POST of a deployment may be repeated: the server knows it by its name."""
    proxy.faults.append(Fault("POST", "/api/deployments/", drop_after=True, after=1, times=1))
    proxy.faults.insert(0, Fault("POST", "/deployments/filter", times=0))
    assert three_flows.deploy().status == 0
    assert len(three_flows.stored()) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_says(
    three_flows: Workspace, proxy: RecordingProxy, status: int
) -> None:
    """A lone 503 is what a SQLite server answers now and then."""
    proxy.faults.append(Fault("POST", "/api/flows/", status=status, headers={"retry-after": "0"}, times=1))
    assert three_flows.deploy().status == 0


def test_a_lost_connection_in_the_middle_is_told_with_what_is_unknown(
    three_flows: Workspace, proxy: RecordingProxy
) -> None:
    """What was sent without an answer may or may not be there, and the report says that."""

    def go_away() -> None:
        proxy.faults.insert(0, Fault("POST", "/api/", drop_before=True))
        proxy.faults.insert(0, Fault("PATCH", "/api/", drop_before=True))

    proxy.faults.append(Fault("POST", "/deployments/filter", times=0))
    proxy.faults.append(Fault("POST", "/api/deployments/", drop_after=True, after=1, then=go_away))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (4, "rollback_incomplete")
    outcomes = [item["outcome"] for item in result.document["changes"]]
    assert outcomes.count("unknown") == 1
    assert "may or may not be" in result.document["errors"][-1]["message"]


def test_what_the_server_stores_otherwise_is_found_before_it_is_activated(
    three_flows: Workspace, proxy: RecordingProxy
) -> None:
    """Read back and compared: a deployment that is not as sent fails the verification."""
    three_flows.configure('{"NAME:first": {schedules: [{cron: "0 1 * * *", slug: daily}]}}')

    def change_it() -> None:
        for stored in three_flows.stored().values():
            httpx.patch(
                f"{three_flows.server_url}/deployments/{stored['id']}", json={"tags": ["x"]}, timeout=60
            )

    # The second question for deployments is the one that reads back.
    proxy.faults.append(Fault("POST", "/deployments/filter", after=1, times=1, then=change_it))
    proxy.faults[0].drop_before = False
    result = three_flows.deploy()
    assert (result.status, result.codes[0]) == (4, "DEPLOYMENT_VERIFICATION_FAILED")
    assert "tags" in result.document["errors"][0]["message"]
    assert three_flows.stored_one("first")["paused"] is True


# -- interrupted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_before_the_first_write_changes_nothing(
    three_flows: Workspace, proxy: RecordingProxy, sent: signal.Signals, status: int
) -> None:
    """Also while the server does not answer."""
    proxy.faults.append(Fault("POST", "/work_pools/filter", delay_seconds=20))
    running = three_flows.start("deploy", "-o", "json")
    wait_for(lambda: any("deployments/filter" in seen.path for seen in proxy.seen))
    time.sleep(0.5)
    running.send_signal(sent)
    output, errors = running.communicate(timeout=15)
    assert running.returncode == status, errors
    assert '"interrupted"' in output
    assert proxy.writes == []


def test_interrupted_in_the_middle_says_what_is_there(three_flows: Workspace, proxy: RecordingProxy) -> None:
    """What was done stays, is named, and the next run does the rest."""
    proxy.faults.append(Fault("POST", "/deployments/filter", times=0))
    proxy.faults.append(Fault("POST", "/api/deployments/", delay_seconds=15, after=1))
    running = three_flows.start("deploy", "-o", "json")
    wait_for(lambda: sum(seen.path == "/api/deployments/" for seen in proxy.seen) >= 1)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=15)
    assert running.returncode == 4, errors
    assert "rollback_incomplete" in output
    proxy.forget()
    assert three_flows.deploy().status == 0


def wait_for(happened: "object", seconds: float = 30.0) -> None:
    """Until it happened, or the test fails."""
    assert callable(happened)
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
