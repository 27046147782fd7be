"""What we deploy is seen where people look for it: on the pages of the real Prefect UI."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from scripts.browser import Page, browser_page, find_chromium

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flows"
SCHEDULES_AS_THE_UI_SAYS_THEM = {
    "nightly-orders": {"nightly": "At 05:00 AM"},
    "warehouse-health": {"hourly": "Hourly"},
    "exchange-rates": {
        "working-days": "At 08:15 AM, Monday through Friday",
        "saturday": "At 12:00 PM, only on Saturday",
    },
    "sales-report": {},
    "customer-export": {},
}
"""By slug: the list says when, the page of a deployment says which."""

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium here: `make browser` installs one"),
]


@pytest.fixture(scope="module")
def environment() -> str:
    """An environment that nobody else deploys to: its name stands in the name of each deployment."""
    return f"ui{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def repository(environment: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example repository for this environment."""
    copied = tmp_path_factory.mktemp("ui") / "flows"
    shutil.copytree(EXAMPLE, copied)
    configuration = copied / "deployment-config.yaml"
    configuration.write_text(configuration.read_text().replace("development:", f"{environment}:"))
    return copied


def run(repository: Path, server: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in the repository."""
    return subprocess.run(
        [sys.executable, "-m", "deployment_system.cli", *arguments],
        cwd=repository,
        env={**os.environ, "DEVELOPMENT_PREFECT_API_URL": server},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.fixture(scope="module")
def deployed(prefect_server: str, environment: str, repository: Path) -> str:
    """The example repository, deployed by the command; gives the address of the UI."""
    ui = prefect_server.removesuffix("/api")
    if "text/html" not in httpx.get(ui, follow_redirects=True).headers["content-type"]:
        pytest.skip("the server named by DEPLOYMENT_TEST_SERVER was started without its UI")
    pool = httpx.post(f"{prefect_server}/work_pools/", json={"name": "default-pool", "type": "process"})
    assert pool.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    finished = run(repository, prefect_server, "deploy", "--env", environment, "-o", "json")
    assert finished.returncode == 0, finished.stderr or finished.stdout
    assert json.loads(finished.stdout)["status"] == "deployed"
    return ui


def status(repository: Path, server: str, environment: str) -> dict[str, Any]:
    """What `status` says."""
    shown = run(repository, server, "status", "--env", environment, "-o", "json")
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


@pytest.fixture(scope="module")
def links(repository: Path, prefect_server: str, environment: str, deployed: str) -> dict[str, str]:
    """The links that `status` prints, by flow."""
    found = status(repository, prefect_server, environment)
    assert found["ui"] == {"url": deployed, "served": True, "api_url": prefect_server}
    assert all(item["visible"] for item in found["deployments"])
    return {item["flow"]: item["url"] for item in found["deployments"]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A window wide enough for the UI to write schedules out instead of counting them."""
    with browser_page(tmp_path_factory.mktemp("chromium"), width=1920, height=1200) as opened:
        yield opened


def search_for(page: Page, words: str) -> None:
    """Type into the search field as a person would: other tests' deployments share the server."""
    page.wait_for_text("Items per page")
    page.evaluate(
        "(() => { const field = document.querySelector('input[placeholder^=\"Search deployments\"]');"
        f"field.value = {json.dumps(words)};"
        "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.wait_for_text(f"{len(SCHEDULES_AS_THE_UI_SAYS_THEM)} Deployments")


def first(schedules: dict[str, str]) -> list[str]:
    """What the list says of the first schedule; of none, nothing."""
    return list(schedules.values())[:1]


def rows_of(page: Page) -> dict[str, str]:
    """The text of each row of the list, by the deployment's name on its first line."""
    rows = page.evaluate("[...document.querySelectorAll('table tbody tr')].map(row => row.innerText.trim())")
    return {row.splitlines()[0]: row for row in rows}


def test_the_ui_lists_each_deployment_by_name_with_its_schedule(
    deployed: str, environment: str, page: Page
) -> None:
    """Every flow of the environment has a row, and the row says when it will run next; where there is no
    room for all schedules, the UI counts the others."""
    page.open(f"{deployed}/deployments")
    search_for(page, environment)
    page.wait_for_text(
        *(words for schedules in SCHEDULES_AS_THE_UI_SAYS_THEM.values() for words in first(schedules))
    )
    rows = rows_of(page)
    assert set(rows) == {f"{flow}-python-{environment}" for flow in SCHEDULES_AS_THE_UI_SAYS_THEM}
    for flow, schedules in SCHEDULES_AS_THE_UI_SAYS_THEM.items():
        for words in first(schedules):
            assert words in rows[f"{flow}-python-{environment}"]


def test_the_link_of_each_deployment_leads_to_its_page_with_all_its_schedules(
    deployed: str, links: dict[str, str], page: Page
) -> None:
    """The links that `status` prints are where the UI shows what was declared."""
    for flow, schedules in SCHEDULES_AS_THE_UI_SAYS_THEM.items():
        assert links[flow].startswith(deployed)
        page.open(links[flow])
        page.wait_for_text(flow, *schedules)


def is_active(page: Page) -> bool:
    """Whether the switch beside a work pool's name is on: the first of the page."""
    return bool(page.evaluate("document.querySelector('[role=switch]').ariaChecked == 'true'"))


def is_paused(page: Page) -> bool:
    """Whether the page of a deployment has the switch that resumes it: only one that is paused has."""
    off = ".deployment-details__schedule-label [role=switch][aria-checked=false]"
    return bool(page.evaluate(f"document.querySelector('{off}') != null"))


def test_the_page_of_a_deployment_shows_what_status_says_of_it(
    prefect_server: str, repository: Path, environment: str, deployed: str, page: Page
) -> None:
    """Name, flow, work pool, tags, schedules, and whether it is paused: here one that somebody has paused."""
    paused, *others = status(repository, prefect_server, environment)["deployments"]
    there = f"{prefect_server}/deployments/{paused['url'].rpartition('/')[2]}"
    assert httpx.patch(there, json={"paused": True}).is_success
    try:
        told = {item["name"]: item for item in status(repository, prefect_server, environment)["deployments"]}
        assert told[paused["name"]]["paused"]
        for item in (told[paused["name"]], told[others[0]["name"]]):
            stored = httpx.get(f"{prefect_server}/deployments/{item['url'].rpartition('/')[2]}").json()
            assert stored["tags"]
            slugs = [schedule["slug"] for schedule in item["schedules"]]
            page.open(item["url"])
            page.wait_for_text(item["name"], item["flow"], item["work_pool"], *stored["tags"], *slugs)
            assert is_paused(page) is item["paused"]
    finally:
        assert httpx.patch(there, json={"paused": False}).is_success


def test_the_link_of_a_work_pool_leads_to_its_page(
    prefect_server: str, repository: Path, environment: str, deployed: str, page: Page
) -> None:
    """With its type, and whether it is paused."""
    [pool] = status(repository, prefect_server, environment)["work_pools"]
    assert pool["url"].startswith(deployed)
    page.open(pool["url"])
    page.wait_for_text(pool["name"], "Work Queues", "Workers", pool["type"].capitalize())
    assert is_active(page) is not pool["paused"]


def test_the_link_of_a_run_in_trouble_leads_to_its_page(
    prefect_server: str, repository: Path, environment: str, deployed: str, page: Page
) -> None:
    """With its name, its state and its deployment."""
    item = status(repository, prefect_server, environment)["deployments"][0]
    there = f"{prefect_server}/deployments/{item['url'].rpartition('/')[2]}/create_flow_run"
    made = httpx.post(there, json={"state": {"type": "PENDING"}}).json()
    crashed = {"type": "CRASHED", "message": "The worker was switched off."}
    answer = httpx.post(
        f"{prefect_server}/flow_runs/{made['id']}/set_state", json={"state": crashed, "force": True}
    )
    assert answer.is_success
    runs = status(repository, prefect_server, environment)["deployments"][0]["runs"]
    assert [run["name"] for run in runs["recent"]] == [made["name"]]
    page.open(runs["recent"][0]["url"])
    page.wait_for_text(made["name"], "Crashed", item["name"], item["flow"])
