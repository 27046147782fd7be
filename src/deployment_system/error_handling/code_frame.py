"""The source around a fault, as lines of a terminal: tabs, wide characters and long lines in their place."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from deployment_system.error_handling.hidden_secrets import HIDDEN
from deployment_system.error_handling.plain_values import valid_text

WIDTH = 80
_TAB = 4
_LINE_ENDS = "\r\n"
# Unicode's controls of direction: they make a line look as if it said something else.
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def code_frame(lines: object, faulty: int, column: object, end_column: object = None) -> Iterator[str]:
    """The lines, pairs of number and text, with carets below the faulty one. `column` counts characters
    from 1; `end_column` is the one after the last. What is not of that form is left out."""
    pairs = list(_pairs(lines))
    margin = max((len(str(number)) for number, _ in pairs), default=1)
    room = WIDTH - len("   | ") - margin
    marked = next((text for number, text in pairs if number == faulty), "")
    carets = _carets(marked, column, end_column)
    start = max(0, carets[0] - room // 2) if carets and carets[0] >= room - 1 else 0
    for number, text in pairs:
        yield f"  {number:>{margin}} | {_cut(_cells(text), start, room)}".rstrip()
        if number == faulty and carets:
            before, count = carets[0] - start, min(carets[1], room - (carets[0] - start))
            yield f"  {'':>{margin}} | {' ' * before}{'^' * max(1, count)}"


def columns(text: str) -> int:
    """How many terminal columns a text takes: East Asian wide characters take two, marks none."""
    return sum(map(_width, text))


def printable(text: str) -> str:
    """The text without what would steer a terminal: control characters as their escapes."""
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _steers(character) else character for character in text
    )


def _pairs(lines: object) -> Iterator[tuple[int, str]]:
    if not isinstance(lines, Sequence) or isinstance(lines, str | bytes):
        return
    for line in lines:
        if isinstance(line, Sequence) and len(line) == len(("number", "text")) and isinstance(line[0], int):
            yield line[0], valid_text(line[1]).rstrip(_LINE_ENDS)


def _carets(text: str, column: Any, end_column: Any) -> tuple[int, int] | None:
    """How many terminal columns lie before the carets, and how many carets."""
    if not isinstance(column, int) or column < 1:
        return None
    before = text[: column - 1]
    if HIDDEN in before:
        return None  # What was hidden had another length: no caret is better than a wrong one.
    last = end_column if isinstance(end_column, int) and end_column > column else column + 1
    left = len(_cells(before))
    return left, max(1, len(_cells(text[: last - 1])) - left)


def _cells(text: str) -> list[str]:
    """What stands in each terminal column: a tab is blanks, the second half of a wide character is empty."""
    cells: list[str] = []
    for character in text:
        if character == "\t":
            cells.extend(" " * (_TAB - len(cells) % _TAB))
        elif _steers(character):
            cells.append("\N{REPLACEMENT CHARACTER}")
        elif (width := _width(character)) == 0:
            if cells:
                cells[-1] += character
        else:
            cells.extend((character, "")[:width])
    return cells


def _cut(cells: list[str], start: int, room: int) -> str:
    """The columns from `start` on; a wide character that the edge cuts in two gives way to a blank."""
    shown = cells[start : start + room]
    if start and shown and shown[0] == "":
        shown[0] = " "
    if len(cells) > start + room and cells[start + room] == "":
        shown[-1] = " "
    return "".join(shown)


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _steers(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in _DIRECTIONS


def wrapped(text: str, indent: str) -> Iterator[str]:
    """The words of a text in lines that fit the terminal. A word that does not fit alone stays whole:
    most are paths, addresses or commands, which are copied."""
    first = text[: len(text) - len(text.lstrip(" "))]
    line = ""
    for word in _words(text):
        joined = f"{line} {word}" if line else f"{first}{word}"
        if line.strip() and columns(joined) > WIDTH:
            yield line
            line = f"{indent}{word}"
        else:
            line = joined
    yield line


def _words(text: str) -> Iterable[str]:
    return (printable(word) for word in text.split())
