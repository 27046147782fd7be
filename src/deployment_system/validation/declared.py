"""What a repository declares to need: requirements files, pyproject.toml, setup.cfg, lock files and the
like, each requirement with its place."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One requirement with its place."""

    name: str
    """Canonical name of the distribution."""
    requirement: Requirement | None
    """None where only the name is known."""
    file: str
    line: int | None


@dataclass(frozen=True)
class Declared:
    """All that a repository declares."""

    declarations: tuple[Declaration, ...] = ()
    warnings: tuple[ValidationError, ...] = ()
    files: tuple[str, ...] = ()
    """The files that were read, relative to the repository's root."""
    locked: frozenset[str] = frozenset()
    """Names that a lock file lists, which may be needed only by others."""

    @property
    def names(self) -> frozenset[str]:
        """Canonical names of what is declared."""
        return frozenset(item.name for item in self.declarations)


@dataclass
class _Reader:
    root: Path
    declarations: list[Declaration] = field(default_factory=list)
    warnings: list[ValidationError] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)
    seen: set[Path] = field(default_factory=set)

    def folder(self, folder: Path) -> None:
        """Reads every file of a folder that declares something."""
        for pattern in ("requirements*.txt", "requirements*.in", "requirements/*.txt", "requirements/*.in"):
            for file in sorted(folder.glob(pattern)):
                self.requirements_file(file)
        self._file(folder / "pyproject.toml", self._pyproject)
        self._file(folder / "setup.cfg", self._setup_cfg)
        self._file(folder / "setup.py", self._setup_py)
        self._file(folder / "Pipfile", self._pipfile)
        for name in ("environment.yml", "environment.yaml"):
            self._file(folder / name, self._conda)
        for name in LOCK_FILES:
            self._file(folder / name, self._lock)

    def requirements_file(self, file: Path) -> None:
        """A requirements file in pip's format, with the files that it includes."""
        self._file(file, self._requirements)

    def _file(self, file: Path, read: Any) -> None:
        if file in self.seen or not file.is_file():
            return
        self.seen.add(file)
        shown = self._shown(file)
        try:
            text = file.read_text(encoding="utf-8-sig")
            read(file, text, shown)
        except (
            OSError,
            UnicodeDecodeError,
            tomllib.TOMLDecodeError,
            configparser.Error,
            SyntaxError,
        ) as error:
            self._warn(f"{shown} cannot be read: {error}", shown, getattr(error, "lineno", None))
        self.files.append(shown)

    def _requirements(self, file: Path, text: str, shown: str) -> None:
        for number, line in _logical_lines(text):
            if line.startswith(("-r", "--requirement", "-c", "--constraint")):
                included = (
                    re.split(r"[\s=]+", line, maxsplit=1)[-1].removeprefix("-r").removeprefix("-c").strip()
                )
                target = file.parent / included
                if not target.is_file():
                    self._warn(f"{shown} includes {included!r}, which is not there", shown, number)
                self.requirements_file(target)
            elif line.startswith(("-e", "--editable")):
                self._editable(line, shown, number)
            elif not line.startswith("-"):
                self._requirement(re.split(r"\s--?[a-z]", line)[0], shown, number)

    def _editable(self, line: str, shown: str, number: int) -> None:
        if found := _EGG.search(line):
            self._named(found[1], shown, number)

    def _requirement(self, text: str, shown: str, line: int | None) -> None:
        text = text.split(" #")[0].strip()
        if not text:
            return
        if "://" in text and "@" not in text.split("://")[0]:
            if found := _EGG.search(text):
                self._named(found[1], shown, line)
            return
        if text.startswith((".", "/")) or text.endswith((".whl", ".tar.gz", ".zip")):
            return
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            self._warn(f"{shown}: {text!r} is not a requirement: {str(error).splitlines()[0]}", shown, line)
            return
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            self.declarations.append(
                Declaration(canonicalize_name(requirement.name), requirement, shown, line)
            )

    def _named(self, name: str, shown: str, line: int | None = None) -> None:
        self.declarations.append(Declaration(canonicalize_name(name), None, shown, line))

    def _pyproject(self, file: Path, text: str, shown: str) -> None:
        content = tomllib.loads(text)
        project = _table(content, "project")
        tool = _table(content, "tool")
        groups = _table(content, "dependency-groups").values()
        listed = [
            *_list(project, "dependencies"),
            *(item for extra in _table(project, "optional-dependencies").values() for item in extra),
            *(item for group in groups for item in group if isinstance(item, str)),
            *_list(_table(tool, "uv"), "dev-dependencies"),
        ]
        for item in listed:
            self._requirement(str(item), shown, _line_of(text, str(item)))
        for name in _poetry_names(_table(tool, "poetry")):
            self._named(name, shown, _line_of(text, name))
        if isinstance(project.get("name"), str):
            self._named(project["name"], shown)

    def _setup_cfg(self, file: Path, text: str, shown: str) -> None:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        lines = parser.get("options", "install_requires", fallback="").splitlines()
        if parser.has_section("options.extras_require"):
            for _, value in parser.items("options.extras_require"):
                lines.extend(value.splitlines())
        for line in lines:
            self._requirement(line, shown, _line_of(text, line.strip()))

    def _setup_py(self, file: Path, text: str, shown: str) -> None:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg in ("install_requires", "extras_require"):
                for item in ast.walk(node.value):
                    if isinstance(item, ast.Constant) and isinstance(item.value, str):
                        self._requirement(item.value, shown, item.lineno)

    def _pipfile(self, file: Path, text: str, shown: str) -> None:
        content = tomllib.loads(text)
        for section in ("packages", "dev-packages"):
            for name in _table(content, section):
                self._named(name, shown, _line_of(text, name))

    def _conda(self, file: Path, text: str, shown: str) -> None:
        for number, line in enumerate(text.splitlines(), start=1):
            if found := re.match(r"\s*-\s+([A-Za-z0-9][A-Za-z0-9._-]*)", line):
                self._named(found[1], shown, number)

    def _lock(self, file: Path, text: str, shown: str) -> None:
        for package in tomllib.loads(text).get("package", []):
            if isinstance(package, dict) and isinstance(package.get("name"), str):
                self.locked.add(canonicalize_name(package["name"]))

    def _shown(self, file: Path) -> str:
        try:
            return file.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return file.name

    def _warn(self, text: str, shown: str, line: int | None) -> None:
        self.warnings.append(
            ValidationError(
                text,
                error_code=ErrorCodes.REQUIREMENTS_INVALID,
                severity=ErrorSeverity.MEDIUM,
                context=ErrorContext(file_path=shown, line_number=line, operation="read requirements"),
            )
        )


