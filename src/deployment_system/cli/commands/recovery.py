"""`recovery`: unfinished and past transactions, looked at and taken back."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.opening import open_here, say_target
from deployment_system.cli.output import say_errors, write_result
from deployment_system.cli.render.rollback_plans import plan_details, plan_document, plans_text
from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import (
    EXIT_ROLLBACK_INCOMPLETE,
    only_deployer,
    still_open,
    transactions,
    unfinished,
)
from deployment_system.error_handling import ErrorCodes, RecoveryError, RollbackManager, RollbackPlan


@click.group()
def recovery() -> None:
    """Unfinished and past transactions."""


@recovery.command("list")
@common_options
@click.pass_obj
def list_plans(invocation: Invocation, /, **values: Any) -> int:
    """List every transaction that is remembered, the newest first."""
    take_common(invocation, values)
    with transactions(open_here(invocation)) as manager:
        plans = list(manager.rollback_plans.values())[::-1]
        write_result(invocation, {"plans": [plan_document(plan) for plan in plans]}, plans_text(plans))
    return 0


@recovery.command()
@click.argument("plan_id")
@common_options
@click.pass_obj
def details(invocation: Invocation, /, plan_id: str, **values: Any) -> int:
    """Show one transaction with each of its operations."""
    take_common(invocation, values)
    with transactions(open_here(invocation)) as manager:
        plan = _plan(manager, plan_id)
        write_result(invocation, {"plans": [plan_document(plan)]}, plan_details(plan))
    return 0


@recovery.command()
@click.option("--plan-id", metavar="ID", help="This transaction, also a committed one; else all unfinished.")
@click.option("--auto-execute", is_flag=True, help="Do it without asking.")
@click.option("--force", is_flag=True, help="Overwrite also what somebody else has changed since.")
@yes_option
@common_options
@click.pass_obj
def execute(
    invocation: Invocation, /, plan_id: str | None, auto_execute: bool, force: bool, **values: Any
) -> int:
    """Roll back: bring everything that a transaction changed back to how it was before."""
    take_common(invocation, values)
    project = open_here(invocation)
    say_target(invocation, project)
    with transactions(project) as manager:
        plans = [_plan(manager, plan_id)] if plan_id else unfinished(manager)
        if not plans:
            write_result(
                invocation, {"status": "nothing_to_do", "plans": []}, "there is nothing to roll back"
            )
            return 0
        if not (auto_execute or invocation.yes or _agreed(invocation, plans)):
            document = {"status": "planned", "plans": [plan_document(plan) for plan in plans]}
            write_result(
                invocation, document, f"{plans_text(plans)}\nnothing was done: --auto-execute does it"
            )
            return 0
        return _roll_back(invocation, project, manager, plans, force=force)


@recovery.command()
@click.option("--days", type=click.FloatRange(0), default=30.0, help="Older than this.  [default: 30]")
@common_options
@click.pass_obj
def cleanup(invocation: Invocation, /, days: float, **values: Any) -> int:
    """Forget old transactions, with the states that they could go back to."""
    take_common(invocation, values)
    with transactions(open_here(invocation)) as manager:
        removed = manager.cleanup_old_plans(days)
    write_result(invocation, {"removed": removed}, f"{removed} transaction(s) forgotten")
    return 0


def _roll_back(
    invocation: Invocation,
    project: Project,
    manager: RollbackManager,
    plans: list[RollbackPlan],
    *,
    force: bool,
) -> int:
    with only_deployer(project, manager):
        complete = [manager.execute_rollback(plan.plan_id, force=force) for plan in plans]
    errors = [still_open(plan) for plan, is_done in zip(plans, complete, strict=True) if not is_done]
    document = {
        "status": "rollback_incomplete" if errors else "rolled_back",
        "plans": [plan_document(plan) for plan in plans],
        "errors": [error.to_dict() for error in errors],
    }
    write_result(invocation, document, "\n".join(plan_details(plan) for plan in plans))
    say_errors(invocation, errors)
    return EXIT_ROLLBACK_INCOMPLETE if errors else 0


def _agreed(invocation: Invocation, plans: list[RollbackPlan]) -> bool:
    if not invocation.interactive:
        return False
    click.echo("\n".join(plan_details(plan) for plan in plans), err=True)
    return click.confirm("Roll this back?", err=True)


def _plan(manager: RollbackManager, plan_id: str) -> RollbackPlan:
    found = manager.rollback_plans.get(plan_id)
    if found is None:
        raise RecoveryError(f"there is no transaction {plan_id!r}", error_code=ErrorCodes.PLAN_NOT_FOUND)
    return found
