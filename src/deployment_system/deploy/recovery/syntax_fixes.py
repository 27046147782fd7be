"""Python that does not parse, and would with one small change that is surely meant. Pure."""

import ast
import io
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_FIXES = 10
"""A file that needs more is not a slip of the keyboard."""

TAB_WIDTH = 8
"""What Python itself takes a tab for, when it compares indentations."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The text with the change, which parses, and what was changed in words."""

    text: str
    what: str


def fixed(text: str) -> Fixed | None:
    """The text as it was surely meant; None where it parses already, or where nothing is sure."""
    words: list[str] = []
    for _ in range(MOST_FIXES):
        try:
            ast.parse(text)
        except SyntaxError as error:
            found = next(filter(None, (fix(text, error) for fix in _FIXES)), None)
        except ValueError:
            return None
        else:
            return Fixed(text, "; ".join(dict.fromkeys(words))) if words else None
        if found is None:
            return None
        text = found.text
        words.append(found.what)
    return None


def _missing_colon(text: str, error: SyntaxError) -> Fixed | None:
    if error.msg != "expected ':'" or error.lineno is None:
        return None
    lines = text.splitlines(keepends=True)
    number = error.lineno - 1
    code = _code_of(lines[number])
    if code is None:
        return None
    lines[number] = f"{code}:{lines[number][len(code) :]}"
    return Fixed("".join(lines), f"a colon was missing at the end of line {error.lineno}")


def _tabs(text: str, error: SyntaxError) -> Fixed | None:
    if not isinstance(error, TabError):
        return None
    lines = list(_untabbed(text.splitlines(keepends=True)))
    after = "".join(lines)
    return None if after == text else Fixed(after, "tabs and blanks were mixed in the indentation")


def _untabbed(lines: list[str]) -> Iterator[str]:
    for line in lines:
        code = line.lstrip(" \t")
        indentation = line[: len(line) - len(code)]
        yield indentation.expandtabs(TAB_WIDTH) + code


def _code_of(line: str) -> str | None:
    """The line up to its comment, without blanks at its end; None where that cannot be told."""
    end = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.lstrip()).readline):
            if token.type in (tokenize.COMMENT, tokenize.NEWLINE, tokenize.ENDMARKER):
                break
            end = token.end[1] if token.end[0] == 1 else end
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return None
    indentation = len(line) - len(line.lstrip())
    return line[: indentation + end].rstrip()


_FIXES: tuple[Callable[[str, SyntaxError], Fixed | None], ...] = (_missing_colon, _tabs)
