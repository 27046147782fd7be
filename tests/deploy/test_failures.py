"""What goes wrong on the way to the server, or there: each has its code, and says what was changed."""

import signal
import socket

import httpx
import pytest

from tests.deploy.barrier import Barrier, at_work
from tests.deploy.conftest import Workspace
from tests.deploy.world import killed_at, wait_for
from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import COMMAND_SECONDS

CREATE = "^/api/deployments/$"
"""The path that deployments are posted to."""


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
    """Exit 1: what was made is removed again, and the same content is refused until it changes."""
    proxy.faults.append(Fault("POST", CREATE, status=422, after=1, times=1))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back")
    assert result.codes == ["DEPLOYMENT_CREATE_FAILED"]
    outcomes = [item["outcome"] for item in result.document["changes"]]
    assert outcomes == ["rolled_back", "rolled_back", "not_started"]
    assert three_flows.stored() == {}
    proxy.forget()
    again = three_flows.deploy()
    assert (again.status, again.codes) == (3, ["DEPLOYMENT_CONTENT_REFUSED"])
    assert proxy.writes == []
    assert three_flows.deploy("--force").status == 0
    assert len(three_flows.stored()) == 3


def test_a_failure_in_the_middle_is_in_the_history_with_its_transaction(
    three_flows: Workspace, proxy: RecordingProxy
) -> None:
    """With what the server answered and without what nobody may see; after a deployment that goes well it is
    known, and what comes then is new."""
    refusal = '{"detail": "no pool for token=hunter2hunter2"}'
    proxy.faults.append(Fault("POST", CREATE, status=422, body=refusal, after=1, times=1))
    failed = three_flows.deploy().document
    plan_id = failed["plan_id"]
    listed = three_flows.run("error", "list", "--plan-id", plan_id, "-o", "json").document
    (error,) = listed["errors"]
    assert [told["error_id"] for told in failed["errors"]] == [error["error_id"]]
    assert (error["error_code"], error["command"]) == ("DEPLOYMENT_CREATE_FAILED", "deploy")
    assert (error["environment"], error["plan_id"]) == ("development", plan_id)
    shown = three_flows.run("error", "show", error["error_id"], "-v").output
    assert "no pool for token=********" in shown
    assert "hunter2" not in shown
    proxy.forget()
    assert three_flows.deploy("--force").status == 0
    assert three_flows.run("error", "summary", "-ojson").document["new_since_deployment"] == []
    proxy.faults.append(Fault("POST", "/deployments/filter", status=500, body="boom"))
    assert three_flows.deploy().status == 1
    summary = three_flows.run("error", "summary", "-ojson").document
    assert [group["error_code"] for group in summary["new_since_deployment"]] == ["PREFECT_API_ERROR"]


def test_an_answer_that_is_lost_is_asked_again(three_flows: Workspace, proxy: RecordingProxy) -> None:
    """POST of a deployment may be repeated: the server knows it by its name."""
    proxy.faults.append(Fault("POST", CREATE, drop_after=True, after=1, times=1))
    assert three_flows.deploy().status == 0
    assert len(three_flows.stored()) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_says(
    three_flows: Workspace, proxy: RecordingProxy, status: int
) -> None:
    """A lone 503 is what a SQLite server answers now and then."""
    proxy.faults.append(Fault("POST", "/api/flows/", status=status, headers={"retry-after": "0"}, times=1))
    assert three_flows.deploy().status == 0


def test_a_server_that_goes_away_in_the_middle_is_put_right_by_the_next_run(
    three_flows: Workspace, proxy: RecordingProxy
) -> None:
    """Exit 4, as nothing can be put back now; the journal knows what is open, and the next deployment
    settles it first."""

    def go_away() -> None:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            proxy.faults.insert(0, Fault(method, "/api/", drop_before=True))

    proxy.faults.append(Fault("POST", CREATE, drop_after=True, after=1, then=go_away))
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (4, "rollback_incomplete")
    assert "recovery execute" in str(result.document["errors"][-1]["remediation"])
    assert len(three_flows.stored()) == 2
    proxy.forget()
    (plan,) = three_flows.run("recovery", "list", "-ojson").document["plans"]
    assert plan["status"] != "completed"
    assert three_flows.run("recovery", "execute", "-ojson").document["status"] == "planned"
    assert len(three_flows.stored()) == 2
    recovered = three_flows.run("recovery", "execute", "--auto-execute", "-ojson")
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back")
    assert three_flows.stored() == {}
    assert three_flows.deploy().status == 0


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

    def wait_for_the_reading_back() -> None:
        proxy.faults.append(Fault("POST", "/deployments/filter", times=1, then=change_it))

    proxy.faults.append(Fault("POST", CREATE, after=2, times=1, then=wait_for_the_reading_back))
    result = three_flows.deploy()
    assert result.status == 4
    assert result.codes[0] == "DEPLOYMENT_VERIFICATION_FAILED"
    assert "tags" in result.document["errors"][0]["message"]
    # Somebody changed them after we made them: what is not ours to remove stays, and is reported.
    assert {item["outcome"] for item in result.document["changes"]} == {"conflict"}
    assert three_flows.stored_one("first")["paused"] is True


