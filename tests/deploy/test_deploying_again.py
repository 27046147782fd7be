"""What a second deployment does: nothing, or exactly what changed, and never what somebody else did."""

import shutil
from typing import Any

import pytest

from tests.deploy.conftest import Workspace
from tests.recording_proxy import RecordingProxy

SCHEDULED = """
  "NAME:load":
    schedules:
      - {cron: "0 5 * * *", timezone: Europe/London, slug: nightly}
      - {interval: 3600, slug: hourly}
      - {rrule: "FREQ=WEEKLY;BYDAY=MO", slug: weekly, parameters: {limit: 7}}
    tags: [one, two]
    parameters: {limit: 5}
    job_variables: {env: {A: "1"}}
    concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW}
    version: "1.0"
"""


@pytest.fixture
def deployed(workspace: Workspace, proxy: RecordingProxy) -> Workspace:
    """A repository with one flow that says something of everything, deployed."""
    workspace.write_flow("load")
    workspace.configure(SCHEDULED)
    assert workspace.deploy().status == 0
    proxy.forget()
    return workspace


def reconfigure(workspace: Workspace, old: str, new: str) -> None:
    """Changes the configuration in one place."""
    file = workspace.root / "deployment-config.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_a_first_deployment_stores_what_is_declared(deployed: Workspace) -> None:
    """Each declared field is on the server, and the deployment is active."""
    stored = deployed.stored_one("load")
    assert stored["entrypoint"] == "flows/load.py:load"
    assert stored["tags"] == ["one", "two"]
    assert stored["parameters"] == {"limit": 5}
    assert stored["job_variables"] == {"env": {"A": "1"}}
    assert stored["version"] == "1.0"
    assert stored["description"] == "Counts."
    assert stored["paused"] is False
    assert stored["global_concurrency_limit"]["limit"] == 2
    assert stored["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert stored["work_pool_name"] == "test-pool"
    assert {item["slug"]: item["active"] for item in stored["schedules"]} == {
        "nightly": True,
        "hourly": True,
        "weekly": True,
    }
    assert stored["labels"]["deployment-system.project"] == deployed.prefix
    assert stored["labels"]["deployment-system.environment"] == "development"


def test_a_second_plan_and_deployment_do_nothing(deployed: Workspace, proxy: RecordingProxy) -> None:
    """No write, few requests, exit 0, and the words say so."""
    plan = deployed.plan("--detailed-exitcode")
    assert plan.status == 0
    assert plan.document["summary"] == {"create": 0, "update": 0, "delete": 0, "unchanged": 1}
    proxy.forget()
    again = deployed.deploy()
    assert (again.status, again.document["status"]) == (0, "unchanged")
    assert proxy.writes == []
    assert len(proxy.seen) <= 12
    assert "nothing to do" in deployed.run("deploy").output


@pytest.mark.parametrize(
    ("old", "new", "body"),
    [
        ("tags: [one, two]", "tags: [one, three]", {"tags": ["one", "three"]}),
        ("parameters: {limit: 5}", "parameters: {limit: 6}", {"parameters": {"limit": 6}}),
        ('env: {A: "1"}', 'env: {A: "2"}', {"job_variables": {"env": {"A": "2"}}}),
        ('version: "1.0"', 'version: "1.1"', {"version": "1.1"}),
        ('version: "1.0"', "version: null", {"version": None}),
        ("{limit: 2, collision", "{limit: 3, collision", {"concurrency_limit": 3}),
    ],
)
def test_one_field_changed_is_one_patch_with_that_field(
    deployed: Workspace, proxy: RecordingProxy, old: str, new: str, body: dict[str, Any]
) -> None:
    """Nothing else is written, and ids stay."""
    before = deployed.stored_one("load")
    reconfigure(deployed, old, new)
    plan = deployed.plan("--detailed-exitcode")
    assert plan.status == 6
    (change,) = plan.document["changes"]
    assert (change["action"], list(change["fields"])) == ("update", list(body))
    proxy.forget()
    assert deployed.deploy().status == 0
    assert [(seen.method, seen.path, seen.body) for seen in proxy.writes] == [
        ("PATCH", f"/api/deployments/{before['id']}", body)
    ]
    after = deployed.stored_one("load")
    assert [item["id"] for item in after["schedules"]] == [item["id"] for item in before["schedules"]]
    assert deployed.plan("--detailed-exitcode").status == 0


def test_a_docstring_is_the_description_and_its_change_one_patch(
    deployed: Workspace, proxy: RecordingProxy
) -> None:
    """The source of a field may be the code as well as the configuration."""
    deployed.write_flow("load", docstring="Counts better.")
    assert deployed.deploy().status == 0
    (write,) = proxy.writes
    assert write.body == {"description": "Counts better."}


def test_a_new_parameter_changes_the_schema_alone(deployed: Workspace, proxy: RecordingProxy) -> None:
    """The signature reaches the server as Prefect's own schema."""
    deployed.write_flow("load", parameters="limit: int = 1, word: str = 'x'")
    assert deployed.deploy().status == 0
    (write,) = proxy.writes
    assert list(write.body) == ["parameter_openapi_schema"]
    assert set(deployed.stored_one("load")["parameter_openapi_schema"]["properties"]) == {"limit", "word"}


# -- schedules ------------------------------------------------------------------------------------------


def schedules(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """The server's schedules by slug."""
    return {item["slug"]: item for item in workspace.stored_one("load")["schedules"]}


def test_a_changed_cron_changes_the_schedule_and_keeps_it(deployed: Workspace, proxy: RecordingProxy) -> None:
    """One PATCH of that schedule; the id stays, and so do the others."""
    before = schedules(deployed)
    reconfigure(deployed, "0 5 * * *", "0 6 * * *")
    assert deployed.deploy().status == 0
    (write,) = proxy.writes
    assert (write.method, write.path.rsplit("/", 1)[1]) == ("PATCH", before["nightly"]["id"])
    assert list(write.body) == ["schedule"]
    after = schedules(deployed)
    assert after["nightly"]["schedule"]["cron"] == "0 6 * * *"
    assert {slug: item["id"] for slug, item in after.items()} == {
        slug: item["id"] for slug, item in before.items()
    }


def test_schedules_come_and_go_one_by_one(deployed: Workspace, proxy: RecordingProxy) -> None:
    """A removed one is deleted, a new one added; the rest is not touched."""
    before = schedules(deployed)
    reconfigure(deployed, "{interval: 3600, slug: hourly}", '{cron: "0 0 * * *", slug: midnight}')
    assert deployed.deploy().status == 0
    assert sorted(seen.method for seen in proxy.writes) == ["DELETE", "POST"]
    after = schedules(deployed)
    assert set(after) == {"nightly", "weekly", "midnight"}
    assert after["nightly"]["id"] == before["nightly"]["id"]


def test_a_schedule_that_somebody_paused_stays_paused(deployed: Workspace, proxy: RecordingProxy) -> None:
    """Also when other things change; the plan says so once, and it is not drift."""
    nightly = schedules(deployed)["nightly"]
    deployment = deployed.stored_one("load")["id"]
    deployed.ask("PATCH", f"/deployments/{deployment}/schedules/{nightly['id']}", {"active": False})
    again = deployed.deploy()
    assert again.document["status"] == "unchanged"
    assert [item["error_code"] for item in again.document["warnings"]] == ["SCHEDULE_LEFT_PAUSED"]
    reconfigure(deployed, "0 5 * * *", "0 7 * * *")
    reconfigure(deployed, "tags: [one, two]", "tags: [other]")
    assert deployed.deploy().status == 0
    after = schedules(deployed)["nightly"]
    assert (after["active"], after["schedule"]["cron"], after["id"]) == (False, "0 7 * * *", nightly["id"])


def test_a_deployment_that_somebody_paused_stays_paused(deployed: Workspace) -> None:
    """Prefect's own deploy would wake it up."""
    deployment = deployed.stored_one("load")["id"]
    deployed.ask("POST", f"/deployments/{deployment}/pause_deployment")
    reconfigure(deployed, "tags: [one, two]", "tags: [other]")
    assert deployed.deploy().status == 0
    assert deployed.stored_one("load")["paused"] is True


def test_a_schedule_declared_inactive_and_then_active_is_activated(deployed: Workspace) -> None:
    """It was us who paused it, so it is us who wake it up."""
    reconfigure(deployed, "slug: nightly}", "slug: nightly, active: false}")
    assert deployed.deploy().status == 0
    assert schedules(deployed)["nightly"]["active"] is False
    reconfigure(deployed, "slug: nightly, active: false}", "slug: nightly}")
    assert deployed.deploy().status == 0
    assert schedules(deployed)["nightly"]["active"] is True


def test_a_schedule_made_by_hand_stays_unless_none_is_wanted(deployed: Workspace) -> None:
    """One without a slug was made in the UI; `schedules: []` says that none is wanted at all."""
    deployment = deployed.stored_one("load")["id"]
    by_hand = {"schedule": {"cron": "1 1 1 1 *"}, "active": True}
    deployed.ask("POST", f"/deployments/{deployment}/schedules", [by_hand])
    again = deployed.deploy()
    assert again.document["status"] == "unchanged"
    assert [item["error_code"] for item in again.document["warnings"]] == ["SCHEDULE_NOT_DECLARED"]
    assert len(deployed.stored_one("load")["schedules"]) == 4
    deployed.configure('{"NAME:load": {schedules: []}}')
    assert deployed.deploy().status == 0
    assert deployed.stored_one("load")["schedules"] == []


def test_a_schedule_without_a_slug_keeps_its_identity_when_it_changes(workspace: Workspace) -> None:
    """Its slug is made from its content; a changed cron still is the same schedule."""
    workspace.write_flow("load")
    workspace.configure('{"NAME:load": {schedules: [{cron: "0 1 * * *"}]}}')
    assert workspace.deploy().status == 0
    (before,) = workspace.stored_one("load")["schedules"]
    workspace.configure('{"NAME:load": {schedules: [{cron: "0 2 * * *"}]}}')
    assert workspace.deploy().status == 0
    (after,) = workspace.stored_one("load")["schedules"]
    assert (after["id"], after["schedule"]["cron"]) == (before["id"], "0 2 * * *")
    assert workspace.plan("--detailed-exitcode").status == 0


def test_an_interval_keeps_its_beat_when_its_time_zone_changes(deployed: Workspace) -> None:
    """The server chose the anchor; a new one would move every run."""
    anchor = schedules(deployed)["hourly"]["schedule"]["anchor_date"]
    reconfigure(
        deployed, "{interval: 3600, slug: hourly}", "{interval: 3600, timezone: Asia/Tokyo, slug: hourly}"
    )
    assert deployed.deploy().status == 0
    after = schedules(deployed)["hourly"]["schedule"]
    assert (after["anchor_date"], after["timezone"]) == (anchor, "Asia/Tokyo")


def test_what_was_changed_by_hand_is_drift_and_put_right(deployed: Workspace, proxy: RecordingProxy) -> None:
    """`status` exits 1 and names the field; `deploy` writes that field alone."""
    deployment = deployed.stored_one("load")["id"]
    deployed.ask("PATCH", f"/deployments/{deployment}", {"tags": ["by-hand"]})
    status = deployed.run("status", "-o", "json")
    assert status.status == 1
    (row,) = status.document["deployments"]
    assert (row["in_sync"], row["differs"]) == (False, ["tags"])
    proxy.forget()
    assert deployed.deploy().status == 0
    (write,) = proxy.writes
    assert write.body == {"tags": ["one", "two"]}


def test_schedules_that_are_not_spoken_of_any_more_go_and_foreign_ones_stay(deployed: Workspace) -> None:
    """What we declared is ours to remove; a schedule that somebody else named is not."""
    deployment = deployed.stored_one("load")["id"]
    theirs = {"schedule": {"cron": "1 1 1 1 *"}, "active": True, "slug": "theirs"}
    deployed.ask("POST", f"/deployments/{deployment}/schedules", [theirs])
    deployed.configure('{"NAME:load": {tags: [one]}}')
    assert deployed.deploy().status == 0
    assert set(schedules(deployed)) == {"theirs"}
    assert deployed.plan("--detailed-exitcode").status == 0


def test_without_its_memory_no_schedule_is_removed_unless_that_is_said(deployed: Workspace) -> None:
    """On a machine that knows nothing of the last deployment, nobody can tell whose schedules these are."""
    shutil.rmtree(deployed.root / ".deployment-system")
    deployed.configure('{"NAME:load": {version: "1.0"}}')
    again = deployed.deploy()
    assert "SCHEDULE_NOT_DECLARED" in [item["error_code"] for item in again.document["warnings"]]
    assert set(schedules(deployed)) == {"nightly", "hourly", "weekly"}
