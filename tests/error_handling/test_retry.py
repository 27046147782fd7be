"""Retries: delays as numbers, what is retried and what never, deadlines, hooks, sync and async alike."""

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import (
    Attempt,
    DockerError,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
    RetryHandler,
    RetryPolicies,
    RetryPolicy,
    RetryStrategy,
    no_sleep,
    with_async_retry,
    with_retry,
)
from tests.error_handling.passing_time import Clock, Flaky


def run(
    way: str, policy: RetryPolicy, clock: Clock, work: Flaky, hook: Callable[[Attempt], None] | None = None
) -> str:
    """Through `retry` or `async_retry`."""
    handler = RetryHandler(
        policy,
        on_attempt=hook,
        sleep=clock.sleep,
        async_sleep=clock.async_sleep,
        clock=lambda: clock.now,
        spread=lambda: 0.5,
    )
    if way == "sync":
        return handler.retry(work)

    async def awaited() -> str:
        return work()

    return asyncio.run(handler.async_retry(awaited))


both = pytest.mark.parametrize("way", ["sync", "async"])
PLAIN = RetryPolicy(max_attempts=4, base_delay=1.0, jitter=False)


@pytest.mark.parametrize(
    ("strategy", "delays"),
    [
        (RetryStrategy.FIXED_DELAY, [2, 2, 2, 2, 2]),
        (RetryStrategy.LINEAR_BACKOFF, [2, 4, 6, 8, 9]),
        (RetryStrategy.EXPONENTIAL_BACKOFF, [2, 6, 9, 9, 9]),
        ("linear_backoff", [2, 4, 6, 8, 9]),
    ],
)
def test_delays_are_what_the_strategy_says(strategy: Any, delays: list[float]) -> None:
    """Never beyond the longest; attempts count from 1."""
    policy = RetryPolicy(base_delay=2, max_delay=9, strategy=strategy, backoff_multiplier=3, jitter=False)
    assert [RetryHandler(policy).calculate_delay(attempt) for attempt in range(1, 6)] == delays


@given(
    strategy=st.sampled_from(RetryStrategy),
    base=st.floats(0, 1e6),
    longest=st.floats(0, 1e6),
    multiplier=st.floats(0, 1e3),
    attempt=st.integers(1, 10_000),
)
def test_no_delay_leaves_its_bounds(
    strategy: RetryStrategy, base: float, longest: float, multiplier: float, attempt: int
) -> None:
    """Jitter spreads over the upper half; random jitter over twice the base; nothing overflows."""
    facts: dict[str, Any] = {
        "base_delay": base,
        "max_delay": longest,
        "strategy": strategy,
        "backoff_multiplier": multiplier,
    }
    whole = RetryPolicy(**facts, jitter=False).delay_after(attempt, lambda: 1.0)
    delay = RetryPolicy(**facts).delay_after(attempt)
    random = strategy is RetryStrategy.RANDOM_JITTER
    assert 0 <= (0 if random else whole / 2) <= delay <= min(whole, longest)


def test_the_policies_are_those_promised() -> None:
    """Attempts and base delays by name; the handler's own is the standard one."""
    assert (RetryPolicies.QUICK_RETRY.max_attempts, RetryPolicies.QUICK_RETRY.base_delay) == (3, 0.5)
    assert (RetryPolicies.STANDARD_RETRY.max_attempts, RetryPolicies.STANDARD_RETRY.base_delay) == (5, 1.0)
    assert (RetryPolicies.PATIENT_RETRY.max_attempts, RetryPolicies.PATIENT_RETRY.base_delay) == (10, 2.0)
    assert "PREFECT_API_UNAVAILABLE" in RetryPolicies.NETWORK_RETRY.retryable_error_codes
    assert "DOCKER_DAEMON_UNAVAILABLE" in RetryPolicies.DOCKER_RETRY.retryable_error_codes
    assert RetryHandler().policy is RetryPolicies.STANDARD_RETRY


