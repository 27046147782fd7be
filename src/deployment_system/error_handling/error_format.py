"""Errors and codes in words for a person. Plain text; colour is for whoever prints it."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployment_system.error_handling.code_frame import code_frame, printable, wrapped
from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.error_codes import CodeEntry, ErrorCategory, ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.plain_values import valid_text

_LONGEST_TEXT = 2_000
"""Characters of a message or a cause that are shown; `to_dict` has all of it."""
_MOST_CAUSES = 3
_LONGEST_NAME = 80
_MOST_PLACES = 20
"""More are counted; `-o json` has every one."""


def format_user_error(
    error: BaseException, *, details: bool = False, others: Sequence[DeploymentSystemError] = ()
) -> str:
    """The message, where it happened, why, and what to do. `details` adds the traceback; `others` say the
    same of other places, which are listed.

    No line is wider than 80 columns, but for words that are wider alone; nothing in it steers a
    terminal. An error that is not of this system is told as the unexpected one that it is.
    """
    if not isinstance(error, DeploymentSystemError):
        error = _unexpected(error)
    lines = [*wrapped(f"error[{error.error_code}]: {_shortened(error.message)}", "  ")]
    lines.extend(_place(error))
    lines.extend(_facts(error))
    lines.extend(_other_places(others))
    lines.extend(_causes(error))
    lines.extend(_remedies(error))
    if error.error_code in ErrorCodes.__members__:
        lines.append(f"  more: deployment-cli explain {error.error_code}")
    if details and (trace := error.to_dict()["traceback"]):
        lines.extend(f"  {printable(line)}" for line in trace.rstrip().splitlines())
    return "\n".join(lines)


def explain_code(code: str) -> CodeEntry:
    """The registry's entry. Raises ERROR_CODE_UNKNOWN, with the nearest names."""
    name = code.strip().upper().replace("-", "_")[:_LONGEST_NAME]
    if name in ErrorCodes.__members__:
        return REGISTRY[ErrorCodes(name)]
    near = difflib.get_close_matches(name, ErrorCodes.__members__, n=3, cutoff=0.5)
    hint = f": did you mean {near[0]}?" if near else ""
    raise DeploymentSystemError(
        f"there is no error code {code[:_LONGEST_NAME]!r}{hint}",
        error_code=ErrorCodes.ERROR_CODE_UNKNOWN,
        category=ErrorCategory.USAGE,
        remediation=[f"deployment-cli explain {item}" for item in near] or None,
    )


def explain_text(entry: CodeEntry) -> str:
    """What a code means, an example and the remedies."""
    lines = [*wrapped(f"{entry.code.value}: {entry.title}", "  "), ""]
    lines.extend(wrapped(entry.explanation, ""))
    again = "may pass by itself" if entry.retryable else "does not pass by itself"
    lines += ["", f"{entry.category.value}, severity {entry.severity.value}, {again}", "", "Example:"]
    lines.extend(wrapped(f"  {entry.example}", "    "))
    lines += ["", "What to do:"]
    for remedy in entry.remedies:
        lines.extend(wrapped(f"  - {remedy.text}", "    "))
    return "\n".join(lines)


def _unexpected(error: BaseException) -> DeploymentSystemError:
    told = DeploymentSystemError(f"{type(error).__name__}: {valid_text(error)}", cause=error.__cause__)
    told.__traceback__ = error.__traceback__
    return told


def place_text(error: DeploymentSystemError) -> str:
    """Where it happened, as `file:line:column` as far as that is known."""
    facts = error.context.to_dict()
    line, column = _line_and_column(facts)
    if file := facts.get("file_path"):
        numbers = "" if line is None else f":{line}" if column is None else f":{line}:{column}"
        return printable(_shortened(f"{file}{numbers}"))
    return "" if line is None else f"line {line}" + ("" if column is None else f", column {column}")


def _line_and_column(facts: Mapping[str, Any]) -> tuple[int | None, int | None]:
    line, column = (
        number if isinstance(number := facts.get(name), int) else None for name in ("line_number", "column")
    )
    return line, column


def _place(error: DeploymentSystemError) -> Iterator[str]:
    if place := place_text(error):
        yield f"  --> {place}"
    facts = error.context.to_dict()
    line, column = _line_and_column(facts)
    if line is not None:
        yield from code_frame(facts.get("source_lines"), line, column, facts.get("end_column"))


def _other_places(others: Sequence[DeploymentSystemError]) -> Iterator[str]:
    if not others:
        return
    yield f"  the same in {counted(len(others), 'more place')}:"
    for error in others[:_MOST_PLACES]:
        names = (
            ("flow", error.context.flow_name),
            ("deployment", error.context.deployment_name),
        )
        about = [f"{what} {name}" for what, name in names if name]
        yield from wrapped(f"    {' · '.join(filter(None, (place_text(error), *about)))}", "      ")
    if len(others) > _MOST_PLACES:
        yield f"    and {len(others) - _MOST_PLACES} more, which `-o json` lists"


def _facts(error: DeploymentSystemError) -> Iterator[str]:
    context = error.context
    facts = (
        ("flow", context.flow_name),
        ("deployment", context.deployment_name),
        ("environment", context.environment),
        ("step", context.operation),
    )
    shown = [f"{name} {value}" for name, value in facts if value and not _says(error.message, value)]
    attempts = context.extra.get("attempts")
    if attempts is not None:
        shown.append(f"attempts {attempts}")
    if shown:
        yield from wrapped(f"  {' · '.join(map(_shortened, shown))}", "  ")


def _says(message: str, value: str) -> bool:
    """Whether the message names the value as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", message) is not None


def _causes(error: DeploymentSystemError) -> Iterator[str]:
    for description in error.cause_descriptions()[:_MOST_CAUSES]:
        yield from wrapped(f"  because: {_shortened(description)}", "    ")


def _remedies(error: DeploymentSystemError) -> Iterator[str]:
    for text in error.remediation:
        yield from wrapped(f"  try: {_shortened(text)}", "    ")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
