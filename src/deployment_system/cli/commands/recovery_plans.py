"""`recovery plans`: what would be done about an error, and the plans of the user's own."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result
from deployment_system.cli.recovering import catalogue_here
from deployment_system.cli.render.recovery_plans import action_document, plan_document, plan_text, plans_text
from deployment_system.config.problems import nearest
from deployment_system.config.recovery_file import RECOVERY_FILE
from deployment_system.error_handling import ConfigurationError, ErrorCodes


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
