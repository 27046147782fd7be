"""The server hears what came of transactions, and the example automations act on it: on the real server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deployment_system.deploy.deployments import Owner
from deployment_system.deploy.outcome_events import (
    MOST_RELATED,
    TouchedDeployment,
    TransactionOutcome,
    events_of,
)
from deployment_system.error_handling import DockerError
from tests.deploy.conftest import Workspace
from tests.deploy.world import DEPLOYMENT, killed_at
from tests.recording_proxy import Fault, RecordingProxy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "automation"
WAIT_SECONDS = 60.0
REFUSED = Fault("POST", "^/api/deployments/$", status=422, body='{"detail": "no"}', after=1)


def eventually(look: Callable[[], Any]) -> Any:
    """What a look finds, as soon as it finds anything: the server handles events when it has time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def events(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """What the server has of our events of that name in the repository's environment."""
    wanted = {
        "filter": {
            "event": {"name": [f"deployment-system.{name}"]},
            "any_resource": {"id": [f"deployment-system.environment.{workspace.prefix}.development"]},
        }
    }
    return list(workspace.ask("POST", "/events/filter", wanted)["events"])


def related(event: dict[str, Any], role: str) -> dict[str, dict[str, str]]:
    """The related resources of a role, by name."""
    return {
        each["prefect.resource.name"]: each
        for each in event["related"]
        if each["prefect.resource.role"] == role
    }


def posted(proxy: RecordingProxy) -> list[Any]:
    """The bodies of our own requests for events."""
    return [seen.body for seen in proxy.seen if seen.path == "/api/events"]


def test_a_deployment_is_told_with_its_deployments_flows_and_pool(
    workspace: Workspace, proxy: RecordingProxy
) -> None:
    """One request for all events of a transaction; none where nothing was done."""
    workspace.write_flow("load")
    workspace.write_flow("sum")
    workspace.configure()
    finished = workspace.deploy()
    assert (finished.status, finished.document["events_not_sent"]) == (0, [])
    [event] = eventually(lambda: events(workspace, "deploy.completed"))
    assert event["resource"]["deployment-system.status"] == "completed"
    assert event["payload"]["plan_id"] == finished.document["plan_id"]
    assert event["payload"]["changes"] == {"create": 2}
    deployments = related(event, "deployment")
    stored = workspace.stored()
    assert {name: each["prefect.resource.id"] for name, each in deployments.items()} == {
        name: f"prefect.deployment.{each['id']}" for name, each in stored.items()
    }
    assert set(related(event, "flow")) == {workspace.name("load"), workspace.name("sum")}
    assert list(related(event, "work-pool")) == ["test-pool"]
    each_of_them = eventually(lambda: events(workspace, "deployment.created"))
    assert {one["resource"]["prefect.resource.name"] for one in each_of_them} == set(stored)
    assert len(posted(proxy)) == 1
    workspace.deploy()
    assert len(posted(proxy)) == 1


def test_a_rollback_is_told_with_its_error(workspace: Workspace, proxy: RecordingProxy) -> None:
    """What was made and is gone is named with the id that it had."""
    workspace.write_flow("load")
    workspace.write_flow("sum")
    workspace.configure()
    proxy.faults.append(REFUSED)
    finished = workspace.deploy("--concurrency", "1")
    assert finished.document["status"] == "rolled_back"
    [event] = eventually(lambda: events(workspace, "deploy.rolled_back"))
    assert [error["error_code"] for error in event["payload"]["errors"]] == finished.codes
    assert len(related(event, "deployment")) == 1
    assert len(eventually(lambda: events(workspace, "deployment.rolled_back"))) == 1


def test_the_recovery_of_a_killed_deployment_is_told(workspace: Workspace, proxy: RecordingProxy) -> None:
    """By whoever settles it: here `recovery execute`; the next deployment does so too."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    workspace.configure('{"NAME:load": {tags: [new]}}')
    killed_at(workspace, Fault("PATCH", DEPLOYMENT), "deploy", "-o", "json")
    assert workspace.run("recovery", "execute", "--auto-execute", "-ojson").status == 0
    [event] = eventually(lambda: events(workspace, "recovery.completed"))
    assert list(related(event, "deployment")) == [workspace.deployment_name("load")]
    killed_at(workspace, Fault("PATCH", DEPLOYMENT), "deploy", "-o", "json")
    assert workspace.deploy().status == 0
    assert len(eventually(lambda: events(workspace, "recovery.completed")[1:])) == 1


def test_what_a_recovery_plan_has_mended_is_told(workspace: Workspace) -> None:
    """With the deployment that the error kept from being made."""
    workspace.write_flow("load")
    workspace.configure(f'{{"NAME:load": {{work_pool: {workspace.prefix}-pool}}}}')
    assert workspace.deploy().codes == ["WORK_POOL_NOT_FOUND"]
    [error] = workspace.run("error", "list", "-ojson").document["errors"]
    mend = ("recovery", "execute", "--error", error["error_id"], "--auto-execute", "-ojson")
    assert workspace.run(*mend).status == 0
    [event] = eventually(lambda: events(workspace, "recovery.mended"))
    name = f"{workspace.name('load')}/{workspace.deployment_name('load')}"
    assert event["payload"]["deployments"] == [name]
    assert event["payload"]["errors"][0]["error_code"] == "WORK_POOL_NOT_FOUND"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "^/api/events$", status=500),
        Fault("POST", "^/api/events$", status=404),
        Fault("POST", "^/api/events$", drop_before=True),
        Fault("POST", "^/api/events$", status=200, body="<html>", content_type="text/html"),
    ],
    ids=["broken", "unknown", "dropped", "nonsense"],
)
def test_an_event_that_cannot_be_sent_fails_nothing(
    workspace: Workspace, proxy: RecordingProxy, fault: Fault
) -> None:
    """It is told as a warning, and kept in the history."""
    workspace.write_flow("load")
    workspace.configure()
    proxy.faults.append(fault)
    finished = workspace.run("deploy")
    assert finished.status == 0
    assert "warning[PREFECT_EVENT_NOT_SENT]" in finished.errors
    assert list(workspace.stored()) == [workspace.deployment_name("load")]
    summary = workspace.run("error", "summary", "-ojson").document
    assert summary["by_code"] == {"PREFECT_EVENT_NOT_SENT": 1}


def test_nothing_is_told_where_that_is_not_wanted(workspace: Workspace, proxy: RecordingProxy) -> None:
    """`prefect_events: false`."""
    workspace.write_flow("load")
    workspace.configure(top="prefect_events: false")
    assert workspace.deploy().status == 0
    assert workspace.run("clean", "--yes", "--env", "development").status == 0
    assert posted(proxy) == []


@pytest.fixture
def automation(workspace: Workspace) -> Iterator[Callable[[str], str]]:
    """Makes an example automation for the repository's environment, as its first lines say."""
    made: list[str] = []

    def create(example: str) -> str:
        name = f"{workspace.prefix} {uuid4().hex[:6]}"
        environment = f"deployment-system.environment.{workspace.prefix}.development"
        text = (EXAMPLES / example).read_text()
        text = text.replace("  # match_related:", "  match_related:").replace("  #   prefect", "    prefect")
        text = text.replace("deployment-system.environment.PROJECT.ENVIRONMENT", environment)
        head, _, rest = text.partition("\nname: ")
        file = workspace.write(f"automation/{example}", f"{head}\nname: {name}\n{rest.partition(chr(10))[2]}")
        subprocess.run(
            [Path(sys.executable).with_name("prefect"), "automation", "create", "--from-file", str(file)],
            env={**os.environ, "PREFECT_API_URL": workspace.server_url, "PREFECT_HOME": str(file.parent)},
            check=True,
            capture_output=True,
            timeout=120,
        )
        wanted = {"automations": {"name": {"any_": [name]}}}
        [stored] = workspace.ask("POST", "/automations/filter", wanted)
        made.append(stored["id"])
        return str(stored["id"])

    yield create
    for each in made:
        workspace.ask("DELETE", f"/automations/{each}")


def test_the_example_that_pauses_what_was_rolled_back_does_so(
    workspace: Workspace, proxy: RecordingProxy, automation: Callable[[str], str]
) -> None:
    """The deployment is as before, and rests."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    automation("pause-after-rollback.yaml")
    workspace.configure('{"NAME:load": {tags: [new]}}')
    workspace.write_flow("sum")
    proxy.faults.append(Fault("POST", "^/api/deployments/$", status=422, body='{"detail": "no"}', times=1))
    assert workspace.deploy("--concurrency", "1").document["status"] == "rolled_back"
    stored = eventually(lambda: (one := workspace.stored_one("load"))["paused"] and one)
    assert stored["tags"] == []


def test_the_example_that_runs_what_was_deployed_does_so(
    workspace: Workspace, automation: Callable[[str], str]
) -> None:
    """Each of them once."""
    workspace.write_flow("load")
    workspace.write_flow("sum")
    workspace.configure()
    automation("run-after-deploy.yaml")
    assert workspace.deploy().status == 0
    ids = [stored["id"] for stored in workspace.stored().values()]
    wanted = {"flow_runs": {"deployment_id": {"any_": ids}}}

    def runs() -> list[dict[str, Any]]:
        found = workspace.ask("POST", "/flow_runs/filter", wanted)
        return list(found) if len(found) == len(ids) else []

    assert sorted(run["deployment_id"] for run in eventually(runs)) == sorted(ids)


def test_more_deployments_than_an_event_can_have_are_told_in_several() -> None:
    """None is left out, each event says which it is, and no secret is told."""
    touched = [
        TouchedDeployment(f"d{n}", f"f{n}", "create", "done", str(n), str(n), "p", "1", "created")
        for n in range(120)
    ]
    outcome = TransactionOutcome(
        Owner("shop", "production"),
        "deploy",
        "rolled_back",
        "rollback_1",
        touched,
        [DockerError("token=hunter2hunter2 and sesame-open")],
        {"create": 120, "delete": 0},
    )
    told = events_of(outcome, ["sesame-open"])
    pages = [event for event in told if event["event"] == "deployment-system.deploy.rolled_back"]
    assert len(pages) == 3
    assert all(len(event["related"]) <= MOST_RELATED for event in told)
    assert [event["payload"]["page"] for event in pages] == [1, 2, 3]
    named = [name for event in pages for name in event["payload"]["deployments"]]
    assert named == [f"f{n}/d{n}" for n in range(120)]
    assert len(told) == 123
    assert "hunter2" not in json.dumps(told)
    assert "sesame" not in json.dumps(told)
