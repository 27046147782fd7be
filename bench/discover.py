"""How long discovery takes on 10,000 files, beside the parsing that nobody can avoid.

    python bench/discover.py [--files 10000] [--rounds 3]

Cold: beside a bare `ast.parse` of the files that hold both words, `flow` and `prefect`. Warm: beside
walking the tree and asking for each file's size and time; what the command takes merely to start is taken
off. Every contender is a process of its own, they take turns, and the fastest round counts.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring.rows import Promise, ratio, report

COMMAND = [sys.executable, "-m", "deployment_system.cli"]
MEBIBYTE = 1024 * 1024

PARSE_BARE = """
import ast, os, sys, time
began = time.perf_counter()
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as stream:
                source = stream.read()
            if b"flow" in source and b"prefect" in source:
                ast.parse(source)
print(time.perf_counter() - began)
"""

WALK_AND_STAT = """
import os, sys, time
began = time.perf_counter()
pending = [sys.argv[1]]
while pending:
    with os.scandir(pending.pop()) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif entry.name.endswith(".py"):
                entry.stat()
print(time.perf_counter() - began)
"""

FILLER = '''
def {name}(values, *, factor={number}):
    """Adds up what is above the factor."""
    total = 0
    for index, value in enumerate(values):
        if value > factor and index % 2:
            total += value * factor
        elif value in {{"a": 1, "b": [1, 2, 3]}}:
            total -= 1
    return {{"total": total, "factor": factor, "text": f"{{total}} of {{len(values)}}"}}


class {title}:
    """Keeps {name}."""

    def __init__(self, values):
        self.values = [item for item in values if item is not None]

    def result(self):
        return {name}(self.values)
'''

FLOW = '''
from prefect import flow, task


@task
def fetch(number: int) -> list[int]:
    return list(range(number))


@flow(name="flow-{number}", log_prints=True)
def flow_{number}(limit: int = 10, name: str = "x", tags: list[str] | None = None) -> int:
    """Runs number {number}."""
    return len(fetch(limit))
'''


def write_tree(root: Path, files: int) -> int:
    """Files of the sizes of real ones, a sixth of which hold both words; returns the number of flows."""
    choice = random.Random(4)  # noqa: S311 - the same tree each time, nothing secret
    flows = 0
    for number in range(files):
        folder = root / f"package_{number % 40}" / f"part_{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = [
            FILLER.format(name=f"work_{number}_{index}", title=f"Work{number}x{index}", number=index)
            for index in range(choice.choice((1, 2, 3, 5, 8, 14)))
        ]
        if number % 6 == 0:
            flows += 1
            parts.insert(0, FLOW.format(number=number))
        elif number % 60 == 1:
            parts.insert(0, '"""Speaks of a prefect flow without having one."""\n')
        (folder / f"module_{number}.py").write_text("".join(parts))
    return flows


def seconds_printed(code: str, root: Path) -> float:
    """What a yardstick measured of itself."""
    finished = subprocess.run(
        [sys.executable, "-c", code, str(root)], check=True, capture_output=True, text=True, env=environ()
    )
    return float(finished.stdout)


def run_command(root: Path, *arguments: str) -> float:
    """The duration of one run of the command, as a whole process."""
    began = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL, env=environ())
    return time.perf_counter() - began


def environ() -> dict[str, str]:
    """An installed command has its bytecode: so must one that runs from source."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def check_flows(root: Path, expected: int) -> None:
    """Raises where the command did not find every flow: fast and wrong is not fast."""
    code = "import json, sys; print(len(json.load(sys.stdin)['flows']))"
    shown = subprocess.run([*COMMAND, "discover", "-o", "json"], cwd=root, check=True, capture_output=True)
    found = subprocess.run([sys.executable, "-c", code], input=shown.stdout, check=True, capture_output=True)
    if int(found.stdout) != expected:
        raise AssertionError(f"{int(found.stdout)} flows instead of {expected}")


def measure(root: Path, rounds: int) -> dict[str, float]:
    """The fastest round of each contender, in seconds."""
    empty = root.parent / "empty"
    (empty / "flows").mkdir(parents=True)
    (empty / "deployment-config.yaml").write_text("project: empty\n")
    taken: dict[str, list[float]] = {}
    cache = root / ".deployment-system"
    for _ in range(rounds):
        for file in cache.glob("discovery-cache*"):
            file.unlink()
        turns = {
            "start": lambda: run_command(empty, "discover"),
            "parse": lambda: seconds_printed(PARSE_BARE, root / "flows"),
            "cold": lambda: run_command(root, "discover"),
            "walk": lambda: seconds_printed(WALK_AND_STAT, root / "flows"),
            "warm": lambda: run_command(root, "discover"),
        }
        for name, turn in turns.items():
            taken.setdefault(name, []).append(turn())
    return {name: min(durations) for name, durations in taken.items()}


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--files", type=int, default=10_000, help="how many files (default: 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default: 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-discover-") as folder:
        root = Path(folder) / "repository"
        flows = write_tree(root / "flows", options.files)
        (root / "deployment-config.yaml").write_text("project: bench\n")
        (root / ".deployment-system").mkdir()
        check_flows(root, flows)
        best = measure(root, options.rounds)
    # Of all children so far the largest: the bare yardsticks stay far below the command.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MEBIBYTE
    how = f"discover, {options.files} files"
    return report(
        [
            ratio(f"{how}, cold", best["cold"], best["parse"], "bare ast.parse", 1.3),
            ratio(
                f"{how}, warm, beyond start-up",
                best["warm"] - best["start"],
                best["walk"],
                "walk and stat",
                3,
            ),
            Promise(f"{how}: memory at its peak", f"{peak:.0f} MiB", "", peak, 300),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
