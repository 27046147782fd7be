"""How many writes run side by side: as many as the server bears.

A Prefect server on SQLite stores fewer deployments a second with eight writers than with one, and
answers 503 meanwhile; one on PostgreSQL stores a fifth more with four and refuses none. So: start with
one, try one more where nothing was refused, and keep it only where it pays.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

DEFAULT_CEILING = 4
"""More writers than this never paid in the measurements."""

GROUP = 24
"""Writes before the pace is thought over: a server on SQLite refuses one in fifteen, so that five groups of
six tell it before a second writer is tried."""

WORTHWHILE_GAIN = 1.1
"""One more writer has to bring this factor, else it only queues at the server."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many writers, and what is known of how fast they are."""

    writers: int = 1
    ceiling: int = DEFAULT_CEILING
    rate_with_one_less: float | None = None
    """Writes a second with one writer less; None while that was not measured."""
    settled: bool = False

    def after(self, rate: float, *, refused: bool) -> "Pace":
        """The pace for the next group, now that this one ran at `rate` writes a second. `refused`: the
        server was too busy for one of them, and took it only when it was sent again."""
        if self.settled:
            return self
        if refused:
            return Pace(max(1, self.writers - 1), self.ceiling, settled=True)
        if self.rate_with_one_less is not None and rate < self.rate_with_one_less * WORTHWHILE_GAIN:
            return Pace(self.writers - 1, self.ceiling, settled=True)
        if self.writers >= self.ceiling:
            return Pace(self.writers, self.ceiling, settled=True)
        return Pace(self.writers + 1, self.ceiling, rate)


def run_paced(
    items: Sequence[Item],
    action: Callable[[Item], None],
    *,
    ceiling: int = DEFAULT_CEILING,
    refusals: Callable[[], int] = lambda: 0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Does `action` for each item, several at a time where that pays, and yields each item once it is
    done. The first failure stops what has not begun, waits for what has, and is raised.

    `refusals`: how often the server was too busy so far.
    """
    pace = Pace(ceiling=max(1, ceiling))
    start = 0
    while start < len(items):
        group = items[start : start + GROUP]
        began, refused_before = clock(), refusals()
        yield from _run_group(group, action, pace.writers)
        took = clock() - began
        if len(group) == GROUP and took > 0:
            pace = pace.after(len(group) / took, refused=refusals() > refused_before)
        start += len(group)


def _run_group(group: Sequence[Item], action: Callable[[Item], None], writers: int) -> Iterator[Item]:
    if writers == 1:
        for item in group:
            action(item)
            yield item
        return
    ended = threading.Event()

    def begun(item: Item) -> bool:
        """Whether it was done: after a failure nothing is begun any more."""
        if ended.is_set():
            return False
        try:
            action(item)
        except BaseException:
            ended.set()
            raise
        return True

    with ThreadPoolExecutor(writers, thread_name_prefix="write") as pool:
        futures = {pool.submit(begun, item): item for item in group}
        try:
            for future in as_completed(futures):
                if future.result():
                    yield futures[future]
        except BaseException:
            ended.set()
            raise
