"""Container deployments run: by a real worker of prefect-docker, in containers of a real engine, to the end.

The private engine has no namespace of its own for the network, so a container with `network_mode: host`
reaches the tests' Prefect server where everybody else does.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deployment_system.builders.engine import DockerEngine
from tests.conftest import POOL
from tests.deploy.conftest import Workspace
from tests.docker_engine import PrivateEngine

RUN_SECONDS = 240.0
"""A container imports Prefect twice, on a machine where other tests run."""
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
TOO_LITTLE_MEMORY = "40m"

DOCKERFILE = "FROM {base}\nWORKDIR /app\nCOPY flows flows\n"
FLOW = """from prefect import flow
{imports}

@flow(name="{name}", log_prints=True)
def {function}(limit: int = 2):
    print("counted", sum(range(limit)))
"""


@dataclass(frozen=True)
class Shop:
    """Flows that are deployed to containers, with a worker that runs them."""

    workspace: Workspace
    engine: DockerEngine
    deployed: dict[str, Any]
    worker_log: Path

    def stored(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        return self.workspace.stored()[f"{self.workspace.name(flow)}-docker-development"]

    def status(self, flow: str) -> dict[str, Any]:
        """What our command says of a flow's deployment."""
        rows = self.workspace.run("status", "-ojson").document["deployments"]
        return next(dict(row) for row in rows if row["flow"] == self.workspace.name(flow))

    def run(self, flow: str, **parameters: Any) -> dict[str, Any]:
        """Starts a run of a flow and waits for its end; the run."""
        deployment = self.stored(flow)["id"]
        body = {"parameters": parameters}
        run = self.workspace.ask("POST", f"/deployments/{deployment}/create_flow_run", body)
        deadline = time.monotonic() + RUN_SECONDS
        while run["state_type"] not in ENDED:
            if time.monotonic() > deadline:
                pytest.fail(f"the run stays {run['state_name']}:\n{self.worker_log.read_text()[-3000:]}")
            time.sleep(0.5)
            run = self.workspace.ask("GET", f"/flow_runs/{run['id']}")
        return dict(run)

    def logs(self, run: dict[str, Any]) -> str:
        """What a run has logged."""
        wanted = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "TIMESTAMP_ASC"}
        return "\n".join(line["message"] for line in self.workspace.ask("POST", "/logs/filter", wanted))


