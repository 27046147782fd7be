"""Long jobs side by side that can be called off: unlike a request, a build is not waited for at Ctrl-C."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

GRACE_SECONDS = 10.0
"""How long jobs that were called off are waited for. A build notices at its next line of output."""


class CalledOff(BaseException):
    """Raised inside a job that is no longer wanted. Not an Exception: nothing may take it for a failure."""


class Crew:
    """Runs jobs in at most so many threads. `check` is to be called by long jobs, often."""

    def __init__(self, size: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._size = size
        self._grace = grace_seconds
        self._called_off = threading.Event()

    def check(self) -> None:
        """Raises `CalledOff` once the jobs are no longer wanted."""
        if self._called_off.is_set():
            raise CalledOff

    def run(self, items: Sequence[Item], job: Callable[[Item], None]) -> Iterator[Item]:
        """Does the job for each item, and yields each when it is done. The first failure calls the others off
        and is raised, and so is Ctrl-C. A single job runs in the caller's own thread."""
        if len(items) <= 1 or self._size <= 1:
            for item in items:
                job(item)
                yield item
            return
        waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)
        done: queue.SimpleQueue[tuple[Item | None, BaseException | None]] = queue.SimpleQueue()
        threads = [
            # Daemons: a job that does not notice must not keep the process alive; with it, its build ends.
            threading.Thread(
                target=self._work, args=(waiting, job, done), name=f"build {number}", daemon=True
            )
            for number in range(min(self._size, len(items)))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in items:
                finished, error = done.get()
                if error is not None:
                    raise error
                if finished is not None:
                    yield finished
        finally:
            self._called_off.set()
            for thread in threads:
                thread.join(self._grace)

    def _work(
        self,
        waiting: "queue.SimpleQueue[Item]",
        job: Callable[[Item], None],
        done: "queue.SimpleQueue[tuple[Item | None, BaseException | None]]",
    ) -> None:
        while not self._called_off.is_set():
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                job(item)
            except CalledOff:
                return
            except BaseException as error:  # noqa: BLE001 - raised by who waits for it
                done.put((None, error))
                return
            done.put((item, None))
