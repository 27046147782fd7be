"""Room for source that is nested deeply: what Python can run, discovery can read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEEPEST = 15_000
"""Calls of Python functions that this package makes for the deepest tree that the parser lets through.
Not for the parser itself: it calls itself in C, three times as deep as this limit says."""


@contextmanager
def room_for_depth() -> Iterator[None]:
    """Raises the limit of nested calls meanwhile."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
