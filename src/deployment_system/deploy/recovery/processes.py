"""Background processes that a recovery starts: noted, so that any process can end them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment_system.api import local_processes
from deployment_system.error_handling import OperationType, RollbackManager, UndoFunction

UNDO_PROCESS = "recovery.process"
"""The undo handler's name."""


def note_process(transaction: RollbackManager, name: str, folder: Path, what: str) -> None:
    """Writes down that a process of this name is about to be started: taken back, it is ended."""
    data = {"handler": UNDO_PROCESS, "name": name, "folder": str(folder)}
    transaction.add_rollback_operation(OperationType.CUSTOM, what, data)


def undo_process() -> UndoFunction:
    """What ends such a process, and those that it started. One that has ended by itself is as good."""

    def end(data: Mapping[str, Any]) -> None:
        folder = Path(data["folder"])
        running = local_processes.known(str(data["name"]), folder)
        if running is not None:
            local_processes.stop(running, folder)

    return UndoFunction(end)
