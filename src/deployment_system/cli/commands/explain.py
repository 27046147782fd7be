"""`explain`: what an error code means."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result
from deployment_system.error_handling.error_format import explain_code, explain_text


@click.command()
@click.argument("code")
@common_options
@click.pass_obj
def explain(invocation: Invocation, /, code: str, **values: Any) -> int:
    """Say what an error CODE means, with an example and the remedy."""
    take_common(invocation, values)
    entry = explain_code(code)
    document = {
        "error_code": entry.code.value,
        "title": entry.title,
        "category": entry.category.value,
        "severity": entry.severity.value,
        "retryable": entry.retryable,
        "explanation": entry.explanation,
        "remediation": [remedy.text for remedy in entry.remedies],
        "remedies": [
            {"text": remedy.text, "confidence": remedy.confidence.value} for remedy in entry.remedies
        ],
        "example": entry.example,
    }
    write_result(invocation, document, explain_text(entry))
    return 0
