"""Where in a Dockerfile a build is: from what the builders print, and what a failure there means. Pure."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployment_system.builders import translate
from deployment_system.builders.dockerfile import Dockerfile, Instruction
from deployment_system.error_handling import DockerError, ErrorCodes

_CLASSIC_STEP = re.compile(r"Step (\d+)/\d+ : ")
_BUILDKIT_STEP = re.compile(r"\[(?:(?P<stage>[^\]\s]+) +)?(?P<number>\d+)/\d+\] (?P<text>.*)")
_NUMBERED_BY_BUILDKIT = frozenset({"FROM", "RUN", "COPY", "ADD", "WORKDIR"})
_STAGE_NUMBER = re.compile(r"stage-(\d+)")


def classic_step(text: str) -> int | None:
    """The number of the instruction that the classic builder begins, from 1."""
    found = _CLASSIC_STEP.match(text)
    return int(found[1]) if found else None


def buildkit_instruction(dockerfile: Dockerfile, vertex: str) -> Instruction | None:
    """The instruction that BuildKit means by `[builder 2/3] RUN …`."""
    found = _BUILDKIT_STEP.search(vertex)
    stages = dockerfile.stages
    if found is None or not stages:
        return None
    name = found["stage"] or "stage-0"
    numbered = _STAGE_NUMBER.fullmatch(name)
    place = next(
        (
            index
            for index, stage in enumerate(stages)
            if (stage.name or "").lower() == name.lower() or (numbered and int(numbered[1]) == index)
        ),
        len(stages) - 1,
    )
    end = stages[place + 1].first if place + 1 < len(stages) else len(dockerfile.instructions)
    pulled = {line for _, line in dockerfile.base_images}
    steps = [
        instruction
        for instruction in dockerfile.instructions[stages[place].first : end]
        if instruction.name in _NUMBERED_BY_BUILDKIT
        # A FROM that begins with nothing, or with another stage, is no step.
        if instruction.name != "FROM" or instruction.line in pulled
    ]
    number = int(found["number"])
    return steps[number - 1] if 0 < number <= len(steps) else None


def failure(
    dockerfile: Dockerfile,
    instruction: Instruction | None,
    message: str,
    exit_status: int | None,
    tail: Sequence[str],
    log_file: Path | None,
) -> DockerError:
    """The error for a build that ended with a message. `exit_status` is that of a RUN, where one failed."""
    facts: dict[str, Any] = {"log_tail": list(tail)}
    if log_file is not None:
        facts["log_file"] = str(log_file)
    line = instruction.line if instruction else translate.line_of_parse_error(message)
    if exit_status is not None:
        facts["exit_status"] = exit_status
        code, text = _of_command(instruction, exit_status, tail)
    else:
        code, text = _of_message(instruction, message)
    return dockerfile.problem(line, text, code, **facts)


def interrupted(
    dockerfile: Dockerfile,
    instruction: Instruction | None,
    image: str,
    engine_url: str,
    tail: Sequence[str],
    log_file: Path | None,
) -> DockerError:
    """The error for a build whose engine went away in the middle."""
    facts: dict[str, Any] = {"image": image, "engine": engine_url, "log_tail": list(tail)}
    if log_file is not None:
        facts["log_file"] = str(log_file)
    message = f"the Docker engine at {engine_url} went away during the build of {image}"
    if instruction is None:
        text = f"{message}, before its first step"
    else:
        number = dockerfile.instructions.index(instruction) + 1
        shown = translate.one_line(str(instruction))
        text = f"{message}, at step {number} of {len(dockerfile.instructions)}: {shown}"
    line = instruction.line if instruction else None
    return dockerfile.problem(line, text, ErrorCodes.DOCKER_BUILD_INTERRUPTED, **facts)


def _of_command(
    instruction: Instruction | None, exit_status: int, tail: Sequence[str]
) -> tuple[ErrorCodes, str]:
    command = translate.one_line(str(instruction)) if instruction else "a command"
    if translate.says_disk_full(list(tail)):
        return ErrorCodes.DOCKER_DISK_FULL, f"{command} had no space left on the disk of the engine"
    if exit_status == translate.KILLED:
        return ErrorCodes.DOCKER_OUT_OF_MEMORY, f"{command} was killed (exit status {exit_status})"
    return ErrorCodes.DOCKER_BUILD_FAILED, f"{command} ended with exit status {exit_status}"


def _of_message(instruction: Instruction | None, message: str) -> tuple[ErrorCodes, str]:
    said = translate.one_line(message)
    code = translate.code_of_words(message) or ErrorCodes.DOCKER_BUILD_FAILED
    if code is ErrorCodes.DOCKER_TAG_INVALID:
        code = ErrorCodes.DOCKERFILE_INVALID  # the only names in a build's messages are the Dockerfile's
    if code is ErrorCodes.DOCKER_BASE_IMAGE_NOT_FOUND and instruction and instruction.words:
        image = instruction.flag("from") or instruction.words[0]
        return code, (
            f"the base image {image} does not exist in its registry, or this account may not pull it: {said}"
        )
    return code, f"{translate.one_line(str(instruction))}: {said}" if instruction else said
