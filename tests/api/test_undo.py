"""Deployments and flows are put back exactly, on the real server, from any state to any other."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.undo import (
    DeploymentUndo,
    FlowUndo,
    deployment_reference,
    flow_reference,
    parts_that_differ,
)
from deployment_system.error_handling import ErrorContext

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


def is_same(undo: DeploymentUndo, one: Any, other: Any) -> bool:
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
    flow_id = server.ensure_flow(reference["flow"])
    httpx.post(
        f"{prefect_server}/deployments/", json={"name": "theirs", "flow_id": flow_id}, timeout=30
    ).raise_for_status()
    assert undo.observe(reference) is None
