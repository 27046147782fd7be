"""What a deployment leaves for monitoring, up to the mail that a real Alertmanager sends about it."""

import email
import email.policy
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment_system.deploy.measuring import write_collected
from deployment_system.deploy.project import open_project
from deployment_system.error_handling.store import open_store
from deployment_system.monitoring.dashboard import panels
from tests.deploy.conftest import Workspace
from tests.deploy.test_failures import CREATE
from tests.deploy.world import left_unfinished
from tests.monitoring.serving import Serving, serving, wait_for
from tests.monitoring.test_metrics import numbers
from tests.prometheus_world import (
    Mailbox,
    Prometheus,
    Received,
    alertmanager,
    checked,
    mail_server,
    prometheus,
    receiver,
)
from tests.recording_proxy import Fault

ALERTMANAGER = """
global: {{smtp_smarthost: "{mail}", smtp_from: alerts@example.com, smtp_require_tls: false}}
route:
  receiver: everybody
  group_by: [alertname]
  group_wait: 0s
receivers:
  - name: everybody
    webhook_configs: [{{url: "{webhook}"}}]
    email_configs: [{{to: team@example.com}}]
"""
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: deployment-cli
    static_configs: [{{targets: ["{target}"]}}]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]
"""


@dataclass(frozen=True)
class Watched:
    """A repository with everything that watches it."""

    workspace: Workspace
    serving: Serving
    prometheus: Prometheus
    webhook: Received
    mailbox: Mailbox


@pytest.fixture
def watched(workspace: Workspace, tmp_path: Path) -> Iterator[Watched]:
    """`serve`, a Prometheus that scrapes it each second, and an Alertmanager behind that."""
    for flow in ("first", "second"):
        workspace.write_flow(flow)
    workspace.configure()
    rules = tmp_path / "rules.yml"
    rules.write_text(workspace.run("metrics", "rules").output)
    with ExitStack() as stack:
        running = stack.enter_context(serving(workspace))
        webhook = stack.enter_context(receiver())
        mailbox = stack.enter_context(mail_server())
        words = ALERTMANAGER.format(mail=mailbox.address, webhook=webhook.url)
        url = stack.enter_context(alertmanager(tmp_path / "alertmanager", words))
        configuration = PROMETHEUS.format(
            rules=rules,
            target=running.url.removeprefix("http://"),
            alertmanager=url.removeprefix("http://"),
        )
        scraping = stack.enter_context(prometheus(tmp_path / "prometheus", configuration))
        yield Watched(workspace, running, scraping, webhook, mailbox)


def test_a_deployment_that_is_rolled_back_ends_in_a_mailbox(watched: Watched) -> None:
    """And at a webhook: what happened, what to do, and where more of it stands. Then every query of the
    dashboard is asked of that Prometheus."""
    workspace = watched.workspace
    assert workspace.proxy is not None
    assert workspace.deploy().document["status"] == "deployed"
    scraped = watched.prometheus
    wait_for(lambda: scraped.value('deployment_system_deployments{state="in_sync"}') == 2)
    assert "DeploymentRolledBack" not in scraped.alerts()
    workspace.write_flow("third")
    workspace.proxy.faults.append(Fault("POST", CREATE, status=422, body='{"detail": "no"}'))
    assert workspace.deploy().document["status"] == "rolled_back"
    wait_for(lambda: "DeploymentRolledBack" in scraped.alerts())
    wait_for(lambda: bool(watched.webhook.bodies) and bool(watched.mailbox.mails))

    told = json.loads(watched.webhook.bodies[0])["alerts"][0]
    assert told["labels"]["alertname"] == "DeploymentRolledBack"
    assert told["annotations"]["summary"] == "A change to development was put back"
    assert "deployment-cli error show" in told["annotations"]["remedy"]
    assert told["annotations"]["runbook_url"] == "docs/errors/README.md#deployment_failed"
    mail = email.message_from_bytes(watched.mailbox.mails[0], policy=email.policy.default)
    assert "DeploymentRolledBack" in mail["Subject"]
    content = mail.get_body(("html",))
    assert content is not None
    assert "A change to development was put back" in content.get_content()

    _numbers_of_both_deployments(watched)
    _every_query_of_the_dashboard(watched)


def _numbers_of_both_deployments(watched: Watched) -> None:
    text = watched.serving.get("/metrics").text
    assert checked("promtool", "check", "metrics", content=text) == ""
    found = numbers(text)
    of = "command=deploy,environment=development"
    assert found[f"commands_total{{{of},outcome=deployed}}"] == 1
    assert found[f"commands_total{{{of},outcome=rolled_back}}"] == 1
    assert found[f"command_duration_seconds_count{{{of}}}"] == 2
    assert found["transactions_total{environment=development,outcome=rolled_back}"] == 1
    assert found["rollback_duration_seconds_count{environment=development}"] == 1
    assert found["flows{environment=development,state=found}"] == 3
    assert found["deployments{environment=development,state=out_of_sync}"] == 1
    assert found["deployments{environment=development,state=in_sync}"] == 2
    assert found["dependency_up{dependency=prefect}"] == 1
    assert found["requests_total{environment=development,service=prefect}"] > 5
    assert found["circuit_state{environment=development,service=prefect}"] == 0
    ready = watched.serving.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def _every_query_of_the_dashboard(watched: Watched) -> None:
    """Each is one, and finds something once it was scraped twice, but for what did not happen here."""
    wait_for(lambda: _without_answer(watched) == {"Recoveries so far"})


def _without_answer(watched: Watched) -> set[str]:
    """The panels of which a query finds nothing."""
    end = time.time()
    empty = set()
    for panel in panels():
        for query in panel.queries:
            asked = query.expression.replace("$environment", ".*").replace("$__rate_interval", "1m")
            asked = asked.replace("$__range", "1h")
            if query.instant:
                found = watched.prometheus.ask(asked)
            else:
                found = watched.prometheus.ask_range(asked, end - 60, end, 5)
            if not found:
                empty.add(panel.title)
    return empty


def test_a_deployment_that_was_killed_is_half_done_until_the_next_one(workspace: Workspace) -> None:
    """Which counts as rolled back then."""
    left_unfinished(workspace)
    shown = numbers(workspace.run("metrics", "show").output)
    of = "environment=development"
    assert shown[f"transactions_unfinished{{{of}}}"] == 1
    assert shown[f"transactions_total{{{of},outcome=completed}}"] == 1
    assert workspace.run("recovery", "execute", "--auto-execute").status == 0
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown[f"transactions_unfinished{{{of}}}"] == 0
    assert shown[f"transactions_total{{{of},outcome=rolled_back}}"] == 1


def test_retries_are_counted(workspace: Workspace) -> None:
    """Those that helped, and those that did not."""
    assert workspace.proxy is not None
    workspace.write_flow("first")
    workspace.configure()
    workspace.proxy.faults.append(Fault("POST", CREATE, status=503, times=2))
    assert workspace.deploy().document["status"] == "deployed"
    of = "environment=development,service=prefect"
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown[f"retries_total{{{of}}}"] >= 2
    assert shown[f"retried_calls_succeeded_total{{{of}}}"] >= 1
    failed = f"failed_attempts_total{{code=PREFECT_API_UNAVAILABLE,{of}}}"
    assert shown[failed] >= 2
    workspace.proxy.faults.append(Fault("", "/admin/version", status=503))
    assert workspace.deploy().status == 1
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown["give_ups_total{environment=development,reason=attempts,service=prefect}"] == 1
    assert shown[f"retry_budget_left_ratio{{{of}}}"] < 1
    assert shown["commands_total{command=deploy,environment=development,outcome=failed}"] == 1


def test_looking_tells_what_is_in_sync_and_makes_no_state(workspace: Workspace) -> None:
    """`plan`, `status` and `validate` write only where something was deployed before."""
    workspace.write_flow("first")
    workspace.configure()
    for command in ("validate", "plan", "status"):
        workspace.run(command)
        assert not (workspace.root / ".deployment-system" / "state.db").exists()
    assert workspace.deploy().document["status"] == "deployed"
    workspace.write_flow("second")
    workspace.write("flows/broken.py", "from prefect import flow\n\n@flow(name=1)\ndef broken():\n    pass\n")
    workspace.run("status")
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown["deployments{environment=development,state=out_of_sync}"] == 1
    assert shown["deployments{environment=development,state=in_sync}"] == 1
    compared = shown["deployments_compared_timestamp_seconds{environment=development}"]
    assert abs(compared - time.time()) < 600
    (workspace.root / "flows" / "second.py").unlink()
    workspace.run("plan", "--only", "*first*")
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown["deployments{environment=development,state=out_of_sync}"] == 1, (
        "it was no look at all of them"
    )
    workspace.run("plan")
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown["deployments{environment=development,state=out_of_sync}"] == 0
    before = shown["commands_total{command=deploy,environment=development,outcome=deployed}"]
    assert workspace.deploy("--dry-run").document["status"] == "planned"
    shown = numbers(workspace.run("metrics", "show").output)
    assert shown["commands_total{command=deploy,environment=development,outcome=deployed}"] == before


def test_measures_that_cannot_be_written_change_nothing_else(workspace: Workspace, tmp_path: Path) -> None:
    """The log says so."""
    workspace.write_flow("first")
    workspace.configure()
    assert workspace.deploy().document["status"] == "deployed"
    file = workspace.root / ".deployment-system" / "state.db"
    with open_store(file) as store, store._database.write() as writing:
        writing.execute("ALTER TABLE measures RENAME TO elsewhere")
    workspace.environ["DEPLOYMENT_LOG_FILE"] = str(tmp_path / "log")
    finished = workspace.deploy()
    assert (finished.status, finished.document["status"], finished.errors) == (0, "unchanged", "")
    assert "the measures of this run are not kept" in (tmp_path / "log").read_text()


def test_what_was_collected_is_kept_once(workspace: Workspace) -> None:
    """A second write has nothing to add."""
    workspace.write_flow("first")
    workspace.configure()
    project = open_project(workspace.root, environ={})
    project.collected.count("requests", 3, service="prefect", environment="development")
    for _ in range(2):
        write_collected(project, make=True)
    with open_store(workspace.root / ".deployment-system" / "state.db") as store:
        assert [each.amount for each in store.measures.all() if each.name == "requests"] == [3]
