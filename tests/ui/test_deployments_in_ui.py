"""What we deploy is seen where people look for it: on the pages of the real Prefect UI."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


@pytest.fixture(scope="module")
def links(repository: Path, prefect_server: str, environment: str, deployed: str) -> dict[str, str]:
    """The links that `status` prints, by flow."""
    shown = run(repository, prefect_server, "status", "--env", environment, "-o", "json")
    return {item["flow"]: item["url"] for item in json.loads(shown.stdout)["deployments"]}


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
