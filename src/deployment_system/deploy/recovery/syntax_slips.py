"""Slips of the keyboard, each with the texts that may have been meant. Pure.

A slip is recognised by what Python says of it; which of the candidates it is, if only one, decides the parser
(`syntax_fixes`).
"""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

TAB_WIDTH = 8
"""What Python itself takes a tab for, when it compares indentations."""
FARTHEST_CLOSING = 30
"""Lines below an opening bracket in which its end is looked for."""

_OPENING = {"(": ")", "[": "]", "{": "}"}
_ODD = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff", None),
        **dict(zip("\uff08\uff09\uff0c\uff1a\uff1b\uff1d", "(),:;=", strict=True)),
    }
)
"""What word processors and other keyboards write, and what Python has for it."""
_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?: .*)?$")
_PRINT = re.compile(r"^(\s*)(print|exec)\s+(?!>>)(\S.*)$")
_OLD_EXCEPT = re.compile(r"^(\s*except\s+[\w.]+)\s*,\s*([a-z_]\w*)(\s*:.*)$", re.DOTALL)
_ELSE_IF = re.compile(r"^(\s*)else\s+if\b")


@dataclass(frozen=True, slots=True)
class Change:
    """Texts that may have been meant, each with the line that is different, and in words what is."""

    candidates: tuple[tuple[int, str], ...]
    what: str
    is_guess: bool = False
    """Several places were tried: an indentation that does not fit just after one speaks against it."""


def marker_lines(text: str) -> list[int]:
    """The lines that git writes into a file whose merge was not finished, counted from 1."""
    lines = text.splitlines()
    found = [number for number, line in enumerate(lines, start=1) if _MARKER.match(line)]
    has_both = any(lines[number - 1].startswith("<") for number in found) and any(
        lines[number - 1].startswith(">") for number in found
    )
    return found if has_both else []


def finished_merge(text: str, error: SyntaxError) -> Change | None:
    """A merge whose sides are the same, but for blanks: nothing has to be decided."""
    if not marker_lines(text):
        return None
    kept: list[str] = []
    sides: list[list[str]] = []
    for line in text.splitlines(keepends=True):
        kind = (_MARKER.match(line.rstrip("\r\n")) or [""])[0][:1]
        if kind == "<":
            sides = [[]]
        elif sides and kind in ("|", "="):
            sides.append([])
        elif sides and kind == ">":
            ours, theirs = sides[0], sides[-1]
            if len(sides) == 1 or _meaning(ours) != _meaning(theirs):
                return None
            kept += ours
            sides = []
        elif sides:
            sides[-1].append(line)
        else:
            kept.append(line)
    if sides:
        return None
    return Change(((error.lineno or 1, "".join(kept)),), "both sides of the merge are the same")


def _meaning(lines: list[str]) -> list[str]:
    """Without the blanks that mean nothing: those inside and at the end of lines, not their indentation."""
    indented = ((line[: len(line) - len(line.lstrip())], line.split()) for line in lines if line.strip())
    return [indentation + " ".join(words) for indentation, words in indented]


def odd_characters(text: str, error: SyntaxError) -> Change | None:
    """Curly quotes, long dashes and the like."""
    if error.lineno is None or not re.match(r"invalid (non-printable )?character", error.msg):
        return None
    lines = text.splitlines(keepends=True)
    lines[error.lineno - 1] = lines[error.lineno - 1].translate(_ODD)
    said = f"line {error.lineno} had characters of another keyboard"
    return Change(((error.lineno, "".join(lines)),), said)


def mixed_indentation(text: str, error: SyntaxError) -> Change | None:
    """Tabs among blanks, where Python does not know which block a line belongs to."""
    if not isinstance(error, TabError):
        return None
    lines = text.splitlines(keepends=True)
    after = "".join(_untabbed(lines))
    return Change(((error.lineno or 1, after),), "tabs and blanks were mixed in the indentation")


def print_statement(text: str, error: SyntaxError) -> Change | None:
    """Of Python 2."""
    if not error.msg.startswith("Missing parentheses in call to"):
        return None
    found = _line_of(text, error)
    if found is None or (printed := _PRINT.match(found.code)) is None or found.code.endswith(","):
        return None
    indentation, word, rest = printed.groups()
    return found.changed(f"{indentation}{word}({rest})", f"{word} of Python 2 in line {found.number}")


def old_except(text: str, error: SyntaxError) -> Change | None:
    """`except E, e:` of Python 2."""
    if not error.msg.startswith("multiple exception types must be parenthesized"):
        return None
    found = _line_of(text, error)
    if found is None or (matched := _OLD_EXCEPT.match(found.code)) is None:
        return None
    before, name, rest = matched.groups()
    return found.changed(f"{before} as {name}{rest}", f"except of Python 2 in line {found.number}")


