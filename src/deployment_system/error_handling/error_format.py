"""Errors and codes in words for a person. Plain text; colour is for whoever prints it."""

import difflib
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import CodeEntry, ErrorCategory, ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError

WIDTH = 80
_FRAME_WIDTH = 66
"""Characters of source on a line, so that with its number the line fits."""


def format_user_error(error: DeploymentSystemError, *, details: bool = False) -> str:
    """The message, where it happened, why, and what to do. `details` adds the traceback."""
    lines = [*_wrapped(f"error[{error.error_code}]: {error.message}", "  ")]
    lines.extend(_place(error))
    lines.extend(_facts(error))
    lines.extend(_causes(error))
    lines.extend(_remedies(error))
    if error.error_code in ErrorCodes.__members__:
        lines.append(f"  more: deployment-cli explain {error.error_code}")
    if details and (trace := error.to_dict()["traceback"]):
        lines.extend(f"  {line}" for line in trace.rstrip().splitlines())
    return "\n".join(lines)


def explain_code(code: str) -> CodeEntry:
    """The registry's entry. Raises ERROR_CODE_UNKNOWN, with the nearest names."""
    name = code.strip().upper().replace("-", "_")
    if name in ErrorCodes.__members__:
        return REGISTRY[ErrorCodes(name)]
    near = difflib.get_close_matches(name, ErrorCodes.__members__, n=3, cutoff=0.5)
    hint = f": did you mean {near[0]}?" if near else ""
    raise DeploymentSystemError(
        f"there is no error code {code!r}{hint}",
        error_code=ErrorCodes.ERROR_CODE_UNKNOWN,
        category=ErrorCategory.USAGE,
        remediation=[f"deployment-cli explain {item}" for item in near] or None,
    )


def explain_text(entry: CodeEntry) -> str:
    """What a code means, an example and the remedies."""
    lines = [f"{entry.code.value}: {entry.title}", ""]
    lines.extend(textwrap.wrap(entry.explanation, WIDTH))
    again = "may pass by itself" if entry.retryable else "does not pass by itself"
    lines += ["", f"{entry.category.value}, severity {entry.severity.value}, {again}", "", "Example:"]
    lines.extend(_wrapped(f"  {entry.example}", "    "))
    lines += ["", "What to do:"]
    for remedy in entry.remedies:
        lines.extend(_wrapped(f"  - {remedy.text}", "    "))
    return "\n".join(lines)


def _place(error: DeploymentSystemError) -> Iterator[str]:
    context = error.context
    if context.file_path is None:
        return
    place = context.file_path
    if context.line_number is not None:
        place += f":{context.line_number}"
        if context.column is not None:
            place += f":{context.column}"
    yield f"  --> {place}"
    lines = context.extra.get("source_lines")
    if isinstance(lines, Sequence) and context.line_number is not None:
        yield from code_frame(lines, context.line_number, context.column, context.extra.get("end_column"))


def code_frame(
    lines: Sequence[Sequence[Any]], faulty: int, column: int | None, end_column: Any = None
) -> Iterator[str]:
    """The source around a fault, with carets below it; long lines are cut around the column."""
    margin = max((len(str(number)) for number, _ in lines), default=1)
    start = max(0, (column or 1) - 1 - _FRAME_WIDTH // 2) if column and column > _FRAME_WIDTH else 0
    for number, text in lines:
        shown = str(text).expandtabs(4)[start : start + _FRAME_WIDTH]
        yield f"  {number:>{margin}} | {shown}".rstrip()
        if number == faulty and column:
            before = str(text)[: column - 1].expandtabs(4)[start:]
            last = end_column if isinstance(end_column, int) and end_column > column else column + 1
            carets = max(1, min(_columns(str(text)[column - 1 : last - 1]), _FRAME_WIDTH - _columns(before)))
            yield f"  {'':>{margin}} | {' ' * _columns(before)}{'^' * carets}"


def _columns(text: str) -> int:
    """How many terminal columns a text takes: East Asian wide characters take two, marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _facts(error: DeploymentSystemError) -> Iterator[str]:
    context = error.context
    facts = (
        ("flow", context.flow_name),
        ("deployment", context.deployment_name),
        ("environment", context.environment),
        ("while", context.operation),
        ("attempts", context.extra.get("attempts")),
    )
    shown = [f"{name} {value}" for name, value in facts if value and str(value) not in error.message]
    if shown:
        yield from _wrapped(f"  {' · '.join(shown)}", "  ")


def _causes(error: DeploymentSystemError) -> Iterator[str]:
    for description in error.cause_descriptions()[:3]:
        yield from _wrapped(f"  because: {description}", "    ")


def _remedies(error: DeploymentSystemError) -> Iterator[str]:
    for text in error.remediation:
        yield from _wrapped(f"  try: {text}", "    ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [text]
