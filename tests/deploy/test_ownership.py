"""Whose deployments are whose: adoption, other projects, pruning, cleaning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import POOL
from tests.deploy.conftest import Workspace
from tests.recording_proxy import RecordingProxy


def make_by_hand(workspace: Workspace, flow: str, **fields: Any) -> dict[str, Any]:
    """A deployment as `prefect deploy` would make it: without our labels."""
    flow_id = workspace.ask("POST", "/flows/", {"name": workspace.name(flow)})["id"]
    body = {
        "name": workspace.deployment_name(flow),
        "flow_id": flow_id,
        "entrypoint": f"flows/{flow}.py:{flow}",
        "work_pool_name": POOL,
        **fields,
    }
    made: dict[str, Any] = workspace.ask("POST", "/deployments/", body)
    return made


def delete_flow(workspace: Workspace, flow: str) -> None:
    """The flow goes from the repository."""
    (workspace.root / "flows" / f"{flow}.py").unlink()


@pytest.fixture
def two_flows(workspace: Workspace, proxy: RecordingProxy) -> Workspace:
    """A repository with two flows, deployed."""
    workspace.write_flow("load")
    workspace.write_flow("report")
    workspace.configure()
    assert workspace.deploy().status == 0
    proxy.forget()
    return workspace


# -- adoption -------------------------------------------------------------------------------------------


def test_a_deployment_made_by_somebody_else_is_adopted_visibly(workspace: Workspace) -> None:
    """The plan shows an update that says so; id, paused schedules and foreign labels stay."""
    workspace.write_flow("load")
    workspace.configure()
    schedule = {"schedule": {"cron": "0 9 * * *"}, "active": False, "slug": "theirs"}
    before = make_by_hand(
        workspace, "load", schedules=[schedule], labels={"team": "data"}, tags=["old"], paused=True
    )
    plan = workspace.plan()
    (change,) = plan.document["changes"]
    assert (change["action"], change["adopted"]) == ("update", True)
    assert change["fields"]["labels"]["after"]["deployment-system.project"] == workspace.prefix
    assert "adopted" in workspace.run("plan").output
    result = workspace.deploy().document
    assert result["status"] == "deployed", [error["message"] for error in result["errors"]]
    after = workspace.stored_one("load")
    assert (after["id"], after["paused"]) == (before["id"], True)
    assert after["labels"]["team"] == "data"
    ((slug, active),) = [(item["slug"], item["active"]) for item in after["schedules"]]
    assert (slug, active) == ("theirs", False)
    assert workspace.plan("--detailed-exitcode").status == 0


def test_an_adopted_schedule_that_is_declared_active_stays_paused(workspace: Workspace) -> None:
    """Somebody had paused it; that we take the deployment over is no reason to wake it up."""
    workspace.write_flow("load")
    workspace.configure('{"NAME:load": {schedules: [{cron: "0 9 * * *", slug: theirs}]}}')
    schedule = {"schedule": {"cron": "0 8 * * *"}, "active": False, "slug": "theirs"}
    make_by_hand(workspace, "load", schedules=[schedule])
    assert workspace.deploy().status == 0
    (stored,) = workspace.stored_one("load")["schedules"]
    assert (stored["schedule"]["cron"], stored["active"]) == ("0 9 * * *", False)


@pytest.mark.parametrize("environment", ["development", "other"])
def test_what_another_project_owns_is_refused_without_force(
    make_workspace: Callable[[str], Workspace], environment: str
) -> None:
    """Two projects that deploy one name would undo each other's work for ever."""
    mine = make_workspace("mine")
    mine.write_flow("load")
    mine.configure()
    labels = {"deployment-system.project": "somebody", "deployment-system.environment": environment}
    make_by_hand(mine, "load", labels=labels)
    refused = mine.deploy()
    assert (refused.status, refused.codes) == (3, ["DEPLOYMENT_OWNED_BY_ANOTHER_PROJECT"])
    assert mine.stored_one("load")["labels"]["deployment-system.project"] == "somebody"
    assert mine.deploy("--force").status == 0
    assert mine.stored_one("load")["labels"]["deployment-system.project"] == mine.prefix


# -- pruning --------------------------------------------------------------------------------------------


