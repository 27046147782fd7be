"""Repositories whose deployments no other test touches, on the real server."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import POOL
from tests.deploy.docker_world import DOCKER_POOL, DOCKER_TEMPLATE
from tests.recording_proxy import RecordingProxy, recording_proxy
from tests.repositories import Finished, Repository

FLOW = '''"""Made by a test."""

from prefect import flow


@flow(name="{name}")
def {function}({parameters}):
    """{docstring}"""
    return 1
'''


@dataclass
class Workspace(Repository):
    """A repository with names of its own, on a server that is looked at directly."""

    prefix: str = ""
    proxy: RecordingProxy | None = None
    server_url: str = ""
    patience_seconds: float = 0.5
    """A server that is away stays so in most tests: half a second is as long as a minute."""

    def name(self, flow: str) -> str:
        """A flow's whole name, which no other test uses."""
        return f"{self.prefix}-{flow}"

    def deployment_name(self, flow: str) -> str:
        """What the deployment of a flow is called."""
        return f"{self.name(flow)}-python-development"

    def write_flow(
        self, flow: str, parameters: str = "limit: int = 1", docstring: str = "Counts.", file: str = ""
    ) -> Path:
        """A file with one flow."""
        function = flow.replace("-", "_")
        text = FLOW.format(
            name=self.name(flow), function=function, parameters=parameters, docstring=docstring
        )
        return self.write(file or f"flows/{function}.py", text)

    def configure(self, flows: str = "{}", environment: str = "", top: str = "") -> None:
        """A deployment-config.yaml. `flows` is YAML in which NAME:x stands for the flow x's whole name."""
        url = self.proxy.url if self.proxy else self.server_url
        named = flows
        for flow in self.known_flows(flows):
            named = named.replace(f"NAME:{flow}", self.name(flow))
        self.write(
            "deployment-config.yaml",
            f"project: {self.prefix}\n{top}\n"
            "environments:\n"
            "  development:\n"
            f"    prefect_api_url: {url}\n"
            f"    work_pools: {{python: {POOL}}}\n"
            f"    {environment or 'default_tags: []'}\n"
            f"    outage_patience_seconds: {self.patience_seconds}\n"
            f"flows: {named}\n",
        )

    def known_flows(self, text: str) -> list[str]:
        """The names after NAME:, longest first."""
        found = {part.split(":")[0].split('"')[0].split(" ")[0] for part in text.split("NAME:")[1:]}
        return sorted(found, key=len, reverse=True)

    def deploy(self, *arguments: str) -> Finished:
        """`deploy` with JSON."""
        return self.run("deploy", "-o", "json", *arguments)

    def plan(self, *arguments: str) -> Finished:
        """`plan` with JSON."""
        return self.run("plan", "-o", "json", *arguments)

    # -- looking at the server, past everything that is ours ------------------------------------------

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the server itself."""
        deadline = time.monotonic() + 30
        while True:
            answer = httpx.request(method, f"{self.server_url}{path}", json=body, timeout=60)
            # A server on SQLite is busy now and then.
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                break
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def stored(self) -> dict[str, dict[str, Any]]:
        """The deployments of this repository's flows, by name."""
        wanted = {"deployments": {"name": {"like_": self.prefix}}, "limit": 200}
        found = self.ask("POST", "/deployments/filter", wanted)
        return {item["name"]: item for item in found}

    def leave_no_schedule(self) -> None:
        """Removes what would keep the server busy with planning runs for as long as it lives."""
        for stored in self.stored().values():
            if stored["schedules"]:
                self.ask("DELETE", f"/deployments/{stored['id']}")

    def leave_nothing(self) -> None:
        """Removes every deployment: a server that keeps hundreds of them answers ever more slowly."""
        ids = [stored["id"] for stored in self.stored().values()]
        wanted = {"deployments": {"id": {"any_": ids}}, "limit": 50}
        self.ask("POST", "/deployments/bulk_delete", wanted)

    def stored_one(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        return self.stored()[self.deployment_name(flow)]


def recoveries_of(finished: Finished, *plans: str) -> list[dict[str, Any]]:
    """What `doctor --fix` says of these plans: of a pool without a worker it makes one as well."""
    return [each for each in finished.document["mended"] if each["plan"] in plans]


@pytest.fixture
def make_workspace(prefect_server: str, work_pool: str, tmp_path: Path) -> Callable[[str], Workspace]:
    """Makes repositories that go to the server directly."""

    def make(folder: str) -> Workspace:
        root = tmp_path / folder
        root.mkdir()
        return Workspace(root, prefix=f"t{uuid4().hex[:8]}", server_url=prefect_server)

    return make


@pytest.fixture(scope="session")
def docker_pool(prefect_server: str) -> str:
    """A pool of type docker, from a template with the variables that prefect-docker's has."""
    body = {"name": DOCKER_POOL, "type": "docker", "base_job_template": DOCKER_TEMPLATE}
    answer = httpx.post(f"{prefect_server}/work_pools/", json=body, timeout=60)
    assert answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    return DOCKER_POOL


@pytest.fixture
def workspace(make_workspace: Callable[[str], Workspace]) -> Iterator[Workspace]:
    """A repository whose requests to the real server are noted, and can be made to fail."""
    made = make_workspace("repository")
    with recording_proxy(made.server_url) as proxy:
        made.proxy = proxy
        yield made
        made.leave_no_schedule()
        if any((made.root / ".deployment-system" / "local").glob("*.json")):
            made.run("down")  # of a worker that a recovery has started


@pytest.fixture
def one_flow(workspace: Workspace) -> Workspace:
    """A repository with one flow, nothing deployed."""
    workspace.write_flow("load")
    workspace.configure()
    return workspace


@pytest.fixture
def proxy(workspace: Workspace) -> RecordingProxy:
    """The way to the server."""
    assert workspace.proxy is not None
    return workspace.proxy


SAMPLED = {
    "test_building.py": 12,
    "test_builder_choice.py": 10,
    "test_container_reports.py": 3,
    "test_containers.py": 8,
    "test_deploying_again.py": 10,
    "test_disasters.py": 6,
    "test_engine_trouble.py": 8,
    "test_failures.py": 14,
    "test_metrics.py": 14,
    "test_monitoring.py": 4,
    "test_notified.py": 6,
    "test_outcome_events.py": 5,
    "test_ownership.py": 12,
    "test_prefect_yaml_steps.py": 8,
    "test_rare_faults.py": 4,
    "test_recovering.py": 6,
    "test_recovery_files.py": 8,
    "test_recovery_guard_rails.py": 3,
    "test_recovery_packages.py": 3,
    "test_recovery_docker.py": 4,
    "test_recovery_dockerfiles.py": 3,
    "test_recovery_plans.py": 7,
    "test_recovery_prefect.py": 4,
    "test_recovery_registry.py": 3,
    "test_serve.py": 24,
    "test_server_killed.py": 1,
    "test_state_disasters.py": 4,
    "test_state_in_postgresql.py": 3,
    "test_visibility.py": 5,
}
"""How many tests of a file a CI run takes: each takes seconds, and all together a quarter of an hour."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In CI, another sample of the long ones each time; elsewhere, and with CRASH_SWEEP=all, every one."""
    if not os.environ.get("CI") or os.environ.get("CRASH_SWEEP") == "all":
        return
    seed = int(os.environ.get("CRASH_SWEEP_SEED") or random.randrange(1_000_000))  # noqa: S311 - no secret
    chance = random.Random(seed)  # noqa: S311 - no secret
    left_out: set[pytest.Item] = set()
    for file, number in SAMPLED.items():
        of_file = [item for item in items if item.path.name == file]
        left_out.update(chance.sample(of_file, max(0, len(of_file) - number)))
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
        sys.stderr.write(f"{len(left_out)} long tests left out of this run, CRASH_SWEEP_SEED={seed}\n")
