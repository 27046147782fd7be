"""Declared schedules against those of the server: which belong together, and what differs.

Identity is the slug. A schedule declared without one gets a slug made from its content, and is
matched by content first, so that a changed cron changes the schedule instead of replacing it: a
replaced one would lose that somebody had paused it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployment_system.api.stored_values import comparable_timing, same_timing

GENERATED_SLUG_PREFIX = "auto-"


@dataclass(frozen=True, slots=True)
class DesiredSchedule:
    """A schedule as it is declared."""

    slug: str
    timing: Mapping[str, Any]
    """As the API takes it: `cron`, `interval` (seconds) or `rrule`, with `timezone` and the like."""
    active: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    max_scheduled_runs: int | None = None

    def to_api(self) -> dict[str, Any]:
        """The body that creates it."""
        return {
            "slug": self.slug,
            "schedule": dict(self.timing),
            "active": self.active,
            "parameters": dict(self.parameters),
            "max_scheduled_runs": self.max_scheduled_runs,
        }


@dataclass(frozen=True, slots=True)
class ActualSchedule:
    """A schedule as the server has it."""

    id: str
    slug: str | None
    timing: Mapping[str, Any]
    active: bool
    parameters: Mapping[str, Any]
    max_scheduled_runs: int | None

    @classmethod
    def from_api(cls, stored: Mapping[str, Any]) -> "ActualSchedule":
        """From the server's JSON."""
        return cls(
            id=stored["id"],
            slug=stored.get("slug"),
            timing=stored["schedule"],
            active=stored["active"],
            parameters=stored.get("parameters") or {},
            max_scheduled_runs=stored.get("max_scheduled_runs"),
        )

    def to_api(self) -> dict[str, Any]:
        """The body that makes it again."""
        return {
            "slug": self.slug,
            "schedule": dict(self.timing),
            "active": self.active,
            "parameters": dict(self.parameters),
            "max_scheduled_runs": self.max_scheduled_runs,
        }


@dataclass(frozen=True, slots=True)
class SchedulePair:
    """A declared schedule with the server's one that it is; `actual` None: to be made; `desired` None:
    to be removed."""

    desired: DesiredSchedule | None
    actual: ActualSchedule | None
    left_paused: bool = False
    """Declared active, paused on the server by somebody: stays paused."""

    def changed_fields(self) -> dict[str, Any]:
        """What a PATCH of the schedule has to say; empty where nothing differs (or there is no pair)."""
        if self.desired is None or self.actual is None:
            return {}
        desired, actual = self.desired, self.actual
        changed: dict[str, Any] = {}
        if not same_timing(desired.timing, actual.timing):
            changed["schedule"] = _timing_to_send(desired.timing, actual.timing)
        if desired.slug != actual.slug:
            changed["slug"] = desired.slug
        if dict(desired.parameters) != dict(actual.parameters):
            changed["parameters"] = dict(desired.parameters)
        if desired.max_scheduled_runs != actual.max_scheduled_runs:
            changed["max_scheduled_runs"] = desired.max_scheduled_runs
        if desired.active != actual.active and not self.left_paused:
            changed["active"] = desired.active
        return changed

    @property
    def in_sync(self) -> bool:
        """Nothing to do for it."""
        return self.desired is not None and self.actual is not None and not self.changed_fields()


def generated_slug(timing: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """The slug of a schedule that is declared without one."""
    content = json.dumps([comparable_timing(timing, timing), dict(parameters)], sort_keys=True, default=str)
    return GENERATED_SLUG_PREFIX + hashlib.sha256(content.encode()).hexdigest()[:8]


def pair_schedules(
    desired: Sequence[DesiredSchedule],
    actual: Sequence[ActualSchedule],
    *,
    owned: bool,
    declared_inactive_before: Iterable[str] = (),
) -> tuple[tuple[SchedulePair, ...], tuple[ActualSchedule, ...]]:
    """Which schedule is which, and the ones of the server that nobody declared and that stay.

    A schedule without a slug on a deployment that is ours was made by hand, in the UI: it stays. On a
    deployment that is not ours yet, every schedule takes part.
    `declared_inactive_before`: slugs that our last deployment declared inactive; where one of these is
    now declared active, it was us who paused it.
    """
    partner: dict[str, ActualSchedule] = {}
    free = list(actual)
    for same in (_same_slug, _same_content):
        for wanted in desired:
            found = next((item for item in free if wanted.slug not in partner and same(wanted, item)), None)
            if found is not None:
                partner[wanted.slug] = found
                free.remove(found)
    for wanted in desired:
        if wanted.slug in partner or not wanted.slug.startswith(GENERATED_SLUG_PREFIX):
            continue
        found = next((item for item in free if _unnamed(item, owned=owned)), None)
        if found is not None:
            partner[wanted.slug] = found
            free.remove(found)
    ours_before = frozenset(declared_inactive_before)
    pairs = [_pair(wanted, partner.get(wanted.slug), ours_before) for wanted in desired]
    kept = tuple(item for item in free if owned and item.slug is None)
    pairs.extend(SchedulePair(None, item) for item in free if item not in kept)
    return tuple(pairs), kept


def comparable(schedule: DesiredSchedule | ActualSchedule) -> dict[str, Any]:
    """A schedule as plans show it: without ids, and without what the server fills in by itself."""
    return {
        "slug": schedule.slug,
        **{key: value for key, value in schedule.timing.items() if value is not None},
        "active": schedule.active,
        "parameters": dict(schedule.parameters),
    }


def _pair(
    wanted: DesiredSchedule, found: ActualSchedule | None, declared_inactive_before: frozenset[str]
) -> SchedulePair:
    paused_by_somebody = (
        found is not None
        and wanted.active
        and not found.active
        and found.slug not in declared_inactive_before
    )
    return SchedulePair(wanted, found, left_paused=paused_by_somebody)


def _same_slug(wanted: DesiredSchedule, item: ActualSchedule) -> bool:
    return wanted.slug == item.slug


def _same_content(wanted: DesiredSchedule, item: ActualSchedule) -> bool:
    nameless = item.slug is None or item.slug.startswith(GENERATED_SLUG_PREFIX)
    return (
        nameless
        and same_timing(wanted.timing, item.timing)
        and dict(item.parameters) == dict(wanted.parameters)
    )


def _unnamed(item: ActualSchedule, *, owned: bool) -> bool:
    if item.slug is None:
        return not owned
    return item.slug.startswith(GENERATED_SLUG_PREFIX)


def _timing_to_send(desired: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps the anchor that the server chose, so that changing the time zone does not move the beat."""
    timing = dict(desired)
    if "interval" in timing and timing.get("anchor_date") is None and actual.get("interval") is not None:
        timing["anchor_date"] = actual.get("anchor_date")
    return timing
