"""Faults that are rare, or seem too simple for a test: each is provoked, and has its code."""

import signal

import pytest

from tests.conftest import free_port
from tests.deploy.barrier import Barrier
from tests.deploy.conftest import Workspace
from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import COMMAND_SECONDS

DEPLOYMENT = "^/api/deployments/[0-9a-f-]{36}$"


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    """One flow on the server."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    return workspace


def test_a_change_that_the_server_refuses(deployed: Workspace, proxy: RecordingProxy) -> None:
    """The deployment stays what it was."""
    before = deployed.stored_one("load")
    proxy.faults.append(Fault("PATCH", DEPLOYMENT, status=422, times=1))
    deployed.write_flow("load", docstring="Another text.")
    finished = deployed.deploy()
    assert (finished.status, finished.codes) == (1, ["DEPLOYMENT_UPDATE_FAILED"])
    assert deployed.stored_one("load")["description"] == before["description"]


def test_a_deletion_that_the_server_refuses(deployed: Workspace, proxy: RecordingProxy) -> None:
    """The deployment is there, as it was."""
    proxy.faults.append(Fault("DELETE", DEPLOYMENT, status=422))
    finished = deployed.run("clean", "--yes", "-o", "json")
    assert (finished.status, finished.codes) == (1, ["DEPLOYMENT_CLEANUP_FAILED"])
    assert deployed.deployment_name("load") in deployed.stored()


def test_a_pruned_deployment_that_the_server_keeps(deployed: Workspace, proxy: RecordingProxy) -> None:
    """The deployment is there, and what was new is gone again."""
    (deployed.root / "flows" / "load.py").unlink()
    deployed.write_flow("clean_up")
    proxy.faults.append(Fault("DELETE", DEPLOYMENT, status=422, times=1))
    finished = deployed.deploy("--prune", "--yes")
    assert (finished.status, finished.codes) == (1, ["DEPLOYMENT_DELETE_FAILED"])
    assert set(deployed.stored()) == {deployed.deployment_name("load")}


def test_a_name_that_a_url_cannot_hold(workspace: Workspace) -> None:
    """Prefect takes it from here and then finds no such deployment."""
    workspace.write_flow("load")
    workspace.configure(top="deployment_name: '{flow}/{type}'")
    finished = workspace.deploy()
    assert (finished.status, finished.codes) == (3, ["DEPLOYMENT_NAME_INVALID", "NOTHING_TO_DEPLOY"])
    assert "'/'" in finished.document["errors"][0]["message"]


def test_a_server_elsewhere_does_not_see_this_folder(workspace: Workspace, proxy: RecordingProxy) -> None:
    """A warning, as the file system may be shared."""
    workspace.write_flow("load")
    workspace.configure()
    file = workspace.root / "deployment-config.yaml"
    # The same machine by a name that does not say so.
    file.write_text(file.read_text().replace("127.0.0.1", "127.1"))
    planned = workspace.plan()
    assert planned.status == 0, planned.output
    codes = [warning["error_code"] for warning in planned.document["warnings"]]
    assert "LOCAL_SOURCE_ON_REMOTE_SERVER" in codes


def test_ctrl_c_before_anything_was_changed(workspace: Workspace, proxy: RecordingProxy) -> None:
    """Exit 130, and says that nothing was changed."""
    workspace.write_flow("load")
    workspace.configure()
    barrier = Barrier(proxy, "GET", "/admin/version")
    command = workspace.start("plan", "-o", "json")
    try:
        assert barrier.reached.wait(COMMAND_SECONDS)
        command.send_signal(signal.SIGINT)
        output, _ = command.communicate(timeout=COMMAND_SECONDS)
    finally:
        barrier.open()
    assert command.returncode == 130
    assert "DEPLOYMENT_INTERRUPTED" in output
    assert "nothing was changed" in output


# -- what `doctor` and `up` find ------------------------------------------------------------------------


def failed_checks(workspace: Workspace) -> set[str]:
    """The codes of what `doctor` is not content with."""
    finished = workspace.run("doctor", "-o", "json")
    assert finished.status == 1
    return {check["error_code"] for check in finished.document["checks"] if not check["ok"]}


def test_a_pool_without_a_worker(workspace: Workspace) -> None:
    """Nothing that is deployed would run."""
    workspace.configure()
    assert failed_checks(workspace) == {"WORK_POOL_NOT_READY"}


def test_a_server_with_a_fastapi_that_breaks_it(workspace: Workspace, proxy: RecordingProxy) -> None:
    """It answers 422 to a field that is null."""
    workspace.configure()
    proxy.faults.append(Fault("POST", "/flows/filter", status=422))
    assert "PREFECT_SERVER_INCOMPATIBLE" in failed_checks(workspace)


def test_a_local_server_that_does_not_start(workspace: Workspace) -> None:
    """Its log ends in what is wrong: here, a library that cannot be imported."""
    workspace.configure()
    workspace.write("broken/uvicorn.py", "raise ImportError('no uvicorn today')\n")
    finished = workspace.run(
        *("up", "--port", str(free_port()), "-o", "json"),
        environ={"PYTHONPATH": str(workspace.root / "broken")},
    )
    assert (finished.status, finished.codes) == (1, ["LOCAL_SERVER_START_FAILED"])
    assert "no uvicorn today" in finished.document["errors"][0]["message"]
    assert workspace.run("down", "-o", "json").document["stopped"] == []
