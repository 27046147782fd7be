"""What images cost a deployment: nothing where they are there already, and not one after another where not.

    python bench/images.py                      the promises: 20 deployments, 8 images
    python bench/images.py --deployments 5 --images 4 --rounds 1

The flows of one repository are deployed as processes and in containers, each with an image of its own that
was built before, to one fresh Prefect server; and once more with nothing changed. The contenders take turns
and the fastest round of each counts. Builds are counted by the engine, which makes a container for each step,
and by their logs. Then images are built that have nothing in common, one at a time and side by side, with
commands that mostly wait, as for a package index; and images that begin with the same commands.

Engine and registry are private ones, as in the tests; where none can be started, nothing is measured.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count as counting
from pathlib import Path
from typing import Any

import httpx

from deploy import FLOW, POOL
from measuring.rows import Promise, count, difference, ratio, report
from measuring.server import FreshServer, fresh_server

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.docker_engine import (  # noqa: E402 (the tests' engines need the line above)
    BUSYBOX,
    PrivateEngine,
    Registry,
    import_busybox,
    missing_programs,
    private_engine,
    private_registry,
)

CLI = [sys.executable, "-m", "deployment_system.cli"]
CONTAINER_POOL = "bench-containers"
LONGER_SECONDS = 2.0
"""How much longer a deployment with images may take than one without, when they are there."""
SIDE_BY_SIDE = 4
OTHER_FILES = 1000
"""Beside the flows in the build context, which is looked at for every image."""
WAIT_SECONDS = 3
"""How long a build waits for others: what a small package takes from an index near by."""
CONTENDERS = (
    ("processes", "development", "python"),
    ("containers", "development", "docker"),
    ("containers, with a registry", "registry", "docker"),
)


@dataclass(frozen=True)
class Place:
    """Where everything runs."""

    server: FreshServer
    engine: PrivateEngine
    registry: Registry
    repository: Path

    def run(self, *arguments: str) -> float:
        """The seconds that our command takes, its start included. Raises where it fails."""
        began = time.perf_counter()
        finished = subprocess.run(
            [*CLI, *arguments],
            cwd=self.repository,
            env={**self.server.environment(), "DOCKER_HOST": self.engine.url},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if finished.returncode != 0:
            message = f"{arguments} exited {finished.returncode}:\n{finished.stdout}\n{finished.stderr}"
            raise RuntimeError(message)
        return seconds

    def logs(self) -> list[Path]:
        """Of every build so far."""
        return sorted((self.repository / ".deployment-system" / "builds").glob("*.log"))

    def containers_made(self, since: float) -> int:
        """How many containers the engine has made since then: one for each step of a build."""
        with self.engine.client() as client:
            events = client.call(
                lambda api: list(
                    api.events(
                        since=since,
                        until=time.time(),
                        filters={"type": "container", "event": "create"},
                        decode=True,
                    )
                )
            )
        return len(events)


def write_repository(root: Path, flows: int, registry: str | None = None) -> None:
    """Flows that can be deployed in both ways, for two environments."""
    (root / "flows").mkdir(parents=True)
    for number in range(flows):
        (root / "flows" / f"flow_{number:03}.py").write_text(FLOW.format(number=number))
    (root / "data").mkdir()
    for number in range(OTHER_FILES):
        (root / "data" / f"{number}.csv").write_text(f"{number}\n" * 500)
    (root / ".dockerignore").write_text(".deployment-system\ndeployment-config.yaml\n*.Dockerfile\n")
    pools = {"python": POOL, "docker": CONTAINER_POOL}
    environment = {"prefect_api_url": "${PREFECT_API_URL}", "work_pools": pools}
    environments = {"development": environment}
    if registry is not None:
        environments["registry"] = {**environment, "docker_registry": registry}
    configuration = {
        "project": root.name,
        "default_environment": "development",
        "environments": environments,
        "flows": {"*": {"types": ["python", "docker"]}},
    }
    (root / "deployment-config.yaml").write_text(json.dumps(configuration))


def write_dockerfiles(root: Path, flows: int, lines: Sequence[str]) -> None:
    """One for each flow; NUMBER in the lines is the flow's."""
    for number in range(flows):
        text = "\n".join((f"FROM {BUSYBOX}", "WORKDIR /app", *lines, "COPY flows flows", ""))
        (root / "flows" / f"flow_{number:03}.Dockerfile").write_text(text.replace("NUMBER", str(number)))


def deployed(place: Place) -> list[dict[str, Any]]:
    """What the server has."""
    found: list[dict[str, Any]] = httpx.post(
        f"{place.server.url}/deployments/filter", json={"limit": 200}, timeout=300
    ).json()
    return found


