"""One deployment that does everything, and the server before and after it, field by field."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.deploy.conftest import Workspace
from tests.recording_proxy import Fault
from tests.repositories import COMMAND_SECONDS, Finished

BEFORE = """
  "NAME:fields":
    {tags: [old, kept], parameters: {limit: 2}, concurrency_limit: 2, job_variables: {env: {A: "1"}}}
  "NAME:times":
    description: told
    schedules:
      - {cron: "0 5 * * *", timezone: Europe/London, slug: changed}
      - {interval: 3600, slug: removed}
  "NAME:gone-timed":
    schedules: [{rrule: "FREQ=WEEKLY;BYDAY=MO", slug: weekly, parameters: {limit: 7}, active: false}]
    concurrency_limit: {limit: 3, collision_strategy: CANCEL_NEW}
    tags: [precious]
"""
AFTER = """
  "NAME:fields":
    {tags: [new, kept], parameters: {limit: 3}, concurrency_limit: 1, job_variables: {env: {B: "2"}}}
  "NAME:times":
    schedules:
      - {cron: "30 6 * * *", timezone: Europe/London, slug: changed}
      - {interval: 7200, slug: added}
  "NAME:new-timed":
    schedules: [{cron: "0 1 * * *", slug: daily}]
"""
DEPLOY = ("deploy", "--prune", "--yes", "-o", "json")
RECOVER = ("recovery", "execute", "--auto-execute", "-o", "json")
DEPLOYMENT = "^/api/deployments/[0-9a-f-]{36}$"
"""The path of one deployment."""
DELETED = ("gone", "gone-timed")
"""Whatever brings these back gives them another id."""

PAUSED = ("fields", "gone")
"""No configuration says so: it is for a person to pause a deployment, and to find it paused."""

_FILLED_IN = {"created", "updated", "last_polled", "status", "created_by", "updated_by", "version_id"}
"""What says when the server wrote, not what."""


def deploy_before(workspace: Workspace) -> None:
    """A repository with four deployments, on the server, two of which somebody has paused there."""
    for flow in ("fields", "times", *DELETED):
        workspace.write_flow(flow)
    workspace.configure(BEFORE)
    finished = workspace.run(*DEPLOY)
    assert finished.status == 0, finished.output + finished.errors
    for flow in PAUSED:
        workspace.ask("PATCH", f"/deployments/{workspace.stored_one(flow)['id']}", {"paused": True})


def declare_after(workspace: Workspace, environment: str = "") -> None:
    """Two to be made, two to be changed, two to be removed: twelve writes. `environment`: one more of its
    settings."""
    for flow in DELETED:
        (workspace.root / "flows" / f"{flow.replace('-', '_')}.py").unlink(missing_ok=True)
    workspace.write_flow("new")
    workspace.write_flow("new-timed")
    workspace.configure(AFTER, environment)


def picture(workspace: Workspace) -> dict[str, Any]:
    """Flows and deployments of the repository with every field that somebody set, by name."""
    wanted = {"flows": {"name": {"like_": workspace.prefix}}, "limit": 200}
    flows = {item["id"]: item for item in workspace.ask("POST", "/flows/filter", wanted)}
    deployments = {}
    for stored in workspace.stored().values():
        flow = flows[stored["flow_id"]]["name"]
        deployments[f"{flow}/{stored['name']}"] = {**_fields(stored), "schedules": _schedules(stored)}
    return {"flows": {item["name"]: _fields(item) for item in flows.values()}, "deployments": deployments}


def same_world(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What differs, in words. What was deleted may have come back with another id."""
    differs = []
    for kind in ("flows", "deployments"):
        for name in one[kind].keys() | other[kind].keys():
            first, second = one[kind].get(name), other[kind].get(name)
            if first is None or second is None:
                differs.append(f"{kind} {name}: {'missing' if second is None else 'not there before'}")
                continue
            recreated = kind == "deployments" and any(f"-{flow}/" in name for flow in DELETED)
            for key in first.keys() | second.keys():
                if first.get(key) != second.get(key) and not (recreated and key == "id"):
                    differs.append(f"{kind} {name} {key}: {first.get(key)!r} became {second.get(key)!r}")
    return differs


def told(workspace: Workspace, seen: Mapping[str, Any]) -> Any:
    """The same picture for every repository: without ids and times, names and places of this one."""
    text = json.dumps(seen, sort_keys=True).replace(str(workspace.root), "ROOT")
    text = text.replace(workspace.prefix, "PREFIX")
    text = re.sub(r'"anchor_date": "[^"]*"', '"anchor_date": null', text)  # the moment of its making
    return json.loads(re.sub(r'"[0-9a-f-]{36}"', "null", text))


def well_told(finished: Finished) -> None:
    """Whatever happened: one JSON document, with `status` and `errors` where it failed, no traceback."""
    assert "Traceback" not in finished.errors + finished.output, finished.errors
    document = finished.document
    if finished.status != 0:
        assert document["status"]
        assert document["errors"]
        for error in document["errors"]:
            assert error["message"]
            assert error["remediation"]
            assert error["error_code"] != "UNEXPECTED_ERROR", error


def _fields(stored: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in stored.items() if name not in _FILLED_IN}
    limit = fields.pop("global_concurrency_limit", None)
    return {
        **fields,
        "limit": limit and {name: limit[name] for name in ("limit", "active", "slot_decay_per_second")},
    }


def _schedules(stored: Mapping[str, Any]) -> dict[str, Any]:
    made_anew = {"id", "created", "updated", "deployment_id"}
    return {
        item["slug"]: {name: value for name, value in item.items() if name not in made_anew}
        for item in stored["schedules"]
    }


def killed_at(workspace: Workspace, fault: Fault, *arguments: str) -> None:
    """Runs the command and kills it at the request that the fault names, which the server may handle, once
    those of its kind before it are done with."""
    proxy = workspace.proxy
    assert proxy is not None
    proxy.forget()
    running: list[subprocess.Popen[str]] = []

    def done_with() -> int:
        return sum(fault.matches(seen.method, seen.path) for seen in proxy.seen)

    def kill() -> None:
        wait_for(lambda: done_with() >= fault.after)
        running[0].kill()

    fault.then = kill
    proxy.faults.append(fault)
    running.append(workspace.start(*arguments))
    running[0].communicate(timeout=COMMAND_SECONDS)
    assert running[0].returncode == -signal.SIGKILL
    # The server handles what was sent, whoever is dead by then.
    wait_for(lambda: proxy.in_flight == 0)
    proxy.forget()


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it happened, or the test fails."""
    deadline = time.monotonic() + COMMAND_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def at_the_first_deletion() -> Fault:
    """By then everything else has been changed and activated."""
    return Fault("DELETE", DEPLOYMENT)


def left_unfinished(workspace: Workspace) -> dict[str, Any]:
    """Kills a deployment at its first deletion; the server before it."""
    deploy_before(workspace)
    before = picture(workspace)
    declare_after(workspace)
    killed_at(workspace, at_the_first_deletion(), *DEPLOY)
    assert same_world(before, picture(workspace))
    return before
