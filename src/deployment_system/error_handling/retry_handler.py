"""When to try again.

One decision, `RetryPolicy.next_delay`, serves the synchronous and the asynchronous way; the handlers
only call, wait and tell. Nothing is retried that is not named: by its type, or by saying of itself
that it can pass.
"""

import concurrent.futures
import functools
import inspect
import math
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar, overload

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LONGEST_EXTRA_WAIT_SECONDS = 5.0
"""How much longer than its own delay a caller waits when a server asks for it: the AWS SDKs clamp to
[own delay, own delay + 5 s], so that a wrong header cannot park anybody for an hour."""

# The one of asyncio is no `Exception`, this one is; both mean that somebody wants no result any more.
_NEVER_RETRIED = (concurrent.futures.CancelledError,)


class RetryStrategy(StrEnum):
    """How the delay grows with the attempts."""

    FIXED_DELAY = "fixed_delay"
    EXPONENTIAL_BACKOFF = "exponential_backoff"
    LINEAR_BACKOFF = "linear_backoff"
    RANDOM_JITTER = "random_jitter"


def _types(said: type[BaseException] | Iterable[type[BaseException]]) -> tuple[type[BaseException], ...]:
    return (said,) if isinstance(said, type) else tuple(said)


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
        if not (self.base_delay >= 0 and self.max_delay >= 0 and self.backoff_multiplier >= 0):
            raise ValueError("delays and the multiplier are numbers from 0 on")
        if self.deadline is not None and not self.deadline >= 0:
            raise ValueError("a deadline is a number from 0 on")
        put = object.__setattr__
        # A strategy's name is what a configuration file holds; a list of types is what people write.
        put(self, "strategy", RetryStrategy(self.strategy))
        put(self, "retryable_exceptions", _types(self.retryable_exceptions))
        put(self, "non_retryable_exceptions", _types(self.non_retryable_exceptions))
        put(self, "retryable_error_codes", frozenset(map(str, self.retryable_error_codes)))

    def delay_after(self, attempt: int, spread: Callable[[], float] = random.random) -> float:
        """Seconds to wait after attempt number `attempt` (from 1); `spread` gives numbers in [0, 1)."""
        if self.strategy is RetryStrategy.FIXED_DELAY:
            return min(self.base_delay, self.max_delay)
        if self.strategy is RetryStrategy.RANDOM_JITTER:
            return min(self.base_delay * spread() * 2, self.max_delay)
        if self.strategy is RetryStrategy.LINEAR_BACKOFF:
            delay = self.base_delay * attempt
        else:
            delay = self._exponential(attempt)
        delay = min(delay, self.max_delay)
        return delay * (0.5 + spread() / 2) if self.jitter else delay

    def _exponential(self, attempt: int) -> float:
        try:
            return self.base_delay * float(self.backoff_multiplier) ** (attempt - 1)
        except OverflowError:
            return self.max_delay

    def is_retryable(self, error: BaseException) -> bool:
        """Whether trying again can help."""
        if not isinstance(error, Exception) or isinstance(error, _NEVER_RETRIED):
            return False
        if isinstance(error, self.non_retryable_exceptions):
            return False
        if isinstance(error, self.retryable_exceptions):
            return True
        return isinstance(error, DeploymentSystemError) and (
            error.retryable or str(error.error_code) in self.retryable_error_codes
        )

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


class _Sleepless:
    """How many `no_sleep` blocks are open in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0

    def enter(self, by: int) -> None:
        with self._lock:
            self._open += by

    def __bool__(self) -> bool:
        return self._open > 0


_sleepless = _Sleepless()


@contextmanager
def no_sleep() -> Iterator[None]:
    """Inside, nothing waits between attempts, in threads neither: for the test suites of users."""
    _sleepless.enter(1)
    try:
        yield
    finally:
        _sleepless.enter(-1)


async def _asyncio_sleep(seconds: float) -> None:
    import asyncio  # only what waits asynchronously pays for the import

    await asyncio.sleep(seconds)


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
    async_sleep: Callable[[float], Awaitable[None]] = _asyncio_sleep
    clock: Callable[[], float] = time.monotonic
    spread: Callable[[], float] = field(default=random.random, repr=False)

    def retry(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The result of `fn`, from the first attempt that succeeds."""
        judge = _Judge(self)
        while True:
            try:
                return fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge.failed(error)
            if not _sleepless:
                self.sleep(judge.delay)

    async def async_retry(
        self,
        fn: Callable[Arguments, Awaitable[Result]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """As `retry`, for a function that is awaited."""
        judge = _Judge(self)
        while True:
            try:
                return await fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge.failed(error)
            if not _sleepless:
                await self.async_sleep(judge.delay)

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt`, which counts from 1."""
        return self.policy.delay_after(attempt, self.spread)


class _Judge:
    """Counts the attempts of one call; raises the error with which it gives up."""

    def __init__(self, handler: RetryHandler) -> None:
        self._handler = handler
        self._began = handler.clock()
        self._attempt = 0
        self.delay = 0.0

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


@overload
def with_retry(policy: Callable[Arguments, Result], /) -> Callable[Arguments, Result]: ...


@overload
def with_retry(
    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]: ...


def with_retry(policy: RetryPolicy | Callable[..., Any] = RetryPolicies.STANDARD_RETRY) -> Any:
    """Decorator: every call is retried as the policy says; bare, as the standard policy says."""
    if not isinstance(policy, RetryPolicy):
        return with_retry()(policy)
    handler = RetryHandler(policy)

    def decorate(fn: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        if inspect.iscoroutinefunction(fn):
            # Its call never fails, only the awaiting does: nothing would ever be retried.
            raise TypeError(f"{fn.__qualname__} is awaited: use with_async_retry")

        @functools.wraps(fn)
        def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return handler.retry(fn, *args, **kwargs)

        return retried

    return decorate


@overload
def with_async_retry(
    policy: Callable[Arguments, Awaitable[Result]], /
) -> Callable[Arguments, Awaitable[Result]]: ...


@overload
def with_async_retry(
    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Awaitable[Result]]], Callable[Arguments, Awaitable[Result]]]: ...


def with_async_retry(policy: RetryPolicy | Callable[..., Any] = RetryPolicies.STANDARD_RETRY) -> Any:
    """As `with_retry`, for functions that are awaited."""
    if not isinstance(policy, RetryPolicy):
        return with_async_retry()(policy)
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
    return float(asked) if isinstance(asked, int | float) and math.isfinite(asked) else None
