"""A Dockerfile in its parts: instructions with their lines, stages, and what is wrong with it. Pure.

Read well enough to know before the first effect what a build would stumble over; the engine stays the judge
of everything else. (The libraries that read Dockerfiles either need a Go compiler where there is no wheel for
the platform, or know neither here-documents nor parser directives.)
"""

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

_FEWEST_ARGUMENTS = {
    "ADD": 2,
    "ARG": 1,
    "CMD": 0,
    "COPY": 2,
    "ENTRYPOINT": 0,
    "ENV": 1,
    "EXPOSE": 1,
    "FROM": 1,
    "HEALTHCHECK": 1,
    "LABEL": 1,
    "MAINTAINER": 1,
    "ONBUILD": 1,
    "RUN": 1,
    "SHELL": 1,
    "STOPSIGNAL": 1,
    "USER": 1,
    "VOLUME": 1,
    "WORKDIR": 1,
}
_TAKES_HERE_DOCUMENTS = frozenset({"ADD", "COPY", "RUN"})
_DIRECTIVE = re.compile(r"#\s*(?P<name>[a-zA-Z][a-zA-Z0-9]*)\s*=\s*(?P<value>.+?)\s*")
_FLAG = re.compile(r"--(?P<name>[a-z][a-z-]*)(?:=(?P<value>\S*))?(?:\s+|$)")
_HERE_DOCUMENT = re.compile(r"\d*<<(?P<dash>-?)(?P<quote>[\"']?)(?P<word>[^\s<\"']+)(?P=quote)")
_ONLY_BUILDKIT = {
    "RUN": ("mount", "network", "security"),
    "COPY": ("link", "chmod", "parents", "exclude"),
    "ADD": ("link", "chmod", "checksum", "keep-git-dir", "exclude"),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; its arguments on one line."""

    name: str
    arguments: str
    """Without flags."""
    line: int
    """Where it begins, from 1."""
    flags: tuple[tuple[str, str], ...] = ()
    here_documents: tuple[str, ...] = ()

    def flag(self, name: str) -> str | None:
        """The value of `--NAME=value`; None where it is not given."""
        return dict(self.flags).get(name)

    @property
    def words(self) -> list[str]:
        """The arguments one by one: of a JSON list its members."""
        if self.arguments.startswith("["):
            try:
                members: Any = json.loads(self.arguments)
            except ValueError:
                members = None
            if isinstance(members, list) and all(isinstance(member, str) for member in members):
                return members
        return self.arguments.split()

    def __str__(self) -> str:
        flags = "".join(f"--{name}={value} " if value else f"--{name} " for name, value in self.flags)
        return f"{self.name} {flags}{self.arguments}".strip()


@dataclass(frozen=True, slots=True)
class Stage:
    """What one FROM begins."""

    image: str
    name: str | None
    line: int
    first: int
    """The FROM's place among the instructions, from 0."""


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile that was read; `problems` says what is wrong with it by itself."""

    name: str
    """Its path as people know it: relative to the repository, with `/`."""
    text: str
    instructions: tuple[Instruction, ...] = ()
    problems: tuple[DockerError, ...] = ()
    path: str | None = None
    """The file, absolute; None where the text was generated."""

    def working_directory(self, target: str | None = None) -> str | None:
        """Where the code of a container starts, as far as the file says: the last absolute WORKDIR of the
        stage that is built. None: the base image, or a variable, decides."""
        stages = self.stages
        chosen = next((stage for stage in stages if target and stage.name == target), None) or (
            stages[-1] if stages else None
        )
        if chosen is None:
            return None
        end = min((stage.first for stage in stages if stage.first > chosen.first), default=None)
        folder: str | None = None
        for instruction in self.instructions[chosen.first : end]:
            if instruction.name == "WORKDIR":
                path = instruction.arguments.strip().strip("\"'")
                if "$" in path:
                    return None
                folder = posixpath.normpath(posixpath.join(folder or "", path))
        return folder if folder and folder.startswith("/") else None

    @property
    def stages(self) -> list[Stage]:
        """Each FROM, in order."""
        return [
            _stage(instruction, place)
            for place, instruction in enumerate(self.instructions)
            if instruction.name == "FROM" and instruction.words
        ]

    @property
    def base_images(self) -> list[tuple[str, int]]:
        """The images that stages begin with, as written, and the lines; not the file's own stages."""
        names: set[str] = set()
        bases = []
        for stage in self.stages:
            if stage.image.lower() not in names and stage.image != "scratch":
                bases.append((stage.image, stage.line))
            names.add((stage.name or "").lower())
        return bases

    def problem(self, line: int | None, message: str, code: ErrorCodes, **facts: Any) -> DockerError:
        """An error at a line of this file, with the lines around it."""
        lines = self.text.splitlines()
        if line is not None and line <= len(lines):
            shown = range(max(1, line - 1), min(len(lines), line + 1) + 1)
            facts["source_lines"] = [[number, lines[number - 1]] for number in shown]
        return DockerError(
            message,
            error_code=code,
            context=ErrorContext(file_path=self.name, line_number=line, operation="build", **facts),
        )

    def only_buildkit(self) -> tuple[int, str] | None:
        """The line and the words of the first thing that the classic builder does not know."""
        for instruction in self.instructions:
            for flag, _ in instruction.flags:
                if flag in _ONLY_BUILDKIT.get(instruction.name, ()):
                    return instruction.line, f"{instruction.name} --{flag}"
            if instruction.here_documents:
                return instruction.line, f"{instruction.name} <<{instruction.here_documents[0]}"
        return None


def parse_dockerfile(text: str, name: str, path: str | None = None) -> Dockerfile:
    """Reads a Dockerfile. Never raises: what is wrong is in `problems`."""
    bare = Dockerfile(name, text)
    instructions, problems = [], []
    for instruction, unclosed in _instructions(text):
        instructions.append(instruction)
        if (why := _what_is_wrong(instruction)) is not None:
            facts = {"near": near} if (near := nearest_instruction(instruction)) else {}
            problems.append(bare.problem(instruction.line, why, ErrorCodes.DOCKERFILE_INVALID, **facts))
        elif unclosed:
            why = f"the here-document <<{unclosed} is never closed"
            problems.append(bare.problem(instruction.line, why, ErrorCodes.DOCKERFILE_INVALID))
    if (whole := _what_is_missing(name, instructions)) is not None:
        line, why = whole
        problems.append(bare.problem(line, why, ErrorCodes.DOCKERFILE_INVALID))
    return Dockerfile(name, text, tuple(instructions), tuple(problems), path)


def nearest_instruction(instruction: Instruction) -> str | None:
    """What was probably meant by one that does not exist; None: it exists, or nothing is like it."""
    if instruction.name in _FEWEST_ARGUMENTS:
        return None
    return next(iter(get_close_matches(instruction.name, _FEWEST_ARGUMENTS, n=1)), None)


def _what_is_wrong(instruction: Instruction) -> str | None:
    fewest = _FEWEST_ARGUMENTS.get(instruction.name)
    if fewest is None:
        near = nearest_instruction(instruction)
        return f"unknown instruction {instruction.name}" + (f": did you mean {near}?" if near else "")
    words = instruction.words
    if len(words) < fewest:
        wanted = "an argument" if fewest == 1 else "a source and a destination"
        return f"{instruction.name} needs {wanted}"
    if instruction.name == "FROM" and not (len(words) == 1 or (len(words) == 3 and words[1].upper() == "AS")):
        return f"FROM takes an image, or IMAGE AS NAME, and not {instruction.arguments!r}"
    return None


def _what_is_missing(name: str, instructions: list[Instruction]) -> tuple[int, str] | None:
    """What is wrong with the whole, and the line at which the FROM should stand, or stand before."""
    if not instructions:
        return 1, f"{name} has no instruction: it needs a FROM to build on"
    first = next((one for one in instructions if one.name != "ARG"), instructions[-1])
    if first.name not in _FEWEST_ARGUMENTS:
        return None  # told by itself, and perhaps it is a FROM with a wrong letter
    if all(one.name != "FROM" for one in instructions):
        where = "after" if first.name == "ARG" else "before"
        return first.line, f"{name} has no FROM: it needs one {where} {first.name}, to say what it builds on"
    if first.name != "FROM":
        return first.line, f"{first.name} stands before the first FROM, where only ARG may"
    return None


def _stage(instruction: Instruction, place: int) -> Stage:
    words = instruction.words
    return Stage(words[0], words[2] if len(words) > 2 else None, instruction.line, place)


def _instructions(text: str) -> Iterator[tuple[Instruction, str | None]]:
    """Each instruction, and the here-document in it that is not closed."""
    lines = text.removeprefix("\ufeff").splitlines()
    continued = re.compile(rf"(?:{re.escape(_escape_character(lines))})[ \t]*$")
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if not line or line.startswith("#"):
            continue
        begin, parts = number, [line]
        while continued.search(parts[-1]) and number < len(lines):
            parts[-1] = continued.sub("", parts[-1])
            while number < len(lines) and _says_nothing(lines[number]):
                number += 1
            parts.append(lines[number].strip() if number < len(lines) else "")
            number += 1
        parts[-1] = continued.sub("", parts[-1])
        instruction = _instruction(" ".join(part.strip() for part in parts).strip(), begin)
        unclosed = None
        for document in instruction.here_documents:
            number, closed = _after_here_document(lines, number, document)
            unclosed = unclosed or (None if closed else document)
        yield instruction, unclosed


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _escape_character(lines: list[str]) -> str:
    """Of the parser directives, which stand before everything else."""
    for line in lines:
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            break
        if found["name"].lower() == "escape" and found["value"] in {"\\", "`"}:
            return found["value"]
    return "\\"


def _instruction(text: str, line: int) -> Instruction:
    name, _, rest = text.partition(" ")
    if "\t" in name:
        name, _, rest = text.partition("\t")
    rest, flags = rest.strip(), []
    while found := _FLAG.match(rest):
        flags.append((found["name"], found["value"] or ""))
        rest = rest[found.end() :]
    documents = _here_documents(rest) if name.upper() in _TAKES_HERE_DOCUMENTS else ()
    return Instruction(name.upper(), rest, line, tuple(flags), documents)


def _here_documents(arguments: str) -> tuple[str, ...]:
    found = (_HERE_DOCUMENT.fullmatch(word) for word in arguments.split())
    return tuple(one["word"] for one in found if one)


def _after_here_document(lines: list[str], number: int, word: str) -> tuple[int, bool]:
    for place in range(number, len(lines)):
        if lines[place].strip("\t") == word:
            return place + 1, True
    return len(lines), False
