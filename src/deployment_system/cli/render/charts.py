"""Small charts of characters: bars, and one column a day."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

WIDTH = 80
_LONGEST_BAR = 40
_BARS = "▏▎▍▌▋▊▉█"
_COLUMNS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


def bars(counts: Mapping[str, int], *, most: int | None = None, label_width: int = 30) -> Iterator[str]:
    """A line for each, its bar in proportion to the largest; those beyond `most` are counted together."""
    shown = list(counts.items())[:most]
    largest = max(counts.values(), default=0)
    digits = len(f"{largest:,}")
    labels = min(label_width, max((len(label) for label, _ in shown), default=0))
    room = min(_LONGEST_BAR, WIDTH - labels - digits - len("    "))
    for label, count in shown:
        yield f"  {cut(label, labels):<{labels}} {count:>{digits},} {_bar(count, largest, room)}".rstrip()
    left = len(counts) - len(shown)
    if left > 0:
        yield f"  and {left} more"


def columns(by_day: Mapping[str, int], last: date, days: int) -> str:
    """One character a day, up to the last one."""
    counts = list(_counts(by_day, last, days))
    largest = max(counts, default=0)
    return "".join(_column(count, largest) for count in counts)


def cut(text: str, width: int) -> str:
    """The text, its end left out where it does not fit."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _counts(by_day: Mapping[str, int], last: date, days: int) -> Iterator[int]:
    for back in range(days - 1, -1, -1):
        yield by_day.get((last - timedelta(days=back)).isoformat(), 0)


def _bar(count: int, largest: int, room: int) -> str:
    eighths = max(1, round(count / largest * room * len(_BARS)))
    whole, rest = divmod(eighths, len(_BARS))
    return "█" * whole + (_BARS[rest - 1] if rest else "")


def _column(count: int, largest: int) -> str:
    if count == 0:
        return _NOTHING
    return _COLUMNS[max(0, -(-count * len(_COLUMNS) // largest) - 1)]
