"""pip's requirements format: text to lines that mean something."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)


class LineKind(StrEnum):
    """What a line of a requirements file says."""

    REQUIREMENT = auto()
    NAMED = auto()
    """A URL or an archive whose name says which distribution it holds."""
    LOCAL = auto()
    """A folder of this repository, or an archive in it, that is installed."""
    INCLUDE = auto()
    CONSTRAINTS = auto()
    INVALID = auto()


@dataclass(frozen=True, slots=True)
class RequirementLine:
    """One logical line; continued lines have the number of their first."""

    kind: LineKind
    number: int
    value: str
    """The file of an include, the name of what is named, the path of a folder, or what is wrong."""
    requirement: Requirement | None = None
    written: str = ""
    """Of what is wrong: as the file has it."""


_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION_OF_REQUIREMENT = re.compile(r"\s--?[a-zA-Z]")
_INCLUDE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=))(.+)")
_CONSTRAINT = re.compile(r"(?:-c\s*|--constraint(?:\s+|=))(.+)")
_EDITABLE = re.compile(r"(?:-e\s*|--editable(?:\s+|=))(.+)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.IGNORECASE)
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s")
"""`name @ URL`."""
_SLIPS = (
    (re.compile(r"=>"), ">="),
    (re.compile(r"=<"), "<="),
    (re.compile(r"(?<![=<>!~])=(?!=)"), "=="),
    (re.compile(r"(?<=[\w\]])\s+(?=\d)"), "=="),
)
"""What other tools write, or fingers: only where it makes a requirement of the text."""
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2")
_USER_INFO = re.compile(r"(?<=://)[^/\s@\"']+(?=@)")


def requirement_lines(text: str) -> Iterator[RequirementLine]:
    """What a requirements file says, line by line; options for pip itself are left out."""
    for number, line in _logical_lines(text):
        found = _read(number, line)
        if found is not None:
            yield found


def likely_requirement(text: str) -> str | None:
    """The requirement that was meant by a text that is none: `x=1` is `x==1`, `x=>1` is `x>=1`."""
    for wrong, right in _SLIPS:
        mended = wrong.sub(right, text)
        if mended == text:
            continue
        try:
            Requirement(mended)
        except InvalidRequirement:
            continue
        return mended
    return None


def without_user(text: str) -> str:
    """A text as a message may show it: without users and passwords of URLs."""
    return _USER_INFO.sub("********", text)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Continued lines joined, then comments taken off, in pip's order: a comment line does not continue."""
    pending: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        start = start if pending else number
        is_comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not is_comment:
            pending.append(raw[:-1])
            continue
        pending.append(" " + raw if is_comment else raw)
        line = _COMMENT.sub("", "".join(pending)).strip()
        pending = []
        if line:
            yield start, line
    line = _COMMENT.sub("", "".join(pending)).strip()
    if line:
        yield start, line


def _read(number: int, line: str) -> RequirementLine | None:
    for pattern, kind in ((_INCLUDE, LineKind.INCLUDE), (_CONSTRAINT, LineKind.CONSTRAINTS)):
        if found := pattern.fullmatch(line):
            return RequirementLine(kind, number, found[1].strip())
    if found := _EDITABLE.fullmatch(line):
        return _place(number, found[1].strip())
    if line.startswith("-"):
        return None
    return _requirement(number, _OPTION_OF_REQUIREMENT.split(line, maxsplit=1)[0].strip())


def _requirement(number: int, text: str) -> RequirementLine | None:
    is_place = _URL.match(text) or text.startswith((".", "/", "~")) or text.lower().endswith(_ARCHIVES)
    if is_place and not _NAMED.match(text):
        return _place(number, text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0] if str(error) else "not a requirement"
        return RequirementLine(LineKind.INVALID, number, f"{without_user(text)!r} ({reason})", written=text)
    return RequirementLine(LineKind.REQUIREMENT, number, requirement.name, requirement)


def _place(number: int, text: str) -> RequirementLine | None:
    """A URL, an archive or a folder; None where it does not say which distribution it is."""
    if found := _EGG.search(text):
        return RequirementLine(LineKind.NAMED, number, found[1])
    path = text.partition(" ;")[0].partition("#")[0].strip()
    if path.lower().endswith(_ARCHIVES):
        name = _archive_name(path.rpartition("/")[2])
        return None if name is None else RequirementLine(LineKind.NAMED, number, name)
    if _URL.match(path):
        return None
    return RequirementLine(LineKind.LOCAL, number, re.sub(r"\[[^\]]*\]$", "", path))


def _archive_name(file: str) -> str | None:
    try:
        if file.lower().endswith(".whl"):
            return parse_wheel_filename(file)[0]
        return parse_sdist_filename(file)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        # An archive may be called anything; then its name says nothing.
        return None
