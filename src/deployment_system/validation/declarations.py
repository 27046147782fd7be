"""One declared requirement and its place: the value that every format of declaration is read into."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum, auto

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name


class Strength(StrEnum):
    """How a file asks for a distribution."""

    REQUIRED = auto()
    OPTIONAL = auto()
    """An extra, a group, a file for development: whether a worker installs it is not known."""
    CONSTRAINT = auto()
    """Says a version only, should something else ask for it."""
    LOCKED = auto()
    """In a lock file: needed by something that is declared."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One requirement."""

    name: str
    """Canonical name of the distribution."""
    file: str
    line: int | None = None
    strength: Strength = Strength.REQUIRED
    specifier: SpecifierSet | None = None
    extras: frozenset[str] = frozenset()
    excluded_by: str | None = None
    """The marker that says it is not for the Python that runs here, if one does."""

    @property
    def declares(self) -> bool:
        """Whether the distribution will be there, as far as this requirement is concerned."""
        return self.strength is not Strength.CONSTRAINT and self.excluded_by is None

    @property
    def place(self) -> str:
        """`requirements.txt:3`."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file that declares."""

    text: str
    line: int | None = None
    column: int | None = None
    written: str = ""
    """What is wrong, as the line has it."""
    meant: str | None = None
    """What should stand there instead, where that is clear."""


@dataclass
class Reading:
    """What one file says."""

    file: str
    declarations: list[Declaration] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    includes: list[tuple[str, int | None, bool]] = field(default_factory=list)
    """Other files that it names: path relative to it, line, and whether they are only constraints."""
    folders: list[tuple[str, int]] = field(default_factory=list)
    """Folders with a project that it installs."""

    def add(self, requirement: Requirement, line: int | None, strength: Strength) -> None:
        """Notes a requirement."""
        self.declarations.append(
            Declaration(
                canonicalize_name(requirement.name),
                self.file,
                line,
                strength,
                requirement.specifier or None,
                frozenset(requirement.extras),
                _excluding_marker(requirement),
            )
        )

    def add_text(self, text: str, line: int | None, strength: Strength) -> None:
        """Notes a requirement, or that the text is none."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0] if str(error) else "not a requirement"
            self.problems.append(Problem(f"{text!r} is not a requirement ({reason})", line))
            return
        self.add(requirement, line, strength)

    def add_name(self, name: str, line: int | None, strength: Strength, specifier: str | None = None) -> None:
        """Notes a distribution, with its versions as far as they can be understood."""
        self.declarations.append(
            Declaration(canonicalize_name(name), self.file, line, strength, _specifiers(specifier))
        )


def of_name(declarations: Iterable[Declaration], name: str) -> list[Declaration]:
    """Those for one distribution."""
    return [item for item in declarations if item.name == name]


def _excluding_marker(requirement: Requirement) -> str | None:
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return None
    return str(requirement.marker)


def _specifiers(text: str | None) -> SpecifierSet | None:
    if not text:
        return None
    try:
        return SpecifierSet(text) or None
    except InvalidSpecifier:
        # Another tool's notation: what it allows is not known, so nothing is said of its versions.
        return None
