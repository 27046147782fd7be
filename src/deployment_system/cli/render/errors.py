"""The errors of the past, for a person."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from deployment_system.cli.render.charts import WIDTH, bars, columns, cut
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorFilter,
    ErrorGroup,
    ErrorSummary,
    explain_text,
    format_user_error,
)
from deployment_system.error_handling.code_frame import printable, wrapped
from deployment_system.error_handling.counted import counted

if TYPE_CHECKING:
    from deployment_system.error_handling.error_guidance import Guidance

DAYS = 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_FACTS = ("command", "operation", "environment", "plan_id", "fingerprint")
_SHOWN = frozenset(
    (
        *("flow_name", "deployment_name", "environment", "file_path", "line_number", "column", "operation"),
        *("plan_id", "attempts", "source_lines", "end_column", "end_line_number"),
    )
)
"""What of the context stands in the error's own words, or beside them."""


def summary_text(summary: ErrorSummary, wanted: ErrorFilter, limit: int) -> str:
    """Counts as bars, days as columns, the most frequent faults and the last errors."""
    words = filter_words(wanted)
    if summary.total_errors == 0:
        return f"the history holds no error{words}"
    faults = counted(summary.group_count, "different fault")
    lines = [f"{counted(summary.total_errors, 'error')}{words}, {faults}"]
    for title, name in (
        ("category", "category"),
        ("severity", "severity"),
        ("code", "error_code"),
        ("flow", "flow_name"),
        ("environment", "environment"),
    ):
        if counts := summary.by(name):
            lines += ["", f"by {title}", *bars(counts, most=limit or None)]
    lines += ["", "by day (UTC)", *_trend(summary.by_day)]
    lines += _groups("most frequent", summary, summary.groups)
    if summary.last_deployment:
        title = f"new since the last deployment ({_time(summary.last_deployment)})"
        lines += _groups(title, summary, summary.new_groups) or ["", f"{title}: none"]
    if summary.recent:
        lines += ["", "last"]
        for document in summary.recent:
            lines += _listed(document)
    return "\n".join(lines)


def list_text(errors: Sequence[Mapping[str, Any]], total: int, wanted: ErrorFilter) -> str:
    """Two lines each."""
    if total == 0:
        return f"the history holds no error{filter_words(wanted)}"
    lines = [line for document in errors for line in _listed(document)]
    if total > len(errors):
        lines.append(f"and {total - len(errors):,} more: --limit shows them")
    return "\n".join(lines)


def show_text(document: Mapping[str, Any], group: ErrorGroup, *, details: bool) -> str:
    """One error as it was told when it happened, and what is known beside it."""
    lines = [f"{document['error_id']}  {_time(datetime.fromisoformat(document['timestamp']))}"]
    lines.append(format_user_error(DeploymentSystemError.from_dict(document), details=details))
    for name in _FACTS:
        if value := document.get(name):
            lines.append(f"  {name.replace('_', ' ')}: {printable(str(value))}")
    by = document.get("reported_by") or {}
    lines.append(f"  told by {by.get('user')} on {by.get('host')}, process {by.get('pid')}")
    if group.count > 1:
        again = f", {every(group)}" if group.seconds_between else ""
        lines.append(f"  met {group.count:,} times, first {_time(group.first_seen)}{again}")
    lines += _attempts(document.get("attempts") or ())
    for name in ("context", "evidence", "extra"):
        for key, value in (document.get(name) or {}).items():
            if name != "context" or key not in _SHOWN:
                lines += _value(f"  {key.replace('_', ' ')}: ", value)
    return "\n".join(lines)


def guidance_text(guidance: "Guidance") -> str:
    """What to do; of several codes, those that were met first."""
    met = sum(guidance.counts.values())
    last = f", the last time {_time(guidance.last_seen)}" if guidance.last_seen else ""
    history = f"met {counted(met, 'time')}{last}" if met else "the history holds none"
    if guidance.is_code:
        return f"{explain_text(guidance.entries[0])}\n\n{history}"
    lines = [*wrapped(f"{guidance.subject}: {guidance.meaning}", "  "), history]
    for entry in guidance.entries:
        count = guidance.counts.get(entry.code.value, 0)
        lines += [
            "",
            *wrapped(
                f"{entry.code.value}: {entry.title}" + (f" (met {count:,} times)" if count else ""), "  "
            ),
        ]
        for remedy in entry.remedies:
            lines += wrapped(f"  try: {remedy.text}", "    ")
    return "\n".join(lines)


def filter_words(wanted: ErrorFilter) -> str:
    """What is left out, in words."""
    words = (
        ("with the code", wanted.error_code),
        ("of the category", wanted.category),
        ("of the severity", wanted.severity),
        ("of the flow", wanted.flow_name),
        ("in", wanted.environment),
        ("like", wanted.fingerprint),
        ("met by", wanted.command),
        ("of", wanted.plan_id),
        ("since", wanted.since and _time(wanted.since)),
        ("before", wanted.until and _time(wanted.until)),
    )
    return "".join(f" {word} {printable(value)}" for word, value in words if value)


def _trend(by_day: Mapping[str, int]) -> Iterator[str]:
    last = max(date.fromisoformat(max(by_day)), datetime.now(UTC).date())
    first = date.fromisoformat(min(by_day))
    days = min(DAYS, max(14, (last - first).days + 1))
    yield f"  {columns(by_day, last, days)}  {days} days to {last.isoformat()}"
    worst = max(by_day, key=lambda day: by_day[day])
    yield f"  most on {worst}: {by_day[worst]:,}"


def _groups(title: str, summary: ErrorSummary, groups: Sequence[ErrorGroup]) -> list[str]:
    if not groups:
        return []
    lines = ["", title]
    for group in groups:
        when = _time(group.last_seen)
        if group.count > 1:
            when = f"{_time(group.first_seen)} to {when}, {every(group)}"
        lines.append(f"  {group.count:,} times {group.error_code}")
        lines.append(f"      {when}")
        lines.append("      " + cut(printable(" ".join(summary.message(group).split())), WIDTH - 6))
    return lines


def _listed(document: Mapping[str, Any]) -> list[str]:
    context = document.get("context") or {}
    places = (document.get("command"), document.get("environment"), context.get("flow_name"))
    where = " · ".join(str(place) for place in places if place)
    message = " ".join(str(document["message"]).split())
    text = printable(f"{where}: {message}" if where else message)
    head = f"{document['error_id']}  {document['severity']:<8} {document['error_code']}"
    return [cut(head, WIDTH), "    " + cut(text, WIDTH - 4)]


def _attempts(attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each attempt that failed; those in a row that failed alike are one line."""
    for description, alike in groupby(attempts, key=lambda attempt: attempt["description"]):
        numbers = [attempt["number"] for attempt in alike]
        which = f"attempts {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"attempt {numbers[0]}"
        yield from wrapped(f"  {which}: {description}", "    ")


def _value(start: str, value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    lines = [printable(line) for line in text.splitlines()] or [""]
    return [start + lines[0], *(f"    {line}" for line in lines[1:])]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def every(group: ErrorGroup) -> str:
    """The mean time between repeats, in the unit in which it is said."""
    seconds = group.seconds_between or 0.0
    for size, unit in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"every {seconds / size:.0f} {unit}"
    return f"every {seconds:.0f} s"
