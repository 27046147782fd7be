"""When to try again.

One decision, `RetryPolicy.next_delay`, serves the synchronous and the asynchronous way; the handlers
only call, wait and tell. Nothing is retried that is not named: by its type, or by saying of itself
that it can pass.
"""

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LONGEST_EXTRA_WAIT_SECONDS = 5.0
"""How much longer than its own delay a caller waits when a server asks for it: the AWS SDKs clamp to
[own delay, own delay + 5 s], so that a wrong header cannot park anybody for an hour."""


class RetryStrategy(StrEnum):
    """How the delay grows with the attempts."""

    FIXED_DELAY = "fixed_delay"
    EXPONENTIAL_BACKOFF = "exponential_backoff"
    LINEAR_BACKOFF = "linear_backoff"
    RANDOM_JITTER = "random_jitter"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. Times are seconds."""

    max_attempts: int = 5
    base_delay: float = 1.0
    max_delay: float = 60.0
    strategy: RetryStrategy = RetryStrategy.EXPONENTIAL_BACKOFF
    backoff_multiplier: float = 2.0
    jitter: bool = True
    """Spreads exponential and linear delays over [half, whole], so that callers do not come in step."""
    deadline: float | None = None
    """Over all attempts and the waits between them; a wait that would end after it is not begun."""
    retryable_exceptions: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError)
    non_retryable_exceptions: tuple[type[BaseException], ...] = ()
    """Win over everything else."""
    retryable_error_codes: frozenset[str] = frozenset()
    """Beside the errors that say of themselves that they can pass."""

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}; at least one attempt is made")
        if self.base_delay < 0 or self.max_delay < 0:
            raise ValueError("delays are not negative")
        object.__setattr__(self, "retryable_error_codes", frozenset(map(str, self.retryable_error_codes)))

    def delay_after(self, attempt: int, spread: Callable[[], float] = random.random) -> float:
        """Seconds to wait after attempt number `attempt` (from 1); `spread` gives numbers in [0, 1)."""
        if self.strategy is RetryStrategy.FIXED_DELAY:
            return min(self.base_delay, self.max_delay)
        if self.strategy is RetryStrategy.RANDOM_JITTER:
            return min(self.base_delay * spread() * 2, self.max_delay)
        if self.strategy is RetryStrategy.LINEAR_BACKOFF:
            delay = self.base_delay * attempt
        else:
            # A float overflows after about a thousand doublings; the cap holds long before.
            delay = self.base_delay * self.backoff_multiplier ** min(attempt - 1, 500)
        delay = min(delay, self.max_delay)
        return delay * (0.5 + spread() / 2) if self.jitter else delay

    def is_retryable(self, error: BaseException) -> bool:
        """Whether trying again can help."""
        if not isinstance(error, Exception) or isinstance(error, self.non_retryable_exceptions):
            return False
        if isinstance(error, DeploymentSystemError):
            return error.retryable or str(error.error_code) in self.retryable_error_codes
        return isinstance(error, self.retryable_exceptions)

    def next_delay(
        self,
        error: BaseException,
        attempt: int,
        elapsed: float,
        spread: Callable[[], float] = random.random,
    ) -> float | None:
        """Seconds to wait before the next attempt; None: give up. The one decision."""
        if attempt >= self.max_attempts or not self.is_retryable(error):
            return None
        delay = self.delay_after(attempt, spread)
        asked = _asked_wait(error)
        if asked is not None:
            delay = min(max(asked, delay), delay + LONGEST_EXTRA_WAIT_SECONDS)
        if self.deadline is not None and elapsed + delay > self.deadline:
            return None
        return delay


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed attempt, as hooks see it."""

    number: int
    """From 1."""
    error: BaseException
    delay: float | None
    """Seconds until the next one; None: this was the last."""
    elapsed: float
    """Seconds since the first one began."""


