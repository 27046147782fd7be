"""`deploy`: makes the server as the repository declares."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common, yes_option
from deployment_system.cli.notifying import tell
from deployment_system.cli.opening import (
    check_protection,
    open_here,
    question,
    say_target,
)
from deployment_system.cli.options import selection_options
from deployment_system.cli.output import say_errors, say_warnings, write_note, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.recording import grave, record_errors
from deployment_system.cli.recovering import recovering
from deployment_system.cli.render.plans import result_text
from deployment_system.deploy import deploying
from deployment_system.deploy.assess import Options
from deployment_system.deploy.deploying import DeployOptions
from deployment_system.deploy.pace import DEFAULT_CEILING
from deployment_system.deploy.plan import Action
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.result import DeployResult, Status
from deployment_system.error_handling.recovery_manager import Recovery


@click.command()
@selection_options
@click.option("--prune", is_flag=True, help="Also remove owned deployments whose flow is gone.")
@click.option("--strict", is_flag=True, help="Change nothing where a flow is invalid.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--recover", type=click.Choice(["auto", "ask", "off"]), help="What to do about a failure.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=DEFAULT_CEILING,
    help="Most writes and builds at once.",
)
@click.option("--wait", type=click.FloatRange(0), metavar="SECONDS", help="How long to wait for the lock.")
@click.option("--force", is_flag=True, help="Do also what would hurt others.")
@click.option("--preflight", is_flag=True, help="Import each flow in its image first.")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Do a saved plan.")
@yes_option
@common_options
@click.pass_obj
def deploy(
    invocation: Invocation,
    /,
    types: str,
    only: tuple[str, ...],
    prune: bool,
    strict: bool,
    dry_run: bool,
    recover: str | None,
    concurrency: int,
    wait: float | None,
    force: bool,
    preflight: bool,
    plan_file: Path | None,
    check_environment: bool,
    no_import: bool,
    **values: Any,
) -> int:
    """Validate, plan, apply, verify and activate: make the server as the repository declares."""
    take_common(invocation, values)
    invocation.failed_word, invocation.looks_only = "rolled_back", dry_run
    selection = Selection(types, only, prune)
    options = DeployOptions(
        strict=strict,
        dry_run=dry_run,
        force=force,
        ceiling=concurrency,
        plan_file=plan_file,
        wait_seconds=wait or 0.0,
        on_wait=lambda lock: write_note(invocation, f"… waiting for {lock.owner}"),
        assessment=Options(check_environment=check_environment, allow_import=not no_import),
        preflight=preflight,
    )

    def attempt() -> DeployResult:
        return _attempt(invocation, selection, options)

    tried = recovering(invocation, "off" if dry_run else recover, attempt)
    return show_result(invocation, tried.result, tried.recoveries)


def _attempt(invocation: Invocation, selection: Selection, options: DeployOptions) -> DeployResult:
    project = open_here(invocation)
    say_target(invocation, project)
    if not options.dry_run:
        check_protection(invocation, project)
    with shown_progress(invocation) as progress:
        heard = replace(
            options,
            on_build_line=progress.line if invocation.verbose else None,
            on_settled=invocation.signals.hold,
        )
        confirm = question(invocation, project, progress)
        return deploying.deploy(project, selection, heard, confirm=confirm, progress=progress)


def show_result(invocation: Invocation, result: DeployResult, recoveries: Sequence[Recovery] = ()) -> int:
    """Writes what came of it and returns the exit status."""
    invocation.signals.hold()
    errors = (*(item.error for item in result.plan.skipped), *result.errors)
    remembered = (*errors, *grave(result.plan.warnings))
    record_errors(invocation, (*remembered, *result.untold), plan_id=result.plan_id)
    told = tell(invocation, result.status, remembered, plan_id=result.plan_id, summary=_changes(result))
    document = {**result.to_dict(), **told.to_dict()}
    if recoveries:
        document["recoveries"] = [recovery.to_dict() for recovery in recoveries]
    write_result(invocation, document, result_text(result))
    say_warnings(invocation, (*result.plan.warnings, *result.untold))
    say_errors(invocation, errors)
    with invocation.signals.released():
        told.deliver()
    return result.exit_status


def _changes(result: DeployResult) -> str:
    """What was to be done, in a few words."""
    words = "{} {}d" if result.status in (Status.DEPLOYED, Status.RECOVERED) else "{} to {}"
    counts = {action: count for action, count in result.plan.summary.items() if count}
    counts.pop(Action.UNCHANGED.value, None)
    return ", ".join(words.format(count, action) for action, count in counts.items())
