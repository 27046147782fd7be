"""Schedules, judged before the server does."""

import difflib
from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

from deployment_system.config import Schedule
from deployment_system.error_handling import ErrorCodes, ErrorContext, ValidationError
from deployment_system.error_handling.corrections import corrected

CRON_FIELDS = (5, 6, 7)
"""Prefect takes seconds and years, as croniter does, after the five usual fields."""

CRON_RANGES = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day": "1 to 31",
    "month": "1 to 12 or jan to dec",
    "weekday": "0 to 7 or sun to sat",
}
DAY_FIELD = 2
LONGEST_RRULE = 6500
"""What Prefect takes: about a year of single dates."""

LONGEST_SHOWN = 100

_NOT_FOR_RRULES = frozenset({"localtime", "Factory"})
"""Files of the system's database that Prefect takes for zones, except with recurrence rules."""

_RANDOM_SIGNS = ("R", "r")
"""Prefect refuses croniter's random expressions, as a schedule would mean another time at every look."""


def check_schedule(
    schedule: Schedule, place_of: Callable[[str], ErrorContext]
) -> tuple[ValidationError, ...]:
    """What the server would refuse, or what would never run as meant. `place_of` says where a key of
    the schedule stands."""
    errors = []
    kind, problem = _timing_problem(schedule)
    if problem:
        errors.append(
            ValidationError(problem, error_code=ErrorCodes.SCHEDULE_INVALID, context=place_of(kind))
        )
    if schedule.timezone is not None and not _is_timezone(schedule.timezone, kind):
        errors.append(_unknown_timezone(schedule.timezone, place_of("timezone")))
    return tuple(errors)


def _timing_problem(schedule: Schedule) -> tuple[str, str | None]:
    """The key that says when, and what is wrong with it."""
    if schedule.cron is not None:
        return "cron", cron_problem(schedule.cron)
    if schedule.rrule is not None:
        return "rrule", _rrule_problem(schedule.rrule)
    if schedule.interval is not None and schedule.interval <= 0:
        return "interval", f"the interval is {schedule.interval:g} s; it must be more than 0"
    return "interval", None


def cron_problem(cron: str) -> str | None:
    """What is wrong with a cron expression; None: nothing."""
    fields = cron.split()
    if not cron.startswith("@") and len(fields) not in CRON_FIELDS:
        return (
            f"the cron expression {cron!r} has {len(fields)} fields; it needs {CRON_FIELDS[0]}: "
            "minute hour day month weekday"
        )
    if not cron.startswith("@") and "W" in fields[DAY_FIELD].upper():
        return f"the cron expression {cron!r} asks for the nearest weekday (W), which Prefect does not know"
    if any(field.startswith(_RANDOM_SIGNS) for field in fields):
        return f"the cron expression {cron!r} is random; the server needs a certain time"
    # Only where a cron expression is to be judged: its import starts the program `file`.
    from croniter import croniter

    try:
        croniter(cron)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return f"the cron expression {cron!r} is not valid: {_faulty_field(cron) or error}"
    return None


def _faulty_field(cron: str) -> str | None:
    """The one of the five usual fields that croniter refuses also alone, with what it takes."""
    from croniter import croniter

    fields = cron.split()
    if len(fields) != len(CRON_RANGES):
        return None
    for index, (name, takes) in enumerate(CRON_RANGES.items()):
        alone = ["*"] * len(CRON_RANGES)
        alone[index] = fields[index]
        if not croniter.is_valid(" ".join(alone)):
            return f"the {name} is {fields[index]!r}; it takes {takes}"
    return None


def _rrule_problem(rule: str) -> str | None:
    shown = rule if len(rule) <= LONGEST_SHOWN else f"{rule[:LONGEST_SHOWN]}…"
    if len(rule) > LONGEST_RRULE:
        return f"the recurrence rule {shown!r} has {len(rule)} characters; Prefect takes {LONGEST_RRULE}"
    from dateutil.rrule import rrulestr

    try:
        rrulestr(rule)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:LONGEST_SHOWN]
        return f"the recurrence rule {shown!r} is not valid: {reason}"
    return None


_SURELY_MEANT = 0.85
"""How alike the name of a time zone must be to be written without anybody having chosen it."""


def _is_timezone(name: str, kind: str) -> bool:
    return name in _timezones() and not (kind == "rrule" and name in _NOT_FOR_RRULES)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _unknown_timezone(name: str, place: ErrorContext) -> ValidationError:
    near = difflib.get_close_matches(name, sorted(_timezones()), n=3, cutoff=0.5)
    hint = f": did you mean {near[0]!r}?" if near else ""
    error = ValidationError(
        f"there is no time zone {name!r}{hint}",
        error_code=ErrorCodes.TIMEZONE_INVALID,
        context=place,
        remediation=[f"Use one of: {', '.join(near)}."] if near else None,
    )
    meant = difflib.get_close_matches(name, near, n=1, cutoff=_SURELY_MEANT)
    return corrected(error, name, meant[0] if meant else None)
