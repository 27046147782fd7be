"""`deploy` and `clean`: plan, ask, apply, and say what came of it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.all_or_nothing import run_transaction
from deployment_system.deploy.apply import Applier, Ledger
from deployment_system.deploy.assess import Options
from deployment_system.deploy.deployments import ActualDeployment
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.measuring import measured, tell_result
from deployment_system.deploy.memory import note_of
from deployment_system.deploy.pace import DEFAULT_CEILING
from deployment_system.deploy.patience import LateWrites
from deployment_system.deploy.plan import Action, Change, Plan, plan_deletion
from deployment_system.deploy.planning import (
    Observed,
    Planned,
    Selection,
    in_use,
    make_plan,
    observe,
    owned_by,
)
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.result import DeployResult, Status
from deployment_system.deploy.saved_plan import check_same, check_still_true, read_selection
from deployment_system.deploy.transactions import (
    OnWait,
    only_deployer,
    refuse_known_failure,
    scope_of,
    settle,
    transactions,
)
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    RollbackManager,
)
from deployment_system.error_handling.store import Note

FRESH_SECONDS = 2.0
"""A plan that is older when it is begun, because somebody thought about it, is made once more: what others
changed meanwhile must neither be overwritten nor taken for the state to go back to."""

Confirm = Callable[[Plan], bool]
"""Shows a plan to a person and asks; False: nothing is done."""


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """How to go about it."""

    strict: bool = False
    """One invalid flow makes the whole fail."""
    dry_run: bool = False
    force: bool = False
    ceiling: int = DEFAULT_CEILING
    """The most writes side by side, and the most builds."""
    wait_seconds: float = 0.0
    """How long to wait for another deployer."""
    on_wait: OnWait | None = None
    plan_file: Path | None = None
    """Do exactly what this saved plan says."""
    assessment: Options = field(default_factory=Options)
    images: bool = False
    """Of `clean`: remove also the images that the project built for the environment."""
    preflight: bool = False
    """Import each container deployment's flow in its image before it is deployed."""
    on_build_line: Callable[[str], object] | None = None
    """Told each line of a build and a push."""
    on_settled: Callable[[], None] | None = None
    """Called once the transaction is over, in one way or the other: what comes then is only told."""


