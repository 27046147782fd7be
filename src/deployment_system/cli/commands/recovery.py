"""`recovery`: transactions looked at and taken back, and the plans that mend errors."""

from typing import Any

import click

from deployment_system.cli.commands.recovery_audit import recovery_audit
from deployment_system.cli.commands.recovery_plans import recovery_plans
from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.notifying import Told, tell
from deployment_system.cli.opening import check_protection, open_here, say_target
from deployment_system.cli.output import say_errors, say_warnings, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.recording import record_errors
from deployment_system.cli.recovering import Wanted, recover_error
from deployment_system.cli.render.rollback_plans import (
    plan_details,
    plans_text,
    preview_text,
    previewed_document,
)
from deployment_system.deploy.plan_documents import plan_document
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovering import Recovered, plan_named, preview, recover, unfinished_plans
from deployment_system.deploy.transactions import EXIT_ROLLBACK_INCOMPLETE, transactions
from deployment_system.error_handling.counted import counted


@click.group()
def recovery() -> None:
    """Unfinished and past transactions, and recovery plans."""


recovery.add_command(recovery_plans)
recovery.add_command(recovery_audit)


@recovery.command("list")
@common_options
@click.pass_obj
def list_plans(invocation: Invocation, /, **values: Any) -> int:
    """List every transaction that is remembered, the newest first."""
    take_common(invocation, values)
    with transactions(open_here(invocation, for_recovery=True)) as manager:
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
    with transactions(open_here(invocation, for_recovery=True)) as manager:
        plan = plan_named(manager, plan_id)
        write_result(invocation, {"plans": [plan_document(plan)]}, plan_details(plan))
    return 0


@recovery.command()
@click.option("--plan-id", metavar="ID", help="This transaction, also a committed one; else all unfinished.")
@click.option("--error", "error_id", metavar="ID", help="Mend this error instead: `error list` has the ids.")
@click.option("--preview-version", metavar="VERSION", help="With --error: exactly what a preview has shown.")
@click.option("--auto-execute", is_flag=True, help="Do it without asking.")
@click.option("--force", is_flag=True, help="Overwrite also what somebody else has changed since.")
@yes_option
@common_options
@click.pass_obj
def execute(
    invocation: Invocation,
    /,
    plan_id: str | None,
    error_id: str | None,
    preview_version: str | None,
    auto_execute: bool,
    force: bool,
    **values: Any,
) -> int:
    """Roll back: bring everything that a transaction changed back to how it was before.

    With --error, carry out the recovery plan of an error.
    """
    take_common(invocation, values)
    if error_id and plan_id:
        raise click.UsageError("--error and --plan-id exclude each other.")
    if preview_version and not error_id:
        raise click.UsageError("--preview-version needs --error.")
    if error_id:
        return recover_error(invocation, error_id, Wanted(auto=auto_execute, version=preview_version))
    project = open_here(invocation, for_recovery=True)
    say_target(invocation, project)

    def open_environment(name: str) -> Project:
        return open_here(invocation, environment=name, for_recovery=True)

    with transactions(project) as manager:
        plans = [plan_named(manager, plan_id)] if plan_id else unfinished_plans(project, manager)
        if not plans:
            nothing = {"status": "nothing_to_do", "plans": []}
            write_result(invocation, nothing, "there is nothing to roll back")
            return 0
        invocation.yes = invocation.yes or auto_execute
        if invocation.yes:
            check_protection(invocation, project)
        else:
            previews = preview(project, plans, open_environment, force=force)
            if not (invocation.interactive and _agreed(preview_text(plans, previews))):
                shown = preview_text(plans, previews) + "\nnothing was done: --auto-execute does it"
                documents = [previewed_document(plan, previews[plan.plan_id]) for plan in plans]
                write_result(invocation, {"status": "planned", "plans": documents}, shown)
                return 0
        with shown_progress(invocation) as progress:
            done = recover(project, plans, open_environment, force=force, progress=progress)
        told = _say_recovered(invocation, done)
    told.deliver()
    return EXIT_ROLLBACK_INCOMPLETE if done.errors else 0


def _say_recovered(invocation: Invocation, done: Recovered) -> Told:
    """Writes what came of rolling plans back; what others are to hear of it."""
    document = {
        "status": "rollback_incomplete" if done.errors else "rolled_back",
        "plans": [plan_document(plan) for plan in done.plans],
        "errors": [error.to_dict() for error in done.errors],
        "events_not_sent": [error.to_dict() for error in done.untold],
    }
    record_errors(invocation, (*done.errors, *done.untold))
    settled = [plan.plan_id for plan in done.plans]
    told = tell(
        invocation,
        str(document["status"]),
        done.errors,
        plan_id=settled[0] if len(settled) == 1 else None,
        summary="; ".join(plan.description for plan in done.plans),
        settled=settled,
    )
    write_result(invocation, document | told.to_dict(), "\n".join(plan_details(plan) for plan in done.plans))
    say_warnings(invocation, done.untold)
    say_errors(invocation, done.errors)
    return told


@recovery.command()
@click.option("--days", type=click.FloatRange(0), default=30.0, help="Older than this.  [default: 30]")
@common_options
@click.pass_obj
def cleanup(invocation: Invocation, /, days: float, **values: Any) -> int:
    """Forget old transactions, with the states that they could go back to."""
    take_common(invocation, values)
    with transactions(open_here(invocation, for_recovery=True)) as manager:
        removed = manager.cleanup_old_plans(days)
    write_result(invocation, {"removed": removed}, f"{counted(removed, 'transaction')} forgotten")
    return 0


def _agreed(shown: str) -> bool:
    click.echo(shown, err=True)
    return click.confirm("Roll this back?", err=True)
