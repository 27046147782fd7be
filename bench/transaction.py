"""What being a transaction costs a deployment, and how fast everything is put back.

The transaction's part is measured inside one and the same deployment: the time spent in the store (journal,
lock, notes) beside the rest, as a server's own time varies more from run to run than that. Rolling back is
`recovery execute` of a whole deployment, as a process, beside the `deploy` that made it.

    python bench/transaction.py                the promise: 200 flows
    python bench/transaction.py --flows 40     a shorter look
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from deploy import POOL, deployed_on, write_repository
from measuring.rows import Promise, ratio, report
from measuring.server import FreshServer, fresh_server

CLI = [sys.executable, "-m", "deployment_system.cli"]


def run(command: list[str], folder: Path, server: FreshServer) -> tuple[float, str]:
    """The seconds that a command takes, its start included, and what it prints. Raises where it fails."""
    began = time.perf_counter()
    finished = subprocess.run(command, cwd=folder, env=server.environment(), capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if finished.returncode != 0:
        raise RuntimeError(f"{command} exited {finished.returncode}:\n{finished.stdout}\n{finished.stderr}")
    return seconds, finished.stdout


def measure(root: Path, flows: int) -> list[Promise]:
    """Deploys, rolls back, deploys again with the clock in the store."""
    repository = root / "ours"
    with fresh_server() as server:
        httpx.post(f"{server.url}/work_pools/", json={"name": POOL, "type": "process"}, timeout=300)
        creating, printed = run([*CLI, "deploy", "-o", "json"], repository, server)
        plan_id = json.loads(printed)["plan_id"]
        assert len(deployed_on(server)) == flows
        undoing, _ = run(
            [*CLI, "recovery", "execute", "--plan-id", plan_id, "--auto-execute"], repository, server
        )
        assert deployed_on(server) == []
        environment = {**server.environment(), "PYTHONPATH": str(Path(__file__).resolve().parent)}
        finished = subprocess.run(
            [sys.executable, "-m", "measuring.journal_share"],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        share = json.loads(finished.stdout)
        assert len(deployed_on(server)) == flows
    whole, rest = share["seconds"], share["seconds"] - share["transaction_seconds"]
    return [
        ratio(
            f"deploy, {flows} flows, with its transaction", whole, rest, "the same without the store", 1.15
        ),
        ratio(f"roll back {flows} created deployments", undoing, creating, "creating them", 0.5),
    ]


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--flows", type=int, default=200, help="how many flows (default: 200)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_repository(root, options.flows, scheduled=False)
        return report(measure(root, options.flows))


if __name__ == "__main__":
    sys.exit(main())