def read_declared(root: Path, folders: Iterable[Path]) -> Declared:
    """What the repository and these folders of it declare."""
    reader = _Reader(root)
    for folder in dict.fromkeys((root, *folders)):
        reader.folder(folder)
    return Declared(
        tuple(reader.declarations), tuple(reader.warnings), tuple(reader.files), frozenset(reader.locked)
    )


def inline_requirements(source: str) -> list[str]:
    """The dependencies that a script declares for itself (PEP 723)."""
    block = re.search(r"(?m)^# /// script$\n((?:^#(?: .*)?$\n)+?)^# ///$", source)
    if block is None:
        return []
    text = "\n".join(line[2:] if line.startswith("# ") else "" for line in block[1].splitlines())
    try:
        found = tomllib.loads(text).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        # What cannot be read declares nothing; the import is then reported as undeclared.
        return []
    return [match[0] for item in found if (match := _NAME.match(str(item)))]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, with continued ones joined, and the number of their first line."""
    pending, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        start = start or number
        if raw.rstrip().endswith("\\"):
            pending += raw.rstrip()[:-1] + " "
            continue
        line = (pending + raw).strip()
        first, pending, start = start, "", 0
        if line and not line.startswith("#"):
            yield first, line


def _table(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _poetry_names(poetry: Mapping[str, Any]) -> Iterator[str]:
    groups = [poetry, *(value for value in _table(poetry, "group").values() if isinstance(value, dict))]
    for group in groups:
        for key in ("dependencies", "dev-dependencies"):
            yield from (name for name in _table(group, key) if name != "python")


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    found = content.get(key)
    return found if isinstance(found, list) else []


def _line_of(text: str, item: str) -> int | None:
    for number, line in enumerate(text.splitlines(), start=1):
        if item and item in line:
            return number
    return None
