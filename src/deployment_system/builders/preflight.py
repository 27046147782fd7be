"""Whether a flow can be started from its image: imported in a container, as a worker would import it.

The exit status of such a container says nothing: Prefect's own engine ends with 0 after a flow that could not
be imported. So the program inside tells what happened, on a line of its own.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deployment_system.builders import translate
from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.image_names import LABEL_PREFIX
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

PREFLIGHT_SECONDS = 120.0
"""Importing Prefect and a flow takes seconds; large libraries on a busy machine take longer."""

PREFLIGHT_LABEL = LABEL_PREFIX + "preflight"
INTERPRETERS = ("python", "python3")
"""The first that the image has: Debian's has no `python`."""

_MARK = "deployment-system-preflight:"
_TAIL_LINES = 20

_PROGRAM = f"""
import json, sys, traceback
try:
    from prefect.flows import load_flow_from_entrypoint
    flow = load_flow_from_entrypoint(sys.argv[1], use_placeholder_flow=False)
    told = {{"flow": flow.name}}
except BaseException as error:
    error = getattr(error, "user_exc", None) or error
    cause = error
    while cause is not None and not isinstance(cause, ImportError):
        cause = cause.__cause__ or cause.__context__
    error = cause or error
    told = {{
        "error": type(error).__name__,
        "message": str(error),
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        "traceback": "".join(traceback.format_exception(error)),
    }}
sys.stdout.flush()
print()
print({_MARK!r} + json.dumps(told), flush=True)
"""

_ENVIRONMENT = {
    # Nothing of an import may start a server, wait for one or send anything.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """A flow that can be imported in its image."""

    image: str
    entrypoint: str
    flow_name: str


def check_flow_in_image(
    engine: DockerEngine, image: str, entrypoint: str, *, timeout_seconds: float = PREFLIGHT_SECONDS
) -> PreflightResult:
    """Imports `path/to/file.py:function`, relative to the image's working directory, in a container without a
    network, which is always removed. Raises DOCKER_PREFLIGHT_FAILED with the import's own words, and the
    engine's errors."""
    context = ErrorContext(operation="preflight", image=image, entrypoint=entrypoint)
    output = ""
    for interpreter in INTERPRETERS:
        ran, output = _run(engine, image, [interpreter, "-c", _PROGRAM, entrypoint], context, timeout_seconds)
        if ran:
            break
    else:
        raise _failed(f"there is no Python in the image {image}: {output}", context, "")
    told = _told(output)
    if told is None:
        what = f"{entrypoint} ended its process while it was imported in the image {image}"
        raise _failed(what, context, output)
    if "error" in told:
        reason = f"{told['error']}: {translate.one_line(str(told['message']))}"
        what = f"{entrypoint} cannot be imported in the image {image}: {reason}"
        raise _failed(what, context.extended(module=told["module"]), str(told["traceback"]))
    return PreflightResult(image, entrypoint, str(told["flow"]))


def remove_left_preflights(engine: DockerEngine) -> list[str]:
    """Removes the containers of preflights whose process was killed; their ids. Not to be called while
    another preflight runs on this engine."""
    found = engine.call(lambda client: client.containers(all=True, filters={"label": PREFLIGHT_LABEL}))
    for container in found:
        engine.remove_container(container["Id"])
    return [str(container["Id"]) for container in found]


def _run(
    engine: DockerEngine, image: str, command: list[str], context: ErrorContext, timeout_seconds: float
) -> tuple[bool, str]:
    """Whether the command could be started, and what it printed; or why it could not."""
    with _container(engine, image, command, context) as container:
        try:
            with engine.asking(context) as client:
                client.start(container)
        except DockerError as error:
            if error.context.extra.get("status") == _NOT_STARTED:
                return False, error.message
            raise
        try:
            with engine.asking(context, timeout_seconds=timeout_seconds) as client:
                client.wait(container, timeout=math.ceil(timeout_seconds))
        except DockerError as error:
            if error.error_code != ErrorCodes.DOCKER_DAEMON_TIMEOUT:
                raise
            engine.ping()  # an engine that hangs is another matter
            what = f"importing it in the image {image} took longer than {timeout_seconds:g} seconds"
            raise _failed(what, context, _logs(engine, container, context)) from error
        return True, _logs(engine, container, context)


_NOT_STARTED = 400
"""The status of a start whose program is not in the image."""


@contextmanager
def _container(engine: DockerEngine, image: str, command: list[str], context: ErrorContext) -> Iterator[str]:
    """A container without a network, which does not outlive the block."""
    with engine.asking(context) as client:
        settings: Any = client.create_host_config(network_mode="none")
        created: dict[str, str] = client.create_container(
            image,
            entrypoint=command[:1],
            command=command[1:],
            environment=_ENVIRONMENT,
            labels={PREFLIGHT_LABEL: "1"},
            host_config=settings,
        )
    try:
        yield created["Id"]
    finally:
        engine.remove_container(created["Id"])


def _logs(engine: DockerEngine, container: str, context: ErrorContext) -> str:
    with engine.asking(context) as client:
        return bytes(client.logs(container)).decode("utf-8", "replace")


def _told(output: str) -> dict[str, Any] | None:
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            told: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return told
    return None


def _failed(what: str, context: ErrorContext, output: str) -> DockerError:
    tail = [line for line in output.splitlines() if line.strip()][-_TAIL_LINES:]
    return DockerError(
        what, error_code=ErrorCodes.DOCKER_PREFLIGHT_FAILED, context=context.extended(log_tail=tail)
    )
