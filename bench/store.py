"""What a durable operation costs, beside an append and a sync of the same size on the same disk.

    python bench/store.py [--rounds 1500] [--folder FOLDER]

The contenders take turns, so that a busy moment of the disk hits all of them; medians count. The first
operations after a store was opened, until SQLite's log has its size of 4 MB (about 300), cost more: on a disk
that syncs in 0.15 ms about 1.9 times the append, for which a row of its own has a bound of its own.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deployment_system.error_handling.store import Lock, OperationRecord, Owner, Store, open_store
from deployment_system.error_handling.store.encoding import as_text
from measuring.rows import Promise, ratio, report

STATE = {f"field {number}": "x" * 40 for number in range(24)}
"""About as large as what is kept of a deployment."""
GROUP = 20
GROWING = 200
MANY = 100_000


def operation(plan_id: str, sequence: int) -> OperationRecord:
    """A change of a deployment."""
    return OperationRecord(
        operation_id=f"{plan_id}-{sequence}",
        plan_id=plan_id,
        sequence=sequence,
        group=sequence,
        operation_type="deployment_update",
        kind="deployment",
        reference={"flow": "load", "deployment": f"load-{sequence}"},
        before=STATE,
        after=STATE,
        after_known=True,
        description="Change deployment load",
    )


def size(record: OperationRecord) -> int:
    """The bytes of an operation in a plain file."""
    texts = (as_text(value, {}) for value in (record.reference, record.before, record.after))
    return sum(map(len, (*texts, record.plan_id, record.kind, record.operation_type, record.description)))


def seconds(action: Callable[[], object]) -> float:
    """The duration of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@contextmanager
def begun(file: Path) -> Iterator[tuple[Store, str, Lock]]:
    """A store with a plan."""
    with open_store(file) as store:
        plan, lock = store.journal.begin("bench", Owner.current())
        yield store, plan.plan_id, lock


def durable_operations(folder: Path, rounds: int) -> list[Promise]:
    """One operation, and one of a group, beside the append of as many bytes."""
    taken: dict[str, list[float]] = {"append": [], "one": [], "group": []}
    handle = os.open(folder / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with (
        begun(folder / "one.db") as (one, plan_id, lock),
        begun(folder / "group.db") as (many, group_id, other),
    ):
        text = b"x" * size(operation(plan_id, 1))

        def append() -> None:
            os.write(handle, text)
            os.fdatasync(handle)

        for number in range(1, rounds + 1):
            taken["append"].append(seconds(append))
            single = [operation(plan_id, number)]
            taken["one"].append(seconds(lambda single=single: one.journal.append(lock, single)))
            if number % 5 == 0:
                first = number * GROUP
                group = [operation(group_id, first + each) for each in range(GROUP)]
                taken["group"].append(seconds(lambda group=group: many.journal.append(other, group)) / GROUP)
    os.close(handle)
    median = {name: statistics.median(durations) for name, durations in taken.items()}
    yardstick = f"append + fdatasync of {len(text):,} bytes"
    return [
        ratio("a durable operation", median["one"], median["append"], yardstick, 1.5),
        ratio(f"one of {GROUP} in a group", median["group"], median["append"], yardstick, 1),
        ratio(
            f"one of the first {GROWING} in a new log",
            statistics.median(taken["one"][:GROWING]),
            statistics.median(taken["append"][:GROWING]),
            yardstick,
            3,
        ),
    ]


def opening(folder: Path) -> Promise:
    """Opening a store that holds many operations."""
    file = folder / "large.db"
    with begun(file) as (store, plan_id, lock):
        model = operation(plan_id, 1)
        for start in range(1, MANY, 10_000):
            store.journal.append(lock, [replace(model, sequence=start + each) for each in range(10_000)])
    taken = statistics.median(seconds(lambda: open_store(file).close()) for _ in range(9))
    what = f"opening a store with {MANY:,} operations"
    return Promise(what, f"{taken * 1000:.3g} ms", "", taken * 1000, 50)


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=1500, help="turns of each contender (default: 1500)")
    parser.add_argument("--folder", type=Path, help="where to measure: a folder on the disk in question")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return report([*durable_operations(Path(folder), options.rounds), opening(Path(folder))])


if __name__ == "__main__":
    sys.exit(main())
