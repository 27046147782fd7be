"""What comes of a deployment arrives: at a real web server, in a real mailbox, from a real Prefect server."""

import json
import signal
import sqlite3
from typing import Any

import pytest

from tests.channels import Mailbox, Webhook, hanging_server
from tests.deploy.conftest import Workspace
from tests.deploy.world import killed_at, wait_for
from tests.recording_proxy import Fault, RecordingProxy

REFUSED = Fault("POST", "^/api/deployments/$", status=422, body='{"detail": "no"}')


def routes(more: str = "", **urls: str) -> str:
    """The section of the configuration, one route for each URL."""
    lines = [f"    {name}: {{urls: ['{url}']{more}}}" for name, url in urls.items()]
    return "notifications:\n  timeout_seconds: 5\n  routes:\n" + "\n".join(lines)


@pytest.fixture
def told(workspace: Workspace, webhook: Webhook) -> Workspace:
    """A repository with one flow, whose outcomes all go to the web server."""
    workspace.write_flow("load")
    workspace.configure(
        top=routes(", events: [deployed, rolled_back, unfinished, recovered]", ops=webhook.url)
    )
    return workspace


def test_a_deployment_that_is_rolled_back_arrives_by_web_and_by_mail(
    workspace: Workspace, proxy: RecordingProxy, webhook: Webhook, mailbox: Mailbox
) -> None:
    """With the error, the remedy and the transaction; the result and the exit status are its own."""
    workspace.write_flow("load")
    workspace.configure(top=routes(web=webhook.url, mail=mailbox.url))
    proxy.faults.append(REFUSED)
    finished = workspace.deploy()
    assert (finished.status, finished.document["status"]) == (1, "rolled_back")
    assert finished.document["notifications"] == [
        {"route": "web", "status": "queued"},
        {"route": "mail", "status": "queued"},
    ]
    [posted] = webhook.received
    assert posted["title"] == f"{workspace.prefix}, development: failed, and everything is as before"
    assert finished.codes[0] in posted["message"]
    [mail] = mailbox.messages
    assert mail["Subject"] == posted["title"]
    assert mail["To"] == "night@shop.example"
    text = mail.get_body(("plain", "html"))
    assert text is not None
    assert finished.codes[0] in text.get_content()


def test_a_deployment_that_went_well_is_told_where_that_is_wanted(told: Workspace, webhook: Webhook) -> None:
    """One that had nothing to do is no news."""
    assert told.deploy().status == 0
    assert told.deploy().document["status"] == "unchanged"
    assert webhook.titles == [f"{told.prefix}, development: deployed"]
    assert "1 created" in webhook.received[0]["message"]


def test_repeats_are_folded_across_processes(
    told: Workspace, proxy: RecordingProxy, webhook: Webhook
) -> None:
    """The second command counts; `notify list` shows nothing waiting."""
    proxy.faults.append(REFUSED)
    assert told.deploy("--force").status == 1
    again = told.deploy("--force")
    assert again.document["notifications"] == [{"route": "ops", "status": "folded"}]
    assert len(webhook.received) == 1
    assert told.run("notify", "list", "-ojson").document["waiting"] == 0


@pytest.mark.parametrize("format_name", ["text", "json"])
def test_a_channel_that_is_down_changes_nothing_and_is_told(
    told: Workspace, webhook: Webhook, format_name: str
) -> None:
    """On standard error and in the history; the message waits, and `notify deliver` sends it."""
    webhook.status = 503
    finished = told.run("deploy", "-o", format_name)
    assert finished.status == 0
    assert "NOTIFICATION_FAILED" in finished.errors
    summary = told.run("error", "summary", "-ojson").document
    assert summary["by_code"] == {"NOTIFICATION_FAILED": 1}
    webhook.status = 200
    with sqlite3.connect(told.root / ".deployment-system" / "state.db") as store:
        # A minute later: it would not be tried at once again.
        [(content,)] = store.execute("SELECT content FROM notes WHERE scope LIKE 'notifications/outbox/%'")
        sooner = {**json.loads(content), "due_at": "2026-01-01T00:00:00+00:00"}
        store.execute(
            "UPDATE notes SET content = ? WHERE scope LIKE 'notifications/outbox/%'", (json.dumps(sooner),)
        )
    delivered = told.run("notify", "deliver", "-ojson")
    assert (delivered.status, delivered.document["sent"], delivered.document["waiting"]) == (0, 1, 0)
    assert len(webhook.received) == 1


def test_a_channel_that_hangs_costs_its_timeout_and_nothing_else(workspace: Workspace) -> None:
    """The result is written before."""
    workspace.write_flow("load")
    with hanging_server() as url:
        workspace.configure(top=routes(", events: [deployed]", ops=url).replace("seconds: 5", "seconds: 1"))
        finished = workspace.deploy()
    assert (finished.status, finished.document["status"]) == (0, "deployed")
    assert "no answer within 1 seconds" in finished.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_while_a_channel_hangs_loses_neither_deployment_nor_message(
    workspace: Workspace, number: signal.Signals
) -> None:
    """After Ctrl-C and SIGTERM the result and the exit status are those of the deployment; of a process that
    was killed nobody can say more than that its deployment is there."""
    workspace.write_flow("load")
    with hanging_server() as url:
        workspace.configure(top=routes(", events: [deployed]", ops=url).replace("seconds: 5", "seconds: 60"))
        running = workspace.start("deploy")
        assert running.stderr is not None
        wait_for(lambda: "notifying ops" in running.stderr.readline())
        running.send_signal(number)
        output, _ = running.communicate(timeout=60)
    killed = number == signal.SIGKILL
    assert running.returncode == (-signal.SIGKILL if killed else 0)
    assert killed or "1 created" in output
    assert list(workspace.stored()) == [workspace.deployment_name("load")]
    assert workspace.run("notify", "list", "-ojson").document["waiting"] == 1


