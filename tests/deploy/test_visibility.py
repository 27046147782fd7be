"""`status` says what the UI shows, and why it does not: servers with and without pages, and pages that ask
elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployment_system.deploy.links import pool_url, ui_url
from deployment_system.deploy.pool_health import WorkPoolHealth
from deployment_system.deploy.project import Project, open_project
from deployment_system.deploy.visibility import look_at_ui, why_not_visible
from tests.conftest import POOL, free_port, make_pool
from tests.deploy.conftest import Workspace
from tests.prefect_servers import PrefectProcess
from tests.recording_proxy import Fault, RecordingProxy


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    """A repository with one deployment."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    return workspace


def status_of(workspace: Workspace) -> dict[str, Any]:
    """The whole document."""
    return workspace.run("status", "-ojson").document


def project_of(workspace: Workspace) -> Project:
    """The repository, opened."""
    return open_project(workspace.root, environ={})


def pages_say(proxy: RecordingProxy, api_url: str) -> None:
    """The pages of the server are told to ask there."""
    body = json.dumps({"api_url": api_url, "default_ui": "v1"})
    proxy.faults.append(Fault("GET", "^/ui-settings$", status=200, body=body))


def test_what_is_deployed_is_seen_in_the_list_that_the_ui_reads(deployed: Workspace) -> None:
    """The pages ask the server by another name than the deployment did: here, past the proxy."""
    found = status_of(deployed)
    [one] = found["deployments"]
    assert one["visible"] is True
    assert found["ui"]["served"] is True
    assert found["ui"]["api_url"] == deployed.server_url
    assert [warning["error_code"] for warning in found["warnings"]] == []
    with project_of(deployed).connect() as server:
        assert why_not_visible(project_of(deployed), server, one["flow"], one["name"]) == []


def test_what_is_not_deployed_is_not_seen_and_the_reason_is_told(deployed: Workspace) -> None:
    """No such deployment, or not even the flow."""
    with project_of(deployed).connect() as server:
        project = project_of(deployed)
        [missing] = why_not_visible(project, server, deployed.name("load"), "nobody")
        [no_flow] = why_not_visible(project, server, "no-such-flow", "nobody")
    assert missing.error_code == no_flow.error_code == "DEPLOYMENT_NOT_VISIBLE"
    assert "has none of that name" in missing.message
    assert "there is no flow 'no-such-flow'" in no_flow.message


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "^/ui-settings$", status=404, body='{"detail": "Not Found"}'),
        Fault("GET", "^/ui-settings$", status=200, body="<html>", content_type="text/html"),
        Fault("GET", "^/ui-settings$", status=200, body="{}"),
        Fault("GET", "^/ui-settings$", drop_before=True),
        Fault("GET", "^/deployments/deployment/", status=404, body='{"detail": "Not Found"}'),
    ],
    ids=["none", "another page", "no settings", "nobody", "no page"],
)
def test_a_server_without_pages_is_a_warning(
    deployed: Workspace, proxy: RecordingProxy, fault: Fault
) -> None:
    """The deployments are none the worse for it."""
    before = status_of(deployed)["healthy"]
    proxy.faults.append(fault)
    found = status_of(deployed)
    assert [warning["error_code"] for warning in found["warnings"]] == ["UI_NOT_SERVED"]
    assert (found["ui"]["served"], found["deployments"][0]["visible"]) == (False, False)
    assert found["healthy"] == before


def test_a_list_without_the_deployment_is_not_healthy(deployed: Workspace, proxy: RecordingProxy) -> None:
    """Whoever looks there does not find it, though the server has it."""
    pages_say(proxy, proxy.url)
    proxy.faults.append(Fault("POST", "/deployments/paginate", status=200, body='{"results": []}'))
    found = deployed.run("status", "-ojson")
    assert found.status == 1
    assert found.codes == ["DEPLOYMENT_NOT_VISIBLE"]
    assert found.document["deployments"][0]["visible"] is False


def test_pages_that_ask_where_nobody_answers_are_told(deployed: Workspace, proxy: RecordingProxy) -> None:
    """Of another machine it is perhaps a name that only browsers know: so no more than a hint."""
    for url, severity in (("http://127.0.0.1:9/api", "high"), ("http://prefect.invalid/api", "low")):
        pages_say(proxy, url)
        [warning] = status_of(deployed)["warnings"]
        assert (warning["error_code"], warning["severity"]) == ("UI_API_URL_DIFFERS", severity)
        assert url in warning["message"]
        proxy.forget()


