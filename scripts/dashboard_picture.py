"""Draws a dashboard's panels as SVG from what their queries found. Nothing is drawn that was not found."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from deployment_system.monitoring.dashboard import BARS, STAT, Panel, Row

WIDTH = 1200
UNIT = WIDTH / 24
ROW_HEIGHT = 30
CELL_HEIGHT = 28
GAP = 6
COLOURS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#5794f2", "#ba43a9", "#b877d9", "#508642")
PAPER, CARD, INK, PALE, LINE = "#111217", "#181b1f", "#d8d9da", "#8e8e8e", "#2c3235"
LEGEND_LINE = 13
MOST_LEGENDS = 5


@dataclass(frozen=True)
class Series:
    """What a query found: its name, and values at times in seconds; an instant query has one."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


Found = dict[str, list[Series]]
"""By the title of the panel."""


def picture(rows: Sequence[Row], found: Found, title: str, times: tuple[float, float]) -> str:
    """The whole dashboard."""
    parts: list[str] = []
    top = 46.0
    for row in rows:
        parts.append(_text(GAP * 2, top + 20, row.title, size=15, weight="bold"))
        top += ROW_HEIGHT
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > 24:
                left, top = 0, top + tallest * CELL_HEIGHT
            parts += _panel(panel, found.get(panel.title, []), left * UNIT, top, times)
            left, tallest = left + panel.width, panel.height
        top += tallest * CELL_HEIGHT
    height = round(top + GAP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" role="img" aria-label="{escape(title)}">'
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    )
    return "\n".join([head, _text(GAP * 2, 30, title, size=20), *parts, "</svg>", ""])


def _panel(
    panel: Panel, series: list[Series], left: float, top: float, times: tuple[float, float]
) -> Iterable[str]:
    width, height = panel.width * UNIT - GAP, panel.height * CELL_HEIGHT - GAP
    place = f'x="{left + GAP / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    yield f'<rect {place} fill="{CARD}" rx="3"/>'
    yield _text(left + 12, top + 18, panel.title, size=12)
    inner = (left + 12, top + 28, width - 18, height - 34)
    if not series:
        yield _text(left + 12, top + height / 2 + 8, "nothing happened", size=12, colour=PALE)
    elif panel.kind == STAT:
        yield from _numbers(series, panel.unit, *inner)
    elif panel.kind == BARS:
        yield from _bars(series, panel.unit, *inner)
    else:
        yield from _lines(series, panel.unit, *inner, times)


def _numbers(
    series: list[Series], unit: str, left: float, top: float, width: float, height: float
) -> Iterable[str]:
    part = width / len(series)
    for at, each in enumerate(series):
        middle = left + part * (at + 0.5)
        shown, label = (each.name, "") if each.name[:1].isdigit() else (_shown(each.last, unit), each.name)
        size = 30 if len(shown) < 5 else 20
        yield _text(middle, top + height / 2 + 6, shown, size=size, colour=COLOURS[0], anchor="middle")
        yield _text(middle, top + height - 6, label, size=11, colour=PALE, anchor="middle")


def _bars(
    series: list[Series], unit: str, left: float, top: float, width: float, height: float
) -> Iterable[str]:
    shown = sorted(series, key=lambda each: -each.last)[:10]
    largest = max((each.last for each in shown), default=1) or 1
    step = min(24.0, height / len(shown))
    for at, each in enumerate(shown):
        y = top + at * step
        long = max(2.0, (width - 60) * each.last / largest)
        colour = COLOURS[at % len(COLOURS)]
        bar = f'width="{long:.1f}" height="{step - 4:.1f}" fill="{colour}" opacity="0.55"'
        yield f'<rect x="{left:.1f}" y="{y:.1f}" {bar}/>'
        yield _text(left + 5, y + step / 2 + 2, each.name, size=11)
        yield _text(left + width, y + step / 2 + 2, _shown(each.last, unit), size=11, anchor="end")


def _lines(
    series: list[Series],
    unit: str,
    left: float,
    top: float,
    width: float,
    height: float,
    times: tuple[float, float],
) -> Iterable[str]:
    named = sorted(series, key=lambda each: -max(value for _, value in each.points))
    legends = min(len(named), MOST_LEGENDS)
    height -= legends * LEGEND_LINE + 14
    largest = _round_up(max((value for each in series for _, value in each.points), default=1) or 1)
    begin, end = times
    for share in (0, 0.5, 1):
        y = top + height * (1 - share)
        yield f'<path d="M{left + 34:.1f} {y:.1f}H{left + width:.1f}" stroke="{LINE}"/>'
        yield _text(left + 30, y + 4, _shown(largest * share, unit), size=10, colour=PALE, anchor="end")
    for share, anchor in ((0, "start"), (1, "end")):
        x, minutes = left + 34 + (width - 34) * share, (begin + (end - begin) * share - end) / 60
        words = "now" if share else f"{minutes:.0f} min"
        yield _text(x, top + height + 13, words, size=10, colour=PALE, anchor=anchor)
    for at, each in enumerate(named):
        colour = COLOURS[at % len(COLOURS)]
        points = " ".join(
            f"{left + 34 + (width - 34) * (moment - begin) / (end - begin):.1f},"
            f"{top + height * (1 - value / largest):.1f}"
            for moment, value in each.points
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        if at < legends:
            y = top + height + 26 + at * LEGEND_LINE
            more = f" and {len(named) - legends} more" if at == legends - 1 and len(named) > legends else ""
            yield f'<rect x="{left:.1f}" y="{y - 7:.1f}" width="12" height="3" fill="{colour}"/>'
            yield _text(left + 17, y, each.name + more, size=10, colour=PALE)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _shown(value: float, unit: str) -> str:
    if unit == "s" and value >= 60:
        return f"{value / 60:.0f} min"
    return f"{value:.3g}{' s' if unit == 's' else ''}"


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    colour: str = INK,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