def test_the_policy_takes_what_is_promised_and_is_immutable() -> None:
    """In that order."""
    assert list(inspect.signature(RetryPolicy).parameters) == [
        *("max_attempts", "base_delay", "max_delay", "strategy", "backoff_multiplier", "jitter", "deadline"),
        *("retryable_exceptions", "non_retryable_exceptions", "retryable_error_codes"),
    ]
    with pytest.raises(FrozenInstanceError):
        PLAIN.max_attempts = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"base_delay": -1},
        {"max_delay": float("nan")},
        {"backoff_multiplier": -2},
        {"deadline": -1},
        {"strategy": "fibonacci"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """When it is made, not when it is needed."""
    with pytest.raises(ValueError, match=r"\w"):
        RetryPolicy(**wrong)


UNAVAILABLE = ErrorCodes.PREFECT_API_UNAVAILABLE


@pytest.mark.parametrize(
    ("facts", "error", "retried"),
    [
        ({}, ConnectionResetError(), True),
        ({}, TimeoutError(), True),
        ({}, ValueError(), False),
        ({}, PrefectAPIError("x", error_code=UNAVAILABLE), True),
        ({}, PrefectAPIError("x", error_code=UNAVAILABLE, retryable=False), False),
        ({}, DockerError("x"), False),
        ({"retryable_exceptions": (DockerError,)}, DockerError("x"), True),
        ({"retryable_exceptions": [ValueError]}, ValueError(), True),
        ({"retryable_exceptions": ValueError}, ValueError(), True),
        ({"retryable_error_codes": {"DOCKER_BUILD_FAILED"}}, DockerError("x"), True),
        ({"non_retryable_exceptions": (ConnectionResetError,)}, ConnectionResetError(), False),
        (
            {"non_retryable_exceptions": [PrefectAPIError]},
            PrefectAPIError("x", error_code=UNAVAILABLE),
            False,
        ),
        ({"retryable_exceptions": (BaseException,)}, KeyboardInterrupt(), False),
        ({"retryable_exceptions": (BaseException,)}, SystemExit(), False),
        ({"retryable_exceptions": (BaseException,)}, asyncio.CancelledError(), False),
        ({"retryable_exceptions": (BaseException,)}, concurrent.futures.CancelledError(), False),
    ],
)
def test_what_is_retried(facts: dict[str, Any], error: BaseException, retried: bool) -> None:
    """Named types and codes, and errors that say of themselves that they pass; never an end."""
    assert RetryPolicy(**facts).is_retryable(error) is retried


@both
@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyboardInterrupt(), asyncio.CancelledError(), concurrent.futures.CancelledError()],
)
def test_what_is_not_retried_is_raised_at_once(way: str, error: BaseException) -> None:
    """One call, no sleep, the very error."""
    clock = Clock()
    work = Flaky(clock, error)
    policy = PLAIN if isinstance(error, ValueError) else RetryPolicy(retryable_exceptions=(BaseException,))
    with pytest.raises(type(error)):
        run(way, policy, clock, work)
    assert (work.calls, clock.slept) == (1, [])


@both
def test_the_first_success_ends_it_and_hooks_see_each_failure(way: str) -> None:
    """With its number, error, the delay to come and the time since the first attempt began."""
    clock, seen = Clock(), list[Attempt]()
    errors = [ConnectionError("1"), TimeoutError("2")]
    assert run(way, PLAIN, clock, Flaky(clock, *errors, seconds=0.5), seen.append) == "done"
    assert clock.slept == [1, 2]
    assert seen == [Attempt(1, errors[0], 1.0, 0.5), Attempt(2, errors[1], 2.0, 2.0)]