def test_without_prune_a_leftover_stays(two_flows: Workspace) -> None:
    """A flow that is gone may only be on another branch."""
    delete_flow(two_flows, "report")
    assert two_flows.deploy().document["status"] == "unchanged"
    assert len(two_flows.stored()) == 2


def test_prune_removes_the_deployment_of_a_flow_that_is_gone(two_flows: Workspace) -> None:
    """The plan says so, and asks: without a terminal only with --yes."""
    delete_flow(two_flows, "report")
    plan = two_flows.plan("--prune")
    deleted = [item["name"] for item in plan.document["changes"] if item["action"] == "delete"]
    assert deleted == [two_flows.deployment_name("report")]
    unasked = two_flows.deploy("--prune")
    assert (unasked.status, unasked.codes) == (3, ["CONFIRMATION_REQUIRED"])
    assert len(two_flows.stored()) == 2
    assert two_flows.deploy("--prune", "--yes").status == 0
    assert list(two_flows.stored()) == [two_flows.deployment_name("load")]


def test_a_renamed_flow_is_a_new_deployment_and_an_old_one(two_flows: Workspace) -> None:
    """On the server a rename is that: the plan does not dress it up."""
    file = two_flows.root / "flows" / "report.py"
    file.write_text(file.read_text().replace(two_flows.name("report"), two_flows.name("summary")))
    actions = {item["name"]: item["action"] for item in two_flows.plan("--prune").document["changes"]}
    assert actions[two_flows.deployment_name("summary")] == "create"
    assert actions[two_flows.deployment_name("report")] == "delete"


def test_prune_never_touches_what_nobody_owns(two_flows: Workspace) -> None:
    """Not ours: not by labels, so not to be removed."""
    make_by_hand(two_flows, "foreign")
    assert two_flows.deploy("--prune", "--yes").document["status"] == "unchanged"
    assert two_flows.deployment_name("foreign") in two_flows.stored()


@pytest.mark.parametrize(
    "broken",
    [
        "from prefect import flow\n\n@flow(\ndef report(: pass\n",
        "from prefect import flow\nimport nowhere_to_be_found\n\n@flow(name='NAME')\ndef report(): pass\n",
        "from prefect import flow\0",
    ],
    ids=["syntax", "import", "null byte"],
)
def test_prune_never_touches_what_is_only_invalid_now(two_flows: Workspace, broken: str) -> None:
    """A flow that cannot be read is not a flow that is gone."""
    file = two_flows.root / "flows" / "report.py"
    file.write_text(broken.replace("NAME", two_flows.name("report")))
    result = two_flows.deploy("--prune", "--yes")
    assert (result.status, result.document["status"]) == (0, "unchanged")
    assert [item["error"]["error_code"] for item in result.document["skipped"]]
    assert len(two_flows.stored()) == 2


def test_prune_never_touches_what_only_leaves_out(two_flows: Workspace) -> None:
    """`--only` narrows what may be removed as well."""
    delete_flow(two_flows, "report")
    assert two_flows.deploy("--prune", "--yes", "--only", two_flows.name("load")).status == 0
    assert len(two_flows.stored()) == 2
    assert two_flows.deploy("--prune", "--yes", "--only", "*report*").status == 0
    assert len(two_flows.stored()) == 1


def test_prune_with_no_flow_at_all_is_an_error(two_flows: Workspace) -> None:
    """An empty folder is more likely a mistake than a wish."""
    delete_flow(two_flows, "report")
    delete_flow(two_flows, "load")
    result = two_flows.deploy("--prune", "--yes")
    assert (result.status, result.codes) == (3, ["NOTHING_TO_DEPLOY"])
    assert len(two_flows.stored()) == 2


def test_prune_keeps_what_an_automation_refers_to(two_flows: Workspace) -> None:
    """It is named in the plan, and kept without --force."""
    delete_flow(two_flows, "report")
    deployment = two_flows.stored_one("report")["id"]
    automation = {
        "name": f"{two_flows.prefix} runs the report",
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": ["some.event"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [{"type": "run-deployment", "source": "selected", "deployment_id": deployment}],
    }
    made = two_flows.ask("POST", "/automations/", automation)
    try:
        result = two_flows.deploy("--prune", "--yes")
        assert result.document["status"] == "unchanged"
        assert "DEPLOYMENT_STILL_USED" in [item["error_code"] for item in result.document["warnings"]]
        assert len(two_flows.stored()) == 2
        assert two_flows.deploy("--prune", "--yes", "--force").status == 0
        assert len(two_flows.stored()) == 1
    finally:
        two_flows.ask("DELETE", f"/automations/{made['id']}")


