"""`build`: the images of a repository alone, without a server."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from deployment_system.deploy.assess import Assessment, Options, assess
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.image_making import BUILDS_SIDE_BY_SIDE, ImageMaker
from deployment_system.deploy.image_plan import ImageChange, plan_images
from deployment_system.deploy.images import DesiredImage, together
from deployment_system.deploy.measuring import measured
from deployment_system.deploy.plan import Action, SkippedFlow
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import (
    EXIT_ROLLBACK_INCOMPLETE,
    OnWait,
    left_behind,
    only_deployer,
    scope_of,
    settle,
    still_open,
    transactions,
)
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    OperationStatus,
    RollbackManager,
    ValidationError,
)
from deployment_system.error_handling.counted import counted

EXIT_FAILED = 1


class BuildStatus(StrEnum):
    """How a build ended."""

    BUILT = "built"
    UNCHANGED = "unchanged"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to go about it."""

    push: bool = False
    dry_run: bool = False
    preflight: bool = False
    """Import each flow in its image."""
    concurrency: int = BUILDS_SIDE_BY_SIDE
    """The most builds side by side."""
    wait_seconds: float = 0.0
    on_wait: OnWait | None = None
    on_line: Callable[[str], object] | None = None
    """Told each line of a build and a push."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built, or would be."""

    environment: str
    status: BuildStatus
    changes: tuple[ImageChange, ...]
    skipped: tuple[SkippedFlow, ...]
    warnings: tuple[DeploymentSystemError, ...]
    seconds: float
    plan_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `build` shows it."""
        return {
            "environment": self.environment,
            "status": self.status.value,
            "plan_id": self.plan_id,
            "changes": [
                {**change.to_dict(), "dockerfile": change.image.dockerfile.text} for change in self.changes
            ],
            "skipped": [item.to_dict() for item in self.skipped],
            "warnings": [warning.to_dict() for warning in self.warnings],
            "errors": [],
            "seconds": round(self.seconds, 3),
        }


def build(
    project: Project,
    selection: Selection,
    options: BuildOptions | None = None,
    *,
    progress: Progress = no_progress,
) -> BuildReport:
    """Builds, and pushes where that is asked for, as one transaction. Raises `ProblemsFound` where nothing
    can be built or something could not be put back, and the first error after everything was."""
    options = options or BuildOptions()
    with measured(project, "build", counts=not options.dry_run) as run:
        report = _build(project, selection, options, progress)
        run.outcome = report.status.value
    return report


def _build(project: Project, selection: Selection, options: BuildOptions, progress: Progress) -> BuildReport:
    began = time.monotonic()
    assessment = assess(project, options=Options(types="docker"), progress=progress)
    wanted = [
        item
        for item in assessment.desired
        if item.image is not None and selection.takes(item.flow_name, item.name, item.file)
    ]
    if not wanted:
        raise ProblemsFound(_nothing_to_build(assessment), EXIT_INVALID, "invalid")
    images = [_kept_here(item.image, push=options.push) for item in wanted if item.image is not None]
    with ImageDoors(project) as doors:
        changes = plan_images(together(images), doors)

    left: list[DeploymentSystemError] = []

    def report(status: BuildStatus, plan_id: str | None = None) -> BuildReport:
        return BuildReport(
            project.environment_name,
            status,
            tuple(changes),
            assessment.skipped,
            (*assessment.warnings, *left),
            time.monotonic() - began,
            plan_id,
        )

    if options.dry_run:
        return report(BuildStatus.PLANNED)
    needed = any(change.action is not Action.UNCHANGED for change in changes)
    if not needed and not options.preflight:
        return report(BuildStatus.UNCHANGED)
    with (
        transactions(project, progress) as manager,
        only_deployer(scope_of(project), manager, wait_seconds=options.wait_seconds, on_wait=options.on_wait),
        ImageDoors(project) as doors,
    ):
        left = settle(project, manager)
        maker = ImageMaker(project, doors, manager, progress, options.on_line, options.concurrency)
        plan_id = _made(project, manager, lambda: _make(maker, changes), len(changes))
        if options.preflight:
            maker.check(wanted)
    return report(BuildStatus.BUILT if needed else BuildStatus.UNCHANGED, plan_id)


def _make(maker: ImageMaker, changes: list[ImageChange]) -> None:
    maker.make(changes)


def _made(project: Project, manager: RollbackManager, make: Callable[[], None], count: int) -> str:
    """Runs a transaction; its plan's id."""
    plan_id = None
    try:
        with manager.transaction(f"build {counted(count, 'image')}", scope=scope_of(project)) as plan_id:
            make()
    except DeploymentSystemError as error:
        plan = None if plan_id is None else manager.rollback_plans[plan_id]
        if plan is not None and plan.status is not OperationStatus.ROLLED_BACK:
            problems = [error, still_open(plan)]
            raise ProblemsFound(problems, EXIT_ROLLBACK_INCOMPLETE, "rollback_incomplete") from error
        if plan_id is not None:
            error.with_context(plan_id=plan_id)
        if plan is not None and (kept := left_behind(plan)):
            raise ProblemsFound([error, *kept], EXIT_FAILED, "rolled_back") from error
        raise
    return plan_id


def _kept_here(image: DesiredImage, *, push: bool) -> DesiredImage:
    return image if push else replace(image, is_pushed=False)


def _nothing_to_build(assessment: Assessment) -> list[DeploymentSystemError]:
    nothing = ValidationError(
        "no flow that was found runs in a container, as far as it was asked for",
        error_code=ErrorCodes.NOTHING_TO_DEPLOY,
        remediation=["Give a flow a Dockerfile, or `types: [docker]` in deployment-config.yaml."],
    )
    return [*(item.error for item in assessment.skipped), nothing]
