"""The SQL of the errors of the past, and their rows."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployment_system.error_handling.store.error_filter import DAY

INSERT = """INSERT INTO errors
    (error_id, occurred_at, error_code, error_type, category, severity, fingerprint, message, flow_name,
     environment, command, plan_id, document)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_GROUP = "fingerprint, error_code, category, severity, flow_name, environment"
COUNT_GROUP = f"""INSERT INTO error_groups ({_GROUP}, error_count, first_id, last_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT ({_GROUP}) DO UPDATE SET
    error_count = error_groups.error_count + excluded.error_count,
    first_id = CASE WHEN excluded.first_id < error_groups.first_id
        THEN excluded.first_id ELSE error_groups.first_id END,
    last_id = CASE WHEN excluded.last_id > error_groups.last_id
        THEN excluded.last_id ELSE error_groups.last_id END"""  # noqa: S608 - columns of ours
COUNT_DAY = """INSERT INTO error_days (error_day, error_count) VALUES (?, ?)
    ON CONFLICT (error_day) DO UPDATE SET error_count = error_days.error_count + excluded.error_count"""

_DAY_OF_ID = f"substr(error_id, {DAY.start + 1}, {DAY.stop - DAY.start})"
GROUPS = f"SELECT {_GROUP}, error_count, first_id, last_id FROM error_groups"  # noqa: S608 - as above
GROUPS_COUNTED = (
    f"SELECT {_GROUP}, count(*), min(error_id), max(error_id) FROM errors",  # noqa: S608 - as above
    f" GROUP BY {_GROUP}",
)
DAYS = "SELECT error_day, error_count FROM error_days ORDER BY error_day"
DAYS_COUNTED = (
    f"SELECT {_DAY_OF_ID} AS error_day, count(*) FROM errors",  # noqa: S608 - as above
    " GROUP BY error_day ORDER BY error_day",
)
RECOUNT = (
    "DELETE FROM error_groups",
    f"INSERT INTO error_groups ({_GROUP}, error_count, first_id, last_id) " + "".join(GROUPS_COUNTED),
    "DELETE FROM error_days",
    "INSERT INTO error_days (error_day, error_count) " + DAYS_COUNTED[0] + " GROUP BY error_day",
)
_KIND = "error_code, category, severity, environment"
KEEP_COUNT = (
    f"INSERT INTO forgotten_errors ({_KIND}, error_count)"  # noqa: S608 - as above
    f" SELECT {_KIND}, count(*) FROM errors{{where}} GROUP BY {_KIND} ON CONFLICT ({_KIND})"
    " DO UPDATE SET error_count = forgotten_errors.error_count + excluded.error_count"
)
"""What is removed next stays counted."""
TOTALS = f"""SELECT {_KIND}, sum(error_count) FROM (
        SELECT {_KIND}, error_count FROM error_groups
        UNION ALL SELECT {_KIND}, error_count FROM forgotten_errors
    ) AS counted GROUP BY {_KIND} ORDER BY {_KIND}"""  # noqa: S608 - as above
"""How many of each kind there ever were."""
REMOVE = "DELETE FROM errors"
DOCUMENT = "SELECT document FROM errors WHERE error_id = ?"
ENDING = "SELECT error_id FROM errors WHERE error_id LIKE ? LIMIT 2"
MESSAGES = "SELECT error_id, message FROM errors WHERE error_id IN ({marks})"
PAGE = "SELECT error_id, document FROM errors{where} ORDER BY error_id {order} LIMIT ?"


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How often one fault was met in one environment."""

    fingerprint: str
    error_code: str
    category: str
    severity: str
    flow_name: str | None
    environment: str | None
    count: int
    first_id: str
    last_id: str

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> "GroupCount":
        """The count of a row: an empty text stands for none."""
        fingerprint, code, category, severity, flow_name, environment, count, first_id, last_id = row
        names = (fingerprint, code, category, severity, flow_name or None, environment or None)
        return cls(*names, count, first_id, last_id)


def row_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The row of a record: what is searched of it, and its document."""
    context = document.get("context", {})
    return (
        document["error_id"],
        document["timestamp"],
        *(_column(document.get(name)) for name in _NAMED),
        _column(document.get("message"))[:LONGEST_MESSAGE],
        _column(context.get("flow_name")),
        _column(document.get("environment")),
        _column(document.get("command")),
        _column(document.get("plan_id")),
        _encoded(document),
    )


_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_NAMED = ("error_code", "error_type", "category", "severity", "fingerprint")
LONGEST_MESSAGE = 200
"""Characters of a message beside the document, which has all of it."""


def counts_of(rows: Iterable[tuple[str, ...]]) -> tuple[list[tuple[Any, ...]], list[tuple[str, int]]]:
    """What added rows add to the groups and to the days, each in one order for every process."""
    groups: dict[tuple[str, ...], list[str]] = {}
    days: dict[str, int] = {}
    for row in rows:
        error_id, code, category, severity, fingerprint = row[0], row[2], *row[4:7]
        key = (fingerprint, code, category, severity, *row[8:10])
        groups.setdefault(key, []).append(error_id)
        days[error_id[DAY]] = days.get(error_id[DAY], 0) + 1
    counted = [(*key, len(ids), min(ids), max(ids)) for key, ids in sorted(groups.items())]
    return counted, sorted(days.items())


def _column(value: object) -> str:
    return "" if value is None else str(value).replace("\0", "")
