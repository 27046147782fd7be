"""Leaving a server alone that does not answer.

Closed: calls pass. After `failures_to_open` failures in a row: open, calls are refused without being
sent. After `open_seconds`: half open, one call passes as a probe; its success closes the circuit, its
failure opens it anew. A server that fails now and then never opens it: that is what the retry budget
is for.

The numbers are Hystrix's (20 requests before it judges, then 5 s of rest). In a run they mean: four writers
that lose the server use up their five attempts each, no call's own retries open the circuit alone, and
what comes after, the roll-back of hundreds of operations, costs one request each 5 s instead of five each.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_context import ErrorContext
from deployment_system.error_handling.error_types import DeploymentSystemError


class CircuitState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When to leave it alone and for how long. Raises ValueError for numbers that make no sense."""

    failures_to_open: int = 20
    """In a row, over all calls."""
    open_seconds: float = 5.0
    alive_error_codes: frozenset[str] = field(default=frozenset({ErrorCodes.PREFECT_RATE_LIMITED}))
    """Errors that may pass but come from a server that answers: they are no failures here."""

    def __post_init__(self) -> None:
        if self.failures_to_open < 1 or not self.open_seconds >= 0:
            raise ValueError("a circuit opens after 1 failure or more, for a number of seconds from 0 on")


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Why a call was refused."""

    failures: int
    """In a row."""
    seconds_left: float
    """Until a probe may pass."""


def circuit_open_error(refusal: OpenCircuit, who: str = "it") -> DeploymentSystemError:
    """The error for a call that was not sent; a `RetryHandler` further out respects the wait that it says."""
    return DeploymentSystemError(
        f"{who} failed {refusal.failures} times in a row and is left alone for {refusal.seconds_left:.1f} s",
        error_code=ErrorCodes.CIRCUIT_OPEN,
        context=ErrorContext(
            failures_in_a_row=refusal.failures, retry_after_seconds=round(refusal.seconds_left, 3)
        ),
    )


class CircuitBreaker:
    """The state of one circuit. Shared by every handler that is given this object; thread safe.

    `clock` gives seconds; `on_change` is told of each new state, in the thread that caused it.
    """

    __slots__ = (
        "_clock", "_failures", "_lock", "_on_change", "_opened_at", "_probe", "_probe_at", "_probes",
        "policy", "troubled",
    )  # fmt: skip

    troubled: bool
    """Whether there were failures since the last success; while not, nothing has to be asked or told."""

    def __init__(
        self,
        policy: CircuitPolicy = CircuitPolicy(),
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[CircuitState], None] | None = None,
    ) -> None:
        self.policy = policy
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probes = 0
        self._probe: int | None = None
        self._probe_at = 0.0
        self.troubled = False

    @property
    def state(self) -> CircuitState:
        """Half open as soon as a probe may pass, and while it is on its way."""
        with self._lock:
            if self._opened_at is None:
                return CircuitState.CLOSED
            rested = self._clock() - self._opened_at >= self.policy.open_seconds
            return CircuitState.HALF_OPEN if rested else CircuitState.OPEN

    def admit(self) -> int | OpenCircuit:
        """0: the call may pass. A number from 1: it may pass as this probe, and its outcome must be told with
        the number. Or why it must not be made."""
        with self._lock:
            if self._opened_at is None:
                return 0
            now = self._clock()
            # A probe of which nothing was heard for as long as the rest is given up, so that one that
            # hangs does not keep the circuit open for ever.
            since = self._opened_at if self._probe is None else self._probe_at
            left = since + self.policy.open_seconds - now
            if left > 0:
                return OpenCircuit(self._failures, left)
            self._probes += 1
            self._probe = number = self._probes
            self._probe_at = now
        self._tell(CircuitState.HALF_OPEN)
        return number

    def succeeded(self) -> None:
        """Any answer, also to a call from before it opened, shows a living server: closed."""
        with self._lock:
            was_open = self._opened_at is not None
            self._failures, self._opened_at, self._probe, self.troubled = 0, None, None, False
        if was_open:
            self._tell(CircuitState.CLOSED)

    def failed(self, probe: int = 0) -> None:
        """Counts a failure. While it is open, only that of the latest probe says anything new."""
        with self._lock:
            self.troubled = True
            self._failures += 1
            opens = (
                self._failures >= self.policy.failures_to_open
                if self._opened_at is None
                else probe == self._probe
            )
            if opens:
                self._opened_at, self._probe = self._clock(), None
        if opens:
            self._tell(CircuitState.OPEN)

    def abandoned(self, probe: int = 0) -> None:
        """A call ended without saying anything about the server, by Ctrl-C for one: the next may probe."""
        with self._lock:
            if probe == self._probe:
                self._probe = None

    def _tell(self, state: CircuitState) -> None:
        if self._on_change is not None:
            self._on_change(state)