def test_a_command_that_could_not_begin_is_told(workspace: Workspace, webhook: Webhook) -> None:
    """Also where the configuration is what is wrong, as long as it says who is to be told."""
    workspace.configure(top=routes(ops=webhook.url) + "\nnonsense: 1")
    finished = workspace.deploy()
    assert (finished.status, finished.document["notifications"]) == (
        3,
        [{"route": "ops", "status": "queued"}],
    )
    assert "CONFIG_UNKNOWN_KEY" in webhook.received[0]["message"]


def test_a_plan_and_a_dry_run_are_no_news(told: Workspace, webhook: Webhook) -> None:
    """Nor is a command that only looks."""
    for arguments in (("plan",), ("deploy", "--dry-run"), ("status",), ("validate",)):
        told.run(*arguments)
    assert webhook.received == []


def test_a_deployment_that_was_killed_is_told_by_the_next_process(
    told: Workspace, proxy: RecordingProxy, webhook: Webhook
) -> None:
    """First that it died, by `notify deliver` of a timer, say; then that it was put back."""
    killed_at(told, Fault("POST", "^/api/deployments/$"), "deploy", "-o", "json")
    assert told.run("notify", "deliver").status == 0
    assert "died in the middle" in webhook.titles[0]
    finished = told.run("recovery", "execute", "--auto-execute", "-o", "json")
    assert finished.status == 0, finished.output
    assert webhook.titles[1:] == [f"{told.prefix}, development: failed, and everything is as before"]
    told.run("notify", "deliver")
    assert len(webhook.received) == 2


def test_one_that_was_killed_after_its_commit_is_told_too(
    told: Workspace, proxy: RecordingProxy, webhook: Webhook
) -> None:
    """Whatever comes after the commit: here the process dies while it tells the server."""
    killed_at(told, Fault("POST", "^/api/events$"), "deploy", "-o", "json")
    assert told.run("deploy").status == 0
    assert webhook.titles == [f"{told.prefix}, development: deployed"]
    assert "its process ended before it told" in webhook.received[0]["message"]


def test_a_state_that_cannot_be_used_is_told_at_once(told: Workspace, webhook: Webhook) -> None:
    """Nothing can wait in it."""
    told.configure(top=routes(ops=webhook.url))
    (told.root / ".deployment-system").mkdir()
    (told.root / ".deployment-system" / "state.db").write_bytes(
        b"this is no database, and never was one" * 99
    )
    finished = told.deploy()
    assert finished.status == 1
    [posted] = webhook.received
    assert finished.codes[0] in posted["message"]


def test_a_test_is_sent_by_each_route_or_says_why_not(workspace: Workspace, webhook: Webhook) -> None:
    """Exit 1 with a typed error where a channel fails; an unknown route is one too."""
    workspace.configure(
        top=routes(", events: [deployed]", ops=webhook.url)
        + "\n    away: {urls: ['json://127.0.0.1:9/']}\n    unset: {urls: ['${NOT_SET_ANYWHERE}']}"
    )
    sent = workspace.run("notify", "test", "--route", "ops", "-ojson")
    assert (sent.status, sent.document["status"], sent.document["sent"]) == (0, "sent", 1)
    assert webhook.titles == [f"{workspace.prefix}, development: a test"]
    every = workspace.run("notify", "test", "-ojson")
    assert (every.status, every.document["sent"]) == (1, 1)
    assert sorted(every.codes) == ["CONFIG_VARIABLE_NOT_SET", "NOTIFICATION_FAILED"]
    unknown = workspace.run("notify", "test", "--route", "opps", "-ojson")
    assert (unknown.status, unknown.codes) == (3, ["NOTIFICATION_ROUTE_UNKNOWN"])
    assert "did you mean 'ops'" in unknown.output
    listed: dict[str, Any] = workspace.run("notify", "list", "-ojson").document
    assert [route["name"] for route in listed["routes"]] == ["ops", "away", "unset"]
    assert listed["routes"][2]["unset"] == ["NOT_SET_ANYWHERE"]
    shown = workspace.run("notify", "list").output
    assert "NOT_SET_ANYWHERE is not set" in shown


def test_the_doctor_looks_at_the_routes_without_sending(workspace: Workspace, webhook: Webhook) -> None:
    """What Apprise does not understand, and variables that are not set."""
    workspace.configure(
        top=routes(ops=webhook.url, wrong="slak://a/b/hidden-word")
        + "\n    unset: {urls: ['${NOT_SET_ANYWHERE}']}\n    other: {urls: ['x://y'], environments: []}"
    )
    found = workspace.run("doctor", "-ojson")
    checks = {check["name"]: check for check in found.document["checks"]}
    assert checks["notifications to ops"]["ok"]
    assert checks["notifications to wrong"]["error_code"] == "NOTIFICATION_URL_INVALID"
    assert checks["notifications to unset"]["error_code"] == "CONFIG_VARIABLE_NOT_SET"
    assert "hidden-word" not in found.output
    assert webhook.received == []


def test_nobody_is_told_where_no_route_is_declared(workspace: Workspace) -> None:
    """And the result has no word of it."""
    workspace.write_flow("load")
    workspace.configure()
    assert "notifications" not in workspace.deploy().document
    unknown = workspace.run("notify", "test", "-ojson")
    assert (unknown.status, unknown.codes) == (3, ["NOTIFICATION_ROUTE_UNKNOWN"])
