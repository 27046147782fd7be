"""What .dockerignore leaves out of a build context, as Docker's own matcher reads it.

The last pattern that matches a path, or a folder above it, decides. docker-py's matcher is not used: it takes
upper and lower case for the same, which the engine does not.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

NOTHING_MATCHED = -1
"""The state at the root of a context: no pattern has matched a folder above."""


class IgnorePatternError(ValueError):
    """A line of an ignore file that is no pattern."""

    def __init__(self, pattern: str, why: str) -> None:
        super().__init__(f"{pattern!r} is not a pattern: {why}")
        self.pattern = pattern


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """Patterns in the order of their lines. Neighbours of one kind are one expression, asked last first."""

    patterns: tuple[str, ...] = ()
    """As they are sent to an engine, `!` before exceptions."""
    _exceptions: tuple[bool, ...] = ()
    """Of each block of neighbours, whether they are exceptions."""
    _last_first: tuple[tuple[int, Callable[[str], object]], ...] = ()
    """The blocks by their numbers, with what asks whether one matches a name."""

    @classmethod
    def of(cls, patterns: Sequence[str]) -> "IgnoreRules":
        """The rules of patterns that `read_patterns` gave. Raises IgnorePatternError."""
        kinds: list[bool] = []
        asked: list[tuple[int, Callable[[str], object]]] = []
        for exception, same in groupby(patterns, key=lambda pattern: pattern.startswith("!")):
            expressions = "|".join(_expression(pattern.removeprefix("!")) for pattern in same)
            asked.append((len(kinds), re.compile(f"(?s:{expressions})").fullmatch))
            kinds.append(exception)
        return cls(tuple(patterns), tuple(kinds), tuple(reversed(asked)))

    def may_bring_back(self, folder: str) -> bool:
        """Whether an exception may match something below a folder that is left out."""
        return any(
            _may_match_below(pattern[1:], folder) for pattern in self.patterns if pattern.startswith("!")
        )

    def matched(self, name: str, above: int = NOTHING_MATCHED) -> int:
        """The last block of patterns that matches the name or what is above it, where `above` is what this
        gave for the folder. To be handed to `leaves_out`, and to be `above` for what is below the name."""
        for number, matches in self._last_first:
            if number <= above:
                break
            if matches(name):
                return number
        return above

    def leaves_out(self, matched: int) -> bool:
        """Whether what `matched` gave means that the path is left out."""
        return matched != NOTHING_MATCHED and not self._exceptions[matched]


def read_patterns(text: str) -> list[str]:
    """The patterns of an ignore file, cleaned as Docker cleans them."""
    return [pattern for line in text.removeprefix("\ufeff").splitlines() if (pattern := _cleaned(line))]


def plain_pattern(name: str) -> str:
    """The pattern that matches this name and no other."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", name)


def _may_match_below(pattern: str, folder: str) -> bool:
    fixed = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
    if fixed == pattern:
        return pattern.startswith(f"{folder}/")
    return fixed.startswith(f"{folder}/") or f"{folder}/".startswith(fixed)


def _cleaned(line: str) -> str:
    if line.startswith("#"):
        return ""
    pattern = line.strip()
    exception = pattern.startswith("!")
    pattern = pattern.removeprefix("!").strip()
    if not pattern:
        return "!" if exception else ""
    pattern = posixpath.normpath(pattern)
    pattern = re.sub(r"^/+", "", pattern) if len(pattern) > 1 else pattern
    return f"!{pattern}" if exception else pattern


def _expression(pattern: str) -> str:
    if not pattern:
        raise IgnorePatternError("!", "an exception from nothing")
    parts: list[str] = []
    rest = pattern
    while rest:
        part, rest = _next_part(pattern, rest)
        parts.append(part)
    return "".join(parts)


def _next_part(pattern: str, rest: str) -> tuple[str, str]:
    """The expression for the beginning of the rest of a pattern, and what remains of it."""
    if rest.startswith("**"):
        rest = rest[2:].removeprefix("/")
        return ("(?:.*/)?" if rest else ".*"), rest
    match rest[0]:
        case "*":
            return "[^/]*", rest[1:]
        case "?":
            return "[^/]", rest[1:]
        case "\\":
            if len(rest) == 1:
                raise IgnorePatternError(pattern, "it ends with a backslash")
            return re.escape(rest[1]), rest[2:]
        case "[":
            return _set_of_characters(pattern, rest)
        case other:
            return re.escape(other), rest[1:]


def _set_of_characters(pattern: str, rest: str) -> tuple[str, str]:
    found = re.match(r"\[(?P<not>\^?)(?P<members>(?:\\.|[^\]\\])+)\]", rest)
    if found is None:
        raise IgnorePatternError(pattern, "its `[` is not closed")
    members = re.sub(r"\\(.)|([\[&~|])", lambda one: re.escape(one[1] or one[2]), found["members"])
    expression = f"[{found['not']}{members}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise IgnorePatternError(pattern, str(error)) from None
    return f"(?!/){expression}", rest[found.end() :]


def joined(patterns: Iterable[str]) -> str:
    """The text of an ignore file."""
    return "".join(f"{pattern}\n" for pattern in patterns)
