"""`status`: what is deployed, its drift and its health."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here, say_target
from deployment_system.cli.output import say_errors, say_warnings, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.render.statuses import status_text
from deployment_system.deploy.assess import Options
from deployment_system.deploy.status import read_status


@click.command()
@click.option("--no-import", is_flag=True, help="Never import a file, not even isolated.")
@common_options
@click.pass_obj
def status(invocation: Invocation, /, no_import: bool, **values: Any) -> int:
    """Show what is deployed, its drift from the source, schedules, health and links."""
    take_common(invocation, values)
    project = open_here(invocation)
    say_target(invocation, project)
    with shown_progress(invocation) as progress:
        report = read_status(project, Options(allow_import=not no_import), progress=progress)
    write_result(invocation, report.to_dict(), status_text(report))
    say_warnings(invocation, report.warnings)
    say_errors(invocation, report.errors)
    return 0 if report.healthy else 1
