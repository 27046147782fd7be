"""Findings as workflow commands, which GitHub shows at their lines."""

from collections.abc import Sequence

from deployment_system.cli.render.findings import Findings, every_reason_first
from deployment_system.error_handling import DeploymentSystemError

MOST_ANNOTATIONS = 9
"""GitHub shows ten of a kind per step and drops the others without a word; the tenth says how many."""


def github_commands(findings: Findings) -> str:
    """The findings as workflow commands, a line each."""
    lines = [
        *_commands("error", findings.errors, findings),
        *_commands("warning", findings.warnings, findings),
    ]
    return "\n".join(lines)


def _commands(kind: str, errors: Sequence[DeploymentSystemError], findings: Findings) -> list[str]:
    ordered = every_reason_first(errors)
    lines = [_command(kind, error, findings) for error in ordered[:MOST_ANNOTATIONS]]
    left = len(ordered) - MOST_ANNOTATIONS
    if left > 0:
        lines.append(
            f"::{kind}::and {left} more: the job summary and `deployment-cli validate` have them all"
        )
    return lines


def _command(kind: str, error: DeploymentSystemError, findings: Findings) -> str:
    context = error.context
    properties = {
        "file": context.file_path and findings.path(context.file_path),
        "line": context.line_number,
        "col": context.column,
        "title": str(error.error_code),
    }
    shown = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    message = _data("\n".join([error.message, *error.remediation]))
    return f"::{kind} {shown}::{message}"


def _data(text: str) -> str:
    """As the runner's own toolkit escapes a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the runner's own toolkit escapes a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
