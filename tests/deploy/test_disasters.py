"""What may happen around a deployment that was killed, or beside one that runs."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import httpx
import pytest

from tests.deploy.barrier import Barrier
from tests.deploy.conftest import Workspace
from tests.deploy.world import (
    DEPLOY,
    DEPLOYMENT,
    RECOVER,
    at_the_first_deletion,
    declare_after,
    deploy_before,
    killed_at,
    left_unfinished,
    picture,
    same_world,
    well_told,
)
from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import COMMAND_SECONDS

DEPLOYERS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def workspace(workspace: Workspace, request: pytest.FixtureRequest) -> Workspace:
    """A repository whose state is in its folder, or in a database of a team."""
    if request.param == "postgresql":
        workspace.environ["DEPLOYMENT_STATE_URL"] = request.getfixturevalue("postgresql_url")
    return workspace


def test_two_recoveries_at_once_after_a_kill(workspace: Workspace, proxy: RecordingProxy) -> None:
    """One does it; the other is told that somebody has the lock, and changes nothing."""
    before = left_unfinished(workspace)
    barrier = Barrier(proxy, "POST", "^/api/deployments/$")
    first = workspace.start(*RECOVER)
    assert barrier.reached.wait(COMMAND_SECONDS)
    second = workspace.run(*RECOVER)
    barrier.open()
    well_told(second)
    assert (second.status, second.document["status"], second.codes) == (5, "locked", ["LOCK_HELD"])
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, output + errors
    assert same_world(before, picture(workspace)) == []
    again = workspace.run(*RECOVER)
    assert (again.status, again.document["status"]) == (0, "nothing_to_do")


def test_recoveries_that_start_together_put_it_back_once(workspace: Workspace, proxy: RecordingProxy) -> None:
    """Whoever comes first; each ends well or says that another has the lock."""
    before = left_unfinished(workspace)
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(lambda _: workspace.run(*RECOVER), range(3)))
    for finished in ended:
        well_told(finished)
        assert (finished.status, finished.document["status"]) in [
            (0, "rolled_back"),
            (0, "nothing_to_do"),
            (5, "locked"),
        ]
    assert (0, "rolled_back") in [(finished.status, finished.document["status"]) for finished in ended]
    assert same_world(before, picture(workspace)) == []


@pytest.mark.parametrize(
    "path", ["^/api/deployments/$", "^/api/deployments/bulk_delete$", "^/api/flows/bulk_delete$"]
)
def test_a_recovery_that_is_killed_is_started_again(workspace: Workspace, path: str) -> None:
    """Twice killed, by whatever write it was: the third one ends what the first began."""
    before = left_unfinished(workspace)
    # What the server has done at the second kill is not sent a third time: so that one comes last.
    killed_at(workspace, Fault("POST", path, drop_before=True), *RECOVER)
    killed_at(workspace, Fault("POST", path), *RECOVER)
    finished = workspace.run(*RECOVER)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(workspace)) == []


def test_what_somebody_edits_before_the_recovery_is_kept(workspace: Workspace) -> None:
    """Exit 4: the rest is put back, the edited one stays and is named with what was found; --force
    overwrites it."""
    before = left_unfinished(workspace)
    edited = workspace.stored_one("fields")
    workspace.ask("PATCH", f"/deployments/{edited['id']}", {"tags": ["by-hand"]})
    finished = workspace.run(*RECOVER)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (4, "rollback_incomplete")
    (plan,) = finished.document["plans"]
    assert plan["status"] == "conflict"
    (conflict,) = [item for item in plan["operations"] if item["status"] == "conflict"]
    assert workspace.deployment_name("fields") in conflict["description"]
    assert conflict["error"]["error_code"] == "UNDO_CONFLICT"
    left = same_world(before, picture(workspace))
    assert left
    assert all("-fields" in line for line in left)
    assert workspace.stored_one("fields")["tags"] == ["by-hand"]
    details = workspace.run("recovery", "details", plan["plan_id"])
    assert "somebody else changed it" in details.output
    again = workspace.run(*RECOVER)
    assert (again.status, again.document["status"]) == (0, "nothing_to_do")
    forced = workspace.run(*RECOVER, "--plan-id", plan["plan_id"], "--force")
    well_told(forced)
    assert (forced.status, forced.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(workspace)) == []


def test_what_somebody_deletes_before_the_recovery_stays_away(workspace: Workspace) -> None:
    """A deployment that was changed, and that somebody has deleted since, is a conflict too."""
    before = left_unfinished(workspace)
    workspace.ask("DELETE", f"/deployments/{workspace.stored_one('times')['id']}")
    finished = workspace.run(*RECOVER)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (4, "rollback_incomplete")
    (missing,) = same_world(before, picture(workspace))
    assert missing.endswith(": missing")
    plan_id = finished.document["plans"][0]["plan_id"]
    forced = workspace.run(*RECOVER, "--plan-id", plan_id, "--force")
    assert forced.status == 0, forced.output
    left = same_world(before, picture(workspace))
    assert all(" id: " in line for line in left), left


def test_one_of_five_deployers_works_and_the_others_are_told(
    workspace: Workspace, proxy: RecordingProxy
) -> None:
    """Exit 5 for those, and not one write of theirs."""
    deploy_before(workspace)
    declare_after(workspace)
    proxy.forget()
    barrier = Barrier(proxy, "PATCH", DEPLOYMENT)
    with ThreadPoolExecutor(DEPLOYERS) as pool:
        running = [pool.submit(workspace.run, *DEPLOY) for _ in range(DEPLOYERS)]
        try:
            refused = [each.result() for each in islice(as_completed(running), DEPLOYERS - 1)]
            assert barrier.reached.wait(COMMAND_SECONDS)
            assert [seen for seen in proxy.writes if httpx.codes.is_success(seen.status)] == []
        finally:
            barrier.open()
    for finished in refused:
        well_told(finished)
        told = (finished.status, finished.document["status"], finished.codes)
        assert told == (5, "locked", ["LOCK_HELD"])
    assert sorted(each.result().status for each in running) == [0, 5, 5, 5, 5]


def test_five_deployers_that_wait_deploy_it_once(workspace: Workspace, proxy: RecordingProxy) -> None:
    """All end well; the first one deploys, and the others find nothing to do."""
    deploy_before(workspace)
    declare_after(workspace)
    proxy.forget()
    with ThreadPoolExecutor(DEPLOYERS) as pool:
        ended = list(pool.map(lambda _: workspace.run(*DEPLOY, "--wait", "120"), range(DEPLOYERS)))
    for finished in ended:
        well_told(finished)
        assert finished.status == 0, finished.output
    words = sorted(finished.document["status"] for finished in ended)
    assert words == ["deployed", *["unchanged"] * (DEPLOYERS - 1)]
    assert len([seen for seen in proxy.writes if httpx.codes.is_success(seen.status)]) == 12


def test_killed_a_deployment_is_settled_by_the_next_one(workspace: Workspace) -> None:
    """Which then does what it was asked for."""
    deploy_before(workspace)
    declare_after(workspace)
    killed_at(workspace, at_the_first_deletion(), *DEPLOY)
    finished = workspace.run(*DEPLOY)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "deployed")
    assert finished.document["warnings"] == []
    statuses = [plan["status"] for plan in workspace.run("recovery", "list", "-ojson").document["plans"]]
    assert statuses == ["completed", "rolled_back", "completed"]
    assert workspace.plan("--prune", "--detailed-exitcode").status == 0
