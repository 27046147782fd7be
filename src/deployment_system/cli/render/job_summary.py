"""Findings as Markdown, for the page that GitHub shows of a job."""

import re
from collections.abc import Iterator, Sequence

from deployment_system.cli.render.findings import Findings
from deployment_system.error_handling import DeploymentSystemError, SameReason, group_errors
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.error_format import place_text

LARGEST = 1_000_000
"""Bytes: GitHub takes 1 MiB for all steps of a job's page, and refuses a larger summary as a whole."""
_MOST_PLACES = 20
_LONGEST = 2_000
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")


def job_summary(findings: Findings, environment: str) -> str:
    """A heading that says how it is, and each reason with its places and what to do."""
    errors, warnings = group_errors(findings.errors), group_errors(findings.warnings)
    parts = [f"### {_heading(findings, environment)}\n"]
    size = len(parts[0].encode())
    sections = [("error", group) for group in errors] + [("warning", group) for group in warnings]
    for number, (word, group) in enumerate(sections):
        part = "\n".join(_section(word, group)) + "\n"
        size += len(part.encode())
        if size > LARGEST:
            left = len(sections) - number
            parts.append(f"And {left} more, which `deployment-cli validate` shows.\n")
            break
        parts.append(part)
    return "\n".join(parts)


def _heading(findings: Findings, environment: str) -> str:
    counts = ", ".join(
        counted(len(items), word)
        for word, items in (
            ("flow", findings.flows),
            ("error", findings.errors),
            ("warning", findings.warnings),
        )
    )
    where = f" for {_plain(environment)}" if environment else ""
    return f"{'Not valid' if findings.errors else 'Valid'}{where}: {counts}"


def _section(word: str, group: SameReason) -> Iterator[str]:
    error = group.first
    yield f"**{word} {error.error_code}**: {_plain(error.message)}\n"
    yield from _places((error, *group.others))
    for text in error.remediation:
        yield f"- What to do: {_plain(text)}"


def _places(errors: Sequence[DeploymentSystemError]) -> Iterator[str]:
    for error in errors[:_MOST_PLACES]:
        place, flow = place_text(error), error.context.flow_name
        about = [_plain(place)] if place else []
        if flow:
            about.append(f"flow {_plain(flow)}")
        if about:
            yield f"- {', '.join(about)}"
    if len(errors) > _MOST_PLACES:
        yield f"- and {len(errors) - _MOST_PLACES} more places"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _MARKUP.sub(r"\\\1", " ".join(shown.split()))