def deploy_with_images(place: Place, flows: int, rounds: int) -> list[Promise]:
    """The same flows as processes and in containers, whose images are there."""
    write_dockerfiles(place.repository, flows, ["LABEL number=NUMBER"])
    place.run("build", "--env", "development")
    place.run("build", "--env", "registry", "--push")
    built_before, began = len(place.logs()), time.time()
    if built_before < flows:
        raise AssertionError(f"{built_before} logs of builds instead of {flows}")
    first: dict[str, list[float]] = {name: [] for name, _, _ in CONTENDERS}
    again: dict[str, list[float]] = {name: [] for name, _, _ in CONTENDERS}
    for number in range(rounds):
        for name, environment, kind in CONTENDERS[number % 3 :] + CONTENDERS[: number % 3]:
            deploy = ("deploy", "--env", environment, "--type", kind, "--quiet")
            first[name].append(place.run(*deploy))
            again[name].append(place.run(*deploy))
            sys.stderr.write(f"{name}: {first[name][-1]:.2f} s, again {again[name][-1]:.2f} s\n")
            if len(deployed(place)) != flows:
                raise AssertionError(f"{len(deployed(place))} deployments instead of {flows}")
            place.run("clean", "--env", environment, "--yes", "--quiet")
    builds = len(place.logs()) - built_before + place.containers_made(began)
    runs = 2 * rounds * sum(kind == "docker" for _, _, kind in CONTENDERS)
    promises = [count(f"builds by {runs} deployments of {flows} images each", builds, 0)]
    for what, seconds in (("deploy", first), ("again", again)):
        processes = min(seconds["processes"])
        promises += [
            difference(f"{what}, {flows} {name}", min(taken), processes, "processes", LONGER_SECONDS)
            for name, taken in seconds.items()
            if name != "processes"
        ]
    return promises


def build_many(place: Place, images: int) -> list[Promise]:
    """Images that have nothing in common, and images that begin alike; new ones each time."""
    fresh = counting(1)

    def build(concurrency: int, lines: Sequence[str]) -> float:
        round_number = next(fresh)
        write_dockerfiles(
            place.repository, images, [line.replace("ROUND", str(round_number)) for line in lines]
        )
        return place.run("build", "--concurrency", str(concurrency))

    waiting = f"RUN sleep {WAIT_SECONDS} && echo NUMBER of ROUND > /made"
    one_by_one, side_by_side = build(1, [waiting]), build(SIDE_BY_SIDE, [waiting])
    before = set(place.logs())
    build(SIDE_BY_SIDE, ["RUN echo ROUND > /base", waiting])
    logs = [file.read_text() for file in set(place.logs()) - before]
    steps = [re.findall(r"Step 3/.*?(?=Step 4/)", log, re.DOTALL) for log in logs]
    bases = sum("Using cache" not in step for (step,) in steps)
    how = f"{images} independent images"
    return [
        ratio(f"build, {how}, --concurrency 4", side_by_side, one_by_one, "--concurrency 1", 0.6),
        count(f"builds of what {len(logs)} images begin with", bases, 1),
    ]


@contextmanager
def new_place(folder: Path, flows: int) -> Iterator[Place]:
    """Server, engine and registry, with their pools and a repository."""
    with (
        fresh_server() as server,
        private_engine() as engine,
        private_registry(folder / "registry") as registry,
    ):
        import_busybox(engine)
        variables = {"image": {"type": "string"}, "image_pull_policy": {"type": "string"}}
        template = {
            "variables": {"type": "object", "properties": variables},
            "job_configuration": {name: f"{{{{ {name} }}}}" for name in variables},
        }
        for pool in (
            {"name": POOL, "type": "process"},
            {"name": CONTAINER_POOL, "type": "docker", "base_job_template": template},
        ):
            httpx.post(f"{server.url}/work_pools/", json=pool, timeout=300).raise_for_status()
        repository = folder / "repository"
        write_repository(repository, flows, f"{registry.host}/bench")
        yield Place(server, engine, registry, repository)


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--deployments", type=int, default=20, help="how many deployments (default: 20)")
    parser.add_argument("--images", type=int, default=8, help="how many images to build (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default: 3)")
    options = parser.parse_args()
    if os.geteuid() != 0 or missing_programs():
        sys.stderr.write("NOT MEASURED: a private Docker engine needs root, dockerd and docker-registry\n")
        return 0
    promises = []
    with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
        root = Path(folder)
        with new_place(root / "unchanged", options.deployments) as place:
            promises += deploy_with_images(place, options.deployments, options.rounds)
        with new_place(root / "built", options.images) as place:
            promises += build_many(place, options.images)
    return report(promises)


if __name__ == "__main__":
    sys.exit(main())
