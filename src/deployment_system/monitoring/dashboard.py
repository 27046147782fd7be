"""A dashboard for Grafana, made from the metrics: nothing can be asked for that there is not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployment_system.monitoring import metrics as m
from deployment_system.monitoring.alerts import selected
from deployment_system.monitoring.metrics import Metric

TITLE = "Prefect deployments"
UID = "deployment-system"
_ENVIRONMENT = "$environment"
_COLUMNS = 24
_SCHEMA_VERSION = 39
"""Of Grafana 10; newer ones bring it up to date by themselves."""

STAT, LINES, BARS = "stat", "timeseries", "bargauge"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and how what it finds is called."""

    expression: str
    legend: str
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    kind: str
    queries: tuple[Query, ...]
    unit: str = "short"
    description: str = ""
    width: int = 8
    height: int = 7


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def _here(metric: Metric, suffix: str = "", **labels: str) -> str:
    """A selector in the chosen environments."""
    chosen = selected(metric, **labels)
    name, _, rest = chosen.partition("{")
    conditions = [*([rest.rstrip("}")] if rest else []), f'environment=~"{_ENVIRONMENT}"']
    return f"{name}{suffix}{{{','.join(conditions)}}}"


def _increase(by: str, metric: Metric, window: str = "$__rate_interval", **labels: str) -> str:
    return f"sum by ({by}) (increase({_here(metric, **labels)}[{window}]))"


def _quantile(share: float, metric: Metric, by: str = "") -> str:
    grouped = f"le, {by}" if by else "le"
    buckets = f"sum by ({grouped}) (increase({_here(metric, '_bucket')}[$__range]))"
    return f"histogram_quantile({share}, {buckets})"


def _mean(metric: Metric) -> str:
    total, number = (f"sum(increase({_here(metric, part)}[$__range]))" for part in ("_sum", "_count"))
    return f"{total} / {number}"


def _now(metric: Metric, **labels: str) -> Query:
    return Query(f"sum({_here(metric, **labels)})", "", instant=True)


