"""Deployments and flows are put back exactly, on the real server, from any state to any other."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deployment_system.api.deployment_states import parts_that_differ
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.undo import (
    DEPLOYMENT,
    FLOW,
    DeploymentUndo,
    FlowUndo,
    WorkPoolUndo,
    WorkQueueUndo,
    deployment_reference,
    flow_reference,
    undo_handlers,
    work_pool_reference,
    work_queue_reference,
)
from deployment_system.error_handling import ErrorContext, UndoHandler

CRON = {"cron": "0 5 * * *", "timezone": "Europe/London", "day_or": True}
FULL: dict[str, Any] = {
    "entrypoint": "flows/a.py:a",
    "description": "A",
    "version": "1",
    "tags": ["one", "two"],
    "parameters": {"x": 1},
    "parameter_openapi_schema": {"type": "object", "properties": {"x": {"type": "integer"}}},
    "enforce_parameter_schema": True,
    "job_variables": {"env": {"A": "1"}},
    "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv"}}],
    "concurrency_limit": 3,
    "concurrency_options": {"collision_strategy": "CANCEL_NEW", "grace_period_seconds": 60},
    "labels": {"deployment-system.project": "p"},
    "paused": True,
    "schedules": [
        {"slug": "cron", "schedule": CRON, "active": True, "parameters": {"x": 2}},
        {
            "slug": "paused",
            "schedule": {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z"},
            "active": False,
        },
        {"slug": None, "schedule": {"rrule": "FREQ=WEEKLY;BYDAY=MO"}, "active": True},
    ],
}
OTHER: dict[str, Any] = {
    "entrypoint": "flows/b.py:b",
    "description": "B",
    "tags": ["three"],
    "parameters": {"y": "text"},
    "enforce_parameter_schema": False,
    "concurrency_limit": 1,
    "labels": {"team": "data"},
    "paused": False,
    "schedules": [{"slug": "cron", "schedule": {**CRON, "cron": "0 6 * * *"}, "active": False}],
}
EMPTY: dict[str, Any] = {"entrypoint": "flows/c.py:c", "paused": False}
STATES: dict[str, dict[str, Any] | None] = {"full": FULL, "other": OTHER, "empty": EMPTY, "gone": None}


@pytest.fixture
def server(prefect_server: str) -> Iterator[PrefectServer]:
    """The real one."""
    with PrefectServer(prefect_server) as opened:
        yield opened


@pytest.fixture
def undo(server: PrefectServer) -> DeploymentUndo:
    """As another process would make it."""
    return DeploymentUndo(lambda url: server)


def is_same(undo: UndoHandler, one: Any, other: Any) -> bool:
    """Both there and the same, or neither there."""
    return one is other if one is None or other is None else undo.same(one, other)


@pytest.fixture
def reference(prefect_server: str) -> dict[str, str]:
    """A deployment that no other test knows."""
    return deployment_reference(prefect_server, f"flow-{uuid4().hex[:8]}", "deployment")


def make(server: PrefectServer, reference: dict[str, str], body: dict[str, Any] | None) -> None:
    """Makes the server so, from nothing."""
    there = server.deployment_named(reference["flow"], reference["deployment"])
    if there:
        server.delete_deployment(there["id"], ErrorContext())
    if body is not None:
        flow_id = server.ensure_flow(reference["flow"])
        whole = {**body, "name": reference["deployment"], "flow_id": flow_id}
        server.put_deployment(whole, ErrorContext())


@pytest.mark.parametrize(("wanted", "there"), list(permutations(STATES, 2)))
def test_any_state_is_put_back_over_any_other(
    server: PrefectServer, undo: DeploymentUndo, reference: dict[str, str], wanted: str, there: str
) -> None:
    """Field by field; and it can be done twice."""
    make(server, reference, STATES[wanted])
    before = undo.observe(reference)
    make(server, reference, STATES[there])
    found = undo.observe(reference)
    assert not is_same(undo, before, found)
    undo.restore(reference, before, found)
    after = undo.observe(reference)
    assert is_same(undo, before, after), parts_that_differ(before or {}, after or {})
    undo.restore(reference, before, after)
    assert is_same(undo, before, undo.observe(reference))


def test_a_change_is_told_from_somebody_elses(
    server: PrefectServer, undo: DeploymentUndo, reference: dict[str, str]
) -> None:
    """Half of a change still is the change; a value that is neither before nor after is not."""
    make(server, reference, FULL)
    before = undo.observe(reference)
    make(server, reference, OTHER)
    after = undo.observe(reference)
    make(server, reference, FULL)
    stored = server.deployment_named(reference["flow"], reference["deployment"])
    assert stored is not None
    server.change_deployment(stored["id"], {"description": "B"}, ErrorContext())
    half = undo.observe(reference)
    assert not is_same(undo, half, before)
    assert undo.made_by(half, before, after)
    server.change_deployment(stored["id"], {"description": "C"}, ErrorContext())
    assert not undo.made_by(undo.observe(reference), before, after)
    assert not undo.made_by(None, before, after)


def test_a_new_flow_is_removed_unless_somebody_uses_it(server: PrefectServer, prefect_server: str) -> None:
    """Deleting a flow deletes its deployments and runs: not those of others."""
    undo = FlowUndo(lambda url: server)
    reference = flow_reference(prefect_server, f"flow-{uuid4().hex[:8]}")
    assert undo.observe(reference) is None
    server.ensure_flow(reference["flow"])
    found = undo.observe(reference)
    assert found is not None
    undo.restore(reference, None, found)
    assert undo.observe(reference) is None
    assert not undo.is_needed(found)
    flow_id = server.ensure_flow(reference["flow"])
    httpx.post(
        f"{prefect_server}/deployments/", json={"name": "theirs", "flow_id": flow_id}, timeout=30
    ).raise_for_status()
    used = undo.observe(reference)
    assert used is not None
    assert undo.is_needed(used)


def test_many_are_seen_and_removed_at_once(server: PrefectServer, prefect_server: str) -> None:
    """As each by itself, in the order that was asked for; deployments of one name under other flows, and
    what is gone already, make no difference."""
    prefix = uuid4().hex[:8]
    references = [deployment_reference(prefect_server, f"{prefix}-{number}", "same") for number in range(60)]
    for reference in references[:-1]:
        make(server, reference, OTHER)
    handlers = undo_handlers(lambda url: server)
    deployments, flows = handlers[DEPLOYMENT], handlers[FLOW]
    assert isinstance(deployments, DeploymentUndo)
    assert isinstance(flows, FlowUndo)
    found = deployments.observe_all(references)
    assert found[-1] is None
    assert [state and state["id"] for state in found[:3]] == [
        (deployments.observe(reference) or {}).get("id") for reference in references[:3]
    ]
    before = server.requests_sent
    deployments.remove_all(references, found)
    assert deployments.observe_all(references) == [None] * 60
    flow_references = [flow_reference(prefect_server, reference["flow"]) for reference in references]
    flows.remove_all(flow_references, flows.observe_all(flow_references))
    assert flows.observe_all(flow_references) == [None] * 60
    assert server.requests_sent - before < 20


def test_a_work_queue_that_came_with_a_deployment_is_removed(
    server: PrefectServer, work_pool: str, reference: dict[str, str]
) -> None:
    """Once no deployment goes to it; another queue of the pool stays."""
    undo = WorkQueueUndo(lambda url: server)
    queue = work_queue_reference(reference["server"], work_pool, f"queue-{uuid4().hex[:8]}")
    assert undo.observe(queue) is None
    assert undo.observe({**queue, "work_pool": "no such pool"}) is None
    queued = {**EMPTY, "work_pool_name": work_pool, "work_queue_name": queue["work_queue"]}
    make(server, reference, queued)
    found = undo.observe(queue)
    assert found is not None
    assert undo.is_needed(found)
    make(server, reference, None)
    found = undo.observe(queue)
    assert found is not None
    assert not undo.is_needed(found)
    undo.restore(queue, None, found)
    assert undo.observe(queue) is None
    assert "default" in {each["name"] for each in server.work_queues(work_pool)}


def test_a_work_pool_is_put_back_as_it_was(server: PrefectServer, reference: dict[str, str]) -> None:
    """Removed, made again, and its settings; one that somebody deploys to is needed."""
    undo = WorkPoolUndo(lambda url: server)
    pool = work_pool_reference(reference["server"], f"pool-{uuid4().hex[:8]}")
    assert undo.observe(pool) is None
    settings = {"type": "process", "description": "A", "concurrency_limit": 3}
    assert server.put_work_pool({"name": pool["work_pool"], **settings}, ErrorContext())
    assert not server.put_work_pool({"name": pool["work_pool"], **settings}, ErrorContext())
    before = undo.observe(pool)
    assert before is not None
    server.change_work_pool(pool["work_pool"], {"description": "B", "is_paused": True}, ErrorContext())
    changed = undo.observe(pool)
    assert not is_same(undo, before, changed)
    undo.restore(pool, before, changed)
    assert is_same(undo, before, undo.observe(pool))
    make(server, reference, {**EMPTY, "work_pool_name": pool["work_pool"]})
    used = undo.observe(pool)
    assert used is not None
    assert undo.is_needed(used)
    make(server, reference, None)
    undo.restore(pool, None, undo.observe(pool))
    assert undo.observe(pool) is None
    undo.restore(pool, before, None)
    assert is_same(undo, before, undo.observe(pool))
