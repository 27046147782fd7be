"""Transactions of the past, as a person handles them: looked at, taken back, and kept from happening."""

import signal

import pytest

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.deploying import DeployOptions, deploy
from deployment_system.deploy.patience import Patience
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.project import open_project
from deployment_system.error_handling import ErrorCodes, ErrorContext, PrefectAPIError, no_sleep
from tests.deploy.barrier import at_work
from tests.deploy.conftest import Workspace
from tests.deploy.world import killed_at, wait_for
from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import COMMAND_SECONDS

CREATE = "^/api/deployments/$"


@pytest.fixture
def two_flows(workspace: Workspace) -> Workspace:
    """A repository with two flows, nothing deployed."""
    for flow in ("first", "second"):
        workspace.write_flow(flow)
    workspace.configure()
    return workspace


def killed(workspace: Workspace, *arguments: str) -> str:
    """A deployment that was killed at its second creation; its plan's id."""
    killed_at(workspace, Fault("POST", CREATE, after=1, drop_before=True), "deploy", *arguments)
    newest, *_ = workspace.run("recovery", "list", "-ojson").document["plans"]
    assert newest["status"] == "pending"
    return str(newest["plan_id"])


# -- recovery ---------------------------------------------------------------------------------------------


def test_what_a_recovery_would_do_is_shown_first(two_flows: Workspace, proxy: RecordingProxy) -> None:
    """Without a terminal and without --auto-execute: nothing but that."""
    plan_id = killed(two_flows)
    (plan,) = two_flows.run("recovery", "execute", "-ojson").document["plans"]
    would = {each["description"]: each["would"] for each in plan["operations"]}
    assert would[f"create deployment {two_flows.deployment_name('first')}"] == "restore"
    assert would[f"create deployment {two_flows.deployment_name('second')}"] == "nothing"
    assert would[f"create flow {two_flows.name('first')}"] == "unless_needed"
    assert proxy.writes == []
    shown = two_flows.run("recovery", "execute")
    assert "would be put back" in shown.output
    assert "--auto-execute" in shown.output
    assert two_flows.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 0
    assert two_flows.stored() == {}


def test_a_conflict_says_what_was_found_and_force_overwrites_it(two_flows: Workspace) -> None:
    """Exit 4, with the field and both values; the second time with --force everything goes, flow included."""
    plan_id = killed(two_flows)
    stored = two_flows.stored_one("first")
    two_flows.ask("PATCH", f"/deployments/{stored['id']}", {"tags": ["by-hand"]})
    kept = two_flows.run("recovery", "execute", "--auto-execute", "-ojson")
    assert (kept.status, kept.document["status"]) == (4, "rollback_incomplete")
    assert "--force" in str(kept.document["errors"][0]["remediation"])
    details = two_flows.run("recovery", "details", plan_id)
    assert "tags: expected [], found ['by-hand']" in details.output
    forced = two_flows.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute", "--force", "-ojson")
    assert (forced.status, forced.document["status"]) == (0, "rolled_back")
    assert two_flows.stored() == {}
    flows = {"flows": {"name": {"any_": [two_flows.name("first")]}}}
    assert two_flows.ask("POST", "/flows/filter", flows) == []


def test_a_broken_repository_can_be_rolled_back(two_flows: Workspace) -> None:
    """What is declared does not matter, nor does a prefect.yaml: only where state and server are."""
    killed(two_flows)
    file = two_flows.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("flows: {}", "flowz: [}"[:7] + "1]"))
    two_flows.write("prefect.yaml", "deployments: 3")
    assert two_flows.deploy().status == 3
    assert two_flows.run("recovery", "execute", "--auto-execute").status == 0
    assert two_flows.stored() == {}


def test_every_environment_is_recovered_with_its_own_settings(two_flows: Workspace) -> None:
    """Without --env all of the project's; with it that one alone. A protected one is named, or kept."""
    file = two_flows.root / "deployment-config.yaml"
    other = (
        file.read_text()
        .replace("  development:", "  staging:")
        .split("environments:\n")[1]
        .split("flows:")[0]
    )
    file.write_text(file.read_text().replace("flows: {}", other + "flows: {}"))
    two_flows.deploy()
    killed(two_flows, "--env", "staging")
    nothing = two_flows.run("recovery", "execute", "--auto-execute", "--env", "development", "-ojson")
    assert nothing.document["status"] == "nothing_to_do"
    done = two_flows.run("recovery", "execute", "--auto-execute", "-ojson")
    assert [plan["environment"] for plan in done.document["plans"]] == ["staging"]
    assert all(name.endswith("-development") for name in two_flows.stored())
    file.write_text(file.read_text().replace("  development:\n", "  development:\n    protected: true\n"))
    plan_id = two_flows.run("recovery", "list", "-ojson").document["plans"][-1]["plan_id"]
    refused = two_flows.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute", "-ojson")
    assert (refused.status, refused.codes) == (3, ["CONFIRMATION_REQUIRED"])
    taken_back = two_flows.run(
        "recovery", "execute", "--plan-id", plan_id, "--auto-execute", "--env", "development"
    )
    assert taken_back.status == 0
    assert two_flows.stored() == {}


def test_a_recovery_leaves_a_running_deployment_alone(two_flows: Workspace, proxy: RecordingProxy) -> None:
    """Exit 5, as for a second deployer."""
    with at_work(two_flows, proxy):
        recovered = two_flows.run("recovery", "execute", "--auto-execute", "-ojson")
    assert (recovered.status, recovered.document["status"]) == (5, "locked")


# -- a lock that a person took ------------------------------------------------------------------------------


