"""Ctrl-C and SIGTERM while nothing is left to be interrupted.

When a transaction is over, what came of it is certain, and has to be told. Whoever ends the command in that
moment would otherwise read that it was interrupted and nothing changed, of what is done.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_HELD = (signal.SIGINT, signal.SIGTERM)


@dataclass
class HeldSignals:
    """Signals that do nothing from `hold` until `release`, or the end of the process. For the main thread."""

    before: Mapping[int, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What each of them did."""

    def hold(self) -> None:
        """From now on. Twice is once."""
        if not self.before:
            self.before = {number: signal.signal(number, signal.SIG_IGN) for number in _HELD}

    def release(self) -> None:
        """As it was."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    @contextmanager
    def released(self) -> Iterator[None]:
        """For something that may be broken off."""
        self.release()
        yield
        self.hold()
