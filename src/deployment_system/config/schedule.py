"""When a deployment runs, as it is declared."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from deployment_system.config.value_types import (
    AsList,
    FilledText,
    Flag,
    Moment,
    Seconds,
    Settings,
    Values,
    Whole,
    problem,
)

KINDS = ("cron", "interval", "rrule")


class Schedule(Settings):
    """One schedule. Exactly one of `cron`, `interval` and `rrule` is given.

    Whether the cron expression, the rule and the time zone mean anything is judged by validation.
    """

    cron: FilledText | None = None
    """A cron expression of five fields, such as "0 5 * * *"."""
    interval: Seconds | None = None
    """Seconds between two runs, or an ISO 8601 duration such as PT1H."""
    rrule: FilledText | None = None
    """A recurrence rule of iCalendar (RFC 5545), such as "FREQ=MONTHLY;BYMONTHDAY=-1"."""
    timezone: FilledText | None = None
    """Name of an IANA time zone, such as Europe/London. Default: UTC."""
    anchor_date: Moment | None = None
    """With `interval`: a moment from which the runs are counted."""
    day_or: Flag = True
    """With `cron`: whether day of month and day of week are joined by "or" (as cron does)."""
    slug: FilledText | None = None
    """The schedule's name: unique in its deployment, by which it is known when it changes."""
    active: Flag = True
    """False: the schedule is deployed paused."""
    parameters: Values = Field(default_factory=dict)
    """Parameters of the runs that this schedule starts."""
    max_scheduled_runs: Annotated[Whole, Field(ge=1)] | None = None
    """How many runs ahead are scheduled at most."""

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = [kind for kind in KINDS if value.get(kind) is not None]
        if len(given) > 1:
            raise problem(
                f"has {' and '.join(given)}; a schedule has exactly one of cron, interval and rrule"
            )
        if not given:
            raise problem("has none of cron, interval and rrule; a schedule has exactly one of them")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.anchor_date is not None and self.interval is None:
            raise problem("has an anchor_date, which only an interval can use")
        return self


def _slugs_differ(schedules: tuple[Schedule, ...]) -> tuple[Schedule, ...]:
    slugs = [schedule.slug for schedule in schedules if schedule.slug is not None]
    again = next((slug for index, slug in enumerate(slugs) if slug in slugs[:index]), None)
    if again is not None:
        raise problem(f"has the slug {again!r} twice; a slug is the schedule's name in its deployment")
    return schedules


SlugsDiffer = AfterValidator(_slugs_differ)
Schedules = Annotated[tuple[Schedule, ...], AsList, SlugsDiffer]
"""The schedules of one deployment."""
