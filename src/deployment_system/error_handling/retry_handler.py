"""Calling, and calling again where the policy says so.

One implementation of every decision, `_Judge`, serves the synchronous and the asynchronous way; the
handler only calls, waits and asks it. A call that succeeds at once meets no judge: it costs a look at the
clock.
"""

import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, ParamSpec, TypeVar

from deployment_system.error_handling.circuit_breaker import (
    CircuitBreaker,
    OpenCircuit,
    circuit_open_error,
)
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.retry_attempts import Attempt, FailedAttempt, description
from deployment_system.error_handling.retry_budget import RetryBudget
from deployment_system.error_handling.retry_policy import RetryPolicies, RetryPolicy

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _NotThere(Enum):
    NOT_THERE = "not there"


NOT_THERE = _NotThere.NOT_THERE
"""What a `lookup` answers when the effect has not happened."""


@dataclass(frozen=True, slots=True)
class LookUpFirst(Generic[Arguments, Result]):
    """A call that must not be repeated blindly, because a lost answer does not mean a lost effect.

    Before each repetition `lookup` is called with the same arguments: it gives the call's result where
    the effect is there, else `NOT_THERE`. An error of the lookup is one of that attempt. Both are awaited by
    `async_retry`. Lookups are not retried by themselves, or their attempts would multiply with the call's.
    """

    call: Callable[Arguments, Result]
    lookup: Callable[Arguments, Any]

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """The call itself."""
        return self.call(*args, **kwargs)


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

    The last error is raised as it is, with its attempts attached: `attempts_of(error)`, their number in a
    note and, for errors of this system, in its context. Handlers that are given the same `budget` or
    `breaker` share it; a call that the open breaker refuses raises `open_error` at once, from the last
    error if there was an attempt. What a hook raises ends the call.
    """

    policy: RetryPolicy = RetryPolicies.STANDARD_RETRY
    on_attempt: Callable[[Attempt], None] | None = None
    """Told of every failed attempt."""
    sleep: Callable[[float], None] = time.sleep
    async_sleep: Callable[[float], Awaitable[None]] = _asyncio_sleep
    clock: Callable[[], float] = time.monotonic
    spread: Callable[[], float] = field(default=random.random, repr=False)
    budget: RetryBudget | None = field(default=None, kw_only=True)
    breaker: CircuitBreaker | None = field(default=None, kw_only=True)
    open_error: Callable[[OpenCircuit], Exception] = field(default=circuit_open_error, kw_only=True)
    """Makes what a call raises that the open breaker refuses."""
    on_recovered: Callable[[tuple[FailedAttempt, ...]], None] | None = field(default=None, kw_only=True)
    """Told of the failed attempts of a call that succeeded after them."""

    def retry(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The result of `fn`, from the first attempt that succeeds."""
        began = self.clock()
        breaker, budget = self.breaker, self.budget
        if (breaker is None or not breaker.troubled) and (budget is None or budget.full):
            try:
                result = fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge = _Judge(self, fn, began)
                judge.failed(error)
            else:
                if breaker is not None and breaker.troubled:
                    breaker.succeeded()
                return result
        else:
            judge = _Judge(self, fn, began)
        return self._retry_watched(judge, fn, args, kwargs)

    async def async_retry(
        self,
        fn: Callable[Arguments, Awaitable[Result]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """As `retry`, for a function that is awaited."""
        began = self.clock()
        breaker, budget = self.breaker, self.budget
        if (breaker is None or not breaker.troubled) and (budget is None or budget.full):
            try:
                result = await fn(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge = _Judge(self, fn, began)
                judge.failed(error)
            else:
                if breaker is not None and breaker.troubled:
                    breaker.succeeded()
                return result
        else:
            judge = _Judge(self, fn, began)
        return await self._async_retry_watched(judge, fn, args, kwargs)

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt`, which counts from 1."""
        return self.policy.delay_after(attempt, self.spread)

    def _retry_watched(
        self,
        judge: "_Judge",
        fn: Callable[..., Result],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Result:
        while True:
            if judge.delay is not None and not _sleepless:
                self.sleep(judge.delay)
            judge.begin()
            try:
                found = NOT_THERE if judge.lookup is None else judge.lookup(*args, **kwargs)
                result: Result = fn(*args, **kwargs) if found is NOT_THERE else found
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge.failed(error)
            except BaseException:
                judge.abandoned()
                raise
            else:
                judge.succeeded()
                return result

    async def _async_retry_watched(
        self,
        judge: "_Judge",
        fn: Callable[..., Awaitable[Result]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Result:
        while True:
            if judge.delay is not None and not _sleepless:
                await self.async_sleep(judge.delay)
            judge.begin()
            try:
                found = NOT_THERE if judge.lookup is None else await judge.lookup(*args, **kwargs)
                result: Result = await fn(*args, **kwargs) if found is NOT_THERE else found
            except Exception as error:  # noqa: BLE001 - judged by the policy, and raised where it says no
                judge.failed(error)
            except BaseException:
                judge.abandoned()
                raise
            else:
                judge.succeeded()
                return result


class _Judge:
    """Follows the attempts of one call; raises the error with which it gives up."""

    __slots__ = ("_began", "_cost", "_error", "_failed", "_fn", "_handler", "_probe", "delay")

    def __init__(self, handler: RetryHandler, fn: Callable[..., Any], began: float) -> None:
        self._handler = handler
        self._fn = fn
        self._began = began
        self._failed: tuple[FailedAttempt, ...] = ()
        self._error: Exception | None = None
        self._cost = 0
        self._probe = 0
        self.delay: float | None = None
        """Seconds to wait before the attempt to come; None before the first."""

    @property
    def lookup(self) -> Callable[..., Any] | None:
        """What has to be asked before this attempt."""
        return self._fn.lookup if self._failed and isinstance(self._fn, LookUpFirst) else None

    def begin(self) -> None:
        """Raises where the open breaker refuses the attempt."""
        handler = self._handler
        if handler.breaker is None:
            return
        admitted = handler.breaker.admit()
        if isinstance(admitted, OpenCircuit):
            if handler.budget is not None:
                handler.budget.earn(self._cost)
            refusal = handler.open_error(admitted)
            self._attach_attempts(refusal)
            raise refusal from self._error
        self._probe = admitted

    def failed(self, error: Exception) -> None:
        """Returns where another attempt is to be made, after `delay`."""
        handler = self._handler
        number, elapsed = len(self._failed) + 1, handler.clock() - self._began
        self._tell_breaker(error)
        delay = handler.policy.next_delay(error, number, elapsed, handler.spread)
        broke = delay is not None and not self._paid_for(error)
        if broke:
            delay = None
        self._error, self.delay = error, delay
        self._failed += (FailedAttempt(number, description(error), delay, elapsed),)
        if handler.on_attempt is not None:
            handler.on_attempt(Attempt(number, error, delay, elapsed, broke))
        if delay is None:
            if number > 1 or broke:
                plural = "s" if number > 1 else ""
                why = "; the retry budget of this run is used up" if broke else ""
                error.add_note(f"gave up after {number} attempt{plural} in {elapsed:.1f} s{why}")
                self._attach_attempts(error)
            raise error

    def succeeded(self) -> None:
        """Tells whom it concerns."""
        handler = self._handler
        if handler.breaker is not None and handler.breaker.troubled:
            handler.breaker.succeeded()
        if handler.budget is not None and not handler.budget.full:
            handler.budget.earn(self._cost or handler.budget.policy.success_gain)
        if self._failed and handler.on_recovered is not None:
            handler.on_recovered(self._failed)

    def abandoned(self) -> None:
        """Ended from outside: nothing is known."""
        if self._handler.breaker is not None:
            self._handler.breaker.abandoned(self._probe)

    def _tell_breaker(self, error: Exception) -> None:
        breaker = self._handler.breaker
        if breaker is None:
            return
        code = str(error.error_code) if isinstance(error, DeploymentSystemError) else None
        if self._handler.policy.is_retryable(error) and code not in breaker.policy.alive_error_codes:
            breaker.failed(self._probe)
        elif code is not None:
            breaker.succeeded()  # a no is an answer
        else:
            breaker.abandoned(self._probe)  # a fault of this program says nothing of the server

    def _paid_for(self, error: Exception) -> bool:
        budget = self._handler.budget
        if budget is None:
            return True
        self._cost = budget.policy.cost_of(error)
        return budget.spend(self._cost)

    def _attach_attempts(self, error: Exception) -> None:
        error.__dict__["retry_attempts"] = self._failed
        if isinstance(error, DeploymentSystemError):
            error.with_context(
                attempts=len(self._failed), failed_attempts=[item.description for item in self._failed]
            )
