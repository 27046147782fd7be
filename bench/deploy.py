"""`deployment-cli deploy` beside the bare API calls and beside `prefect deploy --all`.

Each contender deploys the same generated flows to a fresh server of its own (SQLite), then once more with
nothing changed; requests are counted in the server's access log. All three are timed as whole processes,
their start included. With --rounds, contenders take turns and the fastest round of each counts.

    python bench/deploy.py                the promise: 200 flows, without schedules and with
    python bench/deploy.py --flows 40     a shorter look
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from measuring.bare_calls import creation_body
from measuring.rows import Promise, count, ratio, report
from measuring.server import FreshServer, fresh_server

POOL = "bench-pool"
CRON = "0 5 * * *"
FLOW = '''"""A flow like many others."""

from prefect import flow


@flow(name="flow-{number:03}")
def flow_{number:03}(limit: int = 10, region: str = "north", dry_run: bool = False) -> int:
    """Load the orders of a region."""
    return limit
'''
PREFECT = str(Path(sys.executable).with_name("prefect"))


@dataclass(frozen=True)
class Timing:
    """One contender's two runs on one server."""

    first_seconds: float
    again_seconds: float
    first_requests: int
    again_requests: int
    again_writes: int


Deployer = Callable[[FreshServer, Path], None]


def write_repository(root: Path, flows: int, scheduled: bool) -> None:
    """The flows, with a configuration of ours and the same deployments in a prefect.yaml beside them."""
    for name in ("ours", "prefect"):
        folder = root / name / "flows"
        folder.mkdir(parents=True)
        for number in range(flows):
            (folder / f"flow_{number:03}.py").write_text(FLOW.format(number=number))
    # JSON is YAML; the server's address comes from the environment.
    rule = {"schedules": [{"cron": CRON, "timezone": "UTC", "slug": "nightly"}]} if scheduled else {}
    ours = {
        "project": "bench",
        "environments": {
            "development": {"prefect_api_url": "${PREFECT_API_URL}", "work_pools": {"python": POOL}}
        },
        "flows": {"*": rule},
    }
    (root / "ours" / "deployment-config.yaml").write_text(json.dumps(ours))
    schedules = [{"cron": CRON, "timezone": "UTC", "slug": "nightly"}] if scheduled else []
    deployments = [
        {
            "name": f"flow-{number:03}-python-development",
            "entrypoint": f"flows/flow_{number:03}.py:flow_{number:03}",
            "work_pool": {"name": POOL},
            "schedules": schedules,
        }
        for number in range(flows)
    ]
    pull = [{"prefect.deployments.steps.set_working_directory": {"directory": str(root / "prefect")}}]
    (root / "prefect" / "prefect.yaml").write_text(json.dumps({"pull": pull, "deployments": deployments}))


def deploy_ours(server: FreshServer, root: Path) -> None:
    """The command under test."""
    command = [sys.executable, "-m", "deployment_system.cli", "deploy", "--env", "development", "--quiet"]
    _run(command, root / "ours", server)


def deploy_with_prefect(server: FreshServer, root: Path) -> None:
    """Prefect's own command."""
    command = [PREFECT, "--no-prompt", "deploy", "--all"]
    _run(command, root / "prefect", server)


def deploy_bare(server: FreshServer, root: Path) -> None:
    """POST flow, POST deployment, one after another, with the bodies that our command sent."""
    command = [sys.executable, "-m", "measuring.bare_calls", server.url, str(root / "bodies.json")]
    _run(command, Path(__file__).resolve().parent, server)


def _run(command: list[str], folder: Path, server: FreshServer) -> None:
    finished = subprocess.run(command, cwd=folder, env=server.environment(), capture_output=True, text=True)
    if finished.returncode != 0:
        raise RuntimeError(f"{command} exited {finished.returncode}:\n{finished.stdout}\n{finished.stderr}")


def deployed_on(server: FreshServer) -> list[dict[str, Any]]:
    """Every deployment of the server."""
    found: list[dict[str, Any]] = []
    while page := httpx.post(
        f"{server.url}/deployments/filter",
        json={"limit": 200, "offset": len(found), "sort": "NAME_ASC"},
        timeout=300,
    ).json():
        found += page
    return found


def measure(deploy: Deployer, root: Path, flows: int) -> Timing:
    """Deploys twice to a fresh server; raises where the server does not hold every flow afterwards."""
    with fresh_server() as server:
        pool = {"name": POOL, "type": "process"}
        httpx.post(f"{server.url}/work_pools/", json=pool, timeout=300).raise_for_status()
        before = len(server.requests())
        first = _seconds(deploy, server, root)
        between = len(server.requests())
        again = _seconds(deploy, server, root)
        requests = server.requests()[between:]
        deployments = deployed_on(server)
        if len(deployments) != flows:
            raise AssertionError(f"{len(deployments)} deployments on the server instead of {flows}")
        if deploy is deploy_ours:
            (root / "bodies.json").write_text(json.dumps([creation_body(item) for item in deployments]))
    writes = [request for request in requests if request.writes]
    return Timing(first, again, between - before, len(requests), len(writes))


def _seconds(deploy: Deployer, server: FreshServer, root: Path) -> float:
    start = time.perf_counter()
    deploy(server, root)
    return time.perf_counter() - start


def fastest(timings: list[Timing]) -> Timing:
    """The round that the machine disturbed least; its counts are the same in each."""
    return Timing(
        min(timing.first_seconds for timing in timings),
        min(timing.again_seconds for timing in timings),
        max(timing.first_requests for timing in timings),
        max(timing.again_requests for timing in timings),
        max(timing.again_writes for timing in timings),
    )


def compare(flows: int, rounds: int, scheduled: bool) -> list[Promise]:
    """The promises of one size, with schedules or without."""
    how = f"{flows} flows {'with' if scheduled else 'without'} schedules"
    with tempfile.TemporaryDirectory(prefix="bench-deploy-") as folder:
        root = Path(folder)
        write_repository(root, flows, scheduled)
        taken: dict[Deployer, list[Timing]] = {deploy_ours: [], deploy_bare: [], deploy_with_prefect: []}
        for number in range(rounds):
            for deploy, timings in taken.items():
                if deploy is deploy_with_prefect and number > 0:
                    continue  # it takes minutes, and a ratio of five is no matter of noise
                timings.append(measure(deploy, root, flows))
                sys.stderr.write(f"{how}: {deploy.__name__} {timings[-1]}\n")
    ours, bare, prefect = (fastest(timings) for timings in taken.values())
    beside_bare = [
        ratio(f"deploy, {how}", ours.first_seconds, bare.first_seconds, "bare calls", 1.25),
        count(f"again, {how}: requests", ours.again_requests, 12),
        count(f"again, {how}: write requests", ours.again_writes, 0),
    ]
    # With schedules the server is busy planning runs, for whoever deployed: then its load is compared.
    first, again = (0.25, 0.02) if not scheduled else (1.0, 1.0)
    return [
        *beside_bare,
        ratio(f"deploy, {how}", ours.first_seconds, prefect.first_seconds, "prefect deploy --all", first),
        ratio(f"again, {how}", ours.again_seconds, prefect.again_seconds, "prefect deploy --all", again),
    ]


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--flows", type=int, default=200, help="how many flows (default: 200)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of ours and the bare calls (default: 2)")
    options = parser.parse_args()
    promises = [
        promise
        for scheduled in (False, True)
        for promise in compare(options.flows, options.rounds, scheduled)
    ]
    return report(promises)


if __name__ == "__main__":
    sys.exit(main())