def test_prune_keeps_what_has_a_run_in_flight(two_flows: Workspace) -> None:
    """A run that somebody started would lose its deployment."""
    delete_flow(two_flows, "report")
    deployment = two_flows.stored_one("report")["id"]
    run = two_flows.ask(
        "POST", f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}}
    )
    two_flows.ask("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    result = two_flows.deploy("--prune", "--yes")
    (warning,) = [w for w in result.document["warnings"] if w["error_code"] == "DEPLOYMENT_STILL_USED"]
    assert "1 run in flight" in warning["message"]
    assert len(two_flows.stored()) == 2


# -- clean ----------------------------------------------------------------------------------------------


def test_clean_removes_what_is_ours_and_nothing_else(two_flows: Workspace) -> None:
    """Asked for, shown first, and only with --yes where nobody can be asked."""
    make_by_hand(two_flows, "foreign")
    shown = two_flows.run("clean", "--dry-run", "-o", "json")
    assert (shown.status, shown.document["status"]) == (0, "planned")
    assert shown.document["summary"]["delete"] == 2
    assert two_flows.run("clean", "-o", "json").status == 3
    assert len(two_flows.stored()) == 3
    cleaned = two_flows.run("clean", "-o", "json", "--yes")
    assert (cleaned.status, cleaned.document["status"]) == (0, "deployed")
    assert list(two_flows.stored()) == [two_flows.deployment_name("foreign")]
    assert two_flows.run("clean", "-o", "json", "--yes").document["status"] == "unchanged"


# -- saved plans ----------------------------------------------------------------------------------------


@pytest.fixture
def saved(two_flows: Workspace) -> Path:
    """A plan that updates one deployment and deletes the other, in a file."""
    two_flows.write_flow("load", docstring="Loads.")
    delete_flow(two_flows, "report")
    assert two_flows.plan("--prune", "--out", "plan.json").status == 0
    return two_flows.root / "plan.json"


def test_a_saved_plan_is_done_exactly(two_flows: Workspace, saved: Path) -> None:
    """The selection is the plan's; nobody has to say --prune again."""
    assert saved.stat().st_mode & 0o077 == 0
    assert two_flows.deploy("--plan", saved.name, "--yes").status == 0
    (stored,) = two_flows.stored().values()
    assert stored["description"] == "Loads."


def test_a_saved_plan_is_refused_when_the_server_has_changed(two_flows: Workspace, saved: Path) -> None:
    """Somebody changed a deployment by hand after the review."""
    deployment = two_flows.stored_one("load")["id"]
    two_flows.ask("PATCH", f"/deployments/{deployment}", {"tags": ["by-hand"]})
    refused = two_flows.deploy("--plan", saved.name, "--yes")
    assert (refused.status, refused.codes) == (3, ["PLAN_OUTDATED"])
    assert two_flows.name("load") in refused.document["errors"][0]["message"]
    assert len(two_flows.stored()) == 2


def test_a_saved_plan_is_refused_when_the_repository_has_changed(two_flows: Workspace, saved: Path) -> None:
    """The file under review is not the code any more."""
    two_flows.write_flow("load", docstring="Loads even more.")
    refused = two_flows.deploy("--plan", saved.name, "--yes")
    assert (refused.status, refused.codes) == (3, ["PLAN_OUTDATED"])


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 99, "selection": {}}', '{"format": 1, "selection": {"only": 1}}', "\0"],
)
def test_a_file_that_is_no_plan_is_refused(two_flows: Workspace, content: str) -> None:
    """Whatever the file holds."""
    (two_flows.root / "plan.json").write_text(content)
    refused = two_flows.deploy("--plan", "plan.json")
    assert (refused.status, refused.codes) == (3, ["PLAN_FILE_INVALID"])


def test_a_plan_file_that_is_not_there_is_refused(two_flows: Workspace) -> None:
    """With the place in the error."""
    refused = two_flows.deploy("--plan", "nowhere.json")
    assert (refused.status, refused.codes) == (3, ["PLAN_FILE_INVALID"])
    assert refused.document["errors"][0]["context"]["file_path"] == "nowhere.json"
