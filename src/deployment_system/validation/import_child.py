"""The isolated process that imports users' files to read their flows' parameter types.

Run as a script, with a list of jobs as JSON on standard input and the number of a file descriptor for
the results as argument. Imports Prefect once (over a second) and forks for every file, so that one
file can neither disturb another nor take the others down; the parent bounds time and environment.
"""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST_RESULT_BYTES = 16 * 1024 * 1024


def main() -> None:
    """Answers every job with one JSON line."""
    results = int(sys.argv[1])
    request = json.loads(sys.stdin.read())
    root = request["root"]
    timeout = float(request["timeout_seconds"])
    os.chdir(root)
    import prefect.flows  # noqa: F401 - paid once, before the forks

    for job in request["jobs"]:
        answer = {"file": job["file"], **_in_fork(job, timeout)}
        _write_all(results, (json.dumps(answer) + "\n").encode())


def _in_fork(job: dict[str, Any], timeout: float) -> dict[str, Any]:
    """The job's answer, from a process of its own that is killed when its time is up."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        os.setsid()
        _silence()
        status = 1
        try:
            _write_all(write_end, json.dumps(_import(job)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    try:
        content, in_time = _read_until(read_end, time.monotonic() + timeout)
    finally:
        os.close(read_end)
        _kill_group(child)
    _, status = os.waitpid(child, 0)
    if not in_time:
        return {"timeout": timeout}
    if not content:
        return {"died": _death(status)}
    answer: dict[str, Any] = json.loads(content)
    return answer


def _import(job: dict[str, Any]) -> dict[str, Any]:
    """Loads the file the way Prefect's worker does, and describes the flows asked for."""
    from prefect.exceptions import ScriptError
    from prefect.utilities.importtools import load_script_as_module

    before = set(sys.modules)
    try:
        module = load_script_as_module(job["file"])
    except ScriptError as error:
        return {"failed": _failure(error.user_exc, job["file"])}
    except SystemExit as end:
        return {"failed": {**_failure(end, job["file"]), "message": f"sys.exit({end.code!r})"}}
    except BaseException as error:  # noqa: BLE001 - whatever the user's module raises is the answer
        return {"failed": _failure(error, job["file"])}
    flows = {name: _described(getattr(module, name, None)) for name in job["functions"]}
    loaded = _own_files(sys.modules[name] for name in set(sys.modules) - before)
    return {"flows": flows, "loaded": loaded}


def _described(value: Any) -> dict[str, Any]:
    from prefect.flows import Flow
    from prefect.utilities.callables import parameter_schema

    if not isinstance(value, Flow):
        return {"not_a_flow": type(value).__name__}
    schema = parameter_schema(value).model_dump_for_openapi()
    return {"name": value.name, "schema": json.loads(json.dumps(schema, default=str))}


def _own_files(modules: Iterable[Any]) -> list[str]:
    """The files below the working directory that were loaded, relative to it."""
    here = str(Path.cwd()) + os.sep
    files = {str(Path(file).resolve()) for module in modules if (file := getattr(module, "__file__", None))}
    return sorted(file.removeprefix(here) for file in files if file.startswith(here))


def _failure(error: BaseException, file: str) -> dict[str, Any]:
    """What was raised, and the last line of the user's own code on the way there."""
    own = str(Path(file).resolve())
    here = str(Path.cwd()) + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if frame.filename.startswith(here)] or [
        frame for frame in frames if str(Path(frame.filename).resolve()) == own
    ]
    place = users[-1] if users else None
    return {
        "type": type(error).__name__,
        "message": " ".join(str(error).split())[:1000],
        "file": str(Path(place.filename).resolve()).removeprefix(here) if place else file,
        "line": place.lineno if place else None,
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def _silence() -> None:
    """The user's file must not write into our pipes, nor wait for input."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _read_until(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """All that is written until the other end closes, and whether it closed before the deadline."""
    content = b""
    while len(content) < LARGEST_RESULT_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return content, False
        part = os.read(descriptor, 65536)
        if not part:
            break
        content += part
    return content, True


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _kill_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        # It ended before it could make its group; waitpid settles the rest.
        return


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.waitstatus_to_exitcode(status)} before it was loaded"


if __name__ == "__main__":
    main()