ROWS = (
    Row(
        "Now",
        (
            Panel("Half done transactions", STAT, (_now(m.UNFINISHED_TRANSACTIONS),), width=4, height=5),
            Panel(
                "Deployments not as declared",
                STAT,
                (_now(m.DEPLOYMENTS, state="out_of_sync"),),
                width=4,
                height=5,
            ),
            Panel("Invalid flows", STAT, (_now(m.FLOWS, state="invalid"),), width=4, height=5),
            Panel(
                "What answers",
                STAT,
                (
                    Query(m.DEPENDENCY_UP.name, "{{dependency}}", instant=True),
                    Query(m.STATE_UP.name, "metrics", instant=True),
                ),
                description="1 where it answered when it was last asked.",
                width=8,
                height=5,
            ),
            Panel("Version", STAT, (Query(m.INFO.name, "{{version}}", instant=True),), width=4, height=5),
        ),
    ),
    Row(
        "Errors",
        (
            Panel(
                "Errors so far, by category",
                LINES,
                (Query(f"sum by (category) ({_here(m.ERRORS)})", "{{category}}"),),
            ),
            Panel(
                "Errors so far, by severity",
                LINES,
                (Query(f"sum by (severity) ({_here(m.ERRORS)})", "{{severity}}"),),
            ),
            Panel(
                "Errors by code",
                BARS,
                (Query(f"topk(10, sum by (code) ({_here(m.ERRORS)}))", "{{code}}", instant=True),),
                description="The ten most frequent ones, of all time.",
            ),
        ),
    ),
    Row(
        "Transactions",
        (
            Panel(
                "Ends of transactions", LINES, (Query(_increase("outcome", m.TRANSACTIONS), "{{outcome}}"),)
            ),
            Panel(
                "Open transactions and locks",
                LINES,
                (
                    Query(f"sum by (environment) ({_here(m.OPEN_TRANSACTIONS)})", "open in {{environment}}"),
                    Query(
                        f"sum by (environment) ({_here(m.UNFINISHED_TRANSACTIONS)})",
                        "half done in {{environment}}",
                    ),
                    Query(f"sum by (holder) ({_here(m.LOCKS)})", "lock of a {{holder}}"),
                ),
            ),
            Panel(
                "Since the last end",
                BARS,
                (
                    Query(
                        f"time() - max by (outcome) ({_here(m.LAST_TRANSACTION)})",
                        "{{outcome}}",
                        instant=True,
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Duration of rolling back",
                LINES,
                (
                    Query(_quantile(0.9, m.ROLLBACK_DURATION), "90 %"),
                    Query(_mean(m.ROLLBACK_DURATION), "mean"),
                ),
                unit="s",
            ),
            Panel(
                "Recoveries so far",
                LINES,
                (Query(f"sum by (plan, outcome) ({_here(m.RECOVERIES)})", "{{plan}}: {{outcome}}"),),
            ),
        ),
    ),
    Row(
        "Commands",
        (
            Panel(
                "Ends of commands",
                LINES,
                (Query(_increase("command, outcome", m.COMMANDS_RUN), "{{command}}: {{outcome}}"),),
            ),
            Panel(
                "Duration of commands",
                LINES,
                (Query(_quantile(0.9, m.COMMAND_DURATION, "command"), "{{command}}, 90 %"),),
                unit="s",
            ),
            Panel(
                "Duration of an image's build",
                LINES,
                (
                    Query(_quantile(0.9, m.IMAGE_BUILD_DURATION), "90 %"),
                    Query(_mean(m.IMAGE_BUILD_DURATION), "mean"),
                ),
                unit="s",
            ),
            Panel(
                "Since the last command",
                BARS,
                (
                    Query(
                        f"time() - max by (command, outcome) ({_here(m.LAST_COMMAND)})",
                        "{{command}}: {{outcome}}",
                        instant=True,
                    ),
                ),
                unit="s",
            ),
            Panel("Flows", LINES, (Query(f"sum by (state) ({_here(m.FLOWS)})", "{{state}}"),)),
            Panel(
                "Deployments",
                LINES,
                (
                    Query(f"sum by (state) ({_here(m.DEPLOYMENTS)})", "{{state}}"),
                    Query(f"(time() - max({_here(m.LAST_LOOK)})) / 3600", "hours since they were compared"),
                ),
            ),
        ),
    ),
    Row(
        "Servers",
        (
            Panel(
                "Requests",
                LINES,
                (
                    Query(_increase("service", m.REQUESTS), "sent to {{service}}"),
                    Query(_increase("service, code", m.FAILED_ATTEMPTS), "{{service}}: {{code}}"),
                ),
            ),
            Panel(
                "Retries",
                LINES,
                (
                    Query(_increase("service", m.RETRIES), "{{service}}: tried again"),
                    Query(_increase("service", m.RECOVERED_CALLS), "{{service}}: then succeeded"),
                    Query(_increase("service, reason", m.GIVE_UPS), "{{service}}: given up, {{reason}}"),
                ),
            ),
            Panel(
                "Circuit and budget",
                LINES,
                (
                    Query(f"max by (service) ({_here(m.CIRCUIT_STATE)})", "{{service}}: 0 closed, 2 open"),
                    Query(_increase("service, state", m.CIRCUIT_CHANGES), "{{service}}: became {{state}}"),
                    Query(f"min by (service) ({_here(m.BUDGET)})", "{{service}}: budget left"),
                ),
            ),
        ),
    ),
)


def panels() -> Iterator[Panel]:
    """All of them, in their order."""
    for row in ROWS:
        yield from row.panels


def dashboard_text() -> str:
    """The JSON that Grafana imports."""
    return json.dumps(_dashboard(), indent=2) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "title": TITLE,
        "uid": UID,
        "description": "Made by `deployment-cli metrics dashboard`.",
        "tags": ["prefect", "deployment-cli"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_data_source(), _environments()]},
        "panels": list(_placed()),
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}


def _environments() -> dict[str, Any]:
    query = f"label_values({m.TRANSACTIONS.name}, environment)"
    return {
        "name": "environment",
        "type": "query",
        "label": "Environment",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": "environments"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _placed() -> Iterator[dict[str, Any]]:
    """Rows and panels, each at its place on a grid of 24 columns."""
    number, top = 0, 0
    for row in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
        }
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                left, top = 0, top + tallest
            number += 1
            yield _drawn(panel, number, left, top)
            left, tallest = left + panel.width, panel.height
        top += tallest


def _drawn(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": source,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "instant": query.instant,
            "range": not query.instant,
        }
        for at, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": source,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": targets,
    }