def test_a_lock_taken_on_purpose_keeps_everybody_out(two_flows: Workspace) -> None:
    """Until it is given back; nobody waits for it, as nobody knows how long."""
    taken = two_flows.run("lock", "take", "--reason", "release day", "-ojson")
    assert (taken.status, taken.document["lock"]["reason"]) == (0, "release day")
    # An hour is longer than the test lets a command run.
    for command in (["deploy", "--wait", "3600"], ["clean", "--yes"], ["lock", "take", "-m", "me too"]):
        refused = two_flows.run(*command, "-ojson")
        assert (refused.status, refused.document["status"], refused.codes) == (5, "locked", ["LOCK_HELD"])
        assert "release day" in refused.document["errors"][0]["message"]
        assert "lock release" in refused.document["errors"][0]["remediation"][0]
    assert two_flows.run("lock", "show", "-ojson").document["lock"]["manual"] is True
    assert two_flows.run("plan").status == 0
    assert two_flows.run("lock", "release", "-ojson").document["released"] is True
    assert two_flows.run("lock", "release", "-ojson").document["released"] is False
    assert two_flows.run("lock", "show", "-ojson").document["lock"] is None
    assert two_flows.deploy().status == 0


def test_the_lock_of_a_running_deployment_is_not_released_by_accident(
    two_flows: Workspace, proxy: RecordingProxy
) -> None:
    """Only by force."""
    with at_work(two_flows, proxy):
        assert two_flows.run("lock", "release").status == 5
        assert two_flows.run("lock", "show", "-ojson").document["lock"]["manual"] is False


# -- a world that moves meanwhile ---------------------------------------------------------------------------


def test_who_thinks_about_the_question_for_long_gets_a_new_look(
    two_flows: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody changed meanwhile is neither overwritten nor taken for the state to go back to."""
    monkeypatch.setattr("deployment_system.deploy.deploying.FRESH_SECONDS", 0.0)
    two_flows.deploy()
    two_flows.write_flow("first", docstring="Counts anew.")
    project = open_project(two_flows.root, environ={})

    def change_it_meanwhile(plan: object) -> bool:
        two_flows.ask("PATCH", f"/deployments/{two_flows.stored_one('first')['id']}", {"description": "mine"})
        return True

    with pytest.raises(Exception, match="the world has changed") as raised:
        deploy(project, Selection(), DeployOptions(), confirm=change_it_meanwhile)
    assert getattr(raised.value, "error_code", None) == ErrorCodes.PLAN_OUTDATED
    assert two_flows.stored_one("first")["description"] == "mine"
    assert deploy(project, Selection(), DeployOptions(), confirm=lambda plan: True).status == "deployed"
    assert two_flows.stored_one("first")["description"] == "Counts anew."


# -- a server that is away ----------------------------------------------------------------------------------


def test_a_server_that_comes_back_in_time_is_waited_for(two_flows: Workspace, proxy: RecordingProxy) -> None:
    """The rollback of the same process goes on where it was, and says that it waits."""
    file = two_flows.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("outage_patience_seconds: 0.5", "outage_patience_seconds: 30"))

    def go_away() -> None:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            proxy.faults.insert(0, Fault(method, "/api/", drop_before=True))

    def come_back() -> bool:
        """Once it was asked how it is."""
        if not any(seen.path == "/api/health" for seen in proxy.seen):
            return False
        proxy.faults.clear()
        return True

    proxy.faults.append(Fault("POST", CREATE, drop_after=True, after=1, then=go_away))
    running = two_flows.start("deploy")
    wait_for(come_back)
    _, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == 1, errors
    assert "waiting for it" in errors
    assert two_flows.stored() == {}


def test_ctrl_c_while_waiting_leaves_the_rest_to_the_next(
    two_flows: Workspace, proxy: RecordingProxy
) -> None:
    """Nobody has to sit through a minute."""
    file = two_flows.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("outage_patience_seconds: 0.5", "outage_patience_seconds: 300"))

    def go_away() -> None:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            proxy.faults.insert(0, Fault(method, "/api/", drop_before=True))

    proxy.faults.append(Fault("POST", CREATE, drop_after=True, after=1, then=go_away))
    running = two_flows.start("deploy", "-ojson")
    wait_for(lambda: any(seen.path == "/api/health" for seen in proxy.seen))
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == 4, errors
    assert '"rollback_incomplete"' in output
    proxy.forget()
    assert two_flows.run("recovery", "execute", "--auto-execute").status == 0
    assert two_flows.stored() == {}


def test_a_server_that_refuses_but_lives_is_not_waited_for(prefect_server: str) -> None:
    """What it will not do now, it will not do in a minute; and patience ends."""
    slept: list[float] = []
    with PrefectServer(prefect_server) as server, no_sleep():
        patience = Patience(lambda url: server, 5, sleep=slept.append)
        error = PrefectAPIError(
            "busy",
            error_code=ErrorCodes.PREFECT_API_UNAVAILABLE,
            context=ErrorContext(server_url=prefect_server),
        )

        def fail() -> None:
            raise error

        with pytest.raises(PrefectAPIError):
            patience(fail)
    assert slept == []
    now = [0.0]
    with PrefectServer("http://127.0.0.1:9/api") as dead:
        patience = Patience(
            lambda url: dead,
            5,
            sleep=lambda seconds: now.__setitem__(0, now[0] + seconds),
            clock=lambda: now[0],
        )
        calls = []

        def count() -> None:
            calls.append(1)
            raise error

        for _ in range(3):
            with pytest.raises(PrefectAPIError):
                patience(count)
    assert now == [5.0]
    assert len(calls) == 1, "once it is lost, nothing is even tried"
