"""A point on the way to the server at which a test holds a request until it has seen enough."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.deploy.conftest import Workspace
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


@contextmanager
def at_work(workspace: Workspace, proxy: RecordingProxy) -> Iterator[None]:
    """While a deployment is held at its first creation; then it goes on, and has to end well."""
    barrier = Barrier(proxy, "POST", "^/api/deployments/$")
    running = workspace.start("deploy")
    try:
        assert barrier.reached.wait(COMMAND_SECONDS)
        yield
    finally:
        barrier.open()
        _, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == 0, errors
