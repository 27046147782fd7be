"""`doctor`: checks what a deployment needs, and mends what can be."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.opening import check_protection, project_or_none
from deployment_system.cli.output import write_result
from deployment_system.cli.recovering import catalogue_here, mend_here
from deployment_system.deploy.doctor import Check, DoctorReport, run_checks
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.hints import hints
from deployment_system.deploy.recovery.mending import distinct
from deployment_system.error_handling.recovery_manager import Recovery


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended: what is to be changed is shown first.")
@click.option("--auto-execute", is_flag=True, help="With --fix: without asking.")
@yes_option
@common_options
@click.pass_obj
def doctor(invocation: Invocation, /, fix: bool, auto_execute: bool, **values: Any) -> int:
    """Check all that a deployment needs, from configuration to work pools; each failure with its remedy."""
    take_common(invocation, values)
    report = _checked(invocation)
    done: Sequence[Recovery] = ()
    would: Sequence[Recovery] = ()
    hinted: Sequence[str] = ()
    if fix and (report.errors or report.hints):
        if (auto_execute or invocation.yes) and (project := project_or_none(invocation)) is not None:
            invocation.yes = True
            check_protection(invocation, project)
        done = mend_here(invocation, [*report.errors, *report.hints], auto=auto_execute, each_for_itself=True)
        report = _checked(invocation) if done else report
    elif report.errors or report.hints:
        report, would, hinted = _with_plans(invocation, report)
    document = report.to_dict() | {
        "mended": [recovery.to_dict() for recovery in done],
        "would_mend": [recovery.to_dict() for recovery in would],
        "hints": list(hinted),
    }
    write_result(invocation, document, _text(report, would, hinted))
    return 0 if report.healthy else 1


def _with_plans(
    invocation: Invocation, report: DoctorReport
) -> tuple[DoctorReport, Sequence[Recovery], Sequence[str]]:
    """What the plans could do about the failed checks, and why others could not; plans that cannot be read
    are a failed check more."""
    try:
        manager = catalogue_here(invocation).manager()
    except ProblemsFound as problems:
        wrong = (Check("recovery plans", error.message, error) for error in problems.errors)
        return DoctorReport((*report.checks, *wrong)), (), ()
    would = [recovery for _, recovery in distinct(manager, [*report.errors, *report.hints])]
    hinted = dict.fromkeys(text for error in report.errors for text in hints(manager, error))
    return report, would, list(hinted)


def _checked(invocation: Invocation) -> DoctorReport:
    return run_checks(
        Path.cwd(),
        config_file=invocation.config_file,
        environment=invocation.environment,
        environ=os.environ,
    )


def _text(report: DoctorReport, would: Sequence[Recovery], hinted: Sequence[str]) -> str:
    lines = []
    for check in report.checks:
        sign = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red")
        lines.append(f"{sign} {check.name}: {check.message}")
        if check.error is not None:
            lines.extend(f"    try: {remedy}" for remedy in check.error.remediation)
            lines.append(f"    more: deployment-cli explain {check.error.error_code}")
    lines += [f"`deployment-cli doctor --fix` would {text}" for text in _proposed(would)]
    lines += [f"by hand: {text}" for text in hinted]
    return "\n".join(lines)


def _proposed(would: Sequence[Recovery]) -> list[str]:
    return [each.proposal.text for recovery in would for each in recovery.steps if each.proposal]
