"""How many retries a whole run may spend in vain.

A policy bounds one call; four hundred calls to a dying server would still send four hundred times its
attempts. So the handlers of a run share a bucket of tokens: a retry takes some, success puts some back.

The numbers are those of the AWS SDKs' standard retry mode: 500 tokens, 5 for a retry, 10 for one after a
timeout, 1 earned by a call that succeeds at once; a retry that succeeds gets its price back, so that only
vain ones cost. For a run of some hundred calls that means: 100 vain retries (50 after timeouts) before
it stops repeating, which one restart of the server at 16 writers with 4 retries each does not use up; and
after that one retry for each 5 successes, the 20 % that Finagle and Envoy allow. Those count per second
or per request in flight: measures for services that live for weeks, of which a run of a minute has none.
"""

import threading
from dataclasses import dataclass, field

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError


@dataclass(frozen=True, slots=True)
class RetryBudgetPolicy:
    """The size of the bucket and the prices, in tokens. Raises ValueError for numbers that make no sense."""

    capacity: int = 500
    retry_cost: int = 5
    timeout_cost: int = 10
    """For a retry after a timeout, which has already kept the server busy for long."""
    success_gain: int = 1
    """For a call that succeeds at its first attempt."""
    timeout_error_codes: frozenset[str] = field(default=frozenset({ErrorCodes.PREFECT_API_TIMEOUT}))
    """What counts as a timeout beside `TimeoutError`."""

    def __post_init__(self) -> None:
        if min(self.capacity, self.success_gain) < 0 or min(self.retry_cost, self.timeout_cost) < 1:
            raise ValueError("a budget's capacity and gain are numbers from 0 on, its costs from 1 on")

    def cost_of(self, error: BaseException) -> int:
        """What trying again after this error costs."""
        timed_out = isinstance(error, TimeoutError) or (
            isinstance(error, DeploymentSystemError) and str(error.error_code) in self.timeout_error_codes
        )
        return self.timeout_cost if timed_out else self.retry_cost


class RetryBudget:
    """The tokens that are left. Shared by every handler that is given this object; thread safe."""

    __slots__ = ("_lock", "_tokens", "full", "policy")

    full: bool
    """Whether nothing is missing, so that a success has nothing to add. Read without a lock: a success
    that is not counted because somebody spends at that instant is one token, no more."""

    def __init__(self, policy: RetryBudgetPolicy = RetryBudgetPolicy()) -> None:
        self.policy = policy
        self._lock = threading.Lock()
        self._tokens = policy.capacity
        self.full = True

    @property
    def tokens(self) -> int:
        """What is left."""
        return self._tokens

    def spend(self, cost: int) -> bool:
        """Takes the tokens for a retry; False, and takes none, where there are too few."""
        with self._lock:
            if cost > self._tokens:
                return False
            self._set(self._tokens - cost)
            return True

    def earn(self, tokens: int) -> None:
        """Puts tokens in, never beyond the capacity."""
        with self._lock:
            self._set(min(self._tokens + tokens, self.policy.capacity))

    def _set(self, tokens: int) -> None:
        self._tokens = tokens
        self.full = tokens == self.policy.capacity
