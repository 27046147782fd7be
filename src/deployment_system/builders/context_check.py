"""Whether a build can find what its Dockerfile copies. Pure: it looks at a context that was read before."""

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from deployment_system.builders.build_context import BuildContext
from deployment_system.builders.dockerfile import Instruction
from deployment_system.error_handling import DockerError, ErrorCodes

_REMOTE = re.compile(r"(?i)(?:https?|ftp|git|ssh)://|git@|.+\.git(?:#.*)?$")
_VARIABLE = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<braced>\w+)\})")
_ASSIGNMENT = re.compile(r"(?P<name>\w+)=(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<plain>\S*))")
_WILD = re.compile(r"[*?\[]")
_ALIKE = 0.75
"""How alike a name must be to be told, from 0 to 1: one letter wrong in four is still meant."""


def problems_of(
    context: BuildContext, build_args: Mapping[str, str] | None = None, target: str | None = None
) -> list[DockerError]:
    """Everything that would make the build fail before its first command: of the Dockerfile itself, of files
    that cannot be sent, of COPY and ADD, and a target stage that is not there."""
    problems = [*context.dockerfile.problems, *context.problems]
    problems += _missing_sources(context, build_args or {})
    stages = {(stage.name or "").lower() for stage in context.dockerfile.stages}
    if target is not None and target.lower() not in stages and not target.isdigit():
        known = ", ".join(sorted(filter(None, stages))) or "none has a name"
        why = f"there is no stage {target!r} (stages: {known})"
        problems.append(context.dockerfile.problem(None, why, ErrorCodes.DOCKERFILE_INVALID, target=target))
    return problems


def _missing_sources(context: BuildContext, build_args: Mapping[str, str]) -> Iterator[DockerError]:
    names = _Names(context)
    known: dict[str, str] = {}
    for instruction in context.dockerfile.instructions:
        match instruction.name:
            case "FROM":
                known = {}
            case "ARG" | "ENV":
                known |= _assigned(instruction, known, build_args)
            case "COPY" | "ADD" if instruction.flag("from") is None:
                for source in _local_sources(instruction):
                    path = _substituted(source, known)
                    if path is not None and not names.have(path):
                        yield _missing(context, instruction, source, path, names.nearest(path))


class _Names:
    """The names in a context, and the folders that lead to them."""

    def __init__(self, context: BuildContext) -> None:
        self._links = {file.name for file in context.files if file.kind == "link"}
        self._names = {file.name for file in context.files}
        for name in tuple(self._names):
            while (name := posixpath.dirname(name)) and name not in self._names:
                self._names.add(name)

    def have(self, source: str) -> bool:
        """Whether a source names something. A path through a symbolic link is the engine's to follow."""
        path = posixpath.normpath(f"/{source}").lstrip("/")
        if not path or path in self._names:
            return True
        parts = path.split("/")
        if any("/".join(parts[:size]) in self._links for size in range(1, len(parts))):
            return True
        return bool(_WILD.search(path)) and any(self._matches(name, parts) for name in self._names)

    def nearest(self, source: str) -> str | None:
        """The name that a source was probably meant to be."""
        path = posixpath.normpath(f"/{source}").lstrip("/")
        alike = [] if _WILD.search(path) else get_close_matches(path, self._names, n=1, cutoff=_ALIKE)
        return alike[0] if alike else None

    def _matches(self, name: str, parts: list[str]) -> bool:
        own = name.split("/")
        if len(own) != len(parts):
            return False
        # Go writes [^a] where Python writes [!a].
        return all(
            fnmatch.fnmatchcase(one, part.replace("[^", "[!")) for one, part in zip(own, parts, strict=True)
        )


def _local_sources(instruction: Instruction) -> Iterator[str]:
    for word in instruction.words[:-1]:
        remote = instruction.name == "ADD" and _REMOTE.match(word)
        if not remote and not word.startswith("<<"):
            yield word.strip("\"'")


def _assigned(
    instruction: Instruction, known: Mapping[str, str], build_args: Mapping[str, str]
) -> dict[str, str]:
    """What an ARG or ENV makes known; an ARG without a value only where one is given to the build."""
    values = {
        found["name"]: value
        for found in _ASSIGNMENT.finditer(instruction.arguments)
        if (value := _substituted(found["double"] or found["single"] or found["plain"] or "", known))
        is not None
    }
    if instruction.name == "ARG":
        names = {word.partition("=")[0] for word in instruction.words}
        values |= {name: build_args[name] for name in names & build_args.keys()}
    return values


def _substituted(text: str, known: Mapping[str, str]) -> str | None:
    """The text with its variables replaced; None where one is not known, or takes more than a name."""
    names = {found["bare"] or found["braced"] for found in _VARIABLE.finditer(text)}
    if names - known.keys():
        return None
    replaced = _VARIABLE.sub(lambda found: known[found["bare"] or found["braced"]], text)
    return None if "$" in replaced else replaced


def _missing(
    context: BuildContext, instruction: Instruction, source: str, path: str, near: str | None
) -> DockerError:
    left_out = (context.folder / posixpath.normpath(f"/{path}").lstrip("/")).exists()
    facts = {"near": near} if near and not left_out else {}
    meant = f"; did you mean {near}?" if facts else ""
    why = (
        f"{context.ignore_file or 'the default of a generated Dockerfile'} leaves it out"
        if left_out
        else f"nothing of that name is in the build context {context.folder.name}/{meant}"
    )
    return context.dockerfile.problem(
        instruction.line,
        f"{instruction.name} {source}: {why}",
        ErrorCodes.DOCKER_COPY_SOURCE_MISSING,
        source=source,
        **facts,
    )
