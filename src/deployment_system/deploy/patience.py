"""Waits for a server that went away in the middle of a deployment, so that what was changed can be put back,
and for what a slow one may still do.

A server that restarts takes ten to thirty seconds, longer than the retries of a single request.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.error_handling import ErrorCodes, PrefectAPIError

Result = TypeVar("Result")

DEFAULT_PATIENCE_SECONDS = 60.0
"""Twice what the slowest boot of a Prefect server took in our measurements."""

ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class LateWrites:
    """Called, it waits until no write of which the answer was lost can be made any more, `patience_seconds`
    at most: a slow server may still make them. Whether answers were lost at all."""

    server: PrefectServer
    patience_seconds: float = DEFAULT_PATIENCE_SECONDS
    progress: Progress = no_progress
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __call__(self) -> bool:
        """Waits."""
        end = self.clock() + self.patience_seconds
        while (left := min(self.server.late_seconds, end - self.clock())) > 0:
            self.progress("wait for late writes", 0, None, f"{left:.0f} s left")
            self.sleep(min(left, ASK_AGAIN_SECONDS))
        return self.server.answers_lost > 0


class Patience:
    """Calls what needs a server, and when the server is away waits for it, `seconds` in all. Once they are
    used up nothing is waited for, or even tried, any more: the same error is raised at once.

    `connect` gives the server of a URL.
    """

    def __init__(
        self,
        connect: Callable[[str], PrefectServer],
        seconds: float = DEFAULT_PATIENCE_SECONDS,
        *,
        progress: Progress = no_progress,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._left = seconds
        self._progress = progress
        self._sleep = sleep
        self._clock = clock
        self._lost: PrefectAPIError | None = None

    def __call__(self, function: Callable[[], Result]) -> Result:
        """What the function returns. Raises what it raises."""
        if self._lost is not None:
            raise self._lost
        try:
            return function()
        except PrefectAPIError as error:
            if not error.retryable or not self._is_back(error):
                raise
        return self._once_it_may_be_asked(function)

    def _once_it_may_be_asked(self, function: Callable[[], Result]) -> Result:
        """The circuit breaker stays open for some seconds after the server came back."""
        while True:
            try:
                return function()
            except PrefectAPIError as error:
                if error.error_code != ErrorCodes.CIRCUIT_OPEN or self._left <= 0:
                    raise
            self._left -= ASK_AGAIN_SECONDS
            self._sleep(ASK_AGAIN_SECONDS)

    def _is_back(self, error: PrefectAPIError) -> bool:
        """Whether the server that failed answers again. One that was never away is not waited for: what
        it refuses, it will refuse again."""
        url = error.context.extra.get("server_url")
        if url is None:
            return False
        server = self._connect(url)
        began = self._clock()
        while not server.is_healthy():
            waited = self._clock() - began
            if waited >= self._left:
                self._lost = error
                return False
            self._progress("wait for the server", 0, None, f"{self._left - waited:.0f} s left")
            self._sleep(ASK_AGAIN_SECONDS)
        self._left = max(0.0, self._left - (self._clock() - began))
        return True
