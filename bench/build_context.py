"""How long it takes to know what an image is made of, for a context of 10,000 files.

    python bench/build_context.py [--files 10000] [--rounds 9]

Cold: beside reading every file and nothing else. Again, with the cache: beside walking the folder and asking
for each file's size and time. All in one process, in turns, and the fastest round counts.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.content_hash import hash_content
from deployment_system.builders.dockerfile import parse_dockerfile
from measuring.rows import ratio, report

PATTERNS = ".git\n**/__pycache__\n*.log\ndata\n!data/keep\n"
DOCKERFILE = "FROM python:3.12\nCOPY . /app\n"
OLD_SECONDS = 3600


def write_tree(root: Path, files: int) -> None:
    """Files of the sizes of real ones, about 3 KB each, an hour old."""
    choice = random.Random(4)  # noqa: S311 - the same tree each time, nothing secret
    past = time.time() - OLD_SECONDS
    for number in range(files):
        folder = root / f"package_{number % 40}" / f"part_{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"module_{number}.py"
        file.write_bytes(choice.randbytes(choice.choice((300, 1200, 2500, 4000, 9000))))
        os.utime(file, (past, past))
    (root / ".dockerignore").write_text(PATTERNS)


def read_all(root: Path) -> None:
    """The yardstick of a first run: every file is read."""
    for folder, _, files in os.walk(root):
        for name in files:
            with open(f"{folder}/{name}", "rb", buffering=0) as stream:  # noqa: PTH123 - as fast as can be
                stream.read()


def walk_and_stat(root: Path) -> None:
    """The yardstick of a second run."""
    pending = [str(root)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)


def known(root: Path, cache: Path | None) -> None:
    """Ours."""
    hash_content(read_build_context(root, parse_dockerfile(DOCKERFILE, "Dockerfile")), cache_folder=cache)


def seconds(turn: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    turn()
    return time.perf_counter() - began


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--files", type=int, default=10_000, help="how many files (default: 10000)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender (default: 9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-build-context-") as folder:
        root, cache = Path(folder) / "repository", Path(folder) / "cache"
        write_tree(root, options.files)
        known(root, cache)
        turns = {
            "read": lambda: read_all(root),
            "cold": lambda: known(root, None),
            "walk": lambda: walk_and_stat(root),
            "cached": lambda: known(root, cache),
        }
        taken: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(options.rounds):
            for name, turn in turns.items():
                taken[name].append(seconds(turn))
    best = {name: min(durations) for name, durations in taken.items()}
    how = f"content of a context, {options.files} files"
    return report(
        [
            ratio(f"{how}, first", best["cold"], best["read"], "reading them", 2),
            ratio(f"{how}, again with the cache", best["cached"], best["walk"], "walk and stat", 3),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
