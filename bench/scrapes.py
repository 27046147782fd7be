"""`serve` scraped fifty times a second for a minute while deployments run: how long a scrape takes, whether
memory stays flat, and what the deployments notice of it.

    python bench/scrapes.py [--flows 100] [--seconds 60] [--rate 50]

Deployments that change every flow run one after another on a fresh server of their own (SQLite), in turns
alone and while every scrape reads the state that they write, until there were scrapes for so long. Every one
of them has to succeed.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import httpx

from measuring.rows import Promise, count, ratio, report
from measuring.server import FreshServer, fresh_server

POOL = "bench-pool"
FLOW = """from prefect import flow


@flow
def flow_{number:03}(limit: int = {limit}) -> int:
    return limit
"""
COMMAND = [sys.executable, "-m", "deployment_system.cli"]
THREADS = 8
WARM_SECONDS = 10.0
"""Before this, what a process needs once is still being loaded."""
MOST_GROWTH_MB = 4.0


@dataclass
class Scraper:
    """Scrapes at a steady rate in several threads, and notes how long each took. With no more than the
    standard library: what it costs itself is taken from what is measured."""

    address: str
    rate: float
    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    ran_seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs."""
        ended, began = threading.Event(), time.perf_counter()
        threads = [threading.Thread(target=self._scrape, args=(number, ended)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            self.ran_seconds += time.perf_counter() - began
            for thread in threads:
                thread.join()

    def _scrape(self, number: int, ended: threading.Event) -> None:
        pause = THREADS / self.rate
        due = time.perf_counter() + pause * number / THREADS
        connection = HTTPConnection(self.address, timeout=30)
        while not ended.wait(max(0.0, due - time.perf_counter())):
            began = time.perf_counter()
            connection.request("GET", "/metrics")
            content = connection.getresponse().read()
            self.seconds.append(time.perf_counter() - began)
            self.failures += b"state_up 1.0" not in content
            due = max(due + pause, time.perf_counter())
        connection.close()


def write_flows(root: Path, flows: int, limit: int) -> None:
    """The same flows with another parameter's default: each deployment has something to change."""
    for number in range(flows):
        (root / "flows" / f"flow_{number:03}.py").write_text(FLOW.format(number=number, limit=limit))


def deploy(root: Path, server: FreshServer, flows: int, limit: int) -> float:
    """Seconds of one deployment; raises where it does not succeed."""
    write_flows(root, flows, limit)
    began = time.perf_counter()
    finished = subprocess.run(
        [*COMMAND, "deploy", "-o", "json"], cwd=root, env=server.environment(), capture_output=True, text=True
    )
    took = time.perf_counter() - began
    if finished.returncode != 0 or json.loads(finished.stdout)["status"] != "deployed":
        raise RuntimeError(f"{finished.returncode}: {finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    return took


@contextmanager
def served(root: Path, server: FreshServer) -> Iterator[tuple[str, int]]:
    """`serve` while the block runs: its URL and process id."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "-q"],
        cwd=root,
        env=server.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout is None:
        raise AssertionError("it was asked for a pipe")
    try:
        yield process.stdout.readline().removeprefix("serving http://").strip(), process.pid
    finally:
        process.terminate()
        process.communicate(timeout=30)


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else math.nan


def cpu_seconds(pid: int) -> float:
    """Time that a process has used the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(flows: int, seconds: float, rate: float) -> list[Promise]:
    """Deployments alone, then with scrapes."""
    with tempfile.TemporaryDirectory(prefix="bench-scrapes-") as folder, fresh_server() as server:
        root = Path(folder)
        (root / "flows").mkdir()
        settings = {"prefect_api_url": server.url, "work_pools": {"python": POOL}}
        configuration = {"project": "bench", "environments": {"development": settings}}
        (root / "deployment-config.yaml").write_text(json.dumps(configuration))
        pool = {"name": POOL, "type": "process"}
        httpx.post(f"{server.url}/work_pools/", json=pool, timeout=300).raise_for_status()
        deploy(root, server, flows, 0)
        alone: list[float] = []
        together: list[float] = []
        with served(root, server) as (address, pid):
            scraper, warm = Scraper(address, rate), 0.0
            while scraper.ran_seconds < seconds:
                alone.append(deploy(root, server, flows, 2 * len(alone) + 1))
                with scraper.running():
                    together.append(deploy(root, server, flows, 2 * len(together) + 2))
                if not warm and scraper.ran_seconds > WARM_SECONDS:
                    warm = memory_mb(pid)
            took = scraper.ran_seconds
            grown, busy = memory_mb(pid) - warm, cpu_seconds(pid)
    taken = sorted(scraper.seconds)
    median, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
    sys.stderr.write(
        f"{len(taken)} scrapes in {took:.0f} s, median {median * 1000:.1f} ms, 99 % {late * 1000:.1f} ms; "
        f"serve used {busy / took:.0%} of a core, {warm:.1f} MB at {WARM_SECONDS:.0f} s; "
        f"deployments alone {len(alone)}, with scrapes {len(together)}\n"
    )
    return [
        Promise("a scrape, median", f"{median * 1000:.1f} ms", "", median * 1000, 50, " ms"),
        Promise("scrapes a second, of those wanted", f"{len(taken) / took:.0f}", f"{rate:.0f}",
                rate / (len(taken) / took), 1.1),
        count("scrapes that failed", scraper.failures, 0),
        Promise("memory that serve took in the end", f"{grown:.1f} MB", "", grown, MOST_GROWTH_MB, " MB"),
        ratio(f"a deployment of {flows} flows", statistics.median(together), statistics.median(alone),
              "without scrapes", 1.5),
    ]  # fmt: skip


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--flows", type=int, default=100, help="how many flows (default: 100)")
    parser.add_argument("--seconds", type=float, default=60, help="how long to scrape (default: 60)")
    parser.add_argument("--rate", type=float, default=50, help="scrapes a second (default: 50)")
    options = parser.parse_args()
    return report(measure(options.flows, options.seconds, options.rate))


if __name__ == "__main__":
    sys.exit(main())
