"""What is read of a prefect.yaml is what `prefect deploy --all` itself stores on a real server."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployment_system.config import PrefectDeployment, Schedule, load_prefect_yaml

pytestmark = pytest.mark.server

FLOWS = '''\
from prefect import flow


@flow(name="FLOW")
def load(name: str = "x", n: int = 1, more: dict = {}, flag: bool = False):
    """Loads."""
'''

PROJECT = """\
name: contract
prefect-version: 3.8.8
definitions:
  tags: &tags [one, "{{ $STAGE }}", "{{ STAGE }}", "x{{ $EMPTY }}y"]
  weekdays: &weekdays {cron: "30 6 * * 1-5", timezone: America/New_York, slug: weekdays}
  pool: &pool
    name: "{{ $POOL }}"
    job_variables: {env: {MAIL: "{{ $STAGE }}@x", RUN: "{{ ctx.flow_run.id }}"}}
pull:
  - prefect.deployments.steps.git_clone: {id: clone, repository: "https://x.invalid/y.git"}
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $STAGE }}/{{ $NOT_SET_ANYWHERE }}/{{ clone.directory }}"
deployments:
  - name: everything
    entrypoint: flows.py:load
    version: "2.1"
    description: of {{ $STAGE }}
    tags: *tags
    parameters:
      {name: "{{ $STAGE }}", n: 010, flag: on, more: {5: 1:30, on: 2026-01-01, t: 2026-01-01 05:00:00}}
    schedules:
      - *weekdays
      - {cron: "0 5 * * *", slug: idle, active: no, day_or: false, parameters: {n: 7}}
      - {cron: "0 6 * * *", slug: "from-{{ $STAGE }}", active: "{{ $FLAG }}"}
    concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW, grace_period_seconds: 100}
    enforce_parameter_schema: no
    paused: true
    work_pool: *pool
  - name: intervals
    entrypoint: flows.py:load
    version: "1"
    schedules:
      - {interval: 3600, anchor_date: "2026-01-01T00:30:00+00:00", timezone: Europe/London, slug: a}
      - {interval: PT1H30M, anchor_date: "2026-01-01", slug: b}
      - {interval: 01:30:00, anchor_date: "2026-01-01", slug: c}
      - {interval: 1:30:00, anchor_date: "2026-01-01", slug: d}
      - {interval: 90.5, anchor_date: "2026-01-01", slug: e}
      - {interval: 60, anchor_date: 2026-01-01 01:00:00 +1}
    concurrency_limit: 3
    pull: []
    work_pool: {name: "{{ $POOL }}", work_queue_name: quick}
  - name: rules
    entrypoint: flows.py:load
    version: "1"
    schedules:
      - {rrule: "FREQ=DAILY", slug: plain}
      - {rrule: "FREQ=WEEKLY;BYDAY=MO", timezone: Europe/Paris, slug: zoned}
      - {rrule: '{"rrule": "FREQ=DAILY", "timezone": "Europe/Paris"}', slug: json}
    pull:
      prefect.deployments.steps.set_working_directory: {directory: /own}
    work_pool: {name: "{{ $POOL }}"}
  - name: legacy
    entrypoint: flows.py:load
    version: "1"
    schedule: {cron: "0 7 * * *", slug: only}
    pull: null
    build: null
    push: []
    triggers: []
    paused: no
    work_pool: *pool
  - name: merged
    entrypoint: flows.py:load
    version: "1"
    schedules:
      - <<: *weekdays
        slug: merged
        cron: "0 * * * *"
    work_pool:
      <<: *pool
      job_variables: {}
