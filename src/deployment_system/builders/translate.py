"""Foreign errors to ours: what docker-py, requests and urllib3 raise and what an engine says.

Decided by type, status and the stream's own fields. Where Docker gives nothing but words, they stand in one
table here, ENGINE_WORDS, which the tests hold against a real engine and real registries.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import docker.errors
import requests
import urllib3.exceptions

from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

FOREIGN_ERRORS = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
"""What a call through docker-py may raise. A daemon that dies while a stream is read raises urllib3's own."""

_TIMEOUTS = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class EngineWords(NamedTuple):
    """A piece of an engine's message, and what it means."""

    words: str
    code: ErrorCodes


# The first that occurs in the message decides, so the more telling ones stand first.
ENGINE_WORDS: tuple[EngineWords, ...] = (
    EngineWords("no space left on device", ErrorCodes.DOCKER_DISK_FULL),
    EngineWords("requires BuildKit", ErrorCodes.DOCKER_BUILDKIT_REQUIRED),
    EngineWords("failed to reach build target", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("target stage", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("dockerfile parse error", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("no build stage in current context", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("cannot be empty", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("should not be blank", ErrorCodes.DOCKERFILE_INVALID),
    EngineWords("Cannot locate specified Dockerfile", ErrorCodes.DOCKERFILE_NOT_FOUND),
    EngineWords("COPY failed", ErrorCodes.DOCKER_COPY_SOURCE_MISSING),
    EngineWords("ADD failed", ErrorCodes.DOCKER_COPY_SOURCE_MISSING),
    EngineWords("failed to compute cache key", ErrorCodes.DOCKER_COPY_SOURCE_MISSING),
    EngineWords("failed to calculate checksum of ref", ErrorCodes.DOCKER_COPY_SOURCE_MISSING),
    EngineWords("invalid reference format", ErrorCodes.DOCKER_TAG_INVALID),
    EngineWords("invalid tag format", ErrorCodes.DOCKER_TAG_INVALID),
    EngineWords("manifest unknown", ErrorCodes.DOCKER_BASE_IMAGE_NOT_FOUND),
    EngineWords("pull access denied", ErrorCodes.DOCKER_BASE_IMAGE_NOT_FOUND),
    EngineWords("repository does not exist", ErrorCodes.DOCKER_BASE_IMAGE_NOT_FOUND),
    EngineWords("no basic auth credentials", ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED),
    EngineWords("authentication required", ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED),
    EngineWords("authorization failed", ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED),
    EngineWords("unauthorized:", ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED),
    EngineWords("denied:", ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED),
    EngineWords("does not exist locally", ErrorCodes.DOCKER_IMAGE_NOT_FOUND),
    EngineWords("tag does not exist", ErrorCodes.DOCKER_IMAGE_NOT_FOUND),
    EngineWords("unexpected status code 5", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("received unexpected HTTP status: 5", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("dial tcp", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("connection reset by peer", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("broken pipe", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("i/o timeout", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("TLS handshake", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("Client.Timeout exceeded", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords(": EOF", ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE),
    EngineWords("server gave HTTP response to HTTPS client", ErrorCodes.DOCKER_REGISTRY_REFUSED),
)

RETRYING = "Retrying in"
"""How an engine reports, in a push's stream, that the registry broke an upload off."""

KILLED = 137
"""The exit status of a process that was killed: 128 and SIGKILL's number."""

_PARSE_ERROR_LINE = re.compile(r"parse error (?:on )?line (\d+)")
_LONGEST_MESSAGE = 500
_NO_SPACE = "no space left on device"


def code_of_words(message: str) -> ErrorCodes | None:
    """What an engine's message means; None: it says nothing that is known."""
    folded = message.casefold()
    return next((known.code for known in ENGINE_WORDS if known.words.casefold() in folded), None)


def line_of_parse_error(message: str) -> int | None:
    """The line of the Dockerfile that an engine could not read."""
    found = _PARSE_ERROR_LINE.search(message)
    return int(found[1]) if found else None


def says_disk_full(lines: list[str]) -> bool:
    """Whether a command printed what the C library says of a full disk."""
    return any(_NO_SPACE in line.casefold() for line in lines)


@contextmanager
def translated(
    url: str, timeout_seconds: float, context: ErrorContext, *, building: bool = False
) -> Iterator[None]:
    """Turns what a call of docker-py raises into a DockerError."""
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise engine_error(error, url, timeout_seconds, context, building=building) from error


def engine_error(
    error: Exception, url: str, timeout_seconds: float, context: ErrorContext, *, building: bool = False
) -> DockerError:
    """The error for a call that failed. `building`: a build's stream was open."""
    context = context.extended(engine=url)
    if isinstance(error, docker.errors.APIError) and error.response is not None:
        return _refusal(error, context)
    chain = list(_chain(error))
    if (transport := _transport_error(chain, url, timeout_seconds, building)) is not None:
        code, message = transport
        return DockerError(message, error_code=code, context=context, cause=error)
    if any(isinstance(one, docker.errors.DockerException) for one in chain):
        return DockerError(
            f"the settings for the Docker engine at {url} cannot be used: {error}",
            error_code=ErrorCodes.DOCKER_SETTINGS_INVALID,
            context=context,
            cause=error,
        )
    return DockerError(
        f"the Docker engine at {url} could not be asked: {error}",
        error_code=ErrorCodes.DOCKER_ENGINE_ERROR,
        context=context,
        cause=error,
    )


def message_error(message: str, context: ErrorContext, default: ErrorCodes, subject: str) -> DockerError:
    """The error for a message in a stream. `subject` says in words what failed."""
    code = code_of_words(message) or default
    return DockerError(f"{subject}: {one_line(message)}", error_code=code, context=context)


def one_line(text: str) -> str:
    """A message without breaks, at a length that can be read."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"


def _refusal(error: docker.errors.APIError, context: ErrorContext) -> DockerError:
    status, said = error.status_code, str(error.explanation or "")
    context = context.extended(status=status)
    image = context.extra.get("image")
    if isinstance(error, docker.errors.ImageNotFound):
        message, code = f"there is no image {image or one_line(said)!r}", ErrorCodes.DOCKER_IMAGE_NOT_FOUND
    elif status == requests.codes.conflict:
        message, code = (
            f"the engine refuses, because it is still used: {one_line(said)}",
            ErrorCodes.DOCKER_IMAGE_IN_USE,
        )
    else:
        message = f"the Docker engine answered {status}: {one_line(said)}"
        code = code_of_words(said) or ErrorCodes.DOCKER_ENGINE_ERROR
    return DockerError(message, error_code=code, context=context, cause=error)


def _transport_error(
    chain: list[BaseException], url: str, timeout_seconds: float, building: bool
) -> tuple[ErrorCodes, str] | None:
    engine = f"the Docker engine at {url}"
    if any(isinstance(one, FileNotFoundError) for one in chain):
        return ErrorCodes.DOCKER_DAEMON_UNAVAILABLE, f"{engine} cannot be reached: there is no such socket"
    if any(isinstance(one, PermissionError) for one in chain):
        return ErrorCodes.DOCKER_PERMISSION_DENIED, f"no permission for {engine}"
    refused = any(isinstance(one, ConnectionRefusedError) for one in chain)
    if not refused and any(isinstance(one, _TIMEOUTS) for one in chain):  # urllib3 counts both as one
        return (
            ErrorCodes.DOCKER_DAEMON_TIMEOUT,
            f"{engine} did not answer within {timeout_seconds:g} seconds",
        )
    if building and any(isinstance(one, _BROKEN_OFF) for one in chain):
        return ErrorCodes.DOCKER_BUILD_INTERRUPTED, f"{engine} went away in the middle of the build"
    if refused:
        return ErrorCodes.DOCKER_DAEMON_UNAVAILABLE, f"{engine} cannot be reached: nothing listens there"
    if any(isinstance(one, _BROKEN_OFF) for one in chain):
        return (
            ErrorCodes.DOCKER_DAEMON_UNAVAILABLE,
            f"{engine} cannot be reached, or broke the connection off",
        )
    return None


_BROKEN_OFF = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what libraries put into it: urllib3 and requests wrap, and keep the
    first one among the arguments."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
