"""`build`: the images of flows that run in containers."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here
from deployment_system.cli.output import say_errors, say_warnings, write_note, write_result
from deployment_system.cli.progress import shown_progress
from deployment_system.cli.recording import grave, record_errors
from deployment_system.cli.render.images import build_text
from deployment_system.deploy.pace import DEFAULT_CEILING
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.project import Project
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext
from deployment_system.error_handling.written_file import write_new


@click.command()
@click.option("--only", multiple=True, metavar="GLOB", help="Only what matches; repeatable.")
@click.option("--push", is_flag=True, help="Push to the environment's registry.")
@click.option("--dry-run", is_flag=True, help="Show what would be built, with generated Dockerfiles.")
@click.option("--preflight", is_flag=True, help="Import each flow in its image.")
@click.option("--eject", is_flag=True, help="Write the generated Dockerfile into the repository.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=DEFAULT_CEILING, help="Most builds at once."
)
@click.option("--wait", type=click.FloatRange(0), metavar="SECONDS", help="How long to wait for the lock.")
@common_options
@click.pass_obj
def build(
    invocation: Invocation,
    /,
    only: tuple[str, ...],
    push: bool,
    dry_run: bool,
    preflight: bool,
    eject: bool,
    concurrency: int,
    wait: float | None,
    **values: Any,
) -> int:
    """Build the images of flows that run in containers."""
    from deployment_system.deploy import building

    take_common(invocation, values)
    invocation.failed_word, invocation.looks_only = "rolled_back", dry_run
    project = open_here(invocation)
    write_note(invocation, f"environment {project.environment_name}")
    if push and project.environment.docker_registry is None:
        raise ConfigurationError(
            f"environment {project.environment_name!r} names no registry to push to",
            error_code=ErrorCodes.CONFIG_MISSING_REQUIRED_FIELD,
            context=ErrorContext(environment=project.environment_name, file_path="deployment-config.yaml"),
            remediation=["Set `docker_registry` of the environment."],
        )
    if eject:
        return _eject(invocation, project)
    with shown_progress(invocation) as progress:
        options = building.BuildOptions(
            push=push,
            dry_run=dry_run,
            preflight=preflight,
            concurrency=concurrency,
            wait_seconds=wait or 0.0,
            on_wait=lambda lock: write_note(invocation, f"… waiting for {lock.owner}"),
            on_line=progress.line if invocation.verbose else None,
        )
        report = building.build(project, Selection("docker", only), options, progress=progress)
    errors = [item.error for item in report.skipped]
    record_errors(invocation, (*errors, *grave(report.warnings)), plan_id=report.plan_id)
    write_result(invocation, report.to_dict(), build_text(report, details=dry_run))
    say_warnings(invocation, report.warnings)
    say_errors(invocation, errors)
    return 0


def _eject(invocation: Invocation, project: Project) -> int:
    from deployment_system.builders.dockerfile_generation import generate_dockerfile
    from deployment_system.deploy.images import GENERATED, default_base_image

    base = project.environment.image.base or default_base_image()
    text = generate_dockerfile(project.root, base).text
    file = project.root / GENERATED
    write_new(file, text)
    write_result(
        invocation, {"status": "written", "file": GENERATED}, f"{GENERATED} written; it is yours now"
    )
    return 0