"""


@pytest.fixture(scope="module")
def stored(
    prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, dict[str, Any]], dict[str, PrefectDeployment]]]:
    """The deployments of PROJECT as the server has them after `prefect deploy --all`, and as we read them."""
    folder = tmp_path_factory.mktemp("contract")
    unique = uuid.uuid4().hex[:8]
    flow, pool = f"contract-{unique}", f"contract-pool-{unique}"
    (folder / "flows.py").write_text(FLOWS.replace("FLOW", flow))
    (folder / "prefect.yaml").write_text(PROJECT)
    variables = {"STAGE": "test", "EMPTY": "", "FLAG": "false", "POOL": pool}
    body = {"name": pool, "type": "process"}
    httpx.post(f"{prefect_server}/work_pools/", json=body, timeout=60).raise_for_status()
    environ = {
        **os.environ,
        **variables,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(folder / "home"),
    }
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read = load_prefect_yaml(folder, environ=variables)
    assert read is not None
    assert (read.errors, read.warnings) == ((), ())
    answers = {}
    for deployment in read.deployments:
        answer = httpx.get(f"{prefect_server}/deployments/name/{flow}/{deployment.name}", timeout=60)
        assert answer.status_code == httpx.codes.OK, f"{deployment.name}: {done.stdout}"
        answers[deployment.name] = answer.json()
    yield answers, {deployment.name: deployment for deployment in read.deployments}
    httpx.delete(f"{prefect_server}/flows/{next(iter(answers.values()))['flow_id']}", timeout=60)
    httpx.delete(f"{prefect_server}/work_pools/{pool}", timeout=60)


NAMES = ["everything", "intervals", "rules", "legacy", "merged"]


@pytest.mark.parametrize("name", NAMES)
def test_the_server_has_what_we_read(name: str, stored: Any) -> None:
    """Field by field; what the file leaves open is what Prefect makes of an absent key."""
    answers, read = stored
    there, ours = answers[name], read[name]
    limit, options = ours.concurrency_limit, there["concurrency_options"]
    assert there["entrypoint"] == ours.entrypoint
    assert there["version"] == ours.version
    assert there["description"] == (ours.description or "Loads.")
    assert there["tags"] == list(ours.tags or ())
    assert there["parameters"] == ours.parameters
    assert there["enforce_parameter_schema"] is (ours.enforce_parameter_schema is not False)
    assert there["paused"] is bool(ours.paused)
    assert there["work_pool_name"] == ours.work_pool_name
    assert there["work_queue_name"] == (ours.work_queue_name or "default")
    assert there["job_variables"] == ours.job_variables
    assert there["pull_steps"] == list(ours.pull_steps or ())
    assert (there["global_concurrency_limit"] or {}).get("limit") == (limit and limit.limit)
    assert (options or {}).get("collision_strategy") == (limit and limit.collision_strategy)
    assert (options or {}).get("grace_period_seconds") == (limit and limit.grace_period_seconds)


@pytest.mark.parametrize("name", NAMES)
def test_the_server_has_the_schedules_that_we_read(name: str, stored: Any) -> None:
    """Each with its kind, time zone, anchor, parameters, and whether it is active."""
    answers, read = stored
    there = {schedule["slug"]: schedule for schedule in answers[name]["schedules"]}
    ours = {schedule.slug: schedule for schedule in read[name].schedules or ()}
    assert there.keys() == ours.keys()
    for slug, schedule in ours.items():
        assert timing(there[slug]["schedule"]) == expected_timing(schedule)
        assert there[slug]["active"] is schedule.active
        assert there[slug]["parameters"] == schedule.parameters


def timing(stored_schedule: dict[str, Any]) -> dict[str, Any]:
    """A stored schedule in a form that can be compared."""
    return {
        "cron": stored_schedule.get("cron"),
        "day_or": stored_schedule.get("day_or"),
        "interval": stored_schedule.get("interval"),
        "anchor": instant(stored_schedule.get("anchor_date")),
        "rrule": (stored_schedule.get("rrule") or "").rsplit("\n", 1)[-1] or None,
        "timezone": stored_schedule.get("timezone") or "UTC",
    }


def expected_timing(schedule: Schedule) -> dict[str, Any]:
    """Ours in the same form."""
    return {
        "cron": schedule.cron,
        "day_or": schedule.day_or if schedule.cron else None,
        "interval": schedule.interval,
        "anchor": instant(schedule.anchor_date),
        "rrule": schedule.rrule,
        "timezone": schedule.timezone or "UTC",
    }


def instant(text: str | None) -> datetime | None:
    """A moment; without an offset it is one of UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
