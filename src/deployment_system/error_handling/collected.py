"""What a run counts and measures, in memory until it ends: writing costs one transaction, not one each."""

import threading
from dataclasses import dataclass

from deployment_system.error_handling.circuit_breaker import CircuitState
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.retry_attempts import Attempt, FailedAttempt
from deployment_system.error_handling.retry_handler import RetryHandler
from deployment_system.error_handling.retry_policy import RetryPolicy
from deployment_system.error_handling.store.measures import Measure, duration

REQUESTS = "requests"
"""Attempts that were made to reach a service, by `service` and `environment`."""
FAILED_ATTEMPTS = "failed_attempts"
"""Those that failed, by `code` as well."""
RETRIES = "retries"
"""Attempts that followed a failed one."""
RECOVERED_CALLS = "recovered_calls"
"""Calls that succeeded after failed attempts."""
GIVE_UPS = "give_ups"
"""Calls that were given up after retries, by `reason` as well."""
CIRCUIT_CHANGES = "circuit_changes"
"""How often a circuit took a `state`."""
CIRCUIT = "circuit"
"""The state that a circuit was last in, as the position in `CIRCUIT_STATES`."""
BUDGET = "budget"
"""The share of the retry budget that the last run left, from 0 to 1."""
CIRCUIT_STATES = (CircuitState.CLOSED, CircuitState.HALF_OPEN, CircuitState.OPEN)
ATTEMPTS_USED_UP, BUDGET_USED_UP, CIRCUIT_OPEN = "attempts", "budget", "circuit_open"
"""Why a call was given up."""
OF_OTHERS = "other"
"""The code of an error that is none of ours."""


class Collected:
    """Measures of one run. Threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._levels: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def count(self, name: str, by: float = 1, /, **labels: str) -> None:
        """Adds to a number."""
        self.add([Measure(name, by, labels)])

    def level(self, name: str, amount: float, /, **labels: str) -> None:
        """Says what a number is now."""
        self.add([Measure(name, amount, labels, adds=False)])

    def seconds(self, name: str, seconds: float, /, **labels: str) -> None:
        """Adds a duration."""
        self.add(duration(name, seconds, labels))

    def add(self, measures: list[Measure]) -> None:
        """Takes measures in."""
        with self._lock:
            for measure in measures:
                key = (measure.name, tuple(sorted(measure.labels.items())))
                if measure.adds:
                    self._sums[key] = self._sums.get(key, 0.0) + measure.amount
                else:
                    self._levels[key] = measure.amount

    def taken(self) -> list[Measure]:
        """All of them, which are forgotten here."""
        with self._lock:
            sums, self._sums = self._sums, {}
            levels, self._levels = self._levels, {}
        return [
            Measure(name, amount, dict(labels), adds)
            for found, adds in ((sums, True), (levels, False))
            for (name, labels), amount in found.items()
        ]


@dataclass(frozen=True, slots=True)
class RetryWatch:
    """Counts what a `RetryHandler` and its circuit breaker tell, as of one service in one environment."""

    collected: Collected
    service: str
    environment: str

    def sent(self) -> None:
        """An attempt is made."""
        self._count(REQUESTS)

    def attempt_failed(self, attempt: Attempt) -> None:
        """For `on_attempt`."""
        error = attempt.error
        code = str(error.error_code) if isinstance(error, DeploymentSystemError) else OF_OTHERS
        self._count(FAILED_ATTEMPTS, code=code)
        if attempt.delay is not None:
            self._count(RETRIES)
        elif attempt.out_of_budget:
            self._count(GIVE_UPS, reason=BUDGET_USED_UP)
        elif attempt.number > 1:
            self._count(GIVE_UPS, reason=ATTEMPTS_USED_UP)

    def call_recovered(self, failed: tuple[FailedAttempt, ...]) -> None:
        """For `on_recovered`."""
        self._count(RECOVERED_CALLS)

    def refused(self) -> None:
        """A call was not made because the circuit is open."""
        self._count(GIVE_UPS, reason=CIRCUIT_OPEN)

    def circuit_changed(self, state: CircuitState) -> None:
        """For `on_change`."""
        self._count(CIRCUIT_CHANGES, state=state.value)

    def ended(self, circuit: CircuitState, budget_share: float) -> None:
        """The service is not needed any more."""
        self._level(CIRCUIT, CIRCUIT_STATES.index(circuit))
        self._level(BUDGET, budget_share)

    def _count(self, name: str, **labels: str) -> None:
        self.collected.count(name, service=self.service, environment=self.environment, **labels)

    def _level(self, name: str, amount: float) -> None:
        self.collected.level(name, amount, service=self.service, environment=self.environment)


def watched_handler(policy: RetryPolicy, watch: RetryWatch | None) -> RetryHandler:
    """A handler whose attempts are counted, where somebody counts."""
    if watch is None:
        return RetryHandler(policy)
    return RetryHandler(policy, watch.attempt_failed, on_recovered=watch.call_recovered)
