"""One word of a Dockerfile that is wrong, replaced: nothing else of the file changes. Pure."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from deployment_system.builders.dockerfile import Dockerfile, Instruction

ALIKE = 0.75
"""How alike a name must be to be what was meant, from 0 to 1."""


def with_instruction(dockerfile: Dockerfile, line: int, right: str) -> str | None:
    """The text, where the instruction that begins at this line has another name."""
    lines = dockerfile.text.splitlines(keepends=True)
    if not 0 < line <= len(lines):
        return None
    lines[line - 1] = re.sub(r"^(\s*)\S+", rf"\g<1>{right}", lines[line - 1], count=1)
    return "".join(lines)


def with_word(dockerfile: Dockerfile, line: int, wrong: str, right: str) -> str | None:
    """The text, where a word of the instruction that begins at this line is another one; None where it does
    not stand there exactly once."""
    lines = dockerfile.text.splitlines(keepends=True)
    ends = min((one.line for one in dockerfile.instructions if one.line > line), default=len(lines) + 1) - 1
    before, within, after = lines[: line - 1], "".join(lines[line - 1 : ends]), lines[ends:]
    whole_word = re.compile(rf"(?<![\w./:-]){re.escape(wrong)}(?![\w./:-])")
    if len(whole_word.findall(within)) != 1:
        return None
    return "".join([*before, whole_word.sub(lambda _: right, within), *after])


def instruction_at(dockerfile: Dockerfile, line: int | None) -> Instruction | None:
    """The instruction that begins at a line."""
    return next((one for one in dockerfile.instructions if one.line == line), None)


def near_image(wrong: str, known: Iterable[str]) -> str | None:
    """The image that was probably meant: with the same digits, as another version is another thing."""
    whole = wrong if ":" in wrong.rpartition("/")[2] else f"{wrong}:latest"
    same_digits = [name for name in known if re.findall(r"\d+", name) == re.findall(r"\d+", whole)]
    found = next(iter(get_close_matches(whole, same_digits, n=1, cutoff=ALIKE)), None)
    return None if found == whole else found
