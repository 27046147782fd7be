"""The lines of a file that an error shows, with what may be secret hidden."""

import re
from collections.abc import Sequence

LONGEST_LINE = 200
"""Characters of a line that are shown."""

FARTHEST_KEY = 200
"""Lines above a value of several lines among which its key is looked for; a private key has about 50."""

HIDDEN = "********"

_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_SECRET_KEY = re.compile(
    r"""(?ix) (?P<key> [\w.-]*
        (?: api_?key | access_?key | private_?key | token | password | passwd | passphrase | secret
          | credential | auth_string )
        [\w.-]* ["']? \s* : )(?P<gap>\s*)(?P<value>.*)"""
)
_REFERENCE_ALONE = re.compile(r"""["']?(\$\{\w+(:-)?\}|\{\{\s*[\w.$-]+\s*\}\})["']?\s*[,}\]]*\s*(\#.*)?""")
_USER_INFO = re.compile(r"(?<=://)[^/\s@\"']+(?=@)")
_CHANNEL = re.compile(
    r"""(?ix) \b
        (?! (?: https? | git | ssh | file | sqlite | postgres(?:ql)? | unix | tcp | npipe | s3 | gs ) :// )
        (?P<scheme> [a-z][a-z0-9+.-]* :// ) (?! \$\{ ) [^\s"',\]}]+"""
)
"""URLs of notification channels: in `slack://…` everything is secret."""


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them."""
    return _BREAK.split(text)


def source_lines(lines: Sequence[str], line: int) -> list[list[int | str]]:
    """The line of that number (from 1) with at most one before and one after it."""
    numbers = range(max(1, line - 1), min(len(lines), line + 1) + 1)
    return [[number, safe_line(lines, number)] for number in numbers]


def safe_line(lines: Sequence[str], number: int) -> str:
    """One line as it may be shown: values of keys that name a secret, passwords in URLs, and what opens a
    channel, hidden."""
    line = lines[number - 1][: 2 * LONGEST_LINE]
    if _belongs_to_secret(lines, number):
        return line[: _indentation(line)] + HIDDEN
    shown = _USER_INFO.sub(HIDDEN, _SECRET_KEY.sub(_hidden_value, line))
    shown = _CHANNEL.sub(rf"\g<scheme>{HIDDEN}", shown)
    return shown if len(shown) <= LONGEST_LINE else shown[: LONGEST_LINE - 1] + "…"


def safe_text(text: str) -> str:
    """A value as a message may show it: without the user and password of a URL, and what opens a channel."""
    return _CHANNEL.sub(rf"\g<scheme>{HIDDEN}", _USER_INFO.sub(HIDDEN, text))


def names_a_secret(key: str) -> bool:
    """Whether values of that key are hidden."""
    return _SECRET_KEY.match(f"{key}:") is not None


def _hidden_value(found: re.Match[str]) -> str:
    value = found["value"]
    if not value or _REFERENCE_ALONE.fullmatch(value):
        return found[0]
    return f"{found['key']}{found['gap']}{HIDDEN}"


def _belongs_to_secret(lines: Sequence[str], number: int) -> bool:
    """Whether the line goes on with the value of a key above it that names a secret."""
    indentation = _indentation(lines[number - 1])
    for above in reversed(lines[max(0, number - 1 - FARTHEST_KEY) : number - 1]):
        if not above.strip() or _indentation(above) >= indentation:
            continue
        found = _SECRET_KEY.search(above[: 2 * LONGEST_LINE])
        if found and not _REFERENCE_ALONE.fullmatch(found["value"]):
            return True
        indentation = _indentation(above)
        if indentation == 0:
            return False
    return False


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