def else_if(text: str, error: SyntaxError) -> Change | None:
    """As other languages have it."""
    found = _line_of(text, error)
    if found is None or _ELSE_IF.match(found.code) is None:
        return None
    return found.changed(_ELSE_IF.sub(r"\1elif", found.code), f"`else if` in line {found.number} is `elif`")


def missing_colon(text: str, error: SyntaxError) -> Change | None:
    """At the end of the line that opens a block."""
    found = _line_of(text, error) if error.msg == "expected ':'" else None
    if found is None:
        return None
    return found.changed(f"{found.code}:", f"a colon was missing at the end of line {found.number}")


def unclosed_text(text: str, error: SyntaxError) -> Change | None:
    """A quote that is missing at the end of the line, or before the brackets there."""
    if error.lineno is None or not error.msg.startswith("unterminated string literal"):
        return None
    lines = text.splitlines(keepends=True)
    line = lines[error.lineno - 1]
    start = (error.offset or 1) - 1
    quote = line[start : start + 1]
    if quote not in ("'", '"'):
        return None
    code = line.rstrip()
    closing = len(code) - len(code.rstrip(")]}:, "))
    candidates = []
    for place in range(len(code) - closing, len(code) + 1):
        changed = f"{code[:place]}{quote}{code[place:]}{line[len(code) :]}"
        whole = "".join([*lines[: error.lineno - 1], changed, *lines[error.lineno :]])
        candidates.append((error.lineno, whole))
    return Change(tuple(candidates), f"the text in line {error.lineno} did not end", is_guess=True)


def unclosed_bracket(text: str, error: SyntaxError) -> Change | None:
    """At the end of the line that opened it, or of one of those below it; before a colon that is there."""
    found = re.match(r"'([(\[{])' was never closed", error.msg)
    here = _line_of(text, error)
    opening = found[1] if found else None
    if opening is None and here is not None and error.msg == "invalid syntax" and here.code.endswith(":"):
        opening = _left_open(here.code)
    if opening is None or error.lineno is None:
        return None
    bracket = _OPENING[opening]
    lines = text.splitlines(keepends=True)
    candidates = []
    for number in range(error.lineno - 1, min(len(lines), error.lineno + FARTHEST_CLOSING)):
        line = lines[number]
        code = _code_of(line)
        if not code:
            continue
        places = {len(code), len(code[:-1].rstrip()) if code.endswith(":") else len(code)}
        for place in places:
            changed = f"{line[:place]}{bracket}{line[place:]}"
            candidates.append((number + 1, "".join([*lines[:number], changed, *lines[number + 1 :]])))
    what = f"the bracket {opening} in line {error.lineno} was not closed"
    return Change(tuple(candidates), what, is_guess=True)


def bracket_too_many(text: str, error: SyntaxError) -> Change | None:
    """A closing bracket that nothing opened, at the end of a line."""
    found = re.match(r"unmatched '([)\]}])'", error.msg)
    if found is None or error.lineno is None or error.offset is None:
        return None
    lines = text.splitlines(keepends=True)
    line, place = lines[error.lineno - 1], error.offset - 1
    if line[place : place + 1] != found[1] or line[place + 1 :].partition("#")[0].strip() not in ("", ":"):
        return None
    lines[error.lineno - 1] = line[:place] + line[place + 1 :]
    said = f"line {error.lineno} had a bracket {found[1]} too many"
    return Change(((error.lineno, "".join(lines)),), said)


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of an error, split into its code and what comes after: a comment, the end of the line."""

    lines: list[str]
    number: int
    code: str

    def changed(self, code: str, what: str) -> Change:
        rest = self.lines[self.number - 1][len(self.code) :]
        after = [*self.lines[: self.number - 1], code + rest, *self.lines[self.number :]]
        return Change(((self.number, "".join(after)),), what)


def _line_of(text: str, error: SyntaxError) -> _Line | None:
    lines = text.splitlines(keepends=True)
    if error.lineno is None or error.lineno > len(lines):
        return None
    code = _code_of(lines[error.lineno - 1])
    return _Line(lines, error.lineno, code) if code else None


def _left_open(code: str) -> str | None:
    """The last bracket of a line that is opened and not closed in it."""
    open_now: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code.lstrip()).readline):
            if token.string in _OPENING:
                open_now.append(token.string)
            elif token.string in _OPENING.values() and open_now:
                open_now.pop()
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass  # that the line does not end well is why somebody asks
    return open_now[-1] if open_now else None


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
            if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
                break
            end = token.end[1] if token.end[0] == 1 else end
    except tokenize.TokenError:
        pass  # a bracket that goes on in the next line: what was read so far is the code
    except (IndentationError, SyntaxError):
        return None
    indentation = len(line) - len(line.lstrip())
    return line[: indentation + end].rstrip()
