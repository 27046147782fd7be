"""A Dockerfile for a repository that has none, from its declared dependencies. Always the same text."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployment_system.builders.dockerfile import Dockerfile, parse_dockerfile
from deployment_system.error_handling import ErrorCodes, ErrorContext, ValidationError

NAME = "Dockerfile (generated)"
FOLDER = "/app"
"""Where the code is in the image: entrypoints are relative to it."""

_REFERS_TO_FILES = ("-r", "-c", "-e", "--requirement", "--constraint", "--editable", ".", "/", "file:")


def generate_dockerfile(repository: Path, base_image: str, *, packages: Sequence[str] = ()) -> Dockerfile:
    """The Dockerfile: dependencies from requirements.txt, else from pyproject.toml, then the code.

    `packages` are installed as well, such as `prefect==3.8.8`. Dependencies come before the code, so that a
    change of the code does not install them again. Raises ValidationError REQUIREMENTS_INVALID where a file
    cannot be read.
    """
    requirements = _text_of(repository / "requirements.txt")
    project = _text_of(repository / "pyproject.toml") if requirements is None else None
    if requirements is not None:
        steps, why = _of_requirements(requirements, packages), "requirements.txt"
    elif project is not None:
        steps, why = _of_project(project, packages), "pyproject.toml"
    else:
        steps, why = [*_install(packages), _COPY_CODE], "no declared dependencies"
    lines = [
        f"# Made by deployment-cli, from {why}. To change it, write it to a file named Dockerfile.",
        f"FROM {base_image}",
        f"WORKDIR {FOLDER}",
        *steps,
    ]
    return parse_dockerfile("\n".join(lines) + "\n", NAME)


_COPY_CODE = "COPY . ."


def _of_requirements(text: str, packages: Sequence[str]) -> list[str]:
    install = _install(packages, "--requirement", "requirements.txt")
    if any(line.strip().startswith(_REFERS_TO_FILES) for line in text.splitlines()):
        return [_COPY_CODE, *install]  # it names further files
    return ["COPY requirements.txt ./", *install, _COPY_CODE]


def _of_project(text: str, packages: Sequence[str]) -> list[str]:
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable("pyproject.toml", str(error), error) from error
    declared = (content.get("project") or {}).get("dependencies") or []
    if not isinstance(declared, list) or not all(isinstance(one, str) for one in declared):
        raise _unreadable("pyproject.toml", "project.dependencies is not a list of texts", None)
    steps = [*_install([*declared, *packages]), _COPY_CODE]
    if "build-system" in content and "project" in content:
        steps += _install(["."], "--no-deps")
    return steps


def _install(packages: Sequence[str], *options: str) -> list[str]:
    """One RUN as a list, so that no shell reads the `>` of a version."""
    if not packages and not options:
        return []
    command = ["python3", "-m", "pip", "install", "--no-cache-dir", *options, *packages]
    return [f"RUN {json.dumps(command, ensure_ascii=False)}"]


def _text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file.name, str(error), error) from error


def _unreadable(name: str, why: str, cause: Exception | None) -> ValidationError:
    return ValidationError(
        f"{name} cannot be read: {why}",
        error_code=ErrorCodes.REQUIREMENTS_INVALID,
        context=ErrorContext(file_path=name, operation="generate a Dockerfile"),
        cause=cause,
    )
