"""The deploying process is killed at every request and at every system call with an effect; then the next
command brings everything back to how it was before, field by field, or finds it committed.

`make test` takes a sample, another one each time; `make crash-sweep` takes every point.
"""

import itertools
from collections.abc import Callable, Sequence

from tests.conftest import CRASH_POINTS
from tests.crash_sweep.killing import AtCall, AtRequest, Survey
from tests.crash_sweep.scenario import Scenario
from tests.crash_sweep.settling import RESTORED
from tests.crash_sweep.sweeping import Series, Sweep

Record = Callable[[str, object], None]


def every_request() -> Sequence[Series]:
    """Before and after the server handles it."""
    return [_requests(handled=handled) for handled in (False, True)]


def every_call(found: Survey) -> Sequence[Series]:
    """Each kind of call by itself: strace counts them apart."""
    calls = found.calls
    return [
        _calls(call, calls.before[call] + 1)
        for call in sorted(calls.whole)
        if calls.whole[call] > calls.before[call]
    ]


# Functions of their own: a generator in a comprehension would see the last value only, when it is run.


def _requests(*, handled: bool) -> Series:
    return (AtRequest(number, handled) for number in itertools.count(1))


def _calls(call: str, first: int) -> Series:
    return (AtCall(call, number) for number in itertools.count(first))


def test_a_deployment_that_went_well_is_taken_back_exactly(sweep: Sweep, scenario: Scenario) -> None:
    """Field by field, of everything that a deployment could touch."""
    assert scenario.before.differences(scenario.look(), RESTORED) == []


def test_killed_at_any_request(sweep: Sweep, record_property: Record) -> None:
    """Before the server sees it, and when it was handled but nobody knows."""
    sampled = sweep.deployment.request_points
    points = sweep.run("deployment at requests", sweep.deploy_to, every_request(), sampled, 6)
    record_property(CRASH_POINTS, points)


def test_killed_at_any_system_call(sweep: Sweep, record_property: Record) -> None:
    """At each one with an effect since the state was opened."""
    found = sweep.deployment
    points = sweep.run("deployment at calls", sweep.deploy_to, every_call(found), found.call_points, 7)
    record_property(CRASH_POINTS, points)


def test_recovery_killed_at_any_request(sweep: Sweep, record_property: Record) -> None:
    """And recovered by the command after."""
    sampled = sweep.recovery.request_points
    points = sweep.run("recovery at requests", sweep.recover_to, every_request(), sampled, 2)
    record_property(CRASH_POINTS, points)


def test_recovery_killed_at_any_system_call(sweep: Sweep, record_property: Record) -> None:
    """And recovered by the command after."""
    found = sweep.recovery
    points = sweep.run("recovery at calls", sweep.recover_to, every_call(found), found.call_points, 3)
    record_property(CRASH_POINTS, points)


def test_a_deployment_goes_well_after_all_that(sweep: Sweep, scenario: Scenario) -> None:
    """With the local state of all the deaths, and nothing to put back."""
    finished = scenario.workspace.deploy("--prune", "--yes")
    assert (finished.status, finished.document["status"]) == (0, "deployed"), finished
    assert scenario.workspace.deploy("--prune").document["status"] == "unchanged"
