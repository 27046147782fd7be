"""A repository whose flow runs in a container, on a real engine and server."""

import time
from collections.abc import Callable

import httpx

from deployment_system.builders.engine import DockerEngine
from tests.deploy.conftest import Workspace
from tests.docker_engine import BUSYBOX, PrivateEngine

POOL = "test-docker-reports"
DOCKERFILE = f"FROM {BUSYBOX}\nWORKDIR /app\nCOPY flows flows\n"
SECONDS = 120.0


def made_shop(workspace: Workspace, engine: PrivateEngine, dockerfile: str = DOCKERFILE) -> Workspace:
    """A flow with a Dockerfile and no other deployment than the one in a container."""
    template = {
        "variables": {"type": "object", "properties": {"image": {"type": "string"}}},
        "job_configuration": {"image": "{{ image }}"},
    }
    body = {"name": POOL, "type": "docker", "base_job_template": template}
    answer = httpx.post(f"{workspace.server_url}/work_pools/", json=body, timeout=60)
    assert answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    workspace.write_flow("load")
    workspace.write("Dockerfile", dockerfile)
    workspace.write(".dockerignore", ".prefect-home\n.deployment-system\ndeployment-config.yaml\n")
    workspace.environ["DOCKER_HOST"] = engine.url
    configured(workspace)
    return workspace


def configured(workspace: Workspace, line: str = "default_tags: []") -> None:
    """The environment has one line more."""
    workspace.configure('{"*": {types: [docker]}}', environment=line)
    file = workspace.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("{python: test-pool}", f"{{docker: {POOL}}}"))


def wait_until(happened: Callable[[], bool]) -> None:
    """Until it happened, or the test fails."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def names(engine: DockerEngine, workspace: Workspace) -> set[str]:
    """What images of the repository are called in an engine."""
    return {tag for image in engine.images() for tag in image.tags if workspace.prefix in tag}
