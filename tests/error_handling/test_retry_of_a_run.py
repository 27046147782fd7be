"""What the calls of a run share, what is looked up before it is repeated, and what the final error keeps."""

import asyncio
import logging
import pickle
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import (
    NOT_THERE,
    Attempt,
    CircuitBreaker,
    CircuitPolicy,
    CircuitState,
    DeploymentSystemError,
    ErrorCodes,
    FailedAttempt,
    LookUpFirst,
    PrefectAPIError,
    RetryBudget,
    RetryBudgetPolicy,
    RetryHandler,
    RetryPolicy,
    attempts_of,
    log_attempts,
    no_sleep,
    with_async_retry,
    with_retry,
)
from tests.error_handling.passing_time import Clock, Flaky

UNAVAILABLE = ErrorCodes.PREFECT_API_UNAVAILABLE
PLAIN = RetryPolicy(max_attempts=4, base_delay=1.0, jitter=False)
both = pytest.mark.parametrize("way", ["sync", "async"])


def awaited(fn: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    """The same function, to be awaited."""

    async def call() -> Any:
        return fn()

    return call


def go(
    way: str, handler: RetryHandler, fn: Callable[[], Any], lookup: Callable[[], Any] | None = None
) -> Any:
    """Through `retry` or `async_retry`."""
    if way == "sync":
        return handler.retry(fn if lookup is None else LookUpFirst(fn, lookup))
    again = awaited(fn) if lookup is None else LookUpFirst(awaited(fn), awaited(lookup))
    return asyncio.run(handler.async_retry(again))  # type: ignore[arg-type]


def at(clock: Clock, policy: RetryPolicy = PLAIN, **more: Any) -> RetryHandler:
    """A handler that lives in that time."""
    return RetryHandler(
        policy, sleep=clock.sleep, async_sleep=clock.async_sleep, clock=lambda: clock.now, **more
    )


def down(count: int = 99) -> list[Exception]:
    """That many failures of a connection."""
    return [ConnectionError(str(number)) for number in range(count)]


# -- the budget -----------------------------------------------------------------------------------------


@both
def test_a_run_stops_repeating_when_its_budget_is_used_up(way: str) -> None:
    """Two handlers, one budget of four retries: the second call gets what is left, the third none."""
    clock, budget, seen = Clock(), RetryBudget(RetryBudgetPolicy(20)), list[Attempt]()
    calls = []
    for _ in range(3):
        work = Flaky(clock, *down())
        with pytest.raises(ConnectionError) as caught:
            go(way, at(clock, budget=budget, on_attempt=seen.append), work)
        calls.append(work.calls)
    assert calls == [4, 2, 1]
    assert caught.value.__notes__ == [
        "gave up after 1 attempt in 0.0 s; the retry budget of this run is used up"
    ]
    assert [attempt.out_of_budget for attempt in seen] == [False] * 5 + [True, True]


@both
def test_only_vain_retries_cost_and_first_successes_earn(way: str) -> None:
    """A retry that succeeds gets its price back; five first successes pay one retry; timeouts cost double."""
    clock, budget = Clock(), RetryBudget(RetryBudgetPolicy(20))
    handler = at(clock, budget=budget)
    go(way, handler, Flaky(clock, ConnectionError()))
    assert budget.tokens == 20
    go(way, handler, Flaky(clock, TimeoutError(), ConnectionError()))
    assert budget.tokens == 10
    for _ in range(5):
        go(way, handler, Flaky(clock))
    assert budget.tokens == 15


@given(
    outcomes=st.lists(st.lists(st.booleans(), max_size=6), max_size=40),
    capacity=st.integers(0, 60),
    way=st.just("sync"),
)
def test_vain_retries_stay_within_what_was_saved_and_earned(
    outcomes: list[list[bool]], capacity: int, way: str
) -> None:
    """For any run of calls: what followed on failures and failed again is bounded."""
    clock, budget = Clock(), RetryBudget(RetryBudgetPolicy(capacity))
    handler = at(clock, RetryPolicy(max_attempts=7, jitter=False), budget=budget)
    vain = earned = 0
    for failures in outcomes:
        work = Flaky(clock, *[ConnectionError() if slow else ConnectionResetError() for slow in failures])
        try:
            go(way, handler, work)
        except ConnectionError:
            vain += work.calls - 1
        else:
            vain += max(0, work.calls - 2)
            earned += work.calls == 1
    assert vain * 5 <= capacity + earned
    assert 0 <= budget.tokens <= capacity


def test_threads_share_one_budget() -> None:
    """All together repeat as often as it allows."""
    budget, clock = RetryBudget(RetryBudgetPolicy(500)), Clock()
    works = [Flaky(clock, *down()) for _ in range(16)]
    policy = RetryPolicy(max_attempts=30, base_delay=0, jitter=False)

    def work(flaky: Flaky) -> None:
        with pytest.raises(ConnectionError):
            RetryHandler(policy, budget=budget).retry(flaky)

    threads = [threading.Thread(target=work, args=(flaky,)) for flaky in works]
    with no_sleep():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(flaky.calls - 1 for flaky in works) == 100


# -- the breaker ----------------------------------------------------------------------------------------


def breaker_at(clock: Clock, failures: int = 6) -> CircuitBreaker:
    """Opens after that many failures, for five seconds."""
    return CircuitBreaker(CircuitPolicy(failures, 5.0), clock=lambda: clock.now)


@both
def test_an_open_circuit_is_a_typed_error_that_may_pass_later(way: str) -> None:
    """Nothing is sent; the error says how long still, and a success after that closes it."""
    clock = Clock()
    breaker = breaker_at(clock, 4)
    with pytest.raises(ConnectionError):
        go(way, at(clock, breaker=breaker), Flaky(clock, *down()))
    work = Flaky(clock)
    with pytest.raises(DeploymentSystemError) as caught:
        go(way, at(clock, breaker=breaker), work)
    error = caught.value
    assert (work.calls, error.error_code, error.retryable) == (0, "CIRCUIT_OPEN", True)
    assert error.message == "it failed 4 times in a row and is left alone for 5.0 s"
    assert error.context.extra["retry_after_seconds"] == 5.0
    assert error.context.extra["attempts"] == 0
    clock.now += 5
    assert go(way, at(clock, breaker=breaker), work) == "done"
    assert breaker.state is CircuitState.CLOSED


@both
def test_a_patient_handler_further_out_waits_as_long_as_it_says(way: str) -> None:
    """Because the error can be retried and carries the wait."""
    clock = Clock()
    breaker = breaker_at(clock, 1)
    breaker.failed()
    work, inner, outer = Flaky(clock), at(clock, breaker=breaker), at(clock)
    if way == "sync":
        assert outer.retry(inner.retry, work) == "done"
    else:
        assert asyncio.run(outer.async_retry(inner.async_retry, awaited(work))) == "done"
    assert clock.slept == [5.0]


@both
def test_a_circuit_that_opens_meanwhile_ends_the_call_from_its_last_error(way: str) -> None:
    """And gives back the price of the retry that was not made."""
    clock, budget = Clock(), RetryBudget(RetryBudgetPolicy(20))
    breaker = breaker_at(clock, 2)
    errors = down()
    with pytest.raises(DeploymentSystemError) as caught:
        go(way, at(clock, breaker=breaker, budget=budget), Flaky(clock, *errors))
    assert caught.value.error_code == "CIRCUIT_OPEN"
    assert caught.value.__cause__ is errors[1]
    assert [item.description for item in attempts_of(caught.value)] == [
        "ConnectionError: 0",
        "ConnectionError: 1",
    ]
    assert budget.tokens == 15


@both
@pytest.mark.parametrize(
    ("error", "state"),
    [
        (PrefectAPIError("x", error_code=UNAVAILABLE), CircuitState.OPEN),
        (PrefectAPIError("x", error_code=ErrorCodes.PREFECT_RATE_LIMITED), CircuitState.CLOSED),
        (PrefectAPIError("x", error_code=ErrorCodes.PREFECT_REQUEST_REJECTED), CircuitState.CLOSED),
        (ValueError("a fault of ours"), CircuitState.HALF_OPEN),
        (KeyboardInterrupt(), CircuitState.HALF_OPEN),
        (asyncio.CancelledError(), CircuitState.HALF_OPEN),
    ],
    ids=lambda value: getattr(value, "error_code", None) or type(value).__name__,
)
def test_what_a_probe_s_end_says_of_the_server(way: str, error: BaseException, state: CircuitState) -> None:
    """A no is an answer; a fault of ours, Ctrl-C and cancelling say nothing, and the next may probe."""
    clock = Clock()
    breaker = breaker_at(clock, 1)
    breaker.failed()
    clock.now += 5
    with pytest.raises(type(error)):
        go(way, at(clock, RetryPolicy(max_attempts=1), breaker=breaker), Flaky(clock, error))
    assert breaker.state is state
    if state is CircuitState.HALF_OPEN:
        assert go(way, at(clock, breaker=breaker), Flaky(clock)) == "done"


@both
def test_a_success_in_between_begins_the_count_anew(way: str) -> None:
    """Failing now and then is the budget's matter."""
    clock = Clock()
    breaker = breaker_at(clock, 2)
    for _ in range(5):
        assert go(way, at(clock, breaker=breaker), Flaky(clock, ConnectionError())) == "done"
    assert breaker.state is CircuitState.CLOSED


@both
def test_a_success_counts_also_where_trouble_began_during_it(way: str) -> None:
    """Another call failed meanwhile, and this one shows a living server."""
    clock = Clock()
    breaker = breaker_at(clock, 2)
    go(way, at(clock, breaker=breaker), breaker.failed)
    assert not breaker.troubled


# -- what must not be repeated blindly ------------------------------------------------------------------


@both
def test_what_was_done_in_spite_of_a_lost_answer_is_not_done_again(way: str) -> None:
    """The lookup finds it; its answer is the call's."""
    clock, made = Clock(), []

    def make() -> str:
        made.append("x")
        raise ConnectionResetError

    assert go(way, at(clock), make, lambda: "found" if made else NOT_THERE) == "found"
    assert made == ["x"]


@both
def test_what_was_not_done_is_done_again_after_the_look(way: str) -> None:
    """Never asked before the first attempt; None is a result like any other."""
    clock, steps = Clock(), []
    work = Flaky(clock, *down(2))

    def make() -> None:
        steps.append("make")
        work()

    def look() -> Any:
        steps.append("look")
        return NOT_THERE

    assert go(way, at(clock), make, look) is None
    assert steps == ["make", "look", "make", "look", "make"]
    assert go(way, at(clock), Flaky(clock, ConnectionError()), lambda: None) is None
    budget = RetryBudget()
    budget.spend(5)
    steps.clear()
    assert go(way, at(clock, budget=budget), make, look) is None
    assert steps == ["make"]


@both
def test_a_lookup_that_fails_is_a_failed_attempt_and_nothing_is_repeated(way: str) -> None:
    """The whole is bounded by the policy's attempts."""
    clock, steps = Clock(), []

    def fail(step: str) -> Callable[[], Any]:
        def call() -> Any:
            steps.append(step)
            raise ConnectionError(step)

        return call

    with pytest.raises(ConnectionError, match="look"):
        go(way, at(clock), fail("make"), fail("look"))
    assert steps == ["make", "look", "look", "look"]


# -- what is seen ---------------------------------------------------------------------------------------


@both
def test_the_final_error_keeps_every_attempt_in_words(way: str) -> None:
    """Also through pickle; those of this system in their context too, with secrets hidden."""
    clock = Clock()
    errors = [
        *(PrefectAPIError(f"try {number}", error_code=UNAVAILABLE) for number in range(3)),
        PrefectAPIError("http://me:secret@host", error_code=UNAVAILABLE),
    ]
    with pytest.raises(PrefectAPIError) as caught:
        go(way, at(clock), Flaky(clock, *errors, seconds=0.5))
    kept = attempts_of(caught.value)
    assert kept[0] == FailedAttempt(1, "PrefectAPIError: try 0", 1.0, 0.5)
    assert [(item.number, item.delay) for item in kept] == [(1, 1), (2, 2), (3, 4), (4, None)]
    assert attempts_of(pickle.loads(pickle.dumps(caught.value))) == kept  # noqa: S301 - our own bytes
    assert caught.value.to_dict()["context"]["failed_attempts"] == [item.description for item in kept]
    assert "secret" not in repr(caught.value.to_dict())
    assert attempts_of(ValueError()) == ()


@both
def test_hooks_see_recoveries_and_lines_are_logged(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """INFO while something follows, WARNING at the end; nothing for what succeeds at once."""
    clock, recovered = Clock(), list[tuple[FailedAttempt, ...]]()
    hook = log_attempts(logging.getLogger("run"))
    handler = at(clock, on_attempt=hook, on_recovered=recovered.append)
    with caplog.at_level(logging.INFO, "run"):
        go(way, handler, Flaky(clock))
        assert (recovered, caplog.records) == ([], [])
        go(way, handler, Flaky(clock, *down(2)))
        assert [item.number for item in recovered[0]] == [1, 2]
        with pytest.raises(ValueError, match="x"):
            go(way, handler, Flaky(clock, ValueError("x")))
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING"]
    assert caplog.messages[0] == "attempt 1 failed, the next in 1.00 s: 0"


@both
def test_a_hook_that_fails_is_not_taken_for_a_failed_attempt(way: str) -> None:
    """What succeeded is not done twice because somebody could not be told."""
    clock = Clock()
    work = Flaky(clock, ConnectionError())

    def broken(_: object) -> None:
        raise ConnectionError("the metric's server")

    with pytest.raises(ConnectionError, match="metric"):
        go(way, at(clock, on_recovered=broken), work)
    assert work.calls == 2


def test_decorators_take_a_handler_with_all_it_shares() -> None:
    """Instead of a policy."""
    clock, budget = Clock(), RetryBudget(RetryBudgetPolicy(0))
    handler = at(clock, budget=budget)
    work = Flaky(clock, *down())
    with pytest.raises(ConnectionError):
        with_retry(handler)(work.__call__)()
    with pytest.raises(ConnectionError):
        asyncio.run(with_async_retry(handler)(awaited(work))())  # type: ignore[arg-type]
    assert work.calls == 2
