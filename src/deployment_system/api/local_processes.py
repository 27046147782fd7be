"""Background processes that another run of this command can recognise as its own and end."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployment_system.error_handling import DeploymentError, ErrorCodes, ErrorContext

GRACE_SECONDS = 15.0
"""Between asking a process to end and ending it: a Prefect server needs some seconds to close."""


@dataclass(frozen=True, slots=True)
class Background:
    """A process that was started in the background, known by its id and the moment it began: ids are
    used again, the pair is not."""

    name: str
    pid: int
    began: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return began_at(self.pid) == self.began


def start(name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Background:
    """Starts a process in a session of its own, its output in a file, and notes it durably. Raises
    LOCAL_SERVER_START_FAILED where there is no such program."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise DeploymentError(
                f"the local {name} cannot be started: {command[0]}: {error.strerror or error}",
                error_code=ErrorCodes.LOCAL_SERVER_START_FAILED,
                context=ErrorContext(operation=f"start the local {name}"),
                cause=error,
            ) from error
    background = Background(name, process.pid, began_at(process.pid) or "")
    _write(folder / f"{name}.json", background)
    return background


def known(name: str, folder: Path) -> Background | None:
    """The process that was noted under this name and still runs; a stale note is removed."""
    file = folder / f"{name}.json"
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        background = Background(name, int(stored["pid"]), str(stored["began"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentError(
            f"the note about the local {name} cannot be read: {error}",
            error_code=ErrorCodes.STATE_UNUSABLE,
            context=ErrorContext(file_path=file),
            cause=error,
        ) from error
    if background.alive:
        return background
    file.unlink(missing_ok=True)
    return None


def stop(background: Background, folder: Path) -> None:
    """Ends the process and those that it started: asks first, insists after GRACE_SECONDS."""
    for sent, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        if not background.alive:
            break
        try:
            os.killpg(background.pid, sent)
        except ProcessLookupError:
            break
        _wait_until_gone(background, patience)
    (folder / f"{background.name}.json").unlink(missing_ok=True)


def log_end(name: str, folder: Path, lines: int = 15) -> str:
    """The last lines of a process's output."""
    try:
        return "\n".join((folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def began_at(pid: int) -> str | None:
    """When a process began, in the kernel's own words; None where it does not run any more."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _began_at_by_ps(pid) if not Path("/proc/self/stat").exists() else None
    # proc_pid_stat(5): after the name in parentheses, field 3 is the state and field 22 the start time.
    fields = content.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _began_at_by_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS)."""
    shown = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def _wait_until_gone(background: Background, patience: float) -> None:
    deadline = time.monotonic() + patience
    while background.alive and time.monotonic() < deadline:
        _reap(background.pid)
        time.sleep(0.05)


def _reap(pid: int) -> None:
    """Takes the exit status where the process is our own child; others have another parent for that."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _write(file: Path, background: Background) -> None:
    with file.open("w", encoding="utf-8") as stream:
        json.dump({"pid": background.pid, "began": background.began}, stream)
        stream.flush()
        os.fsync(stream.fileno())
