"""Says again and again that the holder of a lock is alive, so that other machines can see it."""

import signal
import threading
import weakref
from collections.abc import Callable

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.store.locks import RENEWAL_SECONDS, Lock


class LeaseKeeper:
    """A thread that renews one lock until it is stopped, or nobody holds this object any more."""

    def __init__(self, renew: Callable[[Lock], None], lock: Lock, *, every: float = RENEWAL_SECONDS) -> None:
        self._ended = threading.Event()
        weakref.finalize(self, self._ended.set)
        # The thread knows the event only, not this object: it would keep it alive for ever.
        threading.Thread(
            target=_keep, args=(renew, lock, every, self._ended), name=f"lease of {lock.name}", daemon=True
        ).start()

    def stop(self) -> None:
        """Ends the renewals; the lease runs out by itself."""
        self._ended.set()


def _keep(renew: Callable[[Lock], None], lock: Lock, every: float, ended: threading.Event) -> None:
    # Signals are for the main thread, and stay with it while it does not want to be interrupted.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    while not ended.wait(every):
        try:
            renew(lock)
        except DeploymentSystemError as error:
            if error.error_code == ErrorCodes.LOCK_LOST:
                return  # the holder's next write is refused, which tells it
            # Otherwise the store cannot be reached now: the lease bears three such failures.
