"""A point on the way to the server at which a test holds a request until it has seen enough."""

import threading

from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import COMMAND_SECONDS


class Barrier:
    """Holds one such request, after so many others, until it is opened."""

    def __init__(self, proxy: RecordingProxy, method: str, path: str, after: int = 0) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        proxy.faults.append(Fault(method, path, after=after, times=1, then=self._hold))

    def open(self) -> None:
        """Lets it pass."""
        self._opened.set()

    def _hold(self) -> None:
        self.reached.set()
        self._opened.wait(COMMAND_SECONDS)
