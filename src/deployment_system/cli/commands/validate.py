"""`validate`: everything that files alone can tell."""

import os
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.findings import folder_in_checkout, write_findings
from deployment_system.cli.invocation import (
    FINDINGS_FORMATS,
    FORMATS,
    Invocation,
    common_options,
    take_common,
)
from deployment_system.cli.opening import open_here
from deployment_system.cli.output import say_errors, say_warnings, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.render.findings import Findings
from deployment_system.cli.render.flows import validation_text
from deployment_system.deploy.assess import Options, assess
from deployment_system.deploy.measuring import write_collected
from deployment_system.deploy.problems import EXIT_INVALID


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--check-environment", is_flag=True, help="What is declared but not installed here is an error."
)
@click.option("--no-import", is_flag=True, help="Never import a file, not even in an isolated process.")
@common_options
@click.pass_obj
def validate(
    invocation: Invocation, /, paths: tuple[str, ...], check_environment: bool, no_import: bool, **values: Any
) -> int:
    """Check flows, dependencies, parameters, schedules and configuration.

    Nothing is asked of a server and nothing is changed. --format also takes sarif, github (annotations and a
    job summary) and junit.
    """
    take_common(invocation, values, (*FORMATS, *FINDINGS_FORMATS))
    project = open_here(invocation)
    with shown_progress(invocation) as progress:
        report = assess(
            project,
            paths=[os.fspath(Path(path).absolute()) for path in paths],
            options=Options(check_environment=check_environment, allow_import=not no_import),
            progress=progress,
        )
    write_collected(project)
    if invocation.format in FINDINGS_FORMATS:
        folder = folder_in_checkout(project.root, os.environ)
        findings = Findings(report.errors, report.warnings, report.flows, folder)
        write_findings(invocation, findings, project.environment_name)
    else:
        document = {"environment": project.environment_name, **report.to_dict()}
        write_result(invocation, document, validation_text(report, project.environment_name))
        say_warnings(invocation, report.warnings)
        say_errors(invocation, report.errors)
    return 0 if report.valid else EXIT_INVALID
