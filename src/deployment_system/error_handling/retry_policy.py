"""How often and how long to try again: strategies, policies, and the one decision."""

import concurrent.futures
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError

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


def _asked_wait(error: BaseException) -> float | None:
    """The seconds that a server asked to wait (HTTP's Retry-After), where the error carries them."""
    if not isinstance(error, DeploymentSystemError):
        return None
    asked: Any = error.context.extra.get("retry_after_seconds")
    return float(asked) if isinstance(asked, int | float) and math.isfinite(asked) else None
