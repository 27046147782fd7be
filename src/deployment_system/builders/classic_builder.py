"""The classic builder: the one that every engine has, through the engine's API."""

import re
import time
from collections.abc import Iterator
from typing import Any

from deployment_system.builders.build_log import BuildLog
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.build_steps import classic_step, failure, interrupted
from deployment_system.builders.context_tar import sent_dockerfile_name, stream_tar
from deployment_system.builders.dockerfile import Instruction
from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext


def build_classic(engine: DockerEngine, request: BuildRequest, log: BuildLog) -> str:
    """Builds an image without a name; its id. Raises DockerError with the failing instruction and the end of
    the log."""
    dockerfile = request.content.context.dockerfile
    context = ErrorContext(operation="build", file_path=dockerfile.name)
    progress = _Progress(request, log)
    try:
        with engine.asking(context, timeout_seconds=request.idle_seconds, building=True) as client:
            for item in client.build(**_arguments(request)):
                progress.take(item)
    except DockerError as error:
        told = _told(engine, progress, error)
        _remove_left_containers(engine, progress, told)
        if told is error:
            raise
        raise told from error
    if progress.image_id is None:
        raise progress.failed("the engine ended the build without naming an image", None)
    return progress.image_id


class _Progress:
    """Follows the stream of one build."""

    def __init__(self, request: BuildRequest, log: BuildLog) -> None:
        self._request = request
        self._log = log
        self._dockerfile = request.content.context.dockerfile
        self._deadline = None if request.total_seconds is None else time.monotonic() + request.total_seconds
        self.instruction: Instruction | None = None
        self.image_id: str | None = None
        self.containers: list[str] = []
        """Of the commands that were run; the builder removes them, unless it is killed."""

    @property
    def idle_seconds(self) -> float:
        """How long the build may say nothing."""
        return self._request.idle_seconds

    def take(self, item: dict[str, Any]) -> None:
        """One item of the stream. Raises the error that it tells of."""
        if text := item.get("stream"):
            if (number := classic_step(text)) is not None:
                # After the Dockerfile's own instructions comes one for the labels that we add.
                known = self._dockerfile.instructions
                self.instruction = known[number - 1] if number <= len(known) else None
            self.containers += _RUNNING_IN.findall(text)
            self._log.write(text)
        elif item.get("status"):
            self._pulling(item)
        elif "aux" in item:
            self.image_id = item["aux"].get("ID") or self.image_id
        # An engine that fails late answers 500 in pieces, which look like a stream of one message.
        message = item.get("error") or item.get("message")
        if message:
            self._log.write(f"{message}\n")
            raise self.failed(str(message), (item.get("errorDetail") or {}).get("code"))
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise self.silent(f"took longer than {self._request.total_seconds:g} seconds")

    def failed(self, message: str, exit_status: int | None) -> DockerError:
        """The error for a build that failed by itself."""
        self._log.flush()
        return failure(
            self._dockerfile,
            self.instruction,
            message,
            exit_status,
            self._log.last_lines,
            self._log.file,
        )

    def interrupted(self, engine_url: str) -> DockerError:
        """The error for a build whose engine went away."""
        self._log.flush()
        return interrupted(
            self._dockerfile,
            self.instruction,
            self._request.name,
            engine_url,
            self._log.last_lines,
            self._log.file,
        )

    def silent(self, what: str) -> DockerError:
        """The error for a build that was given up."""
        self._log.flush()
        line = self.instruction.line if self.instruction else None
        return self._dockerfile.problem(
            line,
            f"{self.instruction or 'the build'} {what}",
            ErrorCodes.DOCKER_BUILD_TIMEOUT,
            log_tail=self._log.last_lines,
            log_file=str(self._log.file) if self._log.file else None,
        )

    def _pulling(self, item: dict[str, Any]) -> None:
        # Layers report their progress many times a second: only what begins and ends is of interest.
        if not item.get("progressDetail"):
            self._log.write(" ".join(filter(None, (item.get("id"), item["status"]))) + "\n")


def _told(engine: DockerEngine, progress: _Progress, error: DockerError) -> DockerError:
    """The error with what the build knows. A silence is the command's where the engine still answers."""
    if error.error_code == ErrorCodes.DOCKER_DAEMON_TIMEOUT and progress.instruction is not None:
        try:
            engine.ping()
        except DockerError:
            return error.with_context(line_number=progress.instruction.line)
        return progress.silent(f"printed nothing for {progress.idle_seconds:g} seconds")
    if error.error_code == ErrorCodes.DOCKER_BUILD_INTERRUPTED:
        return progress.interrupted(engine.url)
    if error.error_code in _OF_THE_REQUEST and error.context.line_number is None:
        return progress.failed(error.message, None)
    if progress.instruction is not None and error.context.line_number is None:
        return error.with_context(line_number=progress.instruction.line)
    return error


def _remove_left_containers(engine: DockerEngine, progress: _Progress, error: DockerError) -> None:
    """An engine that died in the middle of a command leaves its container; where it does not answer, the
    error says which."""
    for container in progress.containers[-1:]:
        try:
            engine.remove_container(container)
        except DockerError:
            error.with_context(left_container=container)


_RUNNING_IN = re.compile(r"---> Running in ([0-9a-f]+)")
_OF_THE_REQUEST = (ErrorCodes.DOCKERFILE_INVALID, ErrorCodes.DOCKERFILE_NOT_FOUND)


def _arguments(request: BuildRequest) -> dict[str, Any]:
    options = request.content.options
    pieces: Iterator[bytes] = stream_tar(request.content)
    return {
        "fileobj": pieces,
        "custom_context": True,
        "dockerfile": sent_dockerfile_name(request.content.context),
        "decode": True,
        "rm": True,
        "forcerm": True,
        "timeout": request.idle_seconds,
        "buildargs": dict(options.build_args),
        "labels": request.all_labels,
        "target": options.target,
        "platform": options.platform,
        "network_mode": request.network,
        "pull": request.pull,
        "nocache": not request.use_cache,
    }
