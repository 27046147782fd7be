"""What the errors of the past say together: pure functions over counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployment_system.error_handling.store.error_filter import moment_of
from deployment_system.error_handling.store.error_rows import GroupCount


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """One fault with all its repeats."""

    fingerprint: str
    error_code: str
    category: str
    severity: str
    flow_names: tuple[str, ...]
    environments: tuple[str, ...]
    count: int
    first_seen: datetime
    last_seen: datetime
    last_id: str
    """The id of the last one."""

    @property
    def seconds_between(self) -> float | None:
        """The mean time from one repeat to the next; None: there was none."""
        if self.count < 2:
            return None
        return (self.last_seen - self.first_seen).total_seconds() / (self.count - 1)


@dataclass(frozen=True)
class ErrorSummary:
    """How many errors there were, of what kind, when, and which faults come again."""

    counts: Sequence[GroupCount]
    by_day: Mapping[str, int]
    groups: tuple[ErrorGroup, ...]
    """The most frequent faults first."""
    group_count: int
    """How many different faults there are."""
    messages: Mapping[str, str]
    recent: tuple[Mapping[str, Any], ...]
    last_deployment: datetime | None = None
    """When something was last deployed; None: that is not known."""
    new_groups: tuple[ErrorGroup, ...] = ()
    """Faults that were first met after it."""

    @property
    def total_errors(self) -> int:
        """All of them."""
        return sum(count.count for count in self.counts)

    def by(self, name: str) -> dict[str, int]:
        """How many for each value of a field of `GroupCount`, the most frequent first; those without a
        value are not counted."""
        found: Counter[str] = Counter()
        for count in self.counts:
            value = getattr(count, name)
            if value is not None:
                found[value] += count.count
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def to_dict(self) -> dict[str, Any]:
        """As `error summary` shows it in JSON."""
        return {
            "total_errors": self.total_errors,
            "by_category": self.by("category"),
            "by_severity": self.by("severity"),
            "by_code": self.by("error_code"),
            "by_flow": self.by("flow_name"),
            "by_environment": self.by("environment"),
            "by_day": dict(self.by_day),
            "group_count": self.group_count,
            "groups": [self._group(group) for group in self.groups],
            "last_deployment": self.last_deployment.isoformat() if self.last_deployment else None,
            "new_since_deployment": [self._group(group) for group in self.new_groups],
            "recent": [dict(document) for document in self.recent],
        }

    def message(self, group: ErrorGroup) -> str:
        """What the last error of the group said."""
        return self.messages.get(group.last_id, "")

    def _group(self, group: ErrorGroup) -> dict[str, Any]:
        between = group.seconds_between
        return {
            "fingerprint": group.fingerprint,
            "error_code": group.error_code,
            "category": group.category,
            "severity": group.severity,
            "message": self.message(group),
            "count": group.count,
            "first_seen": group.first_seen.isoformat(),
            "last_seen": group.last_seen.isoformat(),
            "seconds_between": None if between is None else round(between, 3),
            "flow_names": list(group.flow_names),
            "environments": list(group.environments),
            "last_error_id": group.last_id,
        }


def grouped(counts: Iterable[GroupCount]) -> list[ErrorGroup]:
    """The faults, whatever environment they were met in: the most frequent first, of equals the latest."""
    by_fingerprint: dict[str, list[GroupCount]] = {}
    for count in counts:
        by_fingerprint.setdefault(count.fingerprint, []).append(count)
    groups = [_group(parts) for parts in by_fingerprint.values()]
    return sorted(groups, key=lambda group: (group.count, group.last_seen), reverse=True)


def new_since(groups: Iterable[ErrorGroup], moment: datetime | None) -> tuple[ErrorGroup, ...]:
    """Those that were first met after a moment, the latest first."""
    if moment is None:
        return ()
    new = [group for group in groups if group.first_seen > moment]
    return tuple(sorted(new, key=lambda group: group.first_seen, reverse=True))


def _group(parts: Sequence[GroupCount]) -> ErrorGroup:
    last = max(parts, key=lambda part: part.last_id)
    return ErrorGroup(
        fingerprint=last.fingerprint,
        error_code=last.error_code,
        category=last.category,
        severity=last.severity,
        flow_names=_names(part.flow_name for part in parts),
        environments=_names(part.environment for part in parts),
        count=sum(part.count for part in parts),
        first_seen=moment_of(min(part.first_id for part in parts)),
        last_seen=moment_of(last.last_id),
        last_id=last.last_id,
    )


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
