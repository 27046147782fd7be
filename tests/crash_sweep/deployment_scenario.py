"""One deployment that creates, adopts, updates and deletes."""

from dataclasses import dataclass

from tests.crash_sweep.scenario import Scenario

BEFORE = """
  "NAME:timed":
    version: "1"
    concurrency_limit: 2
    schedules:
      - {cron: "0 5 * * *", timezone: Europe/London, slug: changed}
      - {interval: 3600, slug: removed}
      - {rrule: "FREQ=WEEKLY;BYDAY=MO", slug: paused, parameters: {limit: 7}}
      - {cron: "7 7 * * *", slug: kept, active: false}
  "NAME:gone":
    tags: [late, early]
    parameters: {limit: 3}
    job_variables: {env: {SECRET: abc}}
    concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW, grace_period_seconds: 90}
    schedules:
      - {cron: "0 1 * * *", slug: paused}
      - {interval: 900, slug: running, parameters: {limit: 9}}
  "NAME:same":
    concurrency_limit: 5
    schedules: [{cron: "0 2 * * *", slug: daily}]
"""

AFTER = """
  "NAME:timed":
    version: "2"
    schedules:
      - {cron: "30 5 * * *", timezone: Europe/Paris, slug: changed}
      - {interval: 7200, anchor_date: "2026-02-01T00:00:00+00:00", slug: added, parameters: {limit: 2}}
      - {rrule: "FREQ=WEEKLY;BYDAY=TU", slug: paused, parameters: {limit: 8}}
      - {cron: "7 7 * * *", slug: kept, active: true}
  "NAME:fresh":
    tags: [new]
    parameters: {limit: 4}
    job_variables: {env: {A: "1"}}
    concurrency_limit: {limit: 3, collision_strategy: ENQUEUE}
    schedules:
      - {cron: "0 3 * * *", slug: nightly}
      - {interval: 600, anchor_date: "2026-02-01T00:00:00+00:00", slug: often, active: false}
  "NAME:foreign":
    tags: [ours]
    concurrency_limit: 6
    schedules: [{cron: "0 9 * * *", slug: theirs}]
  "NAME:same":
    concurrency_limit: 5
    schedules: [{cron: "0 2 * * *", slug: daily}]
"""

DECLARED = """
  - name: {prefix}-{flow}
    entrypoint: flows/{flow}.py:{flow}
    description: {description}
    tags: {tags}
    parameters: {{limit: {limit}}}
    work_pool: {{name: {prefix}-pool, work_queue_name: {queue}, job_variables: {{env: {{B: "{limit}"}}}}}}
"""


