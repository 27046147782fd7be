"""`plan`: what `deploy` would do."""

from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here, say_target
from deployment_system.cli.options import selection_options
from deployment_system.cli.output import say_errors, say_warnings, write_note, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.render.plans import plan_text
from deployment_system.deploy.assess import Options
from deployment_system.deploy.measuring import tell_sync, write_collected
from deployment_system.deploy.planning import Selection, make_plan
from deployment_system.deploy.saved_plan import save_plan

EXIT_CHANGES = 6


@click.command()
@selection_options
@click.option("--prune", is_flag=True, help="Also show the removal of deployments whose flow is gone.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 6 where there are changes.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan for deploy --plan."
)
@click.option("--force", is_flag=True, help="As deploy --force would do.")
@common_options
@click.pass_obj
def plan(
    invocation: Invocation,
    /,
    types: str,
    only: tuple[str, ...],
    prune: bool,
    detailed_exitcode: bool,
    out: Path | None,
    force: bool,
    check_environment: bool,
    no_import: bool,
    **values: Any,
) -> int:
    """Show what deploy with the same selection would create, update, delete and leave alone."""
    take_common(invocation, values)
    selection = Selection(types, only, prune)
    project = open_here(invocation)
    say_target(invocation, project)
    with shown_progress(invocation) as progress, project.connect() as server:
        planned = make_plan(
            project,
            server,
            selection,
            options=Options(check_environment=check_environment, allow_import=not no_import),
            force=force,
            progress=progress,
        )
    made = planned.plan
    tell_sync(project, selection, made)
    write_collected(project)
    write_result(invocation, made.to_dict(), plan_text(made))
    say_warnings(invocation, made.warnings)
    say_errors(invocation, (item.error for item in made.skipped))
    if out is not None:
        save_plan(out, made, selection, project.owner.project)
        write_note(invocation, f"saved: `deployment-cli deploy --plan {out}` does exactly this")
    return EXIT_CHANGES if detailed_exitcode and made.effective else 0
