"""What is counted and measured over the whole life of a state: numbers by name and labels.

They outlive what they count: a history that is cleared and transactions that are forgotten take nothing from
them, so that a counter never goes back. What each name means to a monitoring system is said elsewhere.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployment_system.error_handling.plain_values import valid_text
from deployment_system.error_handling.store.database import Database, Transaction
from deployment_system.error_handling.store.error_rows import TOTALS
from deployment_system.error_handling.store.failures import damaged

TRANSACTIONS = "transactions"
"""Ends of transactions, by `environment` and `outcome`."""
LAST_TRANSACTION = "last_transaction"
"""When one last ended so, in seconds since 1970, by the same labels."""
ROLLBACK_SECONDS = "rollback_seconds"
"""How long putting everything back took, by `environment`."""

BOUND = "le"
"""The label that says which bound a duration was not above."""
SUM = "_sum"
"""What follows the name where the durations are added up."""
SECONDS_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""From a deployment with nothing to do to one of many images."""
ABOVE_ALL = "+Inf"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number; `adds`: it is added to what was there, else it takes its place."""

    name: str
    amount: float
    labels: Mapping[str, str] = field(default_factory=dict)
    adds: bool = True


@dataclass(frozen=True, slots=True)
class ErrorTotal:
    """How many errors of a kind there ever were, those that were forgotten since included."""

    error_code: str
    category: str
    severity: str
    environment: str | None
    count: int


def duration(name: str, seconds: float, labels: Mapping[str, str]) -> list[Measure]:
    """What one duration adds: one below its bound, and itself to the sum."""
    at = bisect_left(SECONDS_BOUNDS, seconds)
    bound = f"{SECONDS_BOUNDS[at]:g}" if at < len(SECONDS_BOUNDS) else ABOVE_ALL
    return [Measure(name, 1, {**labels, BOUND: bound}), Measure(name + SUM, seconds, labels)]


class Measures:
    """Writes and reads. Raises RecoveryError with the store's codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, measures: Iterable[Measure]) -> None:
        """All of them in one transaction, durably."""
        with self._database.write() as writing:
            write_measures(writing, measures)

    def all(self) -> list[Measure]:
        """Every number, as it is now."""
        found = self._database.rows("SELECT measure_name, labels, amount FROM measures ORDER BY 1, 2")
        try:
            return [Measure(name, float(amount), json.loads(labels)) for name, labels, amount in found]
        except ValueError as error:
            raise damaged(self._database.place, "the labels of a measure are no JSON", error) from error

    def errors(self) -> list[ErrorTotal]:
        """How many errors of each kind there ever were."""
        found = self._database.rows(TOTALS)
        return [
            ErrorTotal(code, category, severity, environment or None, int(count))
            for code, category, severity, environment, count in found
        ]


_INSERT = """INSERT INTO measures (measure_name, labels, amount) VALUES (?, ?, ?)
    ON CONFLICT (measure_name, labels) DO UPDATE SET amount = """
_ADD = _INSERT + "measures.amount + excluded.amount"
_REPLACE = _INSERT + "excluded.amount"


def write_measures(writing: Transaction, measures: Iterable[Measure]) -> None:
    """Writes them inside a transaction."""
    rows = [(measure.name, _text(measure.labels), measure.amount, measure.adds) for measure in measures]
    # In one order for every process: two that write the same ones wait for each other, and never both.
    for name, labels, amount, adds in sorted(rows):
        writing.execute(_ADD if adds else _REPLACE, (name, labels, amount))


def transaction_ended(scope: str | None, outcome: str, at: float) -> list[Measure]:
    """What the end of a transaction adds; `scope` names the environment last."""
    labels = {**of_scope(scope), "outcome": outcome}
    return [Measure(TRANSACTIONS, 1, labels), Measure(LAST_TRANSACTION, at, labels, adds=False)]


def of_scope(scope: str | None) -> dict[str, str]:
    """The labels that a scope gives."""
    return {"environment": (scope or "").rpartition("/")[2]}


def _text(labels: Mapping[str, str]) -> str:
    clean = {name: valid_text(value).replace("\0", "") for name, value in sorted(labels.items())}
    return json.dumps(clean, separators=(",", ":"), ensure_ascii=False)