class RetryPolicies:
    """The policies for common cases."""

    QUICK_RETRY = RetryPolicy(max_attempts=3, base_delay=0.5, max_delay=5.0)
    STANDARD_RETRY = RetryPolicy(max_attempts=5, base_delay=1.0, max_delay=30.0)
    PATIENT_RETRY = RetryPolicy(max_attempts=10, base_delay=2.0, max_delay=120.0)
    NETWORK_RETRY = RetryPolicy(
        max_attempts=5,
        base_delay=0.5,
        max_delay=10.0,
        deadline=60.0,
        retryable_error_codes=frozenset(
            {
                ErrorCodes.PREFECT_API_UNAVAILABLE,
                ErrorCodes.PREFECT_API_TIMEOUT,
                ErrorCodes.PREFECT_RATE_LIMITED,
            }
        ),
    )
    DOCKER_RETRY = RetryPolicy(
        max_attempts=3,
        base_delay=2.0,
        max_delay=30.0,
        retryable_error_codes=frozenset({ErrorCodes.DOCKER_DAEMON_UNAVAILABLE}),
    )


_sleepless: ContextVar[bool] = ContextVar("sleepless", default=False)


@contextmanager
def no_sleep() -> Iterator[None]:
    """Inside, nothing waits between attempts: for the test suites of users."""
    token = _sleepless.set(True)
    try:
        yield
    finally:
        _sleepless.reset(token)


@dataclass(frozen=True)
class RetryHandler:
    """Calls, and calls again where the policy says so.

    The last error is raised as it is, with the number of its attempts in a note (and, for errors of
    this system, in its context).
    """

    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY
    on_attempt: Callable[[Attempt], None] | None = None
    """Told of every failed attempt."""
    sleep: Callable[[float], None] = time.sleep
    async_sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    spread: Callable[[], float] = field(default=random.random, repr=False)

    def retry(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The result of `fn`, from the first attempt that succeeds."""
        try:
            return fn(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
            first = error
        judge = _Judge(self, first)
        while True:
            self._wait(judge.delay)
            try:
                return fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - as above
                judge.failed(error)

    async def async_retry(
        self,
        fn: Callable[Arguments, Awaitable[Result]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """As `retry`, for a function that is awaited."""
        try:
            return await fn(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
            first = error
        judge = _Judge(self, first)
        while True:
            if not _sleepless.get():
                await self.async_sleep(judge.delay)
            try:
                return await fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - as above
                judge.failed(error)

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt`, which counts from 1."""
        return self.policy.delay_after(attempt, self.spread)

    def _wait(self, delay: float) -> None:
        if not _sleepless.get():
            self.sleep(delay)


class _Judge:
    """Counts the attempts of one call; raises the error with which it gives up."""

    def __init__(self, handler: RetryHandler, first: Exception) -> None:
        self._handler = handler
        self._began = handler.clock()
        self._attempt = 0
        self.delay = 0.0
        self.failed(first)

    def failed(self, error: Exception) -> None:
        self._attempt += 1
        elapsed = self._handler.clock() - self._began
        delay = self._handler.policy.next_delay(error, self._attempt, elapsed, self._handler.spread)
        if self._handler.on_attempt is not None:
            self._handler.on_attempt(Attempt(self._attempt, error, delay, elapsed))
        if delay is None:
            if self._attempt > 1:
                error.add_note(f"gave up after {self._attempt} attempts in {elapsed:.1f} s")
                if isinstance(error, DeploymentSystemError):
                    error.with_context(attempts=self._attempt)
            raise error
        self.delay = delay


def with_retry(
    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Decorator: every call is retried as the policy says."""
    handler = RetryHandler(policy)

    def decorate(fn: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @functools.wraps(fn)
        def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return handler.retry(fn, *args, **kwargs)

        return retried

    return decorate


def with_async_retry(
    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Awaitable[Result]]], Callable[Arguments, Awaitable[Result]]]:
    """As `with_retry`, for functions that are awaited."""
    handler = RetryHandler(policy)

    def decorate(fn: Callable[Arguments, Awaitable[Result]]) -> Callable[Arguments, Awaitable[Result]]:
        @functools.wraps(fn)
        async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return await handler.async_retry(fn, *args, **kwargs)

        return retried

    return decorate


def _asked_wait(error: BaseException) -> float | None:
    """The seconds that a server asked to wait (HTTP's Retry-After), where the error carries them."""
    if not isinstance(error, DeploymentSystemError):
        return None
    asked: Any = error.context.extra.get("retry_after_seconds")
    return float(asked) if isinstance(asked, int | float) else None
