"""How long the command takes to say anything, beside a bare start of Python.

    python bench/startup.py [--rounds 40]

The contenders take turns, so that a busy moment of the machine hits all of them; medians count.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring.rows import ratio, report

COMMAND = Path(sys.executable).with_name("deployment-cli")
FROM_SOURCE = [sys.executable, "-m", "deployment_system.cli"]


def contenders() -> dict[str, list[str]]:
    """The command lines to be timed, by name."""
    ours = [str(COMMAND)] if COMMAND.exists() else FROM_SOURCE
    return {
        "python": [sys.executable, "-c", ""],
        "--version": [*ours, "--version"],
        "--help": [*ours, "--help"],
        "prefect --help": [str(COMMAND.with_name("prefect")), "--help"],
    }


def seconds(command: list[str]) -> float:
    """The duration of one run."""
    # An installed command has its bytecode: so must one that runs from source.
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def medians(rounds: int) -> dict[str, float]:
    """The median of each contender; Prefect's, which takes seconds, of three rounds."""
    taken: dict[str, list[float]] = {name: [] for name in contenders()}
    for command in contenders().values():
        seconds(command)  # fills the file cache and writes the bytecode
    for number in range(rounds):
        for name, command in contenders().items():
            if name != "prefect --help" or number < 3:
                taken[name].append(seconds(command))
    return {name: statistics.median(durations) for name, durations in taken.items()}


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=40, help="turns of each contender (default: 40)")
    median = medians(parser.parse_args().rounds)
    bare = median["python"]
    return report(
        [
            ratio("deployment-cli --version", median["--version"], bare, "bare Python start", 6),
            ratio("deployment-cli --help", median["--help"], bare, "bare Python start", 8),
            ratio("deployment-cli --help", median["--help"], median["prefect --help"], "prefect --help", 1),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
