"""Which of Docker's two builders is used, and why: for builds, and for `doctor`."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from deployment_system.builders.build_request import Builder, BuilderChoice
from deployment_system.builders.dockerfile import Dockerfile
from deployment_system.builders.engine import EngineInfo
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

COMMAND_SECONDS = 20.0
_VERSION = re.compile(r"Docker version (\d+)\.(\d+)")
_FIRST_WITH_BUILDKIT = (18, 9)
_FIRST_THAT_NEEDS_BUILDX = (23, 0)
_FIRST_API_WITH_BUILDKIT = (1, 39)


@dataclass(frozen=True, slots=True)
class BuildKitCommand:
    """A docker command that can build with BuildKit; or, without a path, why there is none."""

    path: str | None
    reason: str


def find_buildkit_command(
    command: str | None = None, environ: Mapping[str, str] | None = None
) -> BuildKitCommand:
    """The first `docker` on the PATH that has BuildKit, or `command` if that has it. Runs each of them."""
    environ = os.environ if environ is None else environ
    candidates = [command] if command else list(_on_path(environ.get("PATH", os.defpath)))
    reasons = []
    for candidate in candidates:
        has, reason = _has_buildkit(candidate)
        if has:
            return BuildKitCommand(candidate, reason)
        reasons.append(reason)
    return BuildKitCommand(None, "; ".join(reasons) or "there is no docker command on the PATH")


def choose_builder(
    engine: EngineInfo,
    buildkit: BuildKitCommand,
    dockerfile: Dockerfile | None = None,
    secrets: Collection[str] = (),
    wanted: Builder | None = None,
) -> BuilderChoice:
    """The builder that is wanted; else BuildKit where the Dockerfile or a secret needs it or the engine
    prefers it, and the classic one otherwise. Raises DOCKER_BUILDKIT_REQUIRED where it is needed and cannot
    be used."""
    needed_by, line = _needs_buildkit(dockerfile, secrets)
    if wanted is Builder.BUILDKIT:
        needed_by = needed_by or "the setting"
    hindered_by = _hindrance(engine, buildkit)
    if needed_by is not None:
        if hindered_by is not None or wanted is Builder.CLASSIC:
            raise _required(needed_by, hindered_by or "the classic builder was asked for", dockerfile, line)
        return BuilderChoice(Builder.BUILDKIT, f"{needed_by} needs it", buildkit.path)
    if wanted is Builder.CLASSIC:
        return BuilderChoice(Builder.CLASSIC, "it was asked for")
    if not engine.prefers_buildkit:
        return BuilderChoice(Builder.CLASSIC, f"the engine {engine.version} builds so by default")
    if hindered_by is not None:
        return BuilderChoice(Builder.CLASSIC, hindered_by)
    return BuilderChoice(Builder.BUILDKIT, f"the engine {engine.version} builds so by default", buildkit.path)


def _needs_buildkit(dockerfile: Dockerfile | None, secrets: Collection[str]) -> tuple[str | None, int | None]:
    if secrets:
        return f"the secret {sorted(secrets)[0]!r}", None
    needs = dockerfile.only_buildkit() if dockerfile is not None else None
    return (None, None) if needs is None else (needs[1], needs[0])


def _hindrance(engine: EngineInfo, buildkit: BuildKitCommand) -> str | None:
    api = tuple(int(part) for part in engine.api_version.split("."))
    if api < _FIRST_API_WITH_BUILDKIT:
        return f"the engine {engine.version} has no BuildKit"
    return buildkit.reason if buildkit.path is None else None


def _required(
    needed_by: str, hindered_by: str, dockerfile: Dockerfile | None, line: int | None
) -> DockerError:
    message = f"{needed_by} needs BuildKit: {hindered_by}"
    if dockerfile is not None:
        return dockerfile.problem(line, message, ErrorCodes.DOCKER_BUILDKIT_REQUIRED)
    return DockerError(
        message,
        error_code=ErrorCodes.DOCKER_BUILDKIT_REQUIRED,
        context=ErrorContext(operation="build"),
    )


def _on_path(path: str) -> Iterator[str]:
    seen: set[str] = set()
    for folder in path.split(os.pathsep):
        found = shutil.which("docker", path=folder) if folder else None
        if found and os.path.realpath(found) not in seen:
            seen.add(os.path.realpath(found))
            yield found


def _has_buildkit(command: str) -> tuple[bool, str]:
    shown = _output_of(command, "--version")
    found = _VERSION.search(shown or "")
    if found is None:
        return False, f"{command} is not a docker command that runs here"
    version = (int(found[1]), int(found[2]))
    name = f"the docker command {found[1]}.{found[2]}"
    if version < _FIRST_WITH_BUILDKIT:
        return False, f"{name} has no BuildKit"
    if version < _FIRST_THAT_NEEDS_BUILDX:
        return True, f"{name} has BuildKit built in"
    if _output_of(command, "buildx", "version") is None:
        return False, f"{name} has no buildx plugin"
    return True, f"{name} has its buildx plugin"


def _output_of(command: str, *arguments: str) -> str | None:
    """What the command prints; None where it fails."""
    try:
        finished = subprocess.run(
            [command, *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout if finished.returncode == 0 else None
