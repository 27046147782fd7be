"""The metrics as Prometheus reads them: on request, in a file, and pushed to a gateway."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import push_to_gateway
from prometheus_client.metrics_core import Metric as ClientFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from deployment_system.error_handling.written_file import EVERYBODY_READS, write_whole
from deployment_system.monitoring.metrics import Kind
from deployment_system.monitoring.samples import Family

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PUSH_SECONDS = 10.0
JOB = "deployment_system"

Send = Callable[[str, str, float | None, list[tuple[str, str]], bytes], Callable[[], None]]
"""Makes what sends one request. Its arguments are given by their names: `url`, `method`, `timeout` in
seconds, `headers` and `data`."""


def as_text(families: Iterable[Family]) -> str:
    """In the text format of Prometheus."""
    return generate_latest(_registry(families)).decode("utf-8")


def as_asked(families: Iterable[Family], accept: str | None) -> tuple[bytes, str]:
    """In the format that a scraper accepts, with its media type."""
    registry = _registry(families)
    if openmetrics_is_accepted(accept):
        content: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return content, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), TEXT_TYPE


def openmetrics_is_accepted(accept: str | None) -> bool:
    """Whether an Accept header names OpenMetrics; who accepts it prefers it."""
    named = (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
    return "application/openmetrics-text" in named


def write_file(families: Iterable[Family], file: Path) -> Path:
    """For node_exporter's textfile collector: whole or not at all. Raises OUTPUT_NOT_WRITTEN."""
    return write_whole(file, [as_text(families)], mode=EVERYBODY_READS)


def push(families: Iterable[Family], url: str, *, job: str, project: str, send: Send) -> None:
    """Replaces what the Pushgateway has of this job and project. Raises what `send` raises."""
    push_to_gateway(
        url,
        job=job,
        registry=_registry(families),
        grouping_key={"project": project},
        timeout=PUSH_SECONDS,
        handler=send,
    )


def _registry(families: Iterable[Family]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(list(families)))
    return registry


class _Given(Collector):
    """Gives what it was given."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[ClientFamily]:
        """For the registry."""
        return map(_client_family, self._families)


def _client_family(family: Family) -> ClientFamily:
    metric, labels = family.metric, list(family.metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
        for values, found in family.distributions.items():
            histogram.add_metric(list(values), list(found.not_above), found.sum)
        return histogram
    shape = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    client = shape(metric.name, metric.help, labels=labels)
    for values, amount in family.amounts.items():
        client.add_metric(list(values), amount)
    return client
