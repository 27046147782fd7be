"""A repository that has only a prefect.yaml: deployed as it says, as `prefect deploy --all` would."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import POOL
from tests.deploy.conftest import Workspace

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "prefect-yaml"
COMPARED = (
    "entrypoint",
    "description",
    "version",
    "tags",
    "parameters",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "job_variables",
    "work_pool_name",
    "work_queue_name",
    "concurrency_options",
    "path",
    "pull_steps",
    "paused",
)
PREFECTS_OWN = ("anchor_date",)


@pytest.fixture
def newsletter(make_workspace: Any, work_pool: str) -> Workspace:
    """The example, with names of its own."""
    made: Workspace = make_workspace("newsletter")
    shutil.copytree(EXAMPLE, made.root, dirs_exist_ok=True)
    file = made.root / "prefect.yaml"
    text = file.read_text().replace("default-pool", POOL)
    for name in ("weekday-edition", "sunday-edition", "hourly-bounces", "on-demand"):
        text = text.replace(f"name: {name}", f"name: {made.prefix}-{name}")
    file.write_text(text)
    made.environ = {
        "NEWSLETTER_STAGE": "test",
        "MAIL_FROM": "news@example.com",
        "NEWSLETTER_FOLDER": str(made.root),
        "PREFECT_API_URL": made.server_url,
    }
    return made


def comparable(stored: dict[str, Any]) -> dict[str, Any]:
    """What a declaration decides, without ids and moments."""
    schedules = [
        {
            "slug": item["slug"],
            "active": item["active"],
            "parameters": item["parameters"],
            "schedule": {key: value for key, value in item["schedule"].items() if key not in PREFECTS_OWN},
        }
        for item in stored["schedules"]
    ]
    limit = (stored.get("global_concurrency_limit") or {}).get("limit")
    return {
        **{name: stored[name] for name in COMPARED},
        "tags": sorted(stored["tags"]),
        "parameter_openapi_schema": {k: v for k, v in stored["parameter_openapi_schema"].items() if v},
        "schedules": sorted(schedules, key=lambda item: str(item["slug"])),
        "limit": limit,
    }


def test_what_we_deploy_is_what_prefect_itself_deploys(newsletter: Workspace) -> None:
    """First Prefect deploys everything; then our plan adopts it and finds no other field to change."""
    prefect = Path(sys.executable).with_name("prefect")
    subprocess.run(
        [str(prefect), "--no-prompt", "deploy", "--all"],
        cwd=newsletter.root,
        env=newsletter.whole_environ(None),
        check=True,
        capture_output=True,
        timeout=180,
    )
    theirs = {name: comparable(stored) for name, stored in newsletter.stored().items()}
    assert len(theirs) == 4
    plan = newsletter.plan().document
    assert {change["name"]: sorted(change["fields"]) for change in plan["changes"]} == {
        name: ["labels"] for name in theirs
    }
    assert newsletter.deploy().status == 0
    assert {name: comparable(stored) for name, stored in newsletter.stored().items()} == theirs


def test_it_is_deployed_once_and_then_there_is_nothing_to_do(newsletter: Workspace) -> None:
    """Also when only the prefect.yaml says where the server is: nowhere, so the environment does."""
    first = newsletter.deploy()
    assert (first.status, first.document["summary"]["create"]) == (0, 4)
    assert newsletter.plan("--detailed-exitcode").status == 0
    assert newsletter.deploy().document["status"] == "unchanged"


def test_deployments_of_one_name_have_each_their_own_link(newsletter: Workspace) -> None:
    """Many repositories call every deployment `prod`; the flow tells them apart."""
    file = newsletter.root / "prefect.yaml"
    text = file.read_text()
    for name in ("weekday-edition", "hourly-bounces"):
        text = text.replace(f"{newsletter.prefix}-{name}", f"{newsletter.prefix}-prod")
    file.write_text(text)
    shown = newsletter.run("deploy")
    assert shown.status == 0
    links = [line.strip() for line in shown.output.splitlines() if "/deployments/deployment/" in line]
    assert len(set(links)) == len(links) == 4


def test_one_field_changed_in_the_file_is_one_field_in_the_plan(newsletter: Workspace) -> None:
    """Field by field, as with a configuration of ours."""
    assert newsletter.deploy().status == 0
    file = newsletter.root / "prefect.yaml"
    file.write_text(file.read_text().replace("recipients: 100", "recipients: 101"))
    changes = [item for item in newsletter.plan().document["changes"] if item["action"] != "unchanged"]
    assert [(item["action"], list(item["fields"])) for item in changes] == [("update", ["parameters"])]


def test_flows_that_it_does_not_name_are_listed_and_not_deployed(newsletter: Workspace) -> None:
    """A prefect.yaml is a choice: what it leaves out is left out."""
    newsletter.write_flow("extra")
    plan = newsletter.plan().document
    assert newsletter.name("extra") in plan["not_deployed"]
    assert plan["summary"]["create"] == 4


def test_a_variable_that_is_not_set_is_an_error_and_no_empty_text(newsletter: Workspace) -> None:
    """Prefect would leave the template standing; nobody wants mail from `{{ $MAIL_FROM }}`."""
    del newsletter.environ["MAIL_FROM"]
    result = newsletter.deploy("--strict")
    assert result.status == 3
    assert "MAIL_FROM" in result.document["errors"][0]["message"]
    assert result.document["errors"][0]["context"]["file_path"] == "prefect.yaml"
    assert newsletter.stored() == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("entrypoint: flows/bounces.py:collect_bounces", "entrypoint: flows/bounces.py:nobody"),
        ("entrypoint: flows/bounces.py:collect_bounces", "entrypoint: flows/gone.py:collect_bounces"),
        ('cron: "0 * * * *"', 'cron: "99 * * * *"'),
        ("since_hours: 1", "since_days: 1"),
        ("recipients: 100", "recipients: many"),
    ],
)
def test_a_bad_deployment_is_skipped_and_the_others_deployed(
    newsletter: Workspace, old: str, new: str
) -> None:
    """With the line of the prefect.yaml that is wrong."""
    file = newsletter.root / "prefect.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    result = newsletter.deploy()
    assert (result.status, result.document["status"]) == (0, "deployed")
    (skipped,) = result.document["skipped"]
    assert skipped["error"]["context"]["file_path"] == "prefect.yaml"
    assert skipped["error"]["context"]["line_number"]
    assert len(newsletter.stored()) == 3
    assert newsletter.deploy("--strict").status == 3


def test_empty_lists_of_steps_are_no_steps(newsletter: Workspace) -> None:
    """As `prefect init` writes them."""
    file = newsletter.root / "prefect.yaml"
    file.write_text("build: []\npush: null\n" + file.read_text())
    assert newsletter.deploy().document["summary"]["create"] == 4
