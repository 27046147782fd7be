"""A plan's changes as one transaction: all of them are made, or everything is put back."""

import time
from collections.abc import Callable, Sequence

from deployment_system.deploy.apply import Applier, Ledger, Outcome
from deployment_system.deploy.plan import Plan
from deployment_system.deploy.progress import Progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.result import DeployResult, Status
from deployment_system.deploy.transactions import (
    forgotten_failure,
    left_behind,
    remember_failure,
    scope_of,
    still_open,
)
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationStatus,
    RollbackManager,
    RollbackPlan,
)
from deployment_system.error_handling.store import Note


def run_transaction(
    project: Project,
    applier: Applier,
    manager: RollbackManager,
    plan: Plan,
    began: float,
    notes: Sequence[Note] = (),
    make_images: Callable[[], Plan] | None = None,
    finish: Callable[[], None] | None = None,
) -> DeployResult:
    """Makes the plan's changes and commits, the notes with them, or puts back what was changed. Raises
    nothing but what the store does before anything was begun: how it ended stands in the result.

    `make_images` makes the images that the plan needs, and gives the plan that knows them; `finish` is the
    last thing before the commit.
    """
    ledger, progress = applier.ledger, applier.progress
    errors: list[DeploymentSystemError] = []
    interrupted_with = None
    plan_id = manager.start_transaction(
        f"{len(plan.effective) + len(plan.effective_images)} change(s) in {plan.environment}",
        scope=scope_of(project),
    )
    as_planned = plan.effective
    try:
        if make_images is not None:
            plan = make_images()
        applier.apply(plan.effective)
        if finish is not None:
            finish()
        # What fails after this must not take back what is committed: so nothing comes after it.
        manager.commit_transaction([*notes, forgotten_failure(project)])
        status = Status.DEPLOYED
    except DeploymentSystemError as error:
        errors = [error, *_rolled_back(manager, plan, ledger, plan_id, error, progress)]
        remember_failure(project, manager, as_planned, plan_id, error)
        status = Status.ROLLED_BACK
    except (KeyboardInterrupt, SystemExit) as end:
        interrupted_with = end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else None
        if manager.rollback_plans[plan_id].status is OperationStatus.COMPLETED:
            status = Status.DEPLOYED  # it came too late: everything is done, and committed
        else:
            cause = _interrupted(project)
            errors = [cause, *_rolled_back(manager, plan, ledger, plan_id, cause, progress)]
            status = Status.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, what was changed is put back and told
        unforeseen = _unforeseen(error)
        errors = [unforeseen, *_rolled_back(manager, plan, ledger, plan_id, unforeseen, progress)]
        status = Status.ROLLED_BACK
    if any(error.error_code == ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED for error in errors):
        status = Status.ROLLBACK_INCOMPLETE
    return DeployResult(
        status,
        plan,
        ledger,
        tuple(errors),
        time.monotonic() - began,
        plan_id,
        applier.urls() if status is Status.DEPLOYED else {},
        applier.server.requests_sent,
        interrupted_with,
        () if status is Status.DEPLOYED else tuple(left_behind(manager.rollback_plans[plan_id])),
    )


def _rolled_back(
    manager: RollbackManager,
    plan: Plan,
    ledger: Ledger,
    plan_id: str,
    error: DeploymentSystemError,
    progress: Progress,
) -> Sequence[DeploymentSystemError]:
    """Puts everything back and notes what became of each change; what could not be put back, as errors of
    which one has the code DEPLOYMENT_ROLLBACK_FAILED."""
    progress("roll back", 0, None, "")
    try:
        complete = manager.execute_rollback(plan_id, error=error)
    except DeploymentSystemError as failure:
        if failure.context.extra.get("undone") == OperationStatus.ROLLED_BACK:
            # The store has no room for the note, and so knows less than we do: whoever rolls the plan back
            # later finds everything as it was.
            for change in plan.effective:
                if ledger.of(change) is not Outcome.NOT_STARTED:
                    ledger.record(change, Outcome.ROLLED_BACK)
            return [] if failure.error_code == error.error_code else [failure]
        left = [failure, still_open(manager.rollback_plans[plan_id])]
    except (KeyboardInterrupt, SystemExit):
        # A second Ctrl-C: the rest is left to the next deployment, or to `recovery execute`.
        left = [still_open(manager.rollback_plans[plan_id])]
    else:
        left = [] if complete else [still_open(manager.rollback_plans[plan_id])]
    _note_outcomes(manager.rollback_plans[plan_id], plan, ledger)
    return left


_OUTCOMES = {
    OperationStatus.ROLLED_BACK: Outcome.ROLLED_BACK,
    OperationStatus.SKIPPED: Outcome.ROLLED_BACK,
    OperationStatus.CONFLICT: Outcome.CONFLICT,
}


def _note_outcomes(undone: RollbackPlan, plan: Plan, ledger: Ledger) -> None:
    """The worst of a change's operations is what became of it."""
    order = [Outcome.ROLLED_BACK, Outcome.CONFLICT, Outcome.NOT_ROLLED_BACK]
    worst: dict[tuple[str, str], Outcome] = {}
    for operation in undone.operations:
        key = (operation.reference.get("flow", ""), operation.reference.get("deployment", ""))
        outcome = _OUTCOMES.get(operation.status, Outcome.NOT_ROLLED_BACK)
        worst[key] = max(worst.get(key, outcome), outcome, key=order.index)
    for change in plan.effective:
        if change.key in worst and ledger.of(change) is not Outcome.NOT_STARTED:
            ledger.record(change, worst[change.key])


def _unforeseen(error: Exception) -> DeploymentSystemError:
    return DeploymentSystemError(
        f"something went wrong that nobody foresaw: {type(error).__name__}: {error}",
        error_code=ErrorCodes.UNEXPECTED_ERROR,
        cause=error,
    )


def _interrupted(project: Project) -> DeploymentError:
    return DeploymentError(
        "the deployment was interrupted",
        error_code=ErrorCodes.DEPLOYMENT_INTERRUPTED,
        context=ErrorContext(environment=project.environment_name, operation="deploy"),
    )
