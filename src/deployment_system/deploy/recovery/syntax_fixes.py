"""Python that does not parse, and would with small changes that are surely meant. Pure."""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deployment_system.deploy.recovery import syntax_slips as slips

MOST_FIXES = 10
"""A file that needs more is not a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The text with the change, which parses, and what was changed in words."""

    text: str
    what: str


def fixed(text: str) -> Fixed | None:
    """The text as it was surely meant; None where it parses already, or where nothing is sure."""
    words: list[str] = []
    for _ in range(MOST_FIXES):
        error = syntax_error(text)
        if error is None:
            return Fixed(text, "; ".join(dict.fromkeys(words))) if words else None
        found = next(filter(None, (_first(fix(text, error), error) for fix in _FIXES)), None)
        if found is None:
            return None
        text = found.text
        words.append(found.what)
    return None


def likely_mistake(text: str) -> str:
    """What is most likely wrong with a text that cannot be mended for sure, for a person."""
    if markers := slips.marker_lines(text):
        first, last = markers[0], markers[-1]
        return f"lines {first} to {last} are a merge that was not finished: keep one of its sides"
    error = syntax_error(text)
    if error is None:
        return "it can be parsed"
    return error.msg if error.lineno is None else f"line {error.lineno}: {error.msg}"


def syntax_error(text: str) -> SyntaxError | None:
    """What Python says; None: it parses."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; nested too deeply
        return SyntaxError(str(error) or type(error).__name__)
    return None


def _first(change: slips.Change | None, error: SyntaxError) -> Fixed | None:
    """The only one of the candidates with which the parser gets further; None where it is not the only."""
    if change is None:
        return None
    passing = {text for line, text in change.candidates if _gets_further(text, line, change, error)}
    return Fixed(passing.pop(), change.what) if len(passing) == 1 else None


def _gets_further(text: str, line: int, change: slips.Change, before: SyntaxError) -> bool:
    after = syntax_error(text)
    if after is None:
        return True
    if after.lineno is None:
        return False
    if not change.is_guess:
        return after.lineno > line or (after.lineno, after.msg) != (before.lineno, before.msg)
    made_by_it = isinstance(after, IndentationError) and after.lineno == line + 1
    return after.lineno > line and not made_by_it


_Fix = Callable[[str, SyntaxError], slips.Change | None]
_FIXES: Iterable[_Fix] = (
    slips.finished_merge,
    slips.odd_characters,
    slips.mixed_indentation,
    slips.print_statement,
    slips.old_except,
    slips.else_if,
    slips.missing_colon,
    slips.unclosed_text,
    slips.unclosed_bracket,
    slips.bracket_too_many,
)
