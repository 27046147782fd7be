"""What the history of errors costs: telling an error, and looking back at a hundred thousand.

    python bench/error_history.py [--records 100000] [--rounds 400] [--folder FOLDER]

The contenders of a durable report take turns, so that a busy moment of the disk hits all of them; medians
count. Of the commands the fastest of 15 runs counts, as the rest is what others did to the machine. The
yardstick of a report is the insert of the very document that the report keeps, into a table of SQLite's that
holds nothing else, synchronised in the same way. How much scrubbing adds to a report is measured in the same
process with the functions that hide secrets taken out.
"""

import argparse
import contextlib
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployment_system.error_handling import (
    DockerError,
    ErrorCodes,
    ErrorContext,
    ErrorReporter,
    PrefectAPIError,
    plain_values,
)
from deployment_system.error_handling.error_report import Circumstances, report_of
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.store import Owner, open_store
from deployment_system.error_handling.store.error_filter import first_id_of
from deployment_system.error_handling.store.error_rows import row_of
from measuring.rows import Promise, ratio, report

DAYS = 90
FLOWS = 150
COMMAND = [sys.executable, "-m", "deployment_system.cli"]
PEAK = """
import sys
from pathlib import Path
from deployment_system.error_handling import ErrorReporter
with ErrorReporter(history=Path(sys.argv[1])) as history:
    history.export_error_report(Path(sys.argv[2]), sys.argv[3])
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def seconds(action: Callable[[], object]) -> float:
    """The duration of one call."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def failure() -> DockerError:
    """An error as a build leaves it: with a cause, a traceback, and the end of a log."""
    try:
        try:
            subprocess_that_fails(3)
        except ValueError as error:
            raise DockerError(
                "step 7 of flows/load/Dockerfile failed: pip ended with exit status 1",
                context=ErrorContext(
                    "load",
                    file_path="flows/load/Dockerfile",
                    line_number=7,
                    source_lines=[[number, f"RUN pip install package-{number}"] for number in range(6, 9)],
                    log=[f"Collecting package-{number}" for number in range(20)],
                ),
            ) from error
    except DockerError as error:
        return error


def subprocess_that_fails(depth: int) -> None:
    """Fails some frames below."""
    if depth == 0:
        raise ValueError("exit status 1")
    subprocess_that_fails(depth - 1)


def filled(file: Path, count: int) -> None:
    """A history of so many errors: some hundred faults, three months, three environments."""
    chosen = random.Random(7)  # noqa: S311 - the same history at each run
    owner, known = Owner.current(), KnownSecrets([])
    began = datetime.now(UTC) - timedelta(days=DAYS - 1)
    faults = []
    for number in range(FLOWS * 2):
        kind, code = chosen.choice(
            [(DockerError, ErrorCodes.DOCKER_BUILD_FAILED), (PrefectAPIError, ErrorCodes.PREFECT_API_TIMEOUT)]
        )
        faults.append((kind, code, f"flow-{number % FLOWS}"))
    trace = failure().to_dict()["traceback"]
    with open_store(file) as store:
        batch = []
        for number in range(count):
            kind, code, flow = chosen.choice(faults)
            context = ErrorContext(flow, environment=chosen.choice(("development", "staging", "production")))
            moment = began + timedelta(days=DAYS - 2) * (number / count)
            error = kind(f"{flow} failed", error_code=code, context=context, timestamp=moment)
            told = report_of(error, Circumstances(command="deploy"), owner=owner, known=known)
            batch.append({**told.document, "traceback": trace})
            if len(batch) == 1000 or number == count - 1:
                store.errors.add(batch)
                batch = []


@contextlib.contextmanager
def nothing_hidden() -> Iterator[None]:
    """Reports as they would be if nobody looked for secrets."""
    before = plain_values.without_secrets, plain_values.names_a_secret
    plain_values.without_secrets, plain_values.names_a_secret = (lambda text: text), (lambda key: False)
    try:
        yield
    finally:
        plain_values.without_secrets, plain_values.names_a_secret = before


def one_report(folder: Path, rounds: int) -> list[Promise]:
    """A durable report beside a bare durable insert, and with secrets looked for beside without."""
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE documents (error_id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL)")
    taken: dict[str, list[float]] = {"bare": [], "report": [], "unscrubbed": []}
    known, nothing = KnownSecrets.of_environ(os.environ), KnownSecrets([])
    with (
        ErrorReporter(history=folder / "report.db", known_secrets=known) as reporter,
        ErrorReporter(history=folder / "unscrubbed.db", known_secrets=nothing) as plain,
    ):
        document = row_of(reporter.report_error(failure(), "build").document)[-1]
        plain.report_error(failure(), "build")

        def insert() -> None:
            bare.execute("INSERT INTO documents VALUES (?, ?)", (first_id_of(datetime.now(UTC)), document))

        for _ in range(rounds):
            taken["bare"].append(seconds(insert))
            error = failure()
            taken["report"].append(seconds(lambda error=error: reporter.report_error(error, "build")))
            error = failure()
            with nothing_hidden():
                taken["unscrubbed"].append(seconds(lambda error=error: plain.report_error(error, "build")))
    bare.close()
    median = {name: statistics.median(durations) for name, durations in taken.items()}
    size = f"insert of {len(document):,} characters"
    return [
        ratio("a durable report", median["report"], median["bare"], size, 2),
        ratio("a report with secrets hidden", median["report"], median["unscrubbed"], "without", 1.2),
    ]


def looking_back(file: Path, count: int, rounds: int) -> list[Promise]:
    """The summary as a command, and the last errors."""
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "DEPLOYMENT_STATE_URL": f"sqlite:///{file}",
    }

    def run(*arguments: str) -> None:
        subprocess.run([*COMMAND, *arguments], check=True, capture_output=True, env=environ, cwd=file.parent)

    start, whole = [], []
    for _ in range(rounds):
        start.append(seconds(lambda: run("--help")))
        whole.append(seconds(lambda: run("error", "summary", "--limit", "10")))
    over = (min(whole) - min(start)) * 1000
    with open_store(file) as store:
        last = statistics.median(
            seconds(lambda: list(store.errors.find(limit=10))) * 1000 for _ in range(5 * rounds)
        )
    return [
        Promise(f"error summary of {count:,}, over the start", f"{over:.3g} ms", "", over, 150),
        Promise(f"last 10 of {count:,}", f"{last:.3g} ms", "", last, 10),
    ]


def exporting(folder: Path, large: Path, small: Path, count: int) -> list[Promise]:
    """The memory of an export of many beside that of a hundredth."""

    def peak(file: Path, name: str) -> float:
        command = [sys.executable, "-c", PEAK, str(file), str(folder / f"export.{name}"), name]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    rows = []
    for name in ("json", "jsonl", "csv"):
        much, little = peak(large, name), peak(small, name)
        yardstick = f"{little:.3g} MB (of {count // 100:,})"
        what = f"memory of error export --format {name}, {count:,} errors"
        rows.append(Promise(what, f"{much:.3g} MB", yardstick, much / little, 1.2))
    return rows


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--records", type=int, default=100_000, help="errors in the history")
    parser.add_argument("--rounds", type=int, default=400, help="reports of each contender (default: 400)")
    parser.add_argument("--folder", type=Path, help="where to measure: a folder on the disk in question")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        large, small = folder / "large.db", folder / "small.db"
        filled(large, options.records)
        filled(small, options.records // 100)
        return report(
            [
                *one_report(folder, options.rounds),
                *looking_back(large, options.records, 15),
                *exporting(folder, large, small, options.records),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
