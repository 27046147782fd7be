"""The errors of the past as one page of HTML: its plots are in it, and it asks nothing of any server."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from html import escape
from typing import Any

from deployment_system.cli.render.errors import every, filter_words
from deployment_system.error_handling import ErrorFilter, ErrorGroup, ErrorSummary
from deployment_system.error_handling.counted import counted

_MOST_DAYS = 90
_MOST_BARS = 12
_ROW, _LABEL, _BAR, _COUNT = 22, 240, 360, 70
_DAY_HEIGHT, _DAY_WIDTH = 120, 8
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --dim: #6b7280; --fill: #3b6fb6; --line: #d0d7de; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9aa4af; --fill: #6ea8fe; --line: #3d444d; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg rect { fill: var(--fill); } p, td.dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; }
td, th { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td.number { text-align: right; white-space: nowrap; } code { font-size: .9em; }
"""
_PLOTS = (
    ("By category", "category"),
    ("By severity", "severity"),
    ("By code", "error_code"),
    ("By flow", "flow_name"),
    ("By environment", "environment"),
)


def error_page(summary: ErrorSummary, wanted: ErrorFilter, *, now: datetime | None = None) -> Iterator[str]:
    """The pieces of the page. `now` is when it says that it was made, and its last day."""
    now = now or datetime.now(UTC)
    title = f"{counted(summary.total_errors, 'error')}{filter_words(wanted)}"
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    # Whatever an error says, a browser loads and runs nothing for it.
    yield '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    yield "style-src 'unsafe-inline'\">\n"
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield f"<h1>{escape(title)}</h1>\n"
    faults = counted(summary.group_count, "different fault")
    yield f"<p>{faults}. Made {_time(now)} UTC; all times are in UTC.</p>\n"
    if summary.by_day:
        yield f"<h2>By day</h2>\n{_days(summary.by_day, now.date())}\n"
    for heading, name in _PLOTS:
        if counts := summary.by(name):
            yield f"<h2>{heading}</h2>\n{_bars(counts, heading)}\n"
    yield from _groups("Most frequent", summary, summary.groups)
    if summary.last_deployment is not None:
        when = _time(summary.last_deployment)
        yield from _groups(f"New since the last deployment ({when})", summary, summary.new_groups)
    yield from _recent(summary.recent)
    yield "</body>\n</html>\n"


def _bars(counts: Mapping[str, int], heading: str) -> str:
    shown = list(counts.items())[:_MOST_BARS]
    largest = max(counts.values())
    rows = []
    for number, (label, count) in enumerate(shown):
        y, width = number * _ROW, max(1.0, count / largest * _BAR)
        rows.append(
            f"<g><title>{escape(label)}: {count:,}</title>"
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(_short(label))}</text>'
            f'<rect x="{_LABEL}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text x="{_LABEL + width + 6:.1f}" y="{y + 15}">{count:,}</text></g>'
        )
    left = len(counts) - len(shown)
    more = f"\n<p>and {left:,} more</p>" if left else ""
    return _svg(_LABEL + _BAR + _COUNT, len(shown) * _ROW, heading, rows) + more


def _days(by_day: Mapping[str, int], last: date) -> str:
    first = date.fromisoformat(min(by_day))
    count = min(_MOST_DAYS, max(14, (last - first).days + 1))
    days = [(last - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]
    largest = max((by_day.get(day, 0) for day in days), default=0) or 1
    columns = []
    for number, day in enumerate(days):
        if not (errors := by_day.get(day, 0)):
            continue
        height = max(1.0, errors / largest * _DAY_HEIGHT)
        columns.append(
            f'<rect x="{number * _DAY_WIDTH}" y="{_DAY_HEIGHT - height:.1f}" width="{_DAY_WIDTH - 2}" '
            f'height="{height:.1f}"><title>{day}: {errors:,}</title></rect>'
        )
    width = count * _DAY_WIDTH
    ends = (
        f'<text x="0" y="{_DAY_HEIGHT + 16}">{days[0]}</text>',
        f'<text x="{width}" y="{_DAY_HEIGHT + 16}" text-anchor="end">{days[-1]}</text>',
    )
    return _svg(max(width, 200), _DAY_HEIGHT + 20, f"By day, {largest:,} at most", [*columns, *ends])


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _groups(heading: str, summary: ErrorSummary, groups: Sequence[ErrorGroup]) -> Iterator[str]:
    yield f"<h2>{escape(heading)}</h2>\n"
    if not groups:
        yield "<p>none</p>\n"
        return
    yield "<table>\n<tr><th>Times</th><th>What</th><th>First and last</th></tr>\n"
    for group in groups:
        when = f"{_time(group.first_seen)}<br>{_time(group.last_seen)}"
        again = f"<br>{escape(every(group))}" if group.count > 1 else ""
        yield (
            f'<tr><td class="number">{group.count:,}</td><td><code>{escape(group.error_code)}</code><br>'
            f'{escape(summary.message(group))}</td><td class="dim">{when}{again}</td></tr>\n'
        )
    yield "</table>\n"


def _recent(documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not documents:
        return
    yield "<h2>Last</h2>\n<table>\n<tr><th>When</th><th>What</th><th>What to do</th></tr>\n"
    for document in documents:
        context = document.get("context") or {}
        places = (document.get("command"), document.get("environment"), context.get("flow_name"))
        where = " · ".join(str(place) for place in places if place)
        remedies = "<br>".join(escape(str(text)) for text in document.get("remediation") or ())
        yield (
            f'<tr><td class="dim">{_time(datetime.fromisoformat(document["timestamp"]))}<br>'
            f"{escape(where)}</td><td><code>{escape(str(document['error_code']))}</code><br>"
            f"{escape(str(document['message']))}<br><code>{escape(document['error_id'])}</code></td>"
            f"<td>{remedies}</td></tr>\n"
        )
    yield "</table>\n"


def _short(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:31]}…"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
