"""What was probably meant by something that is written wrong: known to its error, applied by a recovery.

It stands in the error's context as `correction`, beside the file and the line that the context names.
"""

import re
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from deployment_system.error_handling.error_types import DeploymentSystemError

Raised = TypeVar("Raised", bound=DeploymentSystemError)

CORRECTION = "correction"
"""The fact's name in a context."""

_BREAK = re.compile(r"(\r\n|[\r\n\x85\u2028\u2029])")
"""The ends of lines as YAML counts them."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Text of one line, and what should stand there instead."""

    written: str
    meant: str
    line: int
    column: int | None = None
    """From 1; None: the text stands only once in its line."""

    def to_fact(self) -> dict[str, Any]:
        """For an error's context, which knows the line already."""
        return {"written": self.written, "meant": self.meant, "line": self.line, "column": self.column}

    @classmethod
    def of(cls, error: DeploymentSystemError) -> Self | None:
        """The correction that an error brings along, if any."""
        fact = error.context.extra.get(CORRECTION)
        if not isinstance(fact, dict):
            return None
        written, meant, line, column = (fact.get(name) for name in ("written", "meant", "line", "column"))
        if not (isinstance(written, str) and written and isinstance(meant, str) and isinstance(line, int)):
            return None
        return cls(written, meant, line, column if isinstance(column, int) else None)

    def applied(self, text: str) -> str | None:
        """The text with the correction; None where it does not stand there (any more)."""
        parts = _BREAK.split(text)
        at = 2 * (self.line - 1)
        if not 0 <= at < len(parts):
            return None
        found = self._place(parts[at])
        if found is None:
            return None
        line = parts[at]
        parts[at] = line[:found] + self.meant + line[found + len(self.written) :]
        return "".join(parts)

    def _place(self, line: str) -> int | None:
        if self.column is not None:
            at = self.column - 1
            return at if line[at : at + len(self.written)] == self.written else None
        places = [found.start() for found in re.finditer(_alone(self.written), line)]
        return places[0] if len(places) == 1 else None


def corrected(error: Raised, written: str, meant: str | None) -> Raised:
    """The error, with the correction of a text that stands once in its line; `meant` None: with none."""
    line = error.context.line_number
    if meant is None or line is None or not written:
        return error
    return error.with_context(**{CORRECTION: Correction(written, meant, line).to_fact()})


def _alone(text: str) -> str:
    """A pattern for the text where it is no part of a longer word."""
    before = r"(?<![\w-])" if text[0].isalnum() else ""
    after = r"(?![\w-])" if text[-1].isalnum() else ""
    return f"{before}{re.escape(text)}{after}"
