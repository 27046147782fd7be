"""What a repository declares to need: every file that declares something, read and put together."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError
from deployment_system.error_handling.corrections import corrected
from deployment_system.validation.declarations import Declaration, Problem, Reading, Strength
from deployment_system.validation.declared_projects import (
    read_conda,
    read_inline,
    read_lock,
    read_pipfile,
    read_pyproject,
    read_setup_cfg,
    read_setup_py,
)
from deployment_system.validation.requirement_lines import LineKind, likely_requirement, requirement_lines

Parse = Callable[[str, str], Reading]

_SAME_FILE = 0.8
"""How alike the name of a file must be to be the one that was meant."""

_DEVELOPMENT_WORDS = ("dev", "test", "doc", "lint")
"""A requirements file with one of these in its name is most likely not installed where flows run."""

_PROJECT_FILES: dict[str, Parse] = {
    "pyproject.toml": read_pyproject,
    "setup.cfg": read_setup_cfg,
    "setup.py": read_setup_py,
    "Pipfile": read_pipfile,
    "environment.yml": read_conda,
    "environment.yaml": read_conda,
    "uv.lock": read_lock,
    "poetry.lock": read_lock,
    "pdm.lock": read_lock,
}


@dataclass(frozen=True)
class Declared:
    """All that a repository declares."""

    declarations: tuple[Declaration, ...] = ()
    warnings: tuple[ValidationError, ...] = ()
    files: tuple[str, ...] = ()
    """The files that were read, relative to the repository's root."""

    @property
    def names(self) -> frozenset[str]:
        """Canonical names of what will be there, as far as the files say."""
        return frozenset(item.name for item in self.declarations if item.declares)


@dataclass
class _Reader:
    root: Path
    declarations: list[Declaration] = field(default_factory=list)
    warnings: list[ValidationError] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    seen: set[tuple[Path, bool]] = field(default_factory=set)

    def folder(self, folder: Path) -> None:
        """Reads every file of a folder that declares something."""
        for pattern, parse in _PATTERNS.items():
            for file in sorted(folder.glob(pattern)):
                self.file(file, parse)
        for name, parse in _PROJECT_FILES.items():
            self.file(folder / name, parse)

    def file(self, file: Path, parse: Parse) -> None:
        """Reads a file once, with those that it includes."""
        key = (file.resolve(), parse is read_constraints)
        if key in self.seen or not file.is_file():
            return
        self.seen.add(key)
        shown = self._shown(file)
        self.files.append(shown)
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self._warn(shown, Problem(f"cannot be read: {error}"))
            return
        reading = parse(text, shown)
        self.declarations.extend(reading.declarations)
        for problem in reading.problems:
            self._warn(shown, problem)
        for path, line, is_constraints in reading.includes:
            parse_included = read_constraints if is_constraints else read_requirements
            meant = _near_file(file, path)
            hint = f": did you mean {meant!r}?" if meant else ""
            missing = Problem(f"includes {path!r}, which is not there{hint}", line, written=path, meant=meant)
            self._include(file.parent / path, missing, shown, parse_included)
        for path, line in reading.folders:
            self._project_folder(file.parent / path, path, line, shown)

    def _include(self, target: Path, missing: Problem, shown: str, parse: Parse) -> None:
        if target.is_file():
            self.file(target, parse)
        else:
            self._warn(shown, missing)

    def _project_folder(self, target: Path, path: str, line: int | None, shown: str) -> None:
        if not target.exists():
            self._warn(shown, Problem(f"installs {path!r}, which is not there", line))
        elif target.is_dir():
            for name in ("pyproject.toml", "setup.cfg", "setup.py"):
                self.file(target / name, _PROJECT_FILES[name])

    def _shown(self, file: Path) -> str:
        try:
            return file.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return file.name

    def _warn(self, shown: str, problem: Problem) -> None:
        warning = ValidationError(
            f"{shown} {problem.text}",
            error_code=ErrorCodes.REQUIREMENTS_INVALID,
            severity=ErrorSeverity.MEDIUM,
            context=ErrorContext(
                file_path=shown,
                line_number=problem.line or 1,
                column=problem.column,
                operation="read requirements",
            ),
        )
        self.warnings.append(corrected(warning, problem.written, problem.meant))


def _near_file(file: Path, path: str) -> str | None:
    """A file that is called nearly so, in the folder that the path leads to or else beside the file that
    names it, or the only one of that name in a folder below: it was misspelt, or moved."""
    folder, wanted = file.parent, PurePosixPath(path)
    for place, above in ((folder / wanted.parent, wanted.parent), (folder, PurePosixPath())):
        if not place.is_dir():
            continue
        there = [
            item.name
            for item in place.iterdir()
            if item.suffix == wanted.suffix and item.is_file() and item != file
        ]
        found = difflib.get_close_matches(wanted.name, there, n=1, cutoff=_SAME_FILE)
        if found:
            return str(above / found[0])
    below = [item for item in folder.glob(f"*/{wanted.name}") if item.is_file()] if wanted.name else []
    return below[0].relative_to(folder).as_posix() if len(below) == 1 else None


def read_declared(root: Path, folders: Iterable[Path]) -> Declared:
    """What the repository and these folders of it declare."""
    reader = _Reader(root)
    for folder in dict.fromkeys((root, *folders)):
        reader.folder(folder)
    return Declared(tuple(reader.declarations), tuple(reader.warnings), tuple(reader.files))


def read_requirements(text: str, file: str) -> Reading:
    """A requirements file in pip's format."""
    name = file.rpartition("/")[2].lower()
    is_for_development = any(word in name for word in _DEVELOPMENT_WORDS)
    return _requirements(text, file, Strength.OPTIONAL if is_for_development else Strength.REQUIRED)


def read_constraints(text: str, file: str) -> Reading:
    """A constraints file: versions of what something else asks for."""
    return _requirements(text, file, Strength.CONSTRAINT)


def inline_requirements(source: str, file: str) -> Iterator[str]:
    """Canonical names of what a script declares for itself (PEP 723)."""
    yield from (item.name for item in read_inline(source, file).declarations if item.declares)


def _requirements(text: str, file: str, strength: Strength) -> Reading:
    reading = Reading(file)
    for line in requirement_lines(text):
        match line.kind:
            case LineKind.INCLUDE | LineKind.CONSTRAINTS:
                reading.includes.append((line.value, line.number, line.kind is LineKind.CONSTRAINTS))
            case LineKind.LOCAL:
                reading.folders.append((line.value, line.number))
            case LineKind.NAMED:
                reading.add_name(line.value, line.number, strength)
            case LineKind.INVALID:
                reading.problems.append(
                    Problem(
                        f"has {line.value}, which is no requirement",
                        line.number,
                        written=line.written,
                        meant=likely_requirement(line.written),
                    )
                )
            case LineKind.REQUIREMENT if line.requirement is not None:
                reading.add(line.requirement, line.number, strength)
            case _:
                raise AssertionError(line)
    return reading


_PATTERNS: dict[str, Parse] = {
    "requirements*.txt": read_requirements,
    "requirements*.in": read_requirements,
    "requirements/*.txt": read_requirements,
    "requirements/*.in": read_requirements,
    "constraints*.txt": read_constraints,
}
