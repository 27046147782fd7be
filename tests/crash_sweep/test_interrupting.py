"""Ctrl-C and SIGTERM at any system call of a deployment: what the command says afterwards is true.

Interrupted, everything is as before; done, everything is as declared; and each time there is one result. The
same points as those of the crash sweep, of which `make test` takes some, another few each time.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from deployment_system.error_handling import OperationStatus
from deployment_system.error_handling.store import open_store
from tests.conftest import CRASH_POINTS
from tests.crash_sweep.killing import AtCall
from tests.crash_sweep.settling import RESTORED, Settling
from tests.crash_sweep.sweeping import SWEEP_ALL, Sweep
from tests.repositories import Finished

Record = Callable[[str, object], None]
STATUSES = {"SIGINT": 130, "SIGTERM": 143}
SAMPLED = 3
LATEST = 40
"""The last so many points of each kind of call are those around the commit, and after it."""


@pytest.mark.parametrize("signal_name", STATUSES)
def test_interrupted_at_any_system_call(sweep: Sweep, record_property: Record, signal_name: str) -> None:
    """Half of the sample is taken from the end: there it is decided what is true."""
    if sweep.scenario.cost > 1 and not SWEEP_ALL:
        pytest.skip("each point takes a build: CRASH_SWEEP=all")
    points = [replace(point, signal_name=signal_name) for point in sweep.deployment.call_points]
    chosen = points if SWEEP_ALL else _sample(sweep, points)
    if sweep.scenario.before.differences(sweep.scenario.look(), RESTORED):
        sweep.begin_anew()  # the crash sweep leaves everything deployed in the end
    faults = [fault for point in chosen for fault in _faults(sweep, point)]
    record_property(CRASH_POINTS, len(chosen))
    assert not faults, "\n".join(faults)


def _sample(sweep: Sweep, points: Sequence[AtCall]) -> list[AtCall]:
    last = [point for point in points if point.number > sweep.deployment.calls.whole[point.call] - LATEST]
    return [*sweep.chance.sample(points, SAMPLED), *sweep.chance.sample(last, SAMPLED)]


def _faults(sweep: Sweep, point: AtCall) -> list[str]:
    """What was told and is not true, and what was not as it should be then."""
    finished = sweep.deploy_to(point)
    committed = _was_committed(sweep)
    found = _untrue(finished, STATUSES[point.signal_name], committed=committed)
    found += Settling(sweep.scenario, sweep.deployed).settle(turn=0)
    if found:
        sweep.begin_anew()
    return [f"{point.signal_name} {point}: {line}" for line in found]


def _untrue(finished: Finished, interrupted: int, *, committed: bool) -> list[str]:
    try:
        status = json.loads(finished.output)["status"]
    except (ValueError, KeyError):
        return [f"not one result: {finished}"]
    right = (0, "deployed") if committed else (interrupted, "interrupted")
    told = (finished.status, status)
    return [] if told == right else [f"told {told}, and true is {right}: {finished.output}{finished.errors}"]


def _was_committed(sweep: Sweep) -> bool:
    with open_store(sweep.scenario.state / "state.db") as store:
        plans = store.journal.plans()[sweep.scenario.plans_before :]
    return bool(plans) and plans[-1].status is OperationStatus.COMPLETED
