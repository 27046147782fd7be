"""Which errors of the past are meant."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime

ID_PREFIX = "error_"
_TIME = ID_PREFIX + "%Y%m%d_%H%M%S_"
DAY = slice(len(ID_PREFIX), len(ID_PREFIX) + len("YYYYMMDD"))
"""Where an id says its day."""
_COUNTED = frozenset(("fingerprint", "error_code", "category", "severity", "flow_name", "environment"))
"""What errors are counted by when they are added."""


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Errors that are all of this; None: any. Times are the first that counts, and the first that no more
    does."""

    error_code: str | None = None
    category: str | None = None
    severity: str | None = None
    flow_name: str | None = None
    environment: str | None = None
    fingerprint: str | None = None
    command: str | None = None
    plan_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out."""
        return not any(True for _ in self._conditions())

    @property
    def by_counted(self) -> bool:
        """Whether what is asked for was counted when the errors were added."""
        return self.since is None and self.until is None and {name for name, _ in self._equal()} <= _COUNTED

    def where(self) -> tuple[str, tuple[str, ...]]:
        """The SQL that follows the tables, and its values; nothing where all are meant."""
        conditions = list(self._conditions())
        sql = " AND ".join(condition for condition, _ in conditions)
        return (f" WHERE {sql}" if sql else ""), tuple(value for _, value in conditions)

    def _conditions(self) -> Iterator[tuple[str, str]]:
        for name, value in self._equal():
            yield f"{name} = ?", value
        if self.since is not None:
            yield "error_id >= ?", first_id_of(self.since)
        if self.until is not None:
            yield "error_id < ?", first_id_of(self.until)

    def _equal(self) -> Iterator[tuple[str, str]]:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                yield each.name, value


def first_id_of(moment: datetime) -> str:
    """An id that none of an error of that moment, or of a later one, comes before."""
    utc = in_utc(moment)
    return f"{utc:{_TIME}}{utc.microsecond:05x}"


def moment_of(error_id: str) -> datetime:
    """When the error of that id happened. Raises ValueError where it is no id of ours."""
    date, time, rest = error_id.removeprefix(ID_PREFIX).split("_")
    # Not strptime, whose import alone takes as long as a thousand of these.
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    hour, minute, second = int(time[:2]), int(time[2:4]), int(time[4:])
    return datetime(year, month, day, hour, minute, second, int(rest[:5], 16), UTC)


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one that names no zone is taken to be in UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
