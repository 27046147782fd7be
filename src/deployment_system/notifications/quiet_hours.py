"""Hours in which only what is grave is told at once; the rest is told together when they are over."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from deployment_system.error_handling import ErrorSeverity


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` by the clock of a time zone, over midnight where the end is the earlier one."""

    start: time
    end: time
    timezone: str = "UTC"
    let_through: ErrorSeverity | None = ErrorSeverity.CRITICAL
    """What is told all the same: errors as grave as this; None: nothing."""

    def end_of(self, moment: datetime) -> datetime | None:
        """When the quiet hours that the moment lies in are over, in UTC; None: it lies in none."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        for days in (-1, 0):
            # Each by the clock on the wall: when the clocks change, the night is an hour longer or shorter.
            day = local.date() + timedelta(days=days)
            begins = datetime.combine(day, self.start, local.tzinfo)
            over_midnight = self.end <= self.start
            ends = datetime.combine(day + timedelta(days=over_midnight), self.end, local.tzinfo)
            if begins.astimezone(UTC) <= moment.astimezone(UTC) < ends.astimezone(UTC):
                return ends.astimezone(UTC)
        return None