@dataclass
class DeploymentScenario(Scenario):
    """See `Scenario`."""

    def __str__(self) -> str:
        return "deployments"

    @property
    def deletions(self) -> int:
        """See `Scenario`."""
        return 2

    # -- the repository ----------------------------------------------------------------------------------

    def write_before(self) -> None:
        """Five flows."""
        for flow in ("timed", "gone", "same", "plain"):
            self.workspace.write_flow(flow)
        self.workspace.write_flow("gone_too")
        self._configure(BEFORE)
        self._declare(self._declared("plain", "Before", "[one]", 1, "default"))

    def write_after(self) -> None:
        """Three new ones, two are gone, two have changed, one has not."""
        for flow in ("fresh", "foreign", "waiting"):
            self.workspace.write_flow(flow)
        for flow in ("gone", "gone_too"):
            (self.workspace.root / "flows" / f"{flow}.py").unlink()
        self._configure(AFTER)
        self._declare(
            self._declared("plain", "After", "[one, two]", 2, f"{self.prefix}-moved"),
            self._declared("waiting", "New", "[three]", 3, f"{self.prefix}-new"),
        )

    def _configure(self, flows: str) -> None:
        named = flows.replace("NAME:", f"{self.prefix}-")
        self.workspace.write(
            "deployment-config.yaml",
            f"project: {self.prefix}\n"
            "environments:\n"
            "  development:\n"
            f"    prefect_api_url: {self.proxy.url}\n"
            f"    work_pools: {{python: {self.prefix}-pool}}\n"
            f"flows: {named}\n",
        )

    def _declared(self, flow: str, description: str, tags: str, limit: int, queue: str) -> str:
        return DECLARED.format(
            prefix=self.prefix, flow=flow, description=description, tags=tags, limit=limit, queue=queue
        )

    def _declare(self, *deployments: str) -> None:
        self.workspace.write("prefect.yaml", f"name: {self.prefix}\ndeployments:{''.join(deployments)}")

    # -- what others have on the server ------------------------------------------------------------------

    def make_what_is_shared(self) -> None:
        """A pool with a queue, a flow, a limit."""
        ask, pool = self.door.ask, f"{self.prefix}-pool"
        kinds = ask("GET", "/collections/views/aggregate-worker-metadata")
        template = kinds["prefect"]["process"]["default_base_job_configuration"]
        ask("POST", "/work_pools/", {"name": pool, "type": "process", "base_job_template": template})
        ask("POST", f"/work_pools/{pool}/queues", {"name": f"{self.prefix}-theirs", "priority": 7})
        ask("POST", "/flows/", {"name": self.workspace.name("waiting"), "tags": ["theirs"]})
        limit = {"name": f"{self.prefix}-by-hand", "limit": 3}
        ask("POST", "/v2/concurrency_limits/", limit)

    def change_by_hand(self) -> None:
        """Schedules and a deployment paused, a schedule and a run added, an automation, a deployment."""
        ask, stored = self.door.ask, self.stored()
        for flow in ("timed", "gone"):
            deployment = stored[self.workspace.deployment_name(flow)]
            (schedule,) = [item for item in deployment["schedules"] if item["slug"] == "paused"]
            path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
            ask("PATCH", path, {"active": False})
        gone_too = stored[self.workspace.deployment_name("gone_too")]["id"]
        ask("POST", f"/deployments/{gone_too}/pause_deployment")
        timed = stored[self.workspace.deployment_name("timed")]["id"]
        by_hand = {"schedule": {"cron": "1 1 1 1 *", "timezone": "Asia/Tokyo"}, "active": True}
        ask("POST", f"/deployments/{timed}/schedules", [by_hand])
        later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
        run = {"name": f"{self.prefix}-by-hand", "state": later}
        ask("POST", f"/deployments/{timed}/create_flow_run", run)
        self._make_automation(timed)
        self._make_foreign()

    def _make_automation(self, deployment_id: str) -> None:
        trigger = {
            "type": "event",
            "posture": "Reactive",
            "expect": ["prefect.flow-run.Failed"],
            "match_related": {"prefect.resource.id": f"prefect.deployment.{deployment_id}"},
            "threshold": 1,
            "within": 0,
        }
        action = {"type": "run-deployment", "source": "selected", "deployment_id": deployment_id}
        body = {"name": f"{self.prefix}-by-hand", "trigger": trigger, "actions": [action]}
        self.door.ask("POST", "/automations/", body)

    def _make_foreign(self) -> None:
        ask, name = self.door.ask, self.workspace.name("foreign")
        flow_id = ask("POST", "/flows/", {"name": name})["id"]
        theirs = {"schedule": {"cron": "0 8 * * *"}, "active": False, "slug": "theirs"}
        nameless = {"schedule": {"interval": 5400, "anchor_date": "2026-01-01T00:00:00Z"}, "active": True}
        body = {
            "name": self.workspace.deployment_name("foreign"),
            "flow_id": flow_id,
            "entrypoint": "elsewhere.py:foreign",
            "version": "their own",
            "description": "Made by somebody else.",
            "work_pool_name": f"{self.prefix}-pool",
            "work_queue_name": f"{self.prefix}-theirs",
            "schedules": [theirs, nameless],
            "labels": {"team": "data"},
            "tags": ["old"],
            "parameters": {"limit": 11},
            "job_variables": {"env": {"THEIRS": "1"}},
            "concurrency_limit": 4,
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/theirs"}}],
        }
        ask("POST", "/deployments/", body)
