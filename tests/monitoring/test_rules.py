"""Alert rules, dashboard and examples: made from the metrics, and what Prometheus' own tools say of them."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deployment_system.monitoring import metrics
from deployment_system.monitoring.alerts import ALERTS, Alert, rules_text, selected
from deployment_system.monitoring.dashboard import dashboard_text, panels
from deployment_system.monitoring.metrics import METRICS, Kind
from tests.prometheus_world import checked
from tests.repositories import Repository

PROJECT = Path(__file__).resolve().parents[2]
PREFIX = "deployment_system_"
WHERE = {"job": "deployment-cli", "instance": "here"}
UP = {f'{PREFIX}state_up{{job="deployment-cli",instance="here"}}': "1x120"}
ENVIRONMENT = 'environment="production",'


def of(metric: str, values: str, labels: str = "") -> dict[str, str]:
    """A series of a metric, with the state that could be read."""
    return {**UP, f'{PREFIX}{metric}{{job="deployment-cli",instance="here",{labels}}}': values}


SERVICE = f'{ENVIRONMENT}service="prefect",'
CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    # By alert: series with which it fires after two hours, the labels that it then has beside its own, and
    # series with which it does not. A value is that at minutes 0, 1, 2, …; promtool's clock starts at 1970.
    "DeploymentRolledBack": (
        of("transaction_last_end_timestamp_seconds", "7000x120", f'{ENVIRONMENT}outcome="rolled_back"'),
        {"environment": "production", "outcome": "rolled_back"},
        of("transaction_last_end_timestamp_seconds", "6000x120", f'{ENVIRONMENT}outcome="rolled_back"'),
    ),
    "DeploymentNotPutBack": (
        of("transactions_unfinished", "1x120", ENVIRONMENT),
        {"environment": "production"},
        of("transactions_unfinished", "0x120", ENVIRONMENT),
    ),
    "DeploymentHangs": (
        of("transactions_open", "1x120", ENVIRONMENT),
        {"environment": "production"},
        of("transactions_open", "0x70 1x50", ENVIRONMENT),
    ),
    "DeploymentLockForgotten": (
        of("locks", "1x600", f'{ENVIRONMENT}holder="person"'),
        {"environment": "production", "holder": "person"},
        of("locks", "1x600", f'{ENVIRONMENT}holder="deployer"'),
    ),
    "DeploymentsOutOfSync": (
        of("deployments", "3x120", f'{ENVIRONMENT}state="out_of_sync"'),
        {"environment": "production", "state": "out_of_sync"},
        of("deployments", "3x120", f'{ENVIRONMENT}state="in_sync"'),
    ),
    "FlowsInvalid": (
        of("flows", "2x120", f'{ENVIRONMENT}state="invalid"'),
        {"environment": "production", "state": "invalid"},
        of("flows", "2x120", f'{ENVIRONMENT}state="found"'),
    ),
    "CriticalError": (
        # A first one of its kind: its series was not there before.
        of(
            "errors_total",
            "_x110 1x10",
            f'{ENVIRONMENT}severity="critical",code="STATE_DAMAGED",category="recovery"',
        ),
        {
            "environment": "production",
            "severity": "critical",
            "code": "STATE_DAMAGED",
            "category": "recovery",
        },
        of(
            "errors_total",
            "1x120",
            f'{ENVIRONMENT}severity="critical",code="STATE_DAMAGED",category="recovery"',
        ),
    ),
    "DeploymentStateUnreadable": ({next(iter(UP)): "0x120"}, {}, UP),
    "PrefectServerAway": (
        of("dependency_up", "0x120", 'dependency="prefect"'),
        {"dependency": "prefect"},
        of("dependency_up", "0x120", 'dependency="docker"'),
    ),
    "DockerEngineAway": (
        of("dependency_up", "0x120", 'dependency="docker"'),
        {"dependency": "docker"},
        of("dependency_up", "1x120", 'dependency="docker"'),
    ),
    "ImageRegistryAway": (
        of("dependency_up", "0x120", 'dependency="registry"'),
        {"dependency": "registry"},
        of("dependency_up", "0x119 1", 'dependency="registry"'),
    ),
    "PrefectServerLeftAlone": (
        of("circuit_changes_total", "5x110 6x10", f'{SERVICE}state="open"'),
        {"environment": "production", "service": "prefect", "state": "open"},
        of("circuit_changes_total", "5x110 6x10", f'{SERVICE}state="closed"'),
    ),
    "RequestsGivenUp": (
        of("give_ups_total", "1x110 2x10", f'{SERVICE}reason="budget"'),
        {"environment": "production", "service": "prefect", "reason": "budget"},
        of("give_ups_total", "1x60 2x60", f'{SERVICE}reason="budget"'),
    ),
    "RecoveryDidNotHelp": (
        of("recoveries_total", "_x110 1x10", f'{ENVIRONMENT}plan="mine",outcome="in_vain"'),
        {"environment": "production", "plan": "mine", "outcome": "in_vain"},
        of("recoveries_total", "_x110 1x10", f'{ENVIRONMENT}plan="mine",outcome="recovered"'),
    ),
}


def test_every_alert_has_a_case() -> None:
    """And no case is about none."""
    assert list(CASES) == [alert.name for alert in ALERTS]


def filled(text: str, labels: dict[str, str], value: str) -> str:
    """An annotation as Prometheus shows it."""
    text = text.replace("{{ $value }}", value)
    for label, content in labels.items():
        text = text.replace(f"{{{{ $labels.{label} }}}}", content)
        text = text.replace(f"{{{{ $labels.{label} | toLower }}}}", content.lower())
    return text


def scenario(alert: Alert, series: dict[str, str], expected: dict[str, str] | None) -> dict[str, Any]:
    """One test in the words of promtool."""
    minutes = 500 if alert.lasting == "8h" else 120
    firing = []
    if expected is not None:
        last = list(series.values())[-1].rpartition(" ")[2].partition("x")[0]
        rule = alert.to_rule("docs")
        firing = [
            {
                "exp_labels": {**WHERE, **expected, "severity": alert.severity},
                "exp_annotations": {
                    name: filled(text, expected, last) for name, text in rule["annotations"].items()
                },
            }
        ]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": alert.name, "exp_alerts": firing}],
    }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    """`promtool test rules`, with the words that a person gets."""
    (tmp_path / "rules.yml").write_text(rules_text())
    tests = []
    for alert in ALERTS:
        fires, labels, quiet = CASES[alert.name]
        tests += [scenario(alert, fires, labels), scenario(alert, quiet, None)]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    with (tmp_path / "test.yml").open("w") as stream:
        YAML().dump(document, stream)
    assert "SUCCESS" in checked("promtool", "test", "rules", str(tmp_path / "test.yml"))


def test_the_tools_of_prometheus_find_no_fault() -> None:
    """With what is shipped."""
    assert f"{len(ALERTS)} rules found" in checked(
        "promtool", "check", "rules", str(PROJECT / "monitoring/rules.yml")
    )
    assert "SUCCESS" in checked("promtool", "check", "config", str(PROJECT / "monitoring/prometheus.yml"))
    assert "SUCCESS" in checked("amtool", "check-config", str(PROJECT / "monitoring/alertmanager.yml"))


def shipped() -> dict[Path, str]:
    """The files with what the script would write into them."""
    script = PROJECT / "scripts" / "write_monitoring_files.py"
    specification = importlib.util.spec_from_file_location(script.stem, script)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found: dict[Path, str] = module.files()
    return found


def test_what_is_shipped_is_what_the_definitions_say() -> None:
    """`make reference` writes it."""
    for file, content in shipped().items():
        assert file.read_text(encoding="utf-8") == content, f"{file.name}: run `make reference`"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_to_do_and_where_more_stands(alert: Alert) -> None:
    """The page is there."""
    annotations = alert.to_rule("https://example.com/docs/")["annotations"]
    assert annotations["summary"]
    assert annotations["remedy"]
    address, _, page = annotations["runbook_url"].partition("#")
    assert address == "https://example.com/docs/errors/README.md"
    headings = re.findall(r"^## (\w+)$", (PROJECT / "docs/errors/README.md").read_text(), re.MULTILINE)
    assert page == "{{ $labels.code | toLower }}" or page in {heading.lower() for heading in headings}


def test_what_there_is_not_cannot_be_asked_for() -> None:
    """A label or a value that a metric does not have is an error when the rules are made."""
    with pytest.raises(KeyError):
        selected(metrics.ERRORS, colour="red")
    with pytest.raises(ValueError, match="outcome"):
        selected(metrics.TRANSACTIONS, outcome="exploded")
    assert selected(replace(metrics.FLOWS, name="x"), state="invalid") == 'x{state="invalid"}'


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """Each is in a query."""
    asked = {
        name
        for panel in panels()
        for query in panel.queries
        for name in re.findall(r"deployment_system_\w+", query.expression)
    }
    known = {metric.name for metric in METRICS}
    parts = {
        f"{metric.name}{part}"
        for metric in METRICS
        if metric.kind is Kind.HISTOGRAM
        for part in ("_bucket", "_sum", "_count")
    }
    assert asked <= known | parts
    assert {re.sub("_(bucket|sum|count)$", "", name) if name in parts else name for name in asked} == known


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """Numbers that are not given twice, and no panel over another one."""
    document = json.loads(dashboard_text())
    places = [panel["gridPos"] for panel in document["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids))


def test_the_command_prints_them(repository: Repository) -> None:
    """With links to wherever the documentation lies, and as JSON."""
    printed = repository.run("metrics", "rules", "--docs-url", "https://example.com/docs")
    assert printed.output == rules_text("https://example.com/docs")
    whole = repository.run("metrics", "rules", "-o", "json").document
    assert len(whole["groups"][0]["rules"]) == len(ALERTS)
    assert repository.run("metrics", "dashboard").document == json.loads(dashboard_text())
