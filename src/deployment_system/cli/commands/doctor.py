"""`doctor`: checks what a deployment needs."""

import os
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result
from deployment_system.deploy.doctor import DoctorReport, run_checks


@click.command()
@common_options
@click.pass_obj
def doctor(invocation: Invocation, /, **values: Any) -> int:
    """Check installation, configuration, state, server and work pools; each failure with its remedy."""
    take_common(invocation, values)
    report = run_checks(
        Path.cwd(),
        config_file=invocation.config_file,
        environment=invocation.environment,
        environ=os.environ,
    )
    write_result(invocation, report.to_dict(), _text(report))
    return 0 if report.healthy else 1


def _text(report: DoctorReport) -> str:
    lines = []
    for check in report.checks:
        sign = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red")
        lines.append(f"{sign} {check.name}: {check.message}")
        if check.error is not None:
            lines.extend(f"    try: {remedy}" for remedy in check.error.remediation)
            lines.append(f"    more: deployment-cli explain {check.error.error_code}")
    return "\n".join(lines)
