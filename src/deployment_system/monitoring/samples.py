"""The numbers of the metrics at one moment, folded into bounded labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, product

from deployment_system.error_handling.store.measures import ABOVE_ALL, BOUND, SECONDS_BOUNDS, SUM, Measure
from deployment_system.monitoring.metrics import NO_ENVIRONMENT, OTHER, Kind, Metric

Values = tuple[str, ...]
"""The values of a metric's labels, in its order."""
BOUNDS = (*(f"{bound:g}" for bound in SECONDS_BOUNDS), ABOVE_ALL)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many durations were not above each bound, and what they add up to."""

    not_above: tuple[tuple[str, float], ...]
    sum: float

    @property
    def count(self) -> float:
        """How many there were."""
        return self.not_above[-1][1]


@dataclass(frozen=True)
class Family:
    """A metric with its numbers, by the values of its labels. A histogram has `distributions` instead."""

    metric: Metric
    amounts: Mapping[Values, float] = field(default_factory=dict)
    distributions: Mapping[Values, Distribution] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """As JSON values."""
        labels = tuple(self.metric.labels)
        shown: list[dict[str, object]] = [
            {"labels": dict(zip(labels, values, strict=True)), "value": amount}
            for values, amount in self.amounts.items()
        ]
        shown += [
            {
                "labels": dict(zip(labels, values, strict=True)),
                "buckets": dict(found.not_above),
                "sum": found.sum,
                "count": found.count,
            }
            for values, found in self.distributions.items()
        ]
        metric = self.metric
        return {"name": metric.name, "type": metric.kind.value, "help": metric.help, "samples": shown}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps the labels few: the environments that are configured."""

    environments: tuple[str, ...]

    def values(self, metric: Metric, labels: Mapping[str, str]) -> Values:
        """The values of a metric's labels: of what is not known, one for all."""
        return tuple(self._bounded(metric, label, labels.get(label, "")) for label in metric.labels)

    def all_values(self, metric: Metric) -> Iterator[Values]:
        """Every combination that may come up, but for those of the unknown."""
        known = (self.environments if values is None else values for values in metric.labels.values())
        return product(*known)

    def _bounded(self, metric: Metric, label: str, value: str) -> str:
        if label == "environment":
            return value if value in self.environments else OTHER if value else NO_ENVIRONMENT
        known = metric.labels[label]
        return value if known is None or value in known else OTHER


def counted(metric: Metric, numbers: Iterable[tuple[Mapping[str, str], float]], bounds: Bounds) -> Family:
    """A family of the numbers; those that fall together are added up, or of times the last one counts."""
    amounts: dict[Values, float] = (
        dict.fromkeys(bounds.all_values(metric), 0.0) if metric.always_shown else {}
    )
    for labels, amount in numbers:
        key = bounds.values(metric, labels)
        if metric.name.endswith("_timestamp_seconds"):
            amounts[key] = max(amounts.get(key, 0.0), amount)
        else:
            amounts[key] = amounts.get(key, 0.0) + amount
    return Family(metric, amounts)


def of_measures(metric: Metric, measures: Sequence[Measure], bounds: Bounds) -> Family:
    """A family of what the state keeps for a metric."""
    if metric.kind is not Kind.HISTOGRAM:
        found = ((each.labels, each.amount) for each in measures if each.name == metric.measure)
        return counted(metric, found, bounds)
    shown = bounds.all_values(metric) if metric.always_shown else ()
    buckets: dict[Values, dict[str, float]] = {key: dict.fromkeys(BOUNDS, 0.0) for key in shown}
    sums: dict[Values, float] = {}
    for each in measures:
        key = bounds.values(metric, each.labels) if each.name.startswith(metric.measure or "") else ()
        if each.name == metric.measure:
            at = buckets.setdefault(key, dict.fromkeys(BOUNDS, 0.0))
            # A bound that only another version knows: at least it is counted.
            bound = each.labels[BOUND] if each.labels[BOUND] in at else ABOVE_ALL
            at[bound] += each.amount
        elif each.name == f"{metric.measure}{SUM}":
            sums[key] = sums.get(key, 0.0) + each.amount
    distributions = {
        key: Distribution(tuple(zip(BOUNDS, accumulate(at.values()), strict=True)), sums.get(key, 0.0))
        for key, at in buckets.items()
    }
    return Family(metric, distributions=distributions)
