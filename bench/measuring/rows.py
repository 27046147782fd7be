"""Rows of a Markdown table that say of each promise whether it holds."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One measured figure beside the bound that it must not pass."""

    what: str
    ours: str
    """Our figure with its unit."""
    yardstick: str
    """The yardstick's figure with its unit, and what the yardstick is."""
    value: float
    """What is bounded: mostly a ratio."""
    bound: float
    unit: str = ""
    """Of figure and bound, where they are no ratio and no number."""

    @property
    def holds(self) -> bool:
        """Whether the figure stays within its bound."""
        return self.value <= self.bound

    def as_row(self) -> str:
        """The row of the table."""
        cells = (
            self.what,
            self.ours,
            self.yardstick,
            f"{self.value:.3g}{self.unit}",
            f"≤ {self.bound:g}{self.unit}",
            "yes" if self.holds else "**no**",
        )
        return f"| {' | '.join(cells)} |"


def ratio(what: str, ours: float, yardstick: float, name: str, bound: float) -> Promise:
    """A promise on the quotient of two durations in seconds."""
    return Promise(what, f"{ours:.3g} s", f"{yardstick:.3g} s ({name})", ours / yardstick, bound)


def difference(what: str, ours: float, yardstick: float, name: str, bound: float) -> Promise:
    """A promise on how many seconds longer ours takes than the yardstick."""
    return Promise(what, f"{ours:.3g} s", f"{yardstick:.3g} s ({name})", ours - yardstick, bound, " s more")


def count(what: str, ours: int, bound: int) -> Promise:
    """A promise on a number, without a yardstick."""
    return Promise(what, str(ours), "", ours, bound)


def report(promises: list[Promise]) -> int:
    """Prints the table; the exit status says whether each promise holds."""
    lines = [
        "| what | ours | yardstick | figure | bound | holds |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        *(promise.as_row() for promise in promises),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(promise.holds for promise in promises) else 1
