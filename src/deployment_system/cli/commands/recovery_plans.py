"""`recovery plans`: what would be done about an error, and the plans of the user's own."""

from typing import Any

import click

from deployment_system.cli.history import history_here
from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.output import write_result
from deployment_system.cli.recovering import (
    Wanted,
    catalogue_here,
    place_here,
    recover_error,
    recover_here,
)
from deployment_system.cli.render.recovery_plans import action_document, plan_document, plan_text, plans_text
from deployment_system.config.problems import nearest
from deployment_system.config.recovery_file import RECOVERY_FILE
from deployment_system.deploy.recovery.catalogue import Catalogue
from deployment_system.deploy.recovery.corrections import error_for, error_in_files
from deployment_system.error_handling import ConfigurationError, DeploymentSystemError, ErrorCodes
from deployment_system.error_handling.recovery_plans import RecoveryPlan
from deployment_system.error_handling.store import ErrorFilter

FARTHEST_BACK = 100
"""Errors of a code among which one is looked for that a plan is for."""


@click.group("plans")
def recovery_plans() -> None:
    """Recovery plans: those of the package, and your own in recovery-plans.yaml."""


@recovery_plans.command("list")
@common_options
@click.pass_obj
def list_plans(invocation: Invocation, /, **values: Any) -> int:
    """List every recovery plan that holds here, and the actions that plans can use."""
    take_common(invocation, values)
    catalogue = catalogue_here(invocation)
    actions = sorted(catalogue.actions, key=lambda action: action.name)
    document = {
        "plans": [plan_document(plan) for plan in catalogue.plans],
        "actions": [action_document(action) for action in actions],
    }
    write_result(invocation, document, plans_text(catalogue.plans, actions))
    return 0


@recovery_plans.command()
@click.argument("name")
@common_options
@click.pass_obj
def show(invocation: Invocation, /, name: str, **values: Any) -> int:
    """Show one recovery plan: by its name, or by an error code the plan that is tried first."""
    take_common(invocation, values)
    catalogue = catalogue_here(invocation)
    found = plan_named(catalogue, name)
    write_result(invocation, plan_document(found), plan_text(found, catalogue.actions))
    return 0


@recovery_plans.command()
@common_options
@click.pass_obj
def validate(invocation: Invocation, /, **values: Any) -> int:
    """Check recovery-plans.yaml: names, settings, codes, each mistake with its line."""
    take_common(invocation, values)
    catalogue = catalogue_here(invocation)
    text = f"{RECOVERY_FILE} is right" if catalogue.own_file else f"there is no {RECOVERY_FILE} here"
    write_result(invocation, {"status": "valid", "plans": len(catalogue.plans)}, text)
    return 0


@recovery_plans.command()
@click.argument("name")
@click.option("--error", "error_id", metavar="ID", help="For this error: `error list` has the ids.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--auto-execute", is_flag=True, help="Do it without asking.")
@yes_option
@common_options
@click.pass_obj
def run(
    invocation: Invocation,
    /,
    name: str,
    error_id: str | None,
    dry_run: bool,
    auto_execute: bool,
    **values: Any,
) -> int:
    """Carry out one recovery plan, by its name or by an error code.

    For the error of that kind that is in the files now, else for the last one of the history.
    """
    take_common(invocation, values)
    invocation.looks_only = dry_run
    catalogue = catalogue_here(invocation)
    found = plan_named(catalogue, name)
    wanted = Wanted(auto_execute, dry_run, plan=found.name if found in catalogue.plans else None)
    was_named = invocation.environment is not None
    if error_id is not None:
        return recover_error(invocation, error_id, wanted, plan=found)
    present = error_in_files(place_here(invocation), found)
    if present is not None:
        return recover_here(invocation, present, wanted, was_named=was_named)
    if (past := _last_error(invocation, found)) is not None:
        return recover_error(invocation, past, wanted)
    return recover_here(invocation, error_for(found), wanted, was_named=was_named)


def _last_error(invocation: Invocation, plan: RecoveryPlan) -> str | None:
    """The id of the last error of the history that the plan is for."""
    with history_here(invocation) as history:
        past = [
            report["error_id"]
            for code in plan.codes
            for report in history.records.find(ErrorFilter(error_code=code), limit=FARTHEST_BACK)
            if plan.is_for(DeploymentSystemError.from_dict(report))
        ]
    return max(past, default=None)  # an id begins with the time


def plan_named(catalogue: Catalogue, name: str) -> RecoveryPlan:
    """The plan of that name, or the one that is tried first for an error code. Raises PLAN_NOT_FOUND."""
    found = next((plan for plan in catalogue.plans if plan.name == name), None)
    found = found or catalogue.manager().recovery_plans.get(name)
    if found is None:
        known = [plan.name for plan in catalogue.plans]
        near = nearest(name, [*known, *map(str, ErrorCodes)])
        raise ConfigurationError(
            f"there is no recovery plan {name!r}" + (f"; did you mean {near!r}?" if near else ""),
            error_code=ErrorCodes.PLAN_NOT_FOUND,
            remediation=["`deployment-cli recovery plans list` shows all of them."],
        )
    return found
