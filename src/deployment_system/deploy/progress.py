"""How those who do long things tell how far they are."""

from typing import Protocol


class Progress(Protocol):
    """Told how far a phase is; `total` None where nobody knows."""

    def __call__(self, phase: str, done: int, total: int | None, label: str) -> None:
        """`done` of `total` in this phase; `label` says with what."""


def no_progress(phase: str, done: int, total: int | None, label: str) -> None:
    """Tells nobody."""
