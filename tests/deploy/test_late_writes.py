"""Writes that a slow server makes only after the client has given up waiting for their answers."""

import pytest

from tests.deploy.conftest import Workspace
from tests.deploy.world import wait_for
from tests.recording_proxy import Fault, RecordingProxy

CREATE = "/api/deployments/"
TIMEOUT_SECONDS = 1
HELD_SECONDS = 3.0
"""Longer than the client waits: what is held so long arrives when its answer is given up."""
PATIENCE_SECONDS = 5.0


@pytest.fixture
def flows(workspace: Workspace) -> Workspace:
    """A repository with two flows whose client soon gives up; nothing deployed."""
    for flow in ("first", "second"):
        workspace.write_flow(flow)
    workspace.patience_seconds = PATIENCE_SECONDS
    workspace.configure(
        '{"NAME:first": {schedules: [{cron: "0 1 * * *", slug: daily}]}}',
        f"request_timeout_seconds: {TIMEOUT_SECONDS}",
    )
    return workspace


def test_what_comes_after_the_roll_back_has_looked_is_put_back_too(
    flows: Workspace, proxy: RecordingProxy
) -> None:
    """The roll back waits for it, and looks again. Flows that are there already: else the late write would
    be refused for want of its flow."""
    for flow in ("first", "second"):
        flows.ask("POST", "/flows/", {"name": flows.name(flow)})
    proxy.faults.append(Fault("POST", f"^{CREATE}$", after=1, delay_seconds=HELD_SECONDS))
    finished = flows.deploy()
    assert (finished.status, finished.document["status"]) == (1, "rolled_back"), finished.output
    assert finished.codes == ["PREFECT_API_TIMEOUT"]
    wait_for(lambda: proxy.in_flight == 0)
    made = [at for at, seen in enumerate(proxy.seen) if (seen.path, seen.status) == (CREATE, 201)]
    first_undone = [seen.path for seen in proxy.seen].index("/api/deployments/bulk_delete")
    assert first_undone < made[-1], "nothing came late: this has shown nothing"
    assert flows.stored() == {}
    proxy.forget()
    assert flows.deploy().status == 0, "it was no fault of the content, so it is not held against it"


def test_a_second_attempt_is_not_undone_by_the_first_one_that_comes_late(
    flows: Workspace, proxy: RecordingProxy
) -> None:
    """Made inactive by the attempt that is late, after it was activated: nobody would have noticed."""
    proxy.faults.append(Fault("POST", f"^{CREATE}$", times=1, delay_seconds=HELD_SECONDS))
    finished = flows.deploy()
    assert (finished.status, finished.document["status"]) == (0, "deployed"), finished.output
    wait_for(lambda: proxy.in_flight == 0)
    assert [stored["paused"] for stored in flows.stored().values()] == [False, False]
    assert flows.plan("--detailed-exitcode").status == 0
