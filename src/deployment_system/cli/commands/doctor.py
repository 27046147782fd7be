"""`doctor`: checks what a deployment needs, and mends what can be."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.output import write_result
from deployment_system.cli.recovering import agreed, recovery_manager, say_recovery
from deployment_system.deploy.doctor import DoctorReport, run_checks
from deployment_system.deploy.recovery.mending import distinct, mend
from deployment_system.error_handling.recovery_manager import Recovery


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended: what is to be changed is shown first.")
@click.option("--auto-execute", is_flag=True, help="With --fix: without asking.")
@yes_option
@common_options
@click.pass_obj
def doctor(invocation: Invocation, /, fix: bool, auto_execute: bool, **values: Any) -> int:
    """Check installation, configuration, state, server and work pools; each failure with its remedy."""
    take_common(invocation, values)
    report = _checked(invocation)
    errors = [check.error for check in report.checks if check.error is not None]
    done: Sequence[Recovery] = ()
    would: Sequence[Recovery] = ()
    if errors:
        with recovery_manager(invocation) as manager:
            if fix:
                done = mend(manager, errors, lambda step: agreed(invocation, step, auto=auto_execute))
            else:
                would = [recovery for _, recovery in distinct(manager, errors)]
    for recovery in done:
        say_recovery(invocation, recovery)
    if done:
        report = _checked(invocation)
    document = report.to_dict() | {
        "mended": [recovery.to_dict() for recovery in done],
        "would_mend": [recovery.to_dict() for recovery in would],
    }
    write_result(invocation, document, _text(report, would))
    return 0 if report.healthy else 1


def _checked(invocation: Invocation) -> DoctorReport:
    return run_checks(
        Path.cwd(),
        config_file=invocation.config_file,
        environment=invocation.environment,
        environ=os.environ,
    )


def _text(report: DoctorReport, would: Sequence[Recovery]) -> str:
    lines = []
    for check in report.checks:
        sign = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red")
        lines.append(f"{sign} {check.name}: {check.message}")
        if check.error is not None:
            lines.extend(f"    try: {remedy}" for remedy in check.error.remediation)
            lines.append(f"    more: deployment-cli explain {check.error.error_code}")
    lines += [f"`deployment-cli doctor --fix` would {text}" for text in _proposed(would)]
    return "\n".join(lines)


def _proposed(would: Sequence[Recovery]) -> list[str]:
    return [each.proposal.text for recovery in would for each in recovery.steps if each.proposal]
