"""Who is told what came of a command, as it is declared under `notifications:`."""

import re
from collections.abc import Iterable
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from deployment_system.config.value_types import (
    AsList,
    FilledTexts,
    Number,
    Settings,
    checked_text,
    problem,
)
from deployment_system.config.variables import UnresolvedText, VariableText
from deployment_system.error_handling import ErrorCategory, ErrorCodes

NotifiedEvent = Literal[
    "deployed",
    "recovered",
    "rolled_back",
    "rollback_incomplete",
    "unfinished",
    "interrupted",
    "invalid",
    "locked",
    "failed",
]
Severity = Literal["low", "medium", "high", "critical"]
MESSAGE_PARTS = (
    *("project", "environment", "event", "outcome", "command", "plan_id", "summary", "severity"),
    *("code", "codes", "count", "message", "errors", "remedy", "hint", "repeats", "time", "host", "user"),
)
DEFAULT_TITLE = "{project}, {environment}: {outcome}"
DEFAULT_BODY = "{summary}\n{repeats}\n{errors}\n{hint}\n{time}, {user} on {host}"
_PLACE = re.compile(r"\{([^{}]*)\}|[{}]")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _nearest_hint(word: str, known: Iterable[str]) -> str:
    import difflib  # by who has made a mistake

    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _template(text: str) -> None:
    for found in _PLACE.finditer(text):
        name = found[1]
        if name is None:
            raise problem(f"has a lone {found[0]!r}; braces are for the parts of a message")
        if name not in MESSAGE_PARTS:
            hint = _nearest_hint(name.lower(), MESSAGE_PARTS) or f"; a message has {', '.join(MESSAGE_PARTS)}"
            raise problem(f"has {found[0]!r} in it, which no message has{hint}")


def _clock(text: str) -> None:
    if not _CLOCK.fullmatch(text):
        raise problem("must be a time of day, as in 22:00")


def _time_zone(text: str) -> None:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise problem(
            "is no time zone; it must be a name of the IANA database, as in Europe/London",
            code=ErrorCodes.TIMEZONE_INVALID,
        ) from None


def _channel_url(value: Any) -> Any:
    """What stands in the file must be a URL. What a variable holds is seen when it is used: a channel that
    cannot be reached keeps nothing from being deployed."""
    if isinstance(value, VariableText | UnresolvedText):
        return str(value)
    if isinstance(value, str) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", value):
        raise problem(
            "must be a URL as Apprise takes it, as in mailto://… or slack://…",
            code=ErrorCodes.NOTIFICATION_URL_INVALID,
        )
    return value


def _category(text: str) -> None:
    if text not in list(ErrorCategory):
        raise problem(f"is no category of errors{_nearest_hint(text.lower(), map(str, ErrorCategory))}")


def _code(text: str) -> None:
    if text not in ErrorCodes.__members__:
        raise problem(f"is no error code{_nearest_hint(text.upper(), ErrorCodes.__members__)}")


def _as_one(value: Any) -> Any:
    """`urls: json://…` is short for a list of one."""
    if value == []:
        raise problem("is empty; a route has one URL at least")
    return [value] if isinstance(value, str) else value


Clock = Annotated[str, checked_text(_clock)]
MessageTemplate = Annotated[str, checked_text(_template)]
ChannelUrl = Annotated[str, BeforeValidator(_channel_url)]
Events = Annotated[tuple[NotifiedEvent, ...], AsList]
Categories = Annotated[tuple[Annotated[str, checked_text(_category)], ...], AsList]
Codes = Annotated[tuple[Annotated[str, checked_text(_code)], ...], AsList]


class QuietHoursSettings(Settings):
    """Hours in which only what is grave is sent; the rest is sent together when they are over."""

    start: Clock
    """When they begin, as in "22:00"."""
    end: Clock
    """When they are over, as in "07:00"; over midnight where that is earlier."""
    timezone: Annotated[str, checked_text(_time_zone)] = "UTC"
    """Whose clock: a name of the IANA database, as in Europe/London."""
    let_through: Literal["low", "medium", "high", "critical", "nothing"] = "critical"
    """What is sent all the same: errors as grave as this. "nothing": all waits."""

    @property
    def from_to(self) -> tuple[time, time]:
        """As times of day."""
        return time.fromisoformat(self.start), time.fromisoformat(self.end)


class NotificationRoute(Settings):
    """One way for notifications: where they go, and which."""

    urls: Annotated[
        tuple[ChannelUrl, ...],
        AsList,
        BeforeValidator(_as_one, json_schema_input_type=str | list[str]),
    ] = Field(repr=False)
    """Channels as Apprise takes them, best from a variable: "${OPERATIONS_CHANNEL}". One, or a list."""
    events: Events | None = None
    """How a command must have ended. Default: all but deployed and locked."""
    minimum_severity: Severity = "low"
    """Errors that are less grave are not told."""
    categories: Categories = ()
    """Only errors of these categories. Default: all."""
    codes: Codes = ()
    """Only errors with these codes. Default: all."""
    environments: FilledTexts = ()
    """Only what happened in these. Default: all."""
    cool_down_seconds: Annotated[Number, Field(ge=0, le=31_536_000)] = 3600.0
    """How long the same is counted and not told again; 0: each time."""
    quiet_hours: QuietHoursSettings | None = None
    """When only what is grave is sent."""
    title: MessageTemplate = DEFAULT_TITLE
    """Template of the title, with parts of the message in braces."""
    body: MessageTemplate = DEFAULT_BODY
    """Template of the text."""


class Notifications(Settings):
    """Who is told what came of a command."""

    routes: dict[str, NotificationRoute] = Field(default_factory=dict)
    """By name."""
    timeout_seconds: Annotated[Number, Field(gt=0, le=60)] = 10.0
    """How long a command waits at its end for all channels together."""
