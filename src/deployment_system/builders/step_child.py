"""The process that runs the steps of a prefect.yaml, with Prefect's own `run_step`.

Run as a script, with two file descriptors as arguments: orders come from the first, one JSON line each,
and answers go to the second. Steps share this process, as in Prefect: one may change the working
directory for the next. When the orders end, also because the parent was killed, this process ends with
all that it and its steps have started.
"""

import asyncio
import json
import math
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any, TextIO

GRACE_SECONDS = 5.0
"""Between asking the programs of a step to end and ending them."""

_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Prefect's functions say a script's exit status only in the words of their RuntimeError.
_EXIT_STATUS = re.compile(r"failed with error code (-?\d+)")


class _NotFoundError(Exception):
    """A block or a variable that the server does not have."""


class _WouldVanishError(Exception):
    """A template in a value, in whose place Prefect would put nothing."""


class _NotJsonError(Exception):
    """A value that JSON cannot hold."""

    def __init__(self, where: str, kind: str) -> None:
        super().__init__(where)
        self.where = where
        self.kind = kind


def main() -> None:
    """Says that it is ready, then answers every order with one JSON line."""
    orders, answers = int(sys.argv[1]), int(sys.argv[2])
    for descriptor in (orders, answers):
        os.set_inheritable(descriptor, False)
    for stream in (sys.stdout, sys.stderr):
        _by_lines(stream)
    # A handler that does nothing, not SIG_IGN, which the programs of a step would inherit.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    received: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    idle = threading.Event()
    idle.set()
    threading.Thread(target=_listen, args=(orders, received, idle), daemon=True).start()
    import prefect.deployments.steps  # noqa: F401 - paid once, before the time of a step runs

    _write(answers, {"ready": True})
    while True:
        order = received.get()
        idle.clear()
        answer = _answer(order, lambda secrets: _write(answers, {"secrets": secrets}))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        _write(answers, answer)
        idle.set()


def _by_lines(stream: TextIO) -> None:
    stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[attr-defined]


def _listen(orders: int, received: "queue.SimpleQueue[dict[str, Any]]", idle: threading.Event) -> None:
    """Hands on the orders. At their end, ends this process and its group: asks first, then insists."""
    with os.fdopen(orders, encoding="utf-8") as lines:
        for line in lines:
            received.put(json.loads(line))
    if not idle.is_set():
        os.killpg(0, signal.SIGTERM)
        idle.wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def _answer(order: dict[str, Any], tell_secrets: Callable[[list[str]], None]) -> dict[str, Any]:
    """What came of one order."""
    try:
        inputs = asyncio.run(_looked_up(order["inputs"], tell_secrets))
        if order["only_look_up"]:
            return {"inputs": _plain(inputs, "inputs")}
        missing = [package for package in order["requires"] if not _is_installed(package)]
        if missing:
            return {"not_loaded": {"missing": missing}}
        why_not = _why_not_loaded(order["function"])
        if why_not is not None:
            return {"not_loaded": why_not}
        return {"outputs": asyncio.run(_run(order["function"], inputs))}
    except _NotFoundError as error:
        return {"not_found": str(error)}
    except _WouldVanishError as error:
        return {"would_vanish": str(error)}
    except _NotJsonError as error:
        return {"not_json": {"where": error.where, "kind": error.kind}}
    except BaseException as error:  # noqa: BLE001 - whatever the user's function raises is the answer
        return {"failed": _failure(error)}


async def _run(function: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of the step. Prefect knows none of a function that returns no mapping."""
    from prefect.deployments.steps.core import run_step

    # Without `requires`: what is missing was told before, where Prefect would install it.
    returned = await run_step({function: inputs})
    outputs: dict[str, Any] = _plain(returned, "") if isinstance(returned, dict) else {}
    return outputs


async def _looked_up(inputs: dict[str, Any], tell_secrets: Callable[[list[str]], None]) -> dict[str, Any]:
    """The inputs with the blocks and variables of the server in them. Of one that is not there, Prefect
    would make an empty text."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.templating import (
        PlaceholderType,
        find_placeholders,
        resolve_block_document_references,
        resolve_variables,
    )

    placeholders = find_placeholders(inputs)
    for placeholder in placeholders:
        if placeholder.type is PlaceholderType.STANDARD:
            raise _WouldVanishError(placeholder.full_match)
    if not any(item.type is not PlaceholderType.ENV_VAR for item in placeholders) and not _has_block_id(
        inputs
    ):
        return inputs
    secrets: list[str] = []

    def note(_: str, value: Any) -> Any:
        secrets.extend(_texts(value))
        return value

    variables = [item.name for item in placeholders if item.type is PlaceholderType.VARIABLE]
    async with get_client() as client:
        for name in (variable.removeprefix("prefect.variables.") for variable in variables):
            if await client.read_variable_by_name(name) is None:
                raise _NotFoundError(f"the variable {name!r}")
        try:
            with_blocks = await resolve_block_document_references(
                inputs, client=client, value_transformer=note
            )
        except ObjectNotFound as error:
            raise _NotFoundError(" ".join((error.help_message or str(error)).split(". ")[:1])) from error
        tell_secrets(secrets)
        resolved: dict[str, Any] = await resolve_variables(with_blocks, client=client)
    return resolved


def _has_block_id(value: Any) -> bool:
    if isinstance(value, dict):
        reference = value.get("$ref")
        by_id = isinstance(reference, dict) and "block_document_id" in reference
        return by_id or any(map(_has_block_id, value.values()))
    return isinstance(value, list) and any(map(_has_block_id, value))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _is_installed(requirement: str) -> bool:
    """Whether the package is here: by its name for pip, or for import, which is all that Prefect asks."""
    found = _DISTRIBUTION.match(requirement.strip())
    if found is None:
        return False
    try:
        metadata.distribution(found[0])
    except metadata.PackageNotFoundError:
        return found[0].isidentifier() and util.find_spec(found[0].replace("-", "_")) is not None
    return True


def _why_not_loaded(function: str) -> dict[str, Any] | None:
    """Why the function cannot be loaded; None where it can."""
    from prefect.utilities.importtools import import_object

    try:
        import_object(function)
    except (ImportError, AttributeError, FileNotFoundError) as error:
        return _failure(error)
    return None


def _plain(value: Any, where: str) -> Any:
    """The value if JSON can hold it as it is. Raises _NotJsonError."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _NotJsonError(where, f"mapping with a key of type {type(key).__name__}")
        return {key: _plain(item, f"{where}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise _NotJsonError(where, type(value).__name__)


def _failure(error: BaseException) -> dict[str, Any]:
    """What was raised, and the last line of the repository's own code on the way there."""
    here = str(Path(sys.argv[3])) + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if frame.filename.startswith(here) and "site-packages" not in frame.filename
    ]
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "exit_status": _exit_status(error),
        "file": own[-1].filename.removeprefix(here) if own else None,
        "line": own[-1].lineno if own else None,
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def _exit_status(error: BaseException) -> int | None:
    if isinstance(error, subprocess.CalledProcessError):
        return int(error.returncode)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    found = _EXIT_STATUS.search(str(error)) if isinstance(error, RuntimeError) else None
    return int(found[1]) if found else None


def _message(error: BaseException) -> str:
    try:
        return str(error)[:10_000]
    except Exception:  # noqa: BLE001 - the user's own class may fail at that
        return "its message cannot be shown"


def _write(descriptor: int, answer: dict[str, Any]) -> None:
    view = memoryview((json.dumps(answer) + "\n").encode())
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        # Nobody waits for it any more.
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
