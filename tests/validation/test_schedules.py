"""Schedules: what Prefect refuses is refused, and what it takes is taken."""

import json
from typing import Any

import pytest
from prefect_truth import ask_prefect
from pydantic import ValidationError as PydanticError

from deployment_system.config.schedule import Schedule
from deployment_system.error_handling import ErrorCodes, ErrorContext
from deployment_system.validation import check_schedule

CRONS = (
    "* * * * *", "0 5 * * *", "*/5 * * * *", "0 0 1 1 *", "5/15 * * * *", "0-30/5 * * * *",
    "1,2,3 * * * *", "0 9-17 * * mon-fri", "0 0 * JAN,jul *", "0 0 * * SUN", "0 0 * * 7", "0 0 * * 0-7",
    "0 0 ? * 1", "0 0 L * *", "0 0 l * *", "0 0 * * L5", "0 0 * * 5L", "0 0 * * 5#2", "0 0 * * fri#2",
    "0 0 * * 5#6", "0 0 * * 5#0", "0 0 15W * *", "0 0 LW * *", "@hourly", "@daily", "@midnight",
    "@weekly", "@monthly", "@yearly", "@annually", "@reboot", "@every 5m", "@DAILY", " 0 5 * * * ",
    "0  5\t*\n* *", "0 0 * * * *", "0 5 * * * 30", "0 0 * * * 0 2030", "0 0 * * * * *", "* * * * * * * *",
    "60 * * * *", "-1 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
    "* * * * 8", "* * * *", "*", "", " ", "a b c d e", "0 0 31 2 *", "0 0 30 2 *", "*/0 * * * *",
    "*/61 * * * *", "*/-1 * * * *", "30-10 * * * *", "1- * * * *", "1,, * * * *", ", * * * *",
    "1.5 * * * *", "0 0 * * ☃", "R * * * *", "r * * * *", "H * * * *", "h h * * *", "H(0-5) * * * *",
    "H/5 * * * *", "0 0 * jan-mar *", "0 0 * * fri-mon", "0 0 * * 1,L3", "0 0 1,L * *",
    "0 0 * * mon#1,wed#3", "0 0 * * january", "0 0 * mon *", "00 05 * * *", "0 0 1-31/32 * *",
    "0 0 29 2 *", "* * * * * 60", "0 0 1 * */2", "0 0 L-3 * *",
)  # fmt: skip

RANDOM = ("R(0-30) 5 * * *", "0 R/5 * * *", "0 0 r(1-28) * *")
"""Prefect means to refuse random expressions, and overlooks these forms of them."""

OTHER_DIGITS = ("\u0663 * * * *", "\uff10 5 * * *")
"""Prefect's older croniter takes digits of any script; they are a slip of the keyboard."""

RRULES = (
    "FREQ=DAILY",
    "RRULE:FREQ=DAILY",
    "FREQ=DAILY;COUNT=3",
    "FREQ=DAILY;UNTIL=20300101",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=DAILY;UNTIL=20300101T000000Z",
    "DTSTART:20240101T000000\nRRULE:FREQ=DAILY",
    "DTSTART:20240101T000000Z\nRRULE:FREQ=DAILY;UNTIL=20300101T000000Z",
    "FREQ=SECONDLY",
    "FREQ=MINUTELY;INTERVAL=5",
    "FREQ=WEEKLY;BYDAY=MO,FR",
    "FREQ=WEEKLY;BYDAY=XX",
    "FREQ=NEVER",
    "FREQ=",
    "COUNT=3",
    "",
    "hello",
    "FREQ=DAILY;X=1",
    "FREQ=DAILY;COUNT=x",
    "FREQ=DAILY;COUNT=3;UNTIL=20300101",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=-1",
    "RDATE:20240101T000000",
    "EXDATE:20240101T000000",
    "RRULE:FREQ=DAILY\nEXDATE:20240101T000000Z",
    "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
    "freq=daily",
    "FREQ=DAILY;BYHOUR=25",
    "FREQ=DAILY;BYMONTH=13",
    "FREQ=DAILY;UNTIL=tomorrow",
    "FREQ=YEARLY;BYEASTER=0",
    "FREQ=DAILY;BYSETPOS=0",
    "FREQ=DAILY;;",
    "FREQ",
    "DTSTART;TZID=Europe/London:20240101T000000\nRRULE:FREQ=DAILY",
    "DTSTART:x\nRRULE:FREQ=DAILY",
    "☃",
    "DTSTART;TZID=Nowhere/City:20240101T000000\nRRULE:FREQ=DAILY",
    "RDATE:" + ",".join(["20240101T000000"] * 400),
    "RDATE:" + ",".join(["20240101T000000"] * 420),
)

