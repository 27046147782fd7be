"""Findings in the formats of machines: SARIF, GitHub's commands with a job summary, JUnit."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.output import write_error, write_json
from deployment_system.cli.render.findings import Findings
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
CHECKOUT_VARIABLE = "GITHUB_WORKSPACE"


def write_findings(invocation: Invocation, findings: Findings, environment: str = "") -> None:
    """The findings in the format that was asked for, one of `sarif`, `github` and `junit`."""
    writers: Mapping[str, Callable[[], None]] = {
        "sarif": lambda: _sarif(findings),
        "github": lambda: _github(invocation, findings, environment),
        "junit": lambda: _junit(findings),
    }
    writers[invocation.format]()


def folder_in_checkout(root: Path, environ: Mapping[str, str]) -> str:
    """What files of a project in `root` begin with, seen from GitHub's checkout: empty where the project
    is all of it, and outside of GitHub."""
    checkout = environ.get(CHECKOUT_VARIABLE)
    if not checkout:
        return ""
    inside = root.resolve()
    above = Path(checkout).resolve()
    if inside == above or not inside.is_relative_to(above):
        return ""
    return f"{inside.relative_to(above).as_posix()}/"


def _sarif(findings: Findings) -> None:
    from deployment_system.cli.render.sarif import sarif_log

    write_json(sarif_log(findings))


def _junit(findings: Findings) -> None:
    from deployment_system.cli.render.junit import junit_xml

    click.echo(junit_xml(findings))


def _github(invocation: Invocation, findings: Findings, environment: str) -> None:
    from deployment_system.cli.render.annotations import github_commands
    from deployment_system.cli.render.job_summary import job_summary

    commands = github_commands(findings)
    if commands:
        click.echo(commands)
    file = os.environ.get(SUMMARY_VARIABLE)
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(job_summary(findings, environment))
    except OSError as error:
        # The annotations are out, and say what is wrong: a page that is not there changes nothing of it.
        write_error(
            invocation,
            ConfigurationError(
                f"the job summary {file} ({SUMMARY_VARIABLE}) cannot be written: {error.strerror or error}",
                error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
                context=ErrorContext(file_path=file),
                cause=error,
            ),
        )