# -- interrupted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_before_the_first_write_changes_nothing(
    three_flows: Workspace, proxy: RecordingProxy, sent: signal.Signals, status: int
) -> None:
    """Also while the server does not answer."""
    barrier = Barrier(proxy, "POST", "/work_pools/filter")
    running = three_flows.start("deploy", "-o", "json")
    assert barrier.reached.wait(COMMAND_SECONDS)
    running.send_signal(sent)
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    barrier.open()
    assert running.returncode == status, errors
    assert '"interrupted"' in output
    assert proxy.writes == []


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_in_the_middle_everything_is_put_back(
    three_flows: Workspace, proxy: RecordingProxy, sent: signal.Signals, status: int
) -> None:
    """Also what was on its way to the server: it is waited for, so that it does not come after the end."""
    for flow in ("first", "second", "third"):
        three_flows.ask("POST", "/flows/", {"name": three_flows.name(flow)})
    proxy.faults.append(Fault("POST", CREATE, delay_seconds=2, after=1))
    running = three_flows.start("deploy", "-o", "json")
    wait_for(lambda: sum(seen.path == "/api/deployments/" for seen in proxy.seen) >= 1)
    wait_for(lambda: proxy.faults[0].matched >= 2)
    running.send_signal(sent)
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == status, errors + output
    assert '"status": "interrupted"' in output
    proxy.forget()
    assert three_flows.stored() == {}
    assert proxy.in_flight == 0
    assert three_flows.deploy().status == 0


def test_killed_in_the_middle_the_next_one_puts_it_back(three_flows: Workspace) -> None:
    """SIGKILL: nobody could clean up; the journal was durable before each effect."""
    killed_at(three_flows, Fault("POST", CREATE, after=2, drop_before=True), "deploy")
    assert len(three_flows.stored()) == 2
    recovered = three_flows.run("recovery", "execute", "--auto-execute", "-ojson")
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back")
    assert three_flows.stored() == {}


def test_what_somebody_changed_after_a_crash_is_kept_and_named(three_flows: Workspace) -> None:
    """The next deployment says so, and goes on."""
    killed_at(three_flows, Fault("POST", CREATE, after=1, drop_before=True), "deploy")
    (stored,) = three_flows.stored().values()
    three_flows.ask("PATCH", f"/deployments/{stored['id']}", {"tags": ["by-hand"]})
    result = three_flows.deploy()
    assert (result.status, result.document["status"]) == (0, "deployed")
    codes = [item["error_code"] for item in result.document["warnings"]]
    assert "DEPLOYMENT_ROLLBACK_FAILED" in codes
    assert three_flows.stored()[stored["name"]]["id"] == stored["id"]


def test_two_deployers_at_once_exclude_each_other(three_flows: Workspace, proxy: RecordingProxy) -> None:
    """The second exits 5 at once, or waits as long as it is told."""
    with at_work(three_flows, proxy):
        locked = three_flows.deploy()
        waiting = three_flows.start("deploy", "-o", "json", "--wait", str(COMMAND_SECONDS))
    assert (locked.status, locked.document["status"], locked.codes) == (5, "locked", ["LOCK_HELD"])
    output, errors = waiting.communicate(timeout=COMMAND_SECONDS)
    assert waiting.returncode == 0, errors
    assert '"status": "unchanged"' in output


def test_a_deployment_that_went_well_can_be_taken_back(three_flows: Workspace) -> None:
    """With its plan's id, until the plan is cleaned up."""
    plan_id = three_flows.deploy().document["plan_id"]
    assert len(three_flows.stored()) == 3
    shown = three_flows.run("recovery", "details", plan_id, "-ojson").document["plans"][0]
    assert (shown["status"], shown["environment"]) == ("completed", "development")
    assert {item["operation_type"] for item in shown["operations"]} == {"flow_create", "deployment_create"}
    assert three_flows.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 0
    assert three_flows.stored() == {}
    assert three_flows.run("recovery", "cleanup", "--days", "0", "-ojson").document["removed"] >= 1
