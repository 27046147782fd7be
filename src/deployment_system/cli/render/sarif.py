"""Findings as SARIF 2.1.0, for code scanning."""

from typing import Any
from urllib.parse import quote

from deployment_system import __version__
from deployment_system.cli.render.findings import Findings
from deployment_system.error_handling import REGISTRY, DeploymentSystemError, ErrorCodes

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_log(findings: Findings) -> dict[str, Any]:
    """The findings as one SARIF run."""
    found = [("error", error) for error in findings.errors]
    found += [("warning", error) for error in findings.warnings]
    codes = sorted({str(error.error_code) for _, error in found})
    driver = {
        "name": "deployment-cli",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(level, error, codes, findings) for level, error in found],
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    entry = REGISTRY.get(ErrorCodes(code)) if code in ErrorCodes.__members__ else None
    if entry is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "help": {"text": "\n".join(remedy.text for remedy in entry.remedies) or entry.title},
        "properties": {"tags": [entry.category.value.replace("_", " ")]},
    }


def _result(level: str, error: DeploymentSystemError, codes: list[str], findings: Findings) -> dict[str, Any]:
    code = str(error.error_code)
    result: dict[str, Any] = {
        "ruleId": code,
        "ruleIndex": codes.index(code),
        "level": level,
        "message": {"text": "\n".join([error.message, *error.remediation])},
        "partialFingerprints": {"deploymentSystem/v1": error.fingerprint},
    }
    if error.context.file_path:
        result["locations"] = [{"physicalLocation": _place(error, findings)}]
    return result


def _place(error: DeploymentSystemError, findings: Findings) -> dict[str, Any]:
    context = error.context
    path = findings.path(context.file_path or "")
    # A URI: blanks and what is not ASCII are encoded, as are the marks that begin a query or a fragment.
    uri = quote(path.encode("utf-8", "surrogateescape"))
    place: dict[str, Any] = {"artifactLocation": {"uri": f"file://{uri}" if path.startswith("/") else uri}}
    if not isinstance(context.line_number, int) or context.line_number < 1:
        return place
    place["region"] = {"startLine": context.line_number}
    if isinstance(context.column, int) and context.column >= 1:
        place["region"]["startColumn"] = context.column
        end = context.extra.get("end_column")
        if isinstance(end, int) and end > context.column:
            place["region"]["endColumn"] = end
    return place
