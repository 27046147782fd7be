"""The isolated process that imports users' files to read their flows' parameter types.

Run as a script, with a list of jobs as JSON on standard input and the number of a file descriptor for
the results as argument. Imports Prefect once (over a second) and forks for every file, so that one
file can neither disturb another nor take the others down; the parent bounds time and environment.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LARGEST_RESULT_BYTES = 16 * 1024 * 1024


def main() -> None:
    """Says that it is ready, then answers every job with one JSON line."""
    results = int(sys.argv[1])
    request = json.loads(sys.stdin.read())
    timeout = float(request["timeout_seconds"])
    os.chdir(request["root"])
    import prefect.main  # noqa: F401 - what `from prefect import flow` loads, paid once before the forks
    from prefect.utilities.callables import parameter_schema

    parameter_schema(main)  # imports more at its first call: paid once too
    gc.freeze()  # or collecting garbage in the forks would copy the memory that they share
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _write_all(results, b"{}\n")
    for job in request["jobs"]:
        answer = {**_in_fork(job, timeout), "file": job["file"]}
        _write_all(results, (json.dumps(answer) + "\n").encode())


def _in_fork(job: dict[str, Any], timeout: float) -> dict[str, Any]:
    """The job's answer, from a process of its own that is killed when its time is up.

    The answer stands between marks that nobody else knows: what the file writes into the pipe is not
    taken for it, and who inherits the pipe from the file need not close it.
    """
    mark = os.urandom(16).hex().encode()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        own = os.getpid()
        status = 1
        try:
            os.setsid()
            _silence(write_end)
            answer = json.dumps(_import(job)).encode()
            # A copy of itself that the file made, and that came out here as well, has nothing to say.
            if os.getpid() == own:
                _write_all(write_end, mark + answer + mark)
                status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    try:
        content, in_time = _read_until(read_end, mark, time.monotonic() + timeout)
    finally:
        os.close(read_end)
        _kill_group(child)
    _, status = os.waitpid(child, 0)
    if not in_time:
        return {"timeout": timeout}
    if content.count(mark) < len(("begin", "end")):
        return {"died": _death(status)}
    found: dict[str, Any] = json.loads(content.split(mark)[1])
    return found


def _import(job: dict[str, Any]) -> dict[str, Any]:
    """Loads the file the way Prefect's worker does, and describes the flows asked for."""
    from prefect.exceptions import ScriptError
    from prefect.utilities.importtools import load_script_as_module

    before = set(sys.modules)
    here = str(Path.cwd()) + os.sep  # now: the file may change it, or remove the folder
    describe = _describer()
    try:
        module = load_script_as_module(job["file"])
        flows = {name: describe(getattr(module, name, None)) for name in job["functions"]}
    except ScriptError as error:
        return {"failed": _failure(error.user_exc, job["file"], here)}
    except SystemExit as end:
        return {"failed": {**_failure(end, job["file"], here), "message": f"sys.exit({end.code!r})"}}
    except BaseException as error:  # noqa: BLE001 - whatever the user's module raises is the answer
        return {"failed": _failure(error, job["file"], here)}
    loaded = _own_files((sys.modules[name] for name in set(sys.modules) - before), here)
    return {"flows": flows, "loaded": loaded}


def _describer() -> Callable[[Any], dict[str, Any]]:
    """What describes a flow, with all that it needs: the file may forget every module."""
    from prefect.flows import Flow
    from prefect.utilities.callables import parameter_schema
    from pydantic import TypeAdapter

    # As Prefect's client sends it: what JSON cannot hold becomes text, or null.
    sent = TypeAdapter(dict[str, Any])

    def describe(value: Any) -> dict[str, Any]:
        if not isinstance(value, Flow):
            return {"not_a_flow": type(value).__name__}
        schema = parameter_schema(value).model_dump(exclude_unset=True)
        return {"name": value.name, "schema": sent.dump_python(schema, mode="json")}

    return describe


def _own_files(modules: Iterable[Any], here: str) -> list[str]:
    """The files below the repository's folder that were loaded, relative to it."""
    files = {str(Path(file).resolve()) for module in modules if (file := getattr(module, "__file__", None))}
    return sorted(file.removeprefix(here) for file in files if file.startswith(here))


def _failure(error: BaseException, file: str, here: str) -> dict[str, Any]:
    """What was raised, and the last line of the user's own code on the way there."""
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if frame.filename.startswith(here)]
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(here):
        place = (error.filename, error.lineno)
    else:
        place = (users[-1].filename, users[-1].lineno) if users else (here + file, None)
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "file": str(place[0]).removeprefix(here),
        "line": place[1],
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def _message(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:1000]
    except Exception:  # noqa: BLE001 - the user's own class may fail at that
        return "its message cannot be shown"


def _silence(kept: int) -> None:
    """The user's file must not write into our pipes, nor wait for input; and should memory run short, it
    is the one to go."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, kept)
    os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")


def _read_until(descriptor: int, mark: bytes, deadline: float) -> tuple[bytes, bool]:
    """All that is written until the second mark, or until the other end closes; and whether that was
    before the deadline."""
    content = b""
    while len(content) < LARGEST_RESULT_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return content, False
        part = os.read(descriptor, 65536)
        content += part
        if not part or (content.endswith(mark) and content.count(mark) > 1):
            break
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
