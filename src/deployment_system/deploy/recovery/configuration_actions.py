"""What is missing in the configuration and can be had from what is there: shown as a diff first."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deployment_system.config.scalars import Dialect
from deployment_system.config.yaml_source import YamlDocument, read_yaml
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.corrections import still_wrong
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings

GIT_SECONDS = 10.0


@dataclass(frozen=True)
class ConfigurationAction(RecoveryAction):
    """Changes the file that the error names; `changed` says how, or why not."""

    place: RecoveryPlace

    def changed(self, error: DeploymentSystemError, text: str) -> tuple[str, str]:
        """The new text, and in words what is new. Raises RECOVERY_FAILED with what is missing."""
        raise NotImplementedError

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        try:
            self._texts(error)
        except RecoveryError as missing:
            return missing.message
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        _, before, after, said = self._texts(error)
        shown = str(error.context.file_path)
        return Proposal(f"in {shown}: {said}", diff_of(shown, before, after))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        file, _, after, said = self._texts(error)
        changed_text(file, after, transaction, OperationType.CONFIG_UPDATE)
        return f"changed {error.context.file_path}: {said}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return still_wrong(self.place, error)

    def _texts(self, error: DeploymentSystemError) -> tuple[Path, str, str, str]:
        file = self.place.root / str(error.context.file_path or "")
        if error.context.file_path is None or not file.is_file():
            raise missing_here("the error names no file that is there")
        before = read_text(file)
        after, said = self.changed(error, before)
        return file, before, after, said


@dataclass(frozen=True)
class AddEnvironment(ConfigurationAction):
    """Copies the section of another environment, whose values a person then looks at."""

    name = "add_environment"
    changes = "a new section under `environments:`, a copy of another one"
    checks = "the configuration is read again, and knows the environment"
    confidence = Confidence.PROBABLE

    def changed(self, error: DeploymentSystemError, text: str) -> tuple[str, str]:
        """See `ConfigurationAction`."""
        name, meant = error.context.environment, error.context.extra.get("nearest")
        if not name or re.fullmatch(r"[A-Za-z][\w.-]*", name) is None:
            raise missing_here("the error names no environment that could be added")
        if meant:
            raise missing_here(f"{meant!r} was probably meant: `--env {meant}`, or DEPLOYMENT_ENV={meant}")
        document = read_yaml(text.encode(), shown_as="", dialect=Dialect.YAML_1_2).document
        known = document.data.get("environments") if isinstance(document.data, dict) else None
        if not isinstance(known, dict) or not known:
            raise missing_here("the file has no `environments:` to copy one from")
        source = _source(document.data, known)
        after = _copied(document, text, source, name)
        if _environments(after) != {**known, name: known[source]}:
            raise missing_here(f"the section of {source!r} cannot be copied line by line")
        return after, f"add the environment {name!r}, a copy of {source!r}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. A variable that the other environment needs may not be set, say."""
        try:
            self.place.project()
        except ProblemsFound as problems:
            return problems.errors[0].message
        return None


@dataclass(frozen=True)
class AddGitUrl(ConfigurationAction):
    """The address of the repository is known to git: `git remote get-url origin`."""

    name = "add_git_url"
    changes = "`url:` in the `git:` source of the configuration"
    checks = "the configuration is read again: nothing is wrong there"
    confidence = Confidence.PROBABLE

    def changed(self, error: DeploymentSystemError, text: str) -> tuple[str, str]:
        """See `ConfigurationAction`."""
        document = read_yaml(text.encode(), shown_as="", dialect=Dialect.YAML_1_2).document
        path = error.context.extra.get("path")
        where = tuple(path) if isinstance(path, list) else ()
        if where[-3:] != ("source", "git", "url"):
            raise missing_here("only the url of a git source is known from elsewhere")
        url = origin_url(self.place.root)
        if url is None:
            raise missing_here("this repository has no remote called origin")
        line, column = _first_key(document, where[:-1])
        lines = text.splitlines(keepends=True)
        old = lines[line - 1]
        if old[: column - 1].strip():  # inside {…}: beside the other keys
            lines[line - 1] = f"{old[: column - 1]}url: {url}, {old[column - 1 :]}"
        else:
            lines.insert(line - 1, f"{old[: column - 1]}url: {url}\n")
        return "".join(lines), f"add the address of origin, {url}"


def origin_url(root: Path) -> str | None:
    """What git calls the remote `origin`, without a user or password."""
    try:
        asked = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git here: then nobody knows the address
    url = asked.stdout.strip()
    parts = urlsplit(url)
    if parts.username or parts.password:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url if asked.returncode == 0 and url and not re.search(r"[\s,{}\[\]#]", url) else None


def _source(data: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    default = data.get("default_environment")
    return default if isinstance(default, str) and default in known else next(iter(known))


def _copied(document: YamlDocument, text: str, source: str, name: str) -> str:
    """The text with the lines of the section once more under another name, after the last section."""
    first = document.keys[("environments", source)].line
    column = document.keys[("environments", source)].column
    lines = text.splitlines(keepends=True)
    section = _section(lines, first, column)
    starts = [mark.line for path, mark in document.keys.items() if path[:1] == ("environments",) == path[:-1]]
    last = max(starts)
    end = last - 1 + len(_section(lines, last, column))
    copy = [section[0].replace(source, name, 1), *section[1:]]
    before = "".join(lines[:end])
    ended = before if before.endswith("\n") else f"{before}\n"
    tail = "".join(copy)
    return ended + (tail if tail.endswith("\n") else f"{tail}\n") + "".join(lines[end:])


def _section(lines: list[str], first: int, column: int) -> list[str]:
    """The lines of a key and of everything below it; comments at its end belong to what comes next."""
    end = first
    for number in range(first, len(lines)):
        line = lines[number]
        indentation = len(line) - len(line.lstrip(" "))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if indentation < column:
            break
        end = number + 1
    return lines[first - 1 : end]


def _environments(text: str) -> Any:
    reading = read_yaml(text.encode(), shown_as="", dialect=Dialect.YAML_1_2)
    data = reading.document.data
    return None if reading.errors or not isinstance(data, dict) else data.get("environments")


def _first_key(document: YamlDocument, below: tuple[str | int, ...]) -> tuple[int, int]:
    marks = [mark for path, mark in document.keys.items() if path[:-1] == below]
    if not marks:
        raise missing_here("the section is empty")
    first = min(marks, key=lambda mark: (mark.line, mark.column))
    return first.line, first.column


def missing_here(what: str) -> RecoveryError:
    """What an action lacks in order to be carried out."""
    return RecoveryError(
        what, error_code=ErrorCodes.RECOVERY_FAILED, context=ErrorContext(operation="recover")
    )


def configuration_actions(place: RecoveryPlace) -> list[RecoveryAction]:
    """All of this file."""
    return [AddEnvironment(place), AddGitUrl(place)]
