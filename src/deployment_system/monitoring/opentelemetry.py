"""The metrics in the form that an OpenTelemetry collector takes over HTTP (OTLP, binary)."""

from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from deployment_system import __version__
from deployment_system.error_handling.store.measures import SECONDS_BOUNDS
from deployment_system.monitoring.metrics import Kind
from deployment_system.monitoring.samples import Distribution, Family, Values

CONTENT_TYPE = "application/x-protobuf"
PATH = "/v1/metrics"
SERVICE = "deployment-system"

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def export_request(families: Iterable[Family], *, project: str, at_nanoseconds: int) -> bytes:
    """One request with all of them, as they are at that time, in nanoseconds since 1970."""
    resource = Resource(
        attributes=_attributes(
            {"service.name": SERVICE, "service.namespace": project, "service.version": __version__}
        )
    )
    scope = ScopeMetrics(
        scope=InstrumentationScope(name=SERVICE, version=__version__),
        metrics=[_metric(family, at_nanoseconds) for family in families],
    )
    whole = ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])]
    )
    content: bytes = whole.SerializeToString()
    return content


def _metric(family: Family, at: int) -> Metric:
    metric, labels = family.metric, tuple(family.metric.labels)
    unit = "s" if "_seconds" in metric.name else "1"
    if metric.kind is Kind.HISTOGRAM:
        spread = [_distribution(found, labels, values, at) for values, found in family.distributions.items()]
        histogram = Histogram(data_points=spread, aggregation_temporality=_CUMULATIVE)
        return Metric(name=metric.name, description=metric.help, unit=unit, histogram=histogram)
    points = [
        NumberDataPoint(
            attributes=_attributes(dict(zip(labels, values, strict=True))),
            time_unix_nano=at,
            as_double=amount,
        )
        for values, amount in family.amounts.items()
    ]
    if metric.kind is Kind.GAUGE:
        return Metric(name=metric.name, description=metric.help, unit=unit, gauge=Gauge(data_points=points))
    total = Sum(data_points=points, aggregation_temporality=_CUMULATIVE, is_monotonic=True)
    return Metric(name=metric.name, description=metric.help, unit=unit, sum=total)


def _distribution(found: Distribution, labels: Values, values: Values, at: int) -> HistogramDataPoint:
    counts, below = [], 0.0
    for _, count in found.not_above:
        counts.append(int(count - below))
        below = count
    return HistogramDataPoint(
        attributes=_attributes(dict(zip(labels, values, strict=True))),
        time_unix_nano=at,
        count=int(found.count),
        sum=found.sum,
        explicit_bounds=SECONDS_BOUNDS,
        bucket_counts=counts,
    )


def _attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]
