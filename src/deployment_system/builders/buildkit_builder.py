"""BuildKit, through the docker command: docker-py does not speak its protocol."""

import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployment_system.builders.build_log import BuildLog
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.build_steps import buildkit_instruction, failure, interrupted
from deployment_system.builders.context_tar import buildkit_ignore_file
from deployment_system.builders.dockerfile import Instruction
from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError, ErrorCodes

GRACE_SECONDS = 10.0
"""Between asking the docker command to end and ending it."""

_FAILED_STEP = re.compile(r"^ > (\[.*\] .*?):?$")
_BEGUN_STEP = re.compile(r"^#\d+ (\[.*\] .*)$")
_EXIT_STATUS = re.compile(r"exit code: (\d+)")
_ERROR_LINE = re.compile(r"^(?:#\d+ )?(?:ERROR|error)(?::| failed)|failed to|executor failed", re.IGNORECASE)
_SECRET_VARIABLE = "DEPLOYMENT_SYSTEM_SECRET_"  # noqa: S105 - the name of a variable, not a secret


def build_with_buildkit(engine: DockerEngine, request: BuildRequest, log: BuildLog, command: str) -> str:
    """Builds an image without a name; its id. `command` is a docker command that has BuildKit. Raises
    DockerError with the failing instruction and the end of the log.

    Secrets go through the environment of that command, and are in no argument, file or layer."""
    with tempfile.TemporaryDirectory(prefix="deployment-system-build-") as folder:
        place = Path(folder)
        (place / "Dockerfile").write_text(request.content.context.dockerfile.text, encoding="utf-8")
        # BuildKit walks the context itself: it finds what to leave out beside the Dockerfile.
        (place / "Dockerfile.dockerignore").write_text(
            buildkit_ignore_file(request.content.context), encoding="utf-8", errors="surrogateescape"
        )
        output = _Output(request, log)
        try:
            with _started(_arguments(request, command, place), _environ(engine, request)) as process:
                status = output.follow(process)
        except DockerError:
            engine.ping()  # the silence of an engine that hangs is told as that
            raise
        if status != 0:
            raise _failed(engine, output)
        return (place / "image-id").read_text(encoding="ascii").strip()


class _Output:
    """What the docker command prints, line by line."""

    def __init__(self, request: BuildRequest, log: BuildLog) -> None:
        self._request = request
        self._log = log
        self.dockerfile = request.content.context.dockerfile
        self.begun: str | None = None
        self.failed_step: str | None = None
        self.error: str = ""

    def follow(self, process: "subprocess.Popen[str]") -> int:
        """Reads until the command ends; its exit status. Raises DOCKER_BUILD_TIMEOUT."""
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        total = self._request.total_seconds
        deadline = None if total is None else time.monotonic() + total
        while True:
            wait = self._request.idle_seconds
            if deadline is not None:
                wait = min(wait, max(0.0, deadline - time.monotonic()))
            try:
                line = lines.get(timeout=wait)
            except queue.Empty:
                raise self._silent(deadline) from None
            if line is None:
                return process.wait()
            self._take(line)

    def _take(self, line: str) -> None:
        self._log.write(line)
        text = line.rstrip("\n")
        if found := _BEGUN_STEP.match(text):
            self.begun = found[1]
        elif found := _FAILED_STEP.match(text):
            self.failed_step = found[1]
        if _ERROR_LINE.search(text):
            self.error = text

    @property
    def instruction(self) -> Instruction | None:
        """The one that failed, or else the one that began last."""
        step = self.failed_step or self.begun
        return None if step is None else buildkit_instruction(self.dockerfile, step)

    def failed(self) -> DockerError:
        """The error for a command that ended with one."""
        self._log.flush()
        found = _EXIT_STATUS.search(self.error)
        known = self.instruction if self.failed_step else None
        message = self.error or (self._log.last_lines or ["the docker command said nothing"])[-1]
        exit_status = int(found[1]) if found and known is not None and known.name == "RUN" else None
        return failure(self.dockerfile, known, message, exit_status, self._log.last_lines, self._log.file)

    def interrupted(self, engine_url: str) -> DockerError:
        """The error for a build whose engine went away."""
        self._log.flush()
        return interrupted(
            self.dockerfile,
            self.instruction,
            self._request.name,
            engine_url,
            self._log.last_lines,
            self._log.file,
        )

    def _silent(self, deadline: float | None) -> DockerError:
        self._log.flush()
        known = self.instruction
        over = deadline is not None and time.monotonic() >= deadline
        what = (
            f"took longer than {self._request.total_seconds:g} seconds"
            if over
            else f"printed nothing for {self._request.idle_seconds:g} seconds"
        )
        return self.dockerfile.problem(
            known.line if known else None,
            f"{known or 'the build'} {what}",
            ErrorCodes.DOCKER_BUILD_TIMEOUT,
            log_tail=self._log.last_lines,
            log_file=str(self._log.file) if self._log.file else None,
        )


def _failed(engine: DockerEngine, output: _Output) -> DockerError:
    """Of an engine that no longer answers, its own error: the docker command has only words for it."""
    try:
        engine.ping()
    except DockerError as error:
        if output.begun is None or error.error_code != ErrorCodes.DOCKER_DAEMON_UNAVAILABLE:
            return error
        told = output.interrupted(engine.url)
        told.__cause__ = error
        return told
    return output.failed()


def _arguments(request: BuildRequest, command: str, place: Path) -> list[str]:
    options = request.content.options
    arguments = [command, "build", "--progress=plain", f"--iidfile={place / 'image-id'}"]
    arguments.append(f"--file={place / 'Dockerfile'}")
    arguments += [f"--label={name}={value}" for name, value in request.all_labels.items()]
    arguments += [f"--build-arg={name}={value}" for name, value in options.build_args.items()]
    arguments += [
        f"--secret=id={name},env={_SECRET_VARIABLE}{number}" for number, name in enumerate(request.secrets)
    ]
    given = (("target", options.target), ("platform", options.platform), ("network", request.network))
    arguments += [f"--{name}={value}" for name, value in given if value is not None]
    arguments += ["--pull"] if request.pull else []
    arguments += [] if request.use_cache else ["--no-cache"]
    return [*arguments, str(request.content.context.folder)]


def _environ(engine: DockerEngine, request: BuildRequest) -> dict[str, str]:
    secrets = {
        f"{_SECRET_VARIABLE}{number}": secret.value for number, secret in enumerate(request.secrets.values())
    }
    return {**os.environ, **secrets, "DOCKER_HOST": engine.url, "DOCKER_BUILDKIT": "1", "NO_COLOR": "1"}


@contextmanager
def _started(arguments: list[str], environ: Mapping[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """The command in a session of its own; it does not outlive the block, whatever ends that."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:
        pass  # closed while it was read: the build was given up
    lines.put(None)