TIMEZONES = (
    "UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Etc/GMT+5", "EST", "US/Pacific", "GMT",
    "Zulu", "europe/london", "Europe/Londn", "London", "+02:00", "UTC+2", "Mars/Olympus", "../etc/passwd",
    "/etc/localtime", "Europe", "posix/Europe/London", "right/UTC", "posixrules", "localtime", "Factory",
    "☃", "Europe/London ", "CET",
)  # fmt: skip

INTERVALS = (1, 0.5, 60, 86400.25, 1e9, 0, -5)

_ASK = """
import json, sys
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
kinds = {"cron": CronSchedule, "interval": IntervalSchedule, "rrule": RRuleSchedule}
for facts in json.load(sys.stdin):
    kind = next(iter(facts))
    try:
        kinds[kind](**facts)
    except Exception:
        print("false")
    else:
        print("true")
"""

QUESTIONS: list[dict[str, Any]] = [
    *({"cron": cron} for cron in CRONS),
    *({"rrule": rule} for rule in RRULES),
    *({"interval": seconds} for seconds in INTERVALS),
    *({"cron": "0 5 * * *", "timezone": name} for name in TIMEZONES),
    *({"interval": 60, "timezone": name} for name in TIMEZONES),
    *({"rrule": "FREQ=DAILY", "timezone": name} for name in TIMEZONES),
]


@pytest.fixture(scope="module")
def prefect_takes(tmp_path_factory: pytest.TempPathFactory) -> list[bool]:
    """Whether Prefect takes each of the schedules."""
    answers = ask_prefect(_ASK, QUESTIONS, tmp_path_factory.mktemp("schedules")).split()
    assert len(answers) == len(QUESTIONS)
    return [json.loads(answer) for answer in answers]


def place_of(key: str) -> ErrorContext:
    """A place that names the key."""
    return ErrorContext(file_path="deployment-config.yaml", line_number=3, key=key)


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda number: str(QUESTIONS[number])[:60])
def test_what_prefect_takes_is_taken_and_nothing_else(number: int, prefect_takes: list[bool]) -> None:
    """With an error at the key that is wrong, its code and a remedy."""
    facts = QUESTIONS[number]
    try:
        schedule = Schedule.model_validate(facts)
    except PydanticError:
        # The configuration has refused it already: an empty text, an interval that is not positive.
        assert not prefect_takes[number]
        return
    errors = check_schedule(schedule, place_of)
    assert (not errors) == prefect_takes[number], [error.message for error in errors]
    for error in errors:
        about_timezone = "timezone" in facts
        expected = ErrorCodes.TIMEZONE_INVALID if about_timezone else ErrorCodes.SCHEDULE_INVALID
        assert error.error_code == expected
        assert error.context.extra["key"] == ("timezone" if about_timezone else next(iter(facts)))
        assert error.remediation
        assert "\n" not in error.message
        assert len(error.message) < 400


@pytest.mark.parametrize("cron", RANDOM)
def test_random_expressions_are_refused_in_every_form(cron: str) -> None:
    """They would mean another time whenever the server looks."""
    [error] = check_schedule(Schedule(cron=cron), place_of)
    assert error.error_code == ErrorCodes.SCHEDULE_INVALID
    assert "random" in error.message


@pytest.mark.parametrize("cron", OTHER_DIGITS)
def test_digits_of_other_scripts_are_refused(cron: str) -> None:
    """Stricter than Prefect, on purpose."""
    [error] = check_schedule(Schedule(cron=cron), place_of)
    assert error.error_code == ErrorCodes.SCHEDULE_INVALID


@pytest.mark.parametrize(
    ("wrong", "near"), [("Europe/Londn", "Europe/London"), ("europe/london", "Europe/London")]
)
def test_the_nearest_time_zone_is_suggested(wrong: str, near: str) -> None:
    """In the message and in the remedy."""
    [error] = check_schedule(Schedule(cron="0 5 * * *", timezone=wrong), place_of)
    assert repr(near) in error.message
    assert near in " ".join(error.remediation)


def test_a_schedule_with_two_faults_has_two_errors() -> None:
    """Each at its own key."""
    errors = check_schedule(Schedule(cron="61 * * * *", timezone="Mars/Olympus"), place_of)
    assert [error.context.extra["key"] for error in errors] == ["cron", "timezone"]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("60 * * * *", "the minute is '60'; it takes 0 to 59"),
        ("0 25 * * *", "the hour is '25'; it takes 0 to 23"),
        ("0 0 32 * *", "the day is '32'; it takes 1 to 31"),
        ("0 0 * january *", "the month is 'january'; it takes 1 to 12 or jan to dec"),
        ("0 0 * * 8", "the weekday is '8'; it takes 0 to 7 or sun to sat"),
        ("61 25 * * *", "the minute is '61'"),
    ],
)
def test_a_cron_expression_says_which_field_is_wrong(cron: str, words: str) -> None:
    """With what it takes; of several, the first."""
    (error,) = check_schedule(Schedule(cron=cron), lambda name: ErrorContext())
    assert words in error.message
    assert cron in error.message