@pytest.fixture(scope="module")
def shop(
    prefect_server: str,
    work_pool: str,
    running_engine: PrivateEngine,
    engine: DockerEngine,
    python_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """Four flows: one that runs, one whose package the image lacks, one without memory, one without image."""
    folder = tmp_path_factory.mktemp("container-runs")
    root = folder / "repository"
    root.mkdir()
    workspace = Workspace(root, prefix=f"t{uuid4().hex[:8]}", server_url=prefect_server)
    workspace.environ["DOCKER_HOST"] = running_engine.url
    pool = f"{workspace.prefix}-pool"
    for flow in ("load", "incomplete", "starving", "homeless"):
        imports = "from stock import COUNT\n" if flow == "incomplete" else ""
        text = FLOW.format(imports=imports, name=workspace.name(flow), function=flow)
        workspace.write(f"flows/{flow}.py", text)
    workspace.write("stock/__init__.py", "COUNT = 1\n")
    dockerfile = DOCKERFILE.format(base=python_image)
    workspace.write("Dockerfile", dockerfile)
    workspace.write("flows/homeless.Dockerfile", dockerfile + "LABEL of=homeless\n")
    workspace.write(".dockerignore", ".prefect-home\n.deployment-system\ndeployment-config.yaml\n")
    starving = f"{{job_variables: {{mem_limit: {TOO_LITTLE_MEMORY}}}}}"
    workspace.configure(
        f'{{"*": {{types: [docker]}}, "NAME:starving": {starving}}}',
        environment="image_pull_policy: Never\n    job_variables: {network_mode: host, auto_remove: true}",
    )
    configuration = root / "deployment-config.yaml"
    configuration.write_text(
        configuration.read_text().replace(f"{{python: {POOL}}}", f"{{python: {POOL}, docker: {pool}}}")
    )
    log = folder / "worker.log"
    worker = _start_worker(workspace, pool, log)
    try:
        _wait_for_pool(workspace, pool, worker, log)
        finished = workspace.deploy()
        assert finished.status == 0, finished.output + finished.errors
        yield Shop(workspace, engine, finished.document, log)
    finally:
        _end(worker)


def _start_worker(workspace: Workspace, pool: str, log: Path) -> "subprocess.Popen[bytes]":
    settings = {
        "PREFECT_API_URL": workspace.server_url,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_HOME": str(workspace.root / ".prefect-home"),
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [
                *(str(Path(sys.executable).with_name("prefect")), "worker", "start"),
                *("--type", "docker", "--pool", pool, "--name", "test", "--install-policy", "never"),
            ],
            env={**os.environ, **workspace.environ, **settings},
            cwd=workspace.root.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(60)
    except subprocess.TimeoutExpired:
        # Prefect's worker sometimes waits for ever for what it has begun; that is none of our matters.
        worker.kill()
        worker.wait(60)


def _wait_for_pool(workspace: Workspace, pool: str, worker: "subprocess.Popen[bytes]", log: Path) -> None:
    """The worker makes the pool, from prefect-docker's own template."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline and worker.poll() is None:
        found = workspace.ask("POST", "/work_pools/filter", {"work_pools": {"name": {"any_": [pool]}}})
        if found and found[0]["status"] == "READY":
            return
        time.sleep(0.2)
    pytest.fail(f"the worker did not start:\n{log.read_text()[-3000:]}")


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it happened, or the test fails: logs and removals come after the end of a run."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_a_flow_runs_in_its_container_to_the_end(shop: Shop) -> None:
    """With the parameters of the run, in the image's working directory, and leaves no container behind."""
    assert shop.deployed["status"] == "deployed"
    run = shop.run("load", limit=5)
    assert run["state_type"] == "COMPLETED", (run["state"], shop.logs(run), shop.worker_log.read_text())
    wait_until(lambda: "counted 10" in shop.logs(run))
    image = shop.stored("load")["job_variables"]["image"]
    of_image = {"ancestor": image}
    wait_until(lambda: not shop.engine.call(lambda client: client.containers(all=True, filters=of_image)))


def test_status_knows_the_image_that_a_deployment_has(shop: Shop) -> None:
    """What was just deployed is as declared; where the engine cannot be asked, that is said."""
    found = shop.status("load")
    assert (found["deployed"], found["in_sync"], found["differs"]) == (True, True, [])
    told = shop.workspace.run("status", "-ojson", environ={"DOCKER_HOST": "unix:///no/such/docker.sock"})
    assert [each["error_code"] for each in told.document["warnings"]] == ["DOCKER_DAEMON_UNAVAILABLE"]
    assert {tuple(each["differs"]) for each in told.document["deployments"]} == {
        ("its image cannot be looked for",)
    }


def test_a_package_that_the_image_lacks_crashes_the_run_and_preflight_tells_before(shop: Shop) -> None:
    """Prefect's state names an exit status, `status` what to do; the preflight names the module."""
    run = shop.run("incomplete")
    newest = shop.status("incomplete")["runs"]["newest"]
    assert "--preflight" in (newest["reason"] or ""), newest
    assert run["state_type"] == "CRASHED", run["state"]
    assert "stock" not in run["state"]["message"]
    told = shop.workspace.run("build", "--preflight", "--only", shop.workspace.name("incomplete"), "-ojson")
    assert (told.status, told.codes) == (1, ["DOCKER_PREFLIGHT_FAILED"]), told.output + told.errors
    error = told.document["errors"][0]
    assert "No module named 'stock'" in error["message"]
    assert error["context"]["module"] == "stock"
    fine = shop.workspace.run("build", "--preflight", "--only", shop.workspace.name("load"), "-ojson")
    assert fine.status == 0, fine.output + fine.errors


def test_a_run_without_memory_is_crashed(shop: Shop) -> None:
    """The engine kills it: the run's state says with which exit status, and `status` what that means."""
    run = shop.run("starving")
    assert run["state_type"] == "CRASHED", run["state"]
    newest = shop.status("starving")["runs"]["newest"]
    assert "memory" in (newest["reason"] or ""), newest
    assert "137" in run["state"]["message"]


def test_a_run_without_its_image_is_crashed_until_it_is_built_again(shop: Shop) -> None:
    """Somebody removes the image: the run says so, and the next deployment builds it."""
    image = shop.stored("homeless")["job_variables"]["image"]
    repository = image.rpartition(":")[0]
    for name in (image, f"{repository}:development"):
        shop.engine.remove(name)
    run = shop.run("homeless")
    assert run["state_type"] == "CRASHED", run["state"]
    assert image in run["state"]["message"]
    told = shop.status("homeless")
    assert told["differs"] == ["its image is not there"]
    assert image in told["runs"]["newest"]["message"]
    again = shop.workspace.deploy()
    assert again.status == 0, again.output + again.errors
    assert shop.engine.image(image) is not None
    assert shop.run("homeless")["state_type"] == "COMPLETED"
