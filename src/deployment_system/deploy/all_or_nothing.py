"""A plan's changes as one transaction: all of them are made, or everything is put back."""

import time
from collections.abc import Callable, Sequence

from deployment_system.deploy.apply import Applier, Ledger, Outcome
from deployment_system.deploy.emitting import emit_outcome
from deployment_system.deploy.plan import Plan
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
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.store import Note

_log = logger_of(__name__)


def run_transaction(
    project: Project,
    applier: Applier,
    manager: RollbackManager,
    plan: Plan,
    began: float,
    notes: Sequence[Note] = (),
    prepare: Callable[[], tuple[Plan, Sequence[Note]]] | None = None,
    finish: Callable[[], None] | None = None,
    command: str = "deploy",
    on_settled: Callable[[], None] | None = None,
) -> DeployResult:
    """Makes the plan's changes and commits, the notes with them, or puts back what was changed. Raises
    nothing but what the store does before anything was begun: how it ended stands in the result.

    `prepare` runs steps and makes the images that the plan needs, and gives the plan that knows what came of
    them, with the notes on it; `finish` is the last thing before the commit; `on_settled` is called when the
    transaction is over.
    """
    plan_id = manager.start_transaction(
        f"{counted(len(plan.effective) + len(plan.effective_images), 'change')} in {plan.environment}",
        scope=scope_of(project),
    )
    as_planned = plan.effective
    interrupted_with = None
    cause: DeploymentSystemError | None = None
    try:
        _note_for_who_is_told(project, manager, plan_id, command)
        if prepare is not None:
            plan, notes = prepare()
        applier.apply(plan.effective)
        if finish is not None:
            finish()
        # What fails after this must not take back what is committed: so nothing comes after it.
        manager.commit_transaction([*notes, forgotten_failure(project)])
    except DeploymentSystemError as error:
        cause = error
    except (KeyboardInterrupt, SystemExit) as end:
        interrupted_with = end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else None
        if manager.rollback_plans[plan_id].status is not OperationStatus.COMPLETED:  # else it came too late
            cause = _interrupted(project)
    except Exception as error:  # noqa: BLE001 - whatever it is, what was changed is put back and told
        cause = _unforeseen(error)
    errors = [] if cause is None else [cause, *_rolled_back(manager, plan, applier, plan_id, cause)]
    if on_settled is not None:
        on_settled()
    if cause is not None and not plan.steps and not applier.server.answers_lost:
        # A step may give something else the next time: the plan does not say what. And after a lost answer
        # it may not be the content's fault that a verification failed.
        remember_failure(project, manager, as_planned, plan_id, cause)
    status = _status(errors)
    untold = emit_outcome(project, applier, plan, plan_id, status, errors, command)
    return DeployResult(
        status,
        plan,
        applier.ledger,
        tuple(errors),
        time.monotonic() - began,
        plan_id,
        applier.urls() if status is Status.DEPLOYED else {},
        applier.server.requests_sent,
        interrupted_with,
        () if status is Status.DEPLOYED else tuple(left_behind(manager.rollback_plans[plan_id])),
        tuple(untold),
    )


def _note_for_who_is_told(project: Project, manager: RollbackManager, plan_id: str, command: str) -> None:
    """Where people are told of outcomes, they are told of this one also if this process dies."""
    if not project.configuration.notifications.routes:
        return
    from deployment_system.notifications.unfinished import note_begun

    try:
        note_begun(manager.store, project.owner.project, project.environment_name, command, plan_id)
    except DeploymentSystemError as failure:
        _log.warning("that nobody is told of %s yet could not be noted: %s", plan_id, failure.message)


def _status(errors: Sequence[DeploymentSystemError]) -> Status:
    """How it ended; the first error is the cause."""
    if not errors:
        return Status.DEPLOYED
    if any(error.error_code == ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED for error in errors):
        return Status.ROLLBACK_INCOMPLETE
    interrupted = errors[0].error_code == ErrorCodes.DEPLOYMENT_INTERRUPTED
    return Status.INTERRUPTED if interrupted else Status.ROLLED_BACK


def _rolled_back(
    manager: RollbackManager, plan: Plan, applier: Applier, plan_id: str, error: DeploymentSystemError
) -> Sequence[DeploymentSystemError]:
    """Puts everything back and notes what became of each change; what could not be put back, as errors of
    which one has the code DEPLOYMENT_ROLLBACK_FAILED."""
    ledger, progress = applier.ledger, applier.progress
    progress("roll back", 0, None, "")
    try:
        complete = manager.execute_rollback(plan_id, error=error, await_late=applier.await_late)
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