def deploy(
    project: Project,
    selection: Selection,
    options: DeployOptions | None = None,
    *,
    confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> DeployResult:
    """Makes the server as the repository declares. Raises `ProblemsFound` where nothing was begun; what
    went wrong later stands in the result."""
    options = options or DeployOptions()
    with measured(project, "deploy", counts=not options.dry_run) as run:
        selection, saved = _selected(selection, options)
        result = _deploy(project, selection, saved, options, confirm, progress)
        tell_result(run, project, selection, result)
    return result


def _selected(selection: Selection, options: DeployOptions) -> tuple[Selection, Mapping[str, Any] | None]:
    """What is to be deployed: a saved plan says it itself."""
    if options.plan_file is None:
        return selection, None
    return read_selection(options.plan_file)


def _deploy(
    project: Project,
    selection: Selection,
    saved: Mapping[str, Any] | None,
    options: DeployOptions,
    confirm: Confirm | None,
    progress: Progress,
) -> DeployResult:
    began = time.monotonic()
    with project.connect() as server, _transactions(project, options, progress) as (manager, left):
        planning = partial(
            make_plan,
            server=server,
            selection=selection,
            options=options.assessment,
            force=options.force,
            progress=progress,
            store=None if manager is None else manager.store,
        )
        planned, planned_at = planning(project), time.monotonic()
        plan = replace(planned.plan, warnings=(*planned.plan.warnings, *left))
        if saved is not None and options.plan_file is not None:
            check_still_true(options.plan_file, saved, plan, selection, project.owner.project)
        if options.strict and plan.skipped:
            raise ProblemsFound([item.error for item in plan.skipped], EXIT_INVALID, "invalid")
        if manager is None:
            return DeployResult(Status.PLANNED, plan, Ledger(), seconds=time.monotonic() - began)
        if not plan.does_something:
            _remember(project, manager, planned)
            return DeployResult(
                Status.UNCHANGED,
                plan,
                Ledger(),
                seconds=time.monotonic() - began,
                requests_sent=server.requests_sent,
            )
        if not options.force:
            refuse_known_failure(project, manager, plan.effective)
        began += _confirmed(project, plan, confirm)
        if time.monotonic() - planned_at > FRESH_SECONDS:
            planned, plan = _planned_anew(project, plan, planning)
        applier = _applier(project, server, options, manager, progress, planned.observed)
        declared = note_of(project, planned.desired, planned.memory)
        prepare = None
        if plan.steps or plan.effective_images or (options.preflight and plan.images):
            prepare = partial(_prepare, project, manager, planned, plan, planning, options, progress)
        return run_transaction(
            project, applier, manager, plan, began, [declared], prepare, on_settled=options.on_settled
        )


def _planned_anew(
    project: Project, plan: Plan, planning: Callable[[Project], Planned]
) -> tuple[Planned, Plan]:
    """Another look at the world, and the plan after it. Raises PLAN_OUTDATED where the world has changed, and
    what is wrong with a deployment now that its steps have run."""
    known = {item.error.fingerprint for item in plan.skipped}
    try:
        anew = planning(project)
        errors: Sequence[DeploymentSystemError] = [item.error for item in anew.plan.skipped]
    except ProblemsFound as found:
        errors = found.errors
    for error in errors:
        if error.fingerprint not in known:
            raise error
    check_same(plan, anew.plan)
    return anew, replace(plan, changes=anew.plan.changes, images=anew.plan.images)


def _prepare(
    project: Project,
    manager: RollbackManager,
    planned: Planned,
    plan: Plan,
    planning: Callable[[Project], Planned],
    options: DeployOptions,
    progress: Progress,
) -> tuple[Plan, Sequence[Note]]:
    """Runs the steps, then builds and pushes what the plan needs: the plan that knows what they gave, and
    under which digests, and what is to be remembered of it."""
    if plan.steps:
        from deployment_system.deploy.step_running import run_steps

        waiting = [item.prefect for item in planned.desired if item.prefect is not None and item.steps]
        project = run_steps(project, waiting, manager, progress=progress, on_line=options.on_build_line)
        planned, plan = _planned_anew(project, plan, planning)
    if plan.effective_images or (options.preflight and plan.images):
        from deployment_system.deploy.image_making import ImageMaker

        with ImageDoors(project) as doors:
            maker = ImageMaker(project, doors, manager, progress, options.on_build_line, options.ceiling)
            maker.make(plan.images)
            if options.preflight:
                maker.check(planned.desired)
        images = plan.images
        planned, plan = _planned_anew(project, plan, planning)
        plan = replace(plan, images=images)
    return plan, [note_of(project, planned.desired, planned.memory)]


def clean(
    project: Project,
    selection: Selection,
    options: DeployOptions | None = None,
    *,
    confirm: Confirm | None = None,
    progress: Progress = no_progress,
) -> DeployResult:
    """Removes the deployments that this project made in the environment, except those that somebody
    still needs."""
    options = options or DeployOptions()
    with measured(project, "clean", counts=not options.dry_run) as run:
        result = _clean(project, selection, options, confirm, progress)
        run.outcome, run.seconds = result.status.value, result.seconds
    return result


def _clean(
    project: Project,
    selection: Selection,
    options: DeployOptions,
    confirm: Confirm | None,
    progress: Progress,
) -> DeployResult:
    began = time.monotonic()
    with project.connect() as server, _transactions(project, options, progress) as (manager, left):
        planning = partial(_plan_cleaning, project, server, selection, options, progress)
        plan = planning()
        plan = replace(plan, warnings=(*plan.warnings, *left))
        if manager is None:
            return DeployResult(Status.PLANNED, plan, Ledger(), seconds=time.monotonic() - began)
        if not plan.does_something:
            return DeployResult(Status.UNCHANGED, plan, Ledger(), seconds=time.monotonic() - began)
        planned_at = time.monotonic()
        began += _confirmed(project, plan, confirm)
        if time.monotonic() - planned_at > FRESH_SECONDS:
            anew = planning()
            check_same(plan, anew)
            plan = replace(plan, changes=anew.changes)
        applier = _applier(project, server, options, manager, progress)
        applier = replace(applier, deletion_refused=ErrorCodes.DEPLOYMENT_CLEANUP_FAILED)
        finish = partial(_remove_images, project, manager, plan, progress) if plan.removed_images else None
        return run_transaction(
            project,
            applier,
            manager,
            plan,
            began,
            finish=finish,
            command="clean",
            on_settled=options.on_settled,
        )


def _applier(
    project: Project,
    server: PrefectServer,
    options: DeployOptions,
    manager: RollbackManager,
    progress: Progress,
    observed: Observed | None = None,
) -> Applier:
    late = LateWrites(server, project.environment.outage_patience_seconds, progress)
    pools = observed.work_pools.items() if observed else ()
    return Applier(
        server,
        project.owner,
        Ledger(),
        options.ceiling,
        manager,
        late,
        progress,
        flow_ids=dict(observed.flow_ids) if observed else {},
        pool_ids={name: pool["id"] for name, pool in pools},
    )


def _removable_names(project: Project, staying: Iterable[ActualDeployment]) -> tuple[str, ...]:
    """The names that images of this project have in the environment, but for images that deployments need
    which stay."""
    from deployment_system.deploy.image_making import removable_images

    needed = {(item.fields.get("job_variables") or {}).get("image") for item in staying}
    with ImageDoors(project) as doors:
        images = removable_images(project, doors)
    removable = [image for image in images if not needed & {*image.tags, *image.digests}]
    return tuple(sorted(tag for image in removable for tag in image.tags))


def _remove_images(project: Project, manager: RollbackManager, plan: Plan, progress: Progress) -> None:
    """After the deployments: nothing starts from them any more. Only the names that were agreed to."""
    from deployment_system.deploy.image_making import ImageMaker, removable_images

    with ImageDoors(project) as doors:
        there = removable_images(project, doors)
        agreed = [replace(image, tags=tuple(set(image.tags) & set(plan.removed_images))) for image in there]
        ImageMaker(project, doors, manager, progress).remove([image for image in agreed if image.tags])


def _plan_cleaning(
    project: Project,
    server: PrefectServer,
    selection: Selection,
    options: DeployOptions,
    progress: Progress,
) -> Plan:
    owned = owned_by(project.owner, observe(server, [], project.owner, progress))
    candidates = [
        item
        for item in owned
        if selection.takes(item.flow_name, item.name, item.file) and selection.types in ("all", item.type)
    ]
    used = {} if options.force else in_use(server, candidates, project.environment_name)
    changes = [
        Change(Action.UNCHANGED, item.name, item.flow_name, {}, actual=item)
        if item.id in used
        else plan_deletion(item)
        for item in candidates
    ]
    going = {item.id for item in candidates} - set(used)
    staying = [item for item in owned if item.id not in going]
    return Plan(
        project.environment_name,
        server.url,
        tuple(changes),
        warnings=(*project.warnings, *used.values()),
        removed_images=_removable_names(project, staying) if options.images else (),
    )


@contextmanager
def _transactions(
    project: Project, options: DeployOptions, progress: Progress
) -> Iterator[tuple[RollbackManager | None, Sequence[DeploymentSystemError]]]:
    """The rollback manager, as the only deployer, once what was left unfinished is settled, and what of
    that stays; None where nothing is to be changed."""
    if options.dry_run:
        yield None, ()
        return
    with (
        transactions(project, progress) as manager,
        only_deployer(scope_of(project), manager, wait_seconds=options.wait_seconds, on_wait=options.on_wait),
    ):
        yield manager, settle(project, manager)


def _confirmed(project: Project, plan: Plan, confirm: Confirm | None) -> float:
    """How many seconds the answer took, which are nobody's work. Raises where it is no."""
    asked = time.monotonic()
    if confirm is not None and not confirm(plan):
        raise ProblemsFound([_not_confirmed(project)], EXIT_INVALID, "invalid")
    return time.monotonic() - asked


def _not_confirmed(project: Project) -> DeploymentError:
    return DeploymentError(
        f"changes to environment {project.environment_name!r} were not confirmed: nothing was changed",
        error_code=ErrorCodes.CONFIRMATION_REQUIRED,
        context=ErrorContext(environment=project.environment_name),
    )


def _remember(project: Project, manager: RollbackManager, planned: Planned) -> None:
    """Nothing was to be done, and yet more may be declared than before: an inactive schedule, say."""
    note = note_of(project, planned.desired, planned.memory)
    if note.value != planned.memory.schedules:
        manager.store.notes.put(note.scope, note.key, note.value)
