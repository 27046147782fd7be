"""The words of a message: a template with named places. Nothing in it is evaluated."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from deployment_system.notifications.message import Event, Message, ToldError

DEFAULT_TITLE = "{project}, {environment}: {outcome}"
DEFAULT_BODY = "{summary}\n{repeats}\n{errors}\n{hint}\n{time}, {user} on {host}"
LONGEST_TITLE = 200
LONGEST_BODY = 6000
"""Characters. Most chats take less than ten thousand, and nobody reads more."""
MOST_TOLD = 10

PLACE = re.compile(r"\{([^{}]*)\}|[{}]")

_OUTCOMES = {
    Event.DEPLOYED: "deployed",
    Event.RECOVERED: "recovered",
    Event.ROLLED_BACK: "failed, and everything is as before",
    Event.ROLLBACK_INCOMPLETE: "failed, and not everything could be put back",
    Event.UNFINISHED: "a deployment died in the middle and is not put back yet",
    Event.INTERRUPTED: "interrupted, and everything is as before",
    Event.INVALID: "invalid, nothing was changed",
    Event.LOCKED: "another deployer is at work",
    Event.FAILED: "failed",
    Event.TEST: "a test",
}
_HINTS = {
    Event.ROLLBACK_INCOMPLETE: "`deployment-cli recovery details {plan_id}` shows what is left.",
    Event.UNFINISHED: "`deployment-cli recovery execute` puts it back, and so does the next deployment.",
}
PLACEHOLDERS = (
    *("project", "environment", "event", "outcome", "command", "plan_id", "summary", "severity"),
    *("code", "codes", "count", "message", "errors", "remedy", "hint", "repeats", "time", "host", "user"),
)
"""What a template can name."""


def unknown_places(template: str) -> list[str]:
    """What stands in braces and is no placeholder, a lone brace included."""
    return [found[0] for found in PLACE.finditer(template) if found[1] not in PLACEHOLDERS]


def filled(template: str, message: Message) -> str:
    """The template with the message's values, in which nothing is looked for again; lines that are left
    without a word go."""
    values = values_of(message)
    lines = []
    for line in template.split("\n"):
        text = PLACE.sub(lambda found: values.get(found[1] or "", found[0]), line)
        if text.strip() or not line.strip():
            lines.append(text.rstrip())
    return "\n".join(lines).strip()


def title_and_body(title: str, body: str, message: Message) -> tuple[str, str]:
    """Of one message. A title is one line."""
    return (
        _cut(" ".join(filled(title, message).split()), LONGEST_TITLE),
        _cut(filled(body, message), LONGEST_BODY),
    )


def digest(title: str, body: str, messages: Sequence[Message]) -> tuple[str, str]:
    """Of several that were kept back together, the oldest first."""
    if len(messages) == 1:
        return title_and_body(title, body, messages[0])
    parts = [title_and_body(title, body, message) for message in messages]
    last = messages[-1]
    head = f"{last.project}: {len(messages)} messages of the quiet hours"
    return _cut(head, LONGEST_TITLE), _cut(
        "\n\n".join(f"{each}\n{text}" for each, text in parts), LONGEST_BODY
    )


def values_of(message: Message) -> Mapping[str, str]:
    """Each placeholder with what takes its place."""
    first = message.errors[0] if message.errors else None
    severity = message.severity
    return {
        "project": message.project,
        "environment": message.environment,
        "event": message.event.value,
        "outcome": _OUTCOMES[message.event],
        "command": message.command,
        "plan_id": message.plan_id or "",
        "summary": message.summary,
        "severity": severity.value if severity else "",
        "code": first.code if first else "",
        "codes": ", ".join(dict.fromkeys(each.code for each in message.errors)),
        "count": str(len(message.errors) + message.errors_left_out),
        "message": first.message if first else "",
        "errors": _listed(message),
        "remedy": first.remedy if first else "",
        "hint": _HINTS.get(message.event, "").replace("{plan_id}", message.plan_id or ""),
        "repeats": _repeats(message),
        "time": _moment(message.occurred_at),
        "host": message.host,
        "user": message.user,
    }


def _listed(message: Message) -> str:
    lines = [_line(each) for each in message.errors[:MOST_TOLD]]
    left = len(message.errors) - MOST_TOLD + message.errors_left_out
    if left > 0:
        lines.append(f"and {left} more")
    return "\n".join(lines)


def _line(error: ToldError) -> str:
    place = f" ({error.place})" if error.place else ""
    remedy = f"\n    {error.remedy}" if error.remedy else ""
    return f"{error.code}: {error.message}{place}{remedy}"


def _repeats(message: Message) -> str:
    if not message.repeats or message.repeats_since is None:
        return ""
    times = "once more" if message.repeats == 1 else f"{message.repeats} more times"
    return f"The same happened {times} since {_moment(message.repeats_since)}."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