@both
def test_the_last_error_is_raised_with_its_attempts(way: str) -> None:
    """As a note for any error, in the context for ours; the last hook says that nothing follows."""
    clock, seen = Clock(), list[Attempt]()
    errors = [PrefectAPIError(str(number), error_code=UNAVAILABLE) for number in range(4)]
    with pytest.raises(PrefectAPIError) as caught:
        run(way, PLAIN, clock, Flaky(clock, *errors), seen.append)
    assert caught.value is errors[-1]
    assert caught.value.context.extra["attempts"] == 4
    assert caught.value.__notes__ == ["gave up after 4 attempts in 7.0 s"]
    assert [attempt.delay for attempt in seen] == [1, 2, 4, None]
    assert clock.slept == [1, 2, 4]


@both
@pytest.mark.parametrize(
    ("deadline", "seconds", "slept"),
    [(3.0, 0, [1, 2]), (2.9, 0, [1]), (0.5, 0, []), (5.0, 2.5, [1]), (3.0, 2.5, []), (3.5, 2.5, [1])],
)
def test_the_deadline_counts_the_first_attempt_and_the_sleep(
    way: str, deadline: float, seconds: float, slept: list[float]
) -> None:
    """A wait that would end after it is not begun."""
    clock = Clock()
    policy = RetryPolicy(max_attempts=9, base_delay=1.0, jitter=False, deadline=deadline)
    with pytest.raises(ConnectionError):
        run(way, policy, clock, Flaky(clock, *[ConnectionError() for _ in range(9)], seconds=seconds))
    assert clock.slept == slept


@pytest.mark.parametrize(
    ("asked", "slept"), [(3, 3), (0, 1), (3600, 6), (float("inf"), 1), ("soon", 1), (None, 1), (-4, 1)]
)
def test_a_server_may_ask_to_wait_within_reason(asked: Any, slept: float) -> None:
    """At least our own delay, at most 5 seconds more."""
    clock = Clock()
    error = PrefectAPIError("x", error_code=UNAVAILABLE, context=ErrorContext(retry_after_seconds=asked))
    assert run("sync", PLAIN, clock, Flaky(clock, error)) == "done"
    assert clock.slept == [slept]


def test_arguments_reach_the_function_whatever_their_names() -> None:
    """`fn` and `self` too."""
    assert RetryHandler().retry(lambda *args, **kwargs: (args, kwargs), 1, fn=2, self=3) == (
        (1,),
        {"fn": 2, "self": 3},
    )


def test_without_sleep_nothing_waits_in_threads_neither() -> None:
    """And once the block is left, waiting is back, also after an error and in nested blocks."""
    clock = Clock()

    def work() -> None:
        RetryHandler(PLAIN, sleep=clock.sleep).retry(Flaky(clock, ConnectionError()))

    def inside() -> None:
        with no_sleep():
            with no_sleep():
                work()
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert run("async", PLAIN, clock, Flaky(clock, ConnectionError())) == "done"
            assert clock.slept == []
            raise KeyError

    with pytest.raises(KeyError):
        inside()
    work()
    assert clock.slept == [1]


def test_decorators_keep_name_and_signature() -> None:
    """With a policy, with none, and bare; the async one stays a coroutine function."""
    calls = []

    def load(path: str, *, times: int = 1) -> str:
        """Loads."""
        calls.append(path)
        if len(calls) % 2:
            raise ConnectionError
        return path * times

    async def fetch(path: str) -> str:
        return load(path)

    with no_sleep():
        for decorated in (with_retry(PLAIN)(load), with_retry()(load), with_retry(load)):
            assert decorated("a", times=2) == "aa"
            assert (decorated.__name__, decorated.__doc__) == ("load", "Loads.")
            assert inspect.signature(decorated) == inspect.signature(load)
        for awaited in (with_async_retry(PLAIN)(fetch), with_async_retry()(fetch), with_async_retry(fetch)):
            assert inspect.iscoroutinefunction(awaited)
            assert asyncio.run(awaited("b")) == "b"
    assert len(calls) == 12


def test_the_wrong_decorator_is_refused() -> None:
    """It would never retry anything, silently."""

    async def fetch() -> None: ...

    with pytest.raises(TypeError, match="with_async_retry"):
        with_retry(PLAIN)(fetch)
