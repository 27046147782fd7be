"""Starts the process that imports users' files, and keeps it away from everything that is not theirs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deployment_system.error_handling import ErrorCodes, FlowDiscoveryError

PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TZ",
        "TMPDIR",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        "SYSTEMROOT",
    }
)
"""The variables that the child gets; all others may hold secrets."""

IMPORT_CHILD = Path(__file__).with_name("import_child.py")
"""Run, never imported: it is the one file that imports Prefect."""

NOWHERE = "http://127.0.0.1:9/api"
"""The discard port: a file that calls a server while it is imported is refused at once."""


def import_files(
    jobs: Sequence[Mapping[str, Any]], root: Path, timeout_seconds: float
) -> Iterator[dict[str, Any]]:
    """Imports each job's file and yields its answer as it comes, in the jobs' order."""
    pending = list(jobs)
    while pending:
        answered = 0
        for answer in _answers(pending, root, timeout_seconds):
            answered += 1
            yield answer
        if answered < len(pending):
            # The file has reached the process that starts all of them: the next ones get a new one.
            yield {"file": pending[answered]["file"], "died": "ended the process that had started it"}
            answered += 1
        pending = pending[answered:]


def _answers(
    jobs: Sequence[Mapping[str, Any]], root: Path, timeout_seconds: float
) -> Iterator[dict[str, Any]]:
    """The answers of one process, as many as it gives."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryDirectory(prefix="deployment-import-") as home, os.fdopen(read_end) as answers:
        child = subprocess.Popen(
            # -P: the child's own folder is not where users' files may import from.
            [sys.executable, "-P", str(IMPORT_CHILD), str(write_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[write_end],
            env=child_environment(os.environ, home),
            start_new_session=True,
            cwd=root,
        )
        os.close(write_end)
        try:
            request = {"root": str(root), "timeout_seconds": timeout_seconds, "jobs": list(jobs)}
            if child.stdin is not None:
                # It may end before it reads; then it does not get ready either.
                with contextlib.suppress(BrokenPipeError), child.stdin:
                    child.stdin.write(json.dumps(request).encode())
            is_ready = answers.readline()
            if not is_ready:
                raise _child_failed(child.stderr.read() if child.stderr else b"")
            for line in answers:
                if line.endswith("\n"):
                    yield json.loads(line)
        finally:
            _end(child)


def child_environment(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """The variables of the child: those that programs need to work, and a Prefect that knows no server."""
    kept = {name: value for name, value in environ.items() if name in PASSED_ON or name.startswith("LC_")}
    return kept | {
        "PREFECT_HOME": home,
        "PREFECT_API_URL": NOWHERE,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        # It may end in between; then there is nothing left to end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stderr is not None:
        child.stderr.close()


def _child_failed(stderr: bytes) -> FlowDiscoveryError:
    lines = stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it said nothing"
    return FlowDiscoveryError(
        f"the process that imports flows in isolation ended early: {last}",
        error_code=ErrorCodes.FLOW_IMPORT_FAILED,
        remediation=["Run `deployment-cli doctor`, or give --no-import to leave such types open."],
    )