@pytest.fixture(scope="module")
def without_ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own that serves no pages, and has no deployments."""
    settings = {"PREFECT_UI_ENABLED": "false", "PREFECT_SERVER_UI_ENABLED": "false"}
    server = PrefectProcess(tmp_path_factory.mktemp("without-ui"), free_port(), settings)
    server.start()
    try:
        server.wait_until_healthy()
        make_pool(server.url)
        yield server.url
    finally:
        server.stop()


def test_a_real_server_whose_ui_is_turned_off_and_one_whose_pages_ask_it(
    workspace: Workspace, proxy: RecordingProxy, without_ui: str
) -> None:
    """The first has no pages; deployments of the second are not where its pages look."""
    workspace.write_flow("load")
    workspace.configure()
    assert workspace.deploy().status == 0
    pages_say(proxy, without_ui)
    elsewhere = workspace.run("status", "-ojson")
    assert elsewhere.status == 1
    [warning] = elsewhere.document["warnings"]
    assert (warning["error_code"], warning["severity"]) == ("UI_API_URL_DIFFERS", "high")
    assert "another server" in warning["message"]
    project = project_of(workspace)
    with project.connect() as server:
        stored = workspace.stored_one("load")
        [reason] = why_not_visible(project, server, workspace.name("load"), stored["name"])
        assert reason.error_code == "UI_API_URL_DIFFERS"
    proxy.forget()
    with project.connect_to(without_ui) as bare:
        view = look_at_ui(project, bare, [])
    assert (view.served, [str(problem.error_code) for problem in view.problems]) == (False, ["UI_NOT_SERVED"])


def test_work_pools_are_told_with_their_workers(deployed: Workspace) -> None:
    """Type, workers that are online, the last time one was heard of, the link."""
    heartbeat = {"name": f"{deployed.prefix}-worker", "heartbeat_interval_seconds": 60}
    deployed.ask("POST", f"/work_pools/{POOL}/workers/heartbeat", heartbeat)
    [pool] = status_of(deployed)["work_pools"]
    assert (pool["name"], pool["type"], pool["exists"], pool["paused"]) == (POOL, "process", True, False)
    assert pool["workers_online"] >= 1
    assert pool["takes_work"] is True
    assert pool["last_heartbeat"]
    assert pool["url"].endswith(f"/work-pools/work-pool/{POOL}")
    shown = deployed.run("status").output
    assert f"✓ work pool {POOL} (process): " in shown
    assert pool["url"] in shown


def test_a_paused_work_pool_is_not_healthy(deployed: Workspace, prefect_server: str) -> None:
    """Nothing that goes there runs. A pool that is not there is told as well."""
    name = f"{deployed.prefix}-pool"
    httpx.post(f"{prefect_server}/work_pools/", json={"name": name, "type": "process", "is_paused": True})
    deployed.configure(f'{{"NAME:load": {{work_pool: {name}}}}}')
    found = deployed.run("status", "-ojson")
    paused = {pool["name"]: pool for pool in found.document["work_pools"]}[name]
    assert (found.status, paused["paused"], paused["takes_work"]) == (1, True, False)
    assert f"✗ work pool {name} (process): paused, 0 worker(s) online" in deployed.run("status").output
    deployed.configure('{"NAME:load": {work_pool: no-such-pool}}')
    assert "✗ work pool no-such-pool: there is none of that name" in deployed.run("status").output


def test_pools_of_the_cloud_need_no_workers() -> None:
    """The server hands their work on."""
    assert WorkPoolHealth("a", "ecs:push").takes_work
    assert not WorkPoolHealth("a", "process").takes_work
    assert not WorkPoolHealth("a", None).takes_work


def test_links_into_the_cloud_lead_where_its_pages_are(tmp_path: Path) -> None:
    """Its API and its pages have different hosts and different words."""
    api = "https://api.prefect.cloud/api/accounts/a1/workspaces/w1"
    assert ui_url(api, "d1") == (
        "https://app.prefect.cloud/account/a1/workspace/w1/deployments/deployment/d1"
    )
    assert pool_url("http://h:4200/api/", "a b/c") == "http://h:4200/work-pools/work-pool/a%20b%2Fc"
    (tmp_path / "deployment-config.yaml").write_text(
        f"environments: {{development: {{prefect_api_url: '{api}'}}}}\n"
    )
    project = open_project(tmp_path, environ={})
    with project.connect() as server:
        assert look_at_ui(project, server, ["d1"]).shows("d1") is None
