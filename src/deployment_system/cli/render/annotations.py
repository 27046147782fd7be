"""Findings for machines: SARIF 2.1.0 and GitHub's workflow commands."""

from collections.abc import Sequence
from typing import Any

from deployment_system import __version__
from deployment_system.error_handling import REGISTRY, DeploymentSystemError, ErrorCodes

MOST_ANNOTATIONS = 9
"""GitHub shows ten of a kind per step and drops the others without a word; the tenth says how many."""

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_log(
    errors: Sequence[DeploymentSystemError], warnings: Sequence[DeploymentSystemError]
) -> dict[str, Any]:
    """The findings as one SARIF run."""
    findings = [("error", error) for error in errors] + [("warning", warning) for warning in warnings]
    codes = sorted({str(error.error_code) for _, error in findings})
    driver = {
        "name": "deployment-cli",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(level, error) for level, error in findings]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def github_commands(
    errors: Sequence[DeploymentSystemError], warnings: Sequence[DeploymentSystemError]
) -> str:
    """The findings as workflow commands, a line each."""
    return "\n".join([*_commands("error", errors), *_commands("warning", warnings)])


def _rule(code: str) -> dict[str, Any]:
    entry = REGISTRY.get(ErrorCodes(code)) if code in ErrorCodes.__members__ else None
    if entry is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "help": {"text": "\n".join(remedy.text for remedy in entry.remedies) or entry.title},
    }


def _result(level: str, error: DeploymentSystemError) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": str(error.error_code),
        "level": level,
        "message": {"text": "\n".join([error.message, *error.remediation])},
        "partialFingerprints": {"deploymentSystem/v1": error.fingerprint},
    }
    if error.context.file_path:
        place: dict[str, Any] = {"artifactLocation": {"uri": error.context.file_path}}
        if error.context.line_number:
            place["region"] = {
                "startLine": error.context.line_number,
                "startColumn": error.context.column or 1,
            }
        result["locations"] = [{"physicalLocation": place}]
    return result


def _commands(kind: str, findings: Sequence[DeploymentSystemError]) -> list[str]:
    lines = [_command(kind, error) for error in findings[:MOST_ANNOTATIONS]]
    left = len(findings) - MOST_ANNOTATIONS
    if left > 0:
        lines.append(f"::{kind}::and {left} more: run `deployment-cli validate`")
    return lines


def _command(kind: str, error: DeploymentSystemError) -> str:
    context = error.context
    properties = {
        "file": context.file_path,
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
