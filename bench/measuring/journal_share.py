"""One deployment of the repository in the current folder, and how much of its time went into the transaction.

    python -m measuring.journal_share

Prints JSON: `seconds` of the whole, `transaction_seconds` of it inside the store: journal, lock and notes.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployment_system.deploy.deploying import deploy
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.project import open_project
from deployment_system.error_handling.store import Journal, Locks, Notes, opening

MEASURED: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Journal, ("begin", "append", "mark", "record_after", "commit", "finish", "plan", "unfinished")),
    (Locks, ("acquire", "release")),
    (Notes, ("get", "put", "delete")),
)


class Stopwatch:
    """Sums up how long calls take; those inside others count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured."""

        def measured(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return function(*args, **kwargs)
            self._inside, began = True, time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._inside = False
                self.seconds += time.perf_counter() - began

        return measured


def main() -> None:
    """Deploys and prints."""
    watch = Stopwatch()
    for kind, names in MEASURED:
        for name in names:
            setattr(kind, name, watch.around(getattr(kind, name)))
    opening.migrate = watch.around(opening.migrate)  # type: ignore[attr-defined] # what opening a store costs
    project = open_project(Path.cwd(), environ=os.environ)
    began = time.perf_counter()
    result = deploy(project, Selection())
    seconds = time.perf_counter() - began
    if result.status != "deployed":
        raise AssertionError([error.message for error in result.errors])
    print(json.dumps({"seconds": seconds, "transaction_seconds": watch.seconds}))


if __name__ == "__main__":
    main()
