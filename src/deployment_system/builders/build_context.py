"""The build context: which files of a folder an image may be made of."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple

from deployment_system.builders.dockerfile import Dockerfile
from deployment_system.builders.ignore_rules import (
    NOTHING_MATCHED,
    IgnorePatternError,
    IgnoreRules,
    read_patterns,
)
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

IGNORE_FILE = ".dockerignore"
STATE_FOLDER = ".deployment-system"
NEVER_SENT = (STATE_FOLDER,)
"""Changes with every run of this command, and may hold secrets."""

DEFAULT_IGNORED = (
    ".git",
    ".venv",
    "venv",
    "**/__pycache__",
    "**/*.pyc",
    "**/.pytest_cache",
    "**/node_modules",
)
"""For an image whose Dockerfile is generated, where no .dockerignore says what to leave out."""

Kind = Literal["file", "folder", "link"]


class ContextFile(NamedTuple):
    """Something in the context. (A tuple: there are thousands, and making one must cost little.)"""

    name: str
    """Relative to the context, with `/`."""
    kind: Kind
    executable: bool
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    target: str = ""
    """Of a symbolic link."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A folder as it was looked at, with its Dockerfile."""

    folder: Path
    """Absolute."""
    dockerfile: Dockerfile
    files: tuple[ContextFile, ...]
    """Sorted by name."""
    patterns: tuple[str, ...] = ()
    """What was left out, as patterns of an ignore file."""
    ignore_file: str | None = None
    """Where they are from, as people know it."""
    problems: tuple[DockerError, ...] = ()
    """What cannot be sent, each with its place."""

    @property
    def dockerfile_name(self) -> str | None:
        """The Dockerfile's name in the context; None where it is elsewhere, generated or left out."""
        if self.dockerfile.path is None:
            return None
        path = Path(self.dockerfile.path)
        if not path.is_relative_to(self.folder):
            return None
        name = path.relative_to(self.folder).as_posix()
        return name if any(file.name == name and file.kind == "file" for file in self.files) else None

    def for_dockerfile(self, dockerfile: Dockerfile) -> "BuildContext | None":
        """The same look at the same folder, with another Dockerfile; None where that has an ignore file of
        its own, and so another context. Raises DOCKER_CONTEXT_UNREADABLE."""
        ignore_file, patterns = _patterns(self.folder, dockerfile)
        if (ignore_file, (*patterns, *NEVER_SENT)) != (self.ignore_file, self.patterns):
            return None
        return replace(self, dockerfile=dockerfile)


def read_build_context(
    folder: Path, dockerfile: Dockerfile, *, never_sent: Sequence[str] = NEVER_SENT
) -> BuildContext:
    """Looks at every file of the folder that is not left out; reads none of them.

    `X.dockerignore` beside the Dockerfile `X` is preferred to the folder's .dockerignore, as BuildKit does.
    Raises DOCKER_CONTEXT_UNREADABLE where the folder or the ignore file cannot be read; what is wrong with
    single files is in `problems`.
    """
    root = folder.absolute()
    if not root.is_dir():
        raise _unreadable(str(folder), "there is no such folder")
    ignore_file, patterns = _patterns(root, dockerfile)
    patterns += never_sent
    try:
        rules = IgnoreRules.of(patterns)
    except IgnorePatternError as error:
        raise _unreadable(ignore_file or IGNORE_FILE, str(error)) from error
    walk = _Walk(str(root), rules)
    walk.look(str(root), "", NOTHING_MATCHED)
    files = sorted(walk.files, key=itemgetter(0))
    return BuildContext(root, dockerfile, tuple(files), tuple(patterns), ignore_file, tuple(walk.problems))


def _patterns(root: Path, dockerfile: Dockerfile) -> tuple[str | None, list[str]]:
    candidates = [root / IGNORE_FILE]
    if dockerfile.path is not None:
        path = Path(dockerfile.path)
        candidates.insert(0, path.with_name(path.name + IGNORE_FILE))
    for candidate in candidates:
        try:
            text = candidate.read_bytes().decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(candidate.name, error.strerror or str(error), error) from error
        name = candidate.relative_to(root).as_posix() if candidate.is_relative_to(root) else str(candidate)
        return name, read_patterns(text)
    return None, list(DEFAULT_IGNORED) if dockerfile.path is None else []


@dataclass
class _Walk:
    root: str
    rules: IgnoreRules
    problems: list[DockerError] = field(default_factory=list)

    files: list[ContextFile] = field(default_factory=list)

    def look(self, path: str, prefix: str, above: int) -> None:
        """At what is in a folder and below it. `above` is what the rules said of the folder."""
        try:
            with os.scandir(path) as listing:
                entries = list(listing)
        except OSError as error:
            self.problems.append(_unreadable(prefix.rstrip("/") or ".", error.strerror or str(error), error))
            return
        matched, leaves_out, add = self.rules.matched, self.rules.leaves_out, self.files.append
        for entry in entries:
            name = prefix + entry.name
            number = matched(name, above)
            left_out = number != NOTHING_MATCHED and leaves_out(number)
            try:
                if entry.is_dir(follow_symlinks=False):
                    if not left_out:
                        add(ContextFile(name, "folder", True, 0, 0, 0, 0))
                    if not left_out or self.rules.may_bring_back(name):
                        self.look(entry.path, f"{name}/", number)
                elif not left_out:
                    self._add_file(entry, name)
            except OSError as error:
                self.problems.append(_unreadable(name, error.strerror or str(error), error))

    def _add_file(self, entry: "os.DirEntry[str]", name: str) -> None:
        status = entry.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            self.files.append(
                ContextFile(
                    name,
                    "file",
                    bool(mode & stat.S_IXUSR),
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_ino,
                )
            )
        elif stat.S_ISLNK(mode):
            target = os.readlink(entry.path)  # noqa: PTH115 - hot path
            self.files.append(ContextFile(name, "link", False, 0, 0, 0, 0, target))
        else:
            self.problems.append(_unreadable(name, f"it is {_kind(mode)}, not a file"))


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISSOCK, "a socket"), (stat.S_ISFIFO, "a named pipe"))
    return next((words for is_so, words in kinds if is_so(mode)), "a device")


def _unreadable(name: str, why: str, cause: Exception | None = None) -> DockerError:
    return DockerError(
        f"{name} cannot be part of the build context: {why}",
        error_code=ErrorCodes.DOCKER_CONTEXT_UNREADABLE,
        context=ErrorContext(file_path=name, operation="build"),
        cause=cause,
    )
