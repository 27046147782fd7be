"""The breaker: closed, open, half open, against a model; one probe at a time, also among threads."""

import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deployment_system.error_handling import CircuitBreaker, CircuitPolicy, CircuitState, OpenCircuit
from tests.error_handling.passing_time import Clock

THREE = CircuitPolicy(failures_to_open=3, open_seconds=5.0)


def breaker_at(clock: Clock, told: list[CircuitState] | None = None) -> CircuitBreaker:
    """One that opens after three failures, for five seconds."""
    return CircuitBreaker(THREE, clock=lambda: clock.now, on_change=None if told is None else told.append)


def opened(clock: Clock, told: list[CircuitState] | None = None) -> CircuitBreaker:
    """One that has just opened."""
    breaker = breaker_at(clock, told)
    for _ in range(3):
        assert breaker.admit() == 0
        breaker.failed()
    return breaker


def test_the_numbers_are_hystrix_s() -> None:
    """20 in a row, 5 seconds; a server that says "slow down" is alive."""
    policy = CircuitPolicy()
    assert (policy.failures_to_open, policy.open_seconds) == (20, 5.0)
    assert policy.alive_error_codes == {"PREFECT_RATE_LIMITED"}


@pytest.mark.parametrize(
    "wrong", [{"failures_to_open": 0}, {"open_seconds": -1}, {"open_seconds": float("nan")}]
)
def test_a_circuit_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="circuit"):
        CircuitPolicy(**wrong)


def test_it_opens_rests_probes_and_closes() -> None:
    """And tells each change; while it rests it says how long still."""
    clock, told = Clock(), list[CircuitState]()
    breaker = opened(clock, told)
    clock.now = 2.0
    assert breaker.admit() == OpenCircuit(3, 3.0)
    assert breaker.state is CircuitState.OPEN
    clock.now = 5.0
    assert breaker.state is CircuitState.HALF_OPEN
    assert breaker.admit() == 1
    assert breaker.admit() == OpenCircuit(3, 5.0)
    breaker.succeeded()
    assert (breaker.state, breaker.admit(), breaker.troubled) == (CircuitState.CLOSED, 0, False)
    assert told == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]


def test_a_probe_that_fails_opens_it_for_another_whole_rest() -> None:
    """Counted from its end."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 6.0
    probe = breaker.admit()
    assert probe == 1
    clock.now = 8.0
    breaker.failed(1)
    clock.now = 12.9
    assert isinstance(breaker.admit(), OpenCircuit)
    clock.now = 13.0
    assert breaker.admit() == 2


def test_what_began_before_it_opened_prolongs_nothing() -> None:
    """Its failure says nothing new; its success shows a living server."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 4.0
    breaker.failed()
    clock.now = 5.0
    assert breaker.admit() == 1
    breaker.failed()
    assert breaker.state is CircuitState.HALF_OPEN
    breaker.succeeded()
    assert breaker.state is CircuitState.CLOSED


def test_a_probe_that_is_abandoned_or_never_heard_of_is_followed_by_another() -> None:
    """At once where its end is known, else after a whole rest: it never stays half open for ever."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 5.0
    assert breaker.admit() == 1
    breaker.abandoned(1)
    assert breaker.admit() == 2
    clock.now = 9.9
    assert isinstance(breaker.admit(), OpenCircuit)
    clock.now = 10.0
    assert breaker.admit() == 3
    breaker.failed(2)
    assert breaker.state is CircuitState.HALF_OPEN


def test_of_many_threads_one_probes() -> None:
    """The others are refused."""
    clock = Clock()
    breaker, start = opened(clock), threading.Barrier(16)
    clock.now = 5.0
    answers: list[int | OpenCircuit] = []

    def ask() -> None:
        start.wait()
        answers.append(breaker.admit())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(1) == 1
    assert sum(isinstance(answer, OpenCircuit) for answer in answers) == 15


def test_failures_of_many_threads_are_all_counted() -> None:
    """It opens once."""
    told: list[CircuitState] = []
    breaker = CircuitBreaker(CircuitPolicy(failures_to_open=8000), on_change=told.append)
    threads = [
        threading.Thread(target=lambda: [breaker.failed() for _ in range(1000)] and None) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [CircuitState.OPEN]


class Circuit(RuleBasedStateMachine):
    """Calls that begin, end well, badly or not at all, in any order, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = breaker_at(self.clock)
        self.running: list[int] = []
        self.probe: int | None = None
        self.probes = 0
        self.in_a_row = 0
        self.may_probe_at: float | None = None

    @rule()
    def begin(self) -> None:
        """A call asks."""
        answer = self.breaker.admit()
        if self.may_probe_at is None:
            assert answer == 0
        elif self.clock.now >= self.may_probe_at:
            self.probes += 1
            assert answer == self.probes
            self.probe, self.may_probe_at = answer, self.clock.now + 5
        else:
            assert answer == OpenCircuit(self.in_a_row, self.may_probe_at - self.clock.now)
            return
        assert isinstance(answer, int)
        self.running.append(answer)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, data: st.DataObject, end: str) -> None:
        """One of those on their way ends."""
        probe = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if end == "succeeded":
            self.breaker.succeeded()
            self.in_a_row, self.may_probe_at, self.probe = 0, None, None
        elif end == "failed":
            self.breaker.failed(probe)
            self.in_a_row += 1
            closed = self.may_probe_at is None
            if (closed and self.in_a_row >= 3) or (not closed and probe == self.probe):
                self.may_probe_at, self.probe = self.clock.now + 5, None
        else:
            self.breaker.abandoned(probe)
            if probe == self.probe:
                self.may_probe_at, self.probe = self.clock.now, None

    @rule(seconds=st.sampled_from([0.5, 1, 4, 5]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds

    @invariant()
    def trouble_is_known(self) -> None:
        """The quick look never hides a failure."""
        assert self.breaker.troubled is (self.in_a_row > 0)


TestCircuit = Circuit.TestCase
TestCircuit.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
