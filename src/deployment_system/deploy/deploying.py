"""`deploy` and `clean`: plan, ask, apply, and say what came of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.apply import Applier, Ledger, Outcome
from deployment_system.deploy.assess import Options
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.pace import DEFAULT_CEILING
from deployment_system.deploy.plan import Action, Change, Plan, plan_deletion
from deployment_system.deploy.planning import (
    Selection,
    in_use,
    make_plan,
    observe,
    owned_by,
    remembered,
)
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.saved_plan import check_still_true, read_selection
from deployment_system.deploy.transactions import (
    OnWait,
    only_deployer,
    refuse_known_failure,
    remember_outcome,
    scope_of,
    settle,
    still_open,
    transactions,
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

Confirm = Callable[[Plan], bool]
"""Shows a plan to a person and asks; False: nothing is done."""


class Status(StrEnum):
    """How a deployment ended."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    ROLLED_BACK = "rolled_back"
    """Failed, and everything that had been changed was put back."""
    ROLLBACK_INCOMPLETE = "rollback_incomplete"
    """Failed, and something that was changed is still changed."""
    INVALID = "invalid"
    INTERRUPTED = "interrupted"


EXIT_STATUS = {
    Status.DEPLOYED: 0,
    Status.UNCHANGED: 0,
    Status.PLANNED: 0,
    Status.ROLLED_BACK: 1,
    Status.INVALID: EXIT_INVALID,
    Status.ROLLBACK_INCOMPLETE: 4,
    Status.INTERRUPTED: 130,
}


@dataclass(frozen=True)
class DeployResult:
    """What was done, and what was not."""

    status: Status
    plan: Plan
    ledger: Ledger
    errors: tuple[DeploymentSystemError, ...] = ()
    seconds: float = 0.0
    plan_id: str | None = None
    urls: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where the UI shows what was made, by flow and deployment: names repeat across flows."""
    requests_sent: int = 0
    interrupted_with: int | None = None
    """The exit status that the interruption asks for."""

    @property
    def exit_status(self) -> int:
        """As the contract of the command line says."""
        if self.status is Status.INTERRUPTED and self.interrupted_with is not None:
            return self.interrupted_with
        return EXIT_STATUS[self.status]

    def outcome(self, change: Change) -> str:
        """What became of one change."""
        if change.action is Action.UNCHANGED:
            return Action.UNCHANGED.value
        return self.ledger.of(change).value

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `deploy` shows it."""
        planned = self.plan.to_dict()
        changes = [
            {**shown, "outcome": self.outcome(change)}
            for shown, change in zip(planned["changes"], self.plan.changes, strict=True)
        ]
        return {
            **planned,
            "plan_id": self.plan_id,
            "status": self.status.value,
            "changes": changes,
            "errors": [error.to_dict() for error in self.errors],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """How to go about it."""

    strict: bool = False
    """One invalid flow makes the whole fail."""
    dry_run: bool = False
    force: bool = False
    ceiling: int = DEFAULT_CEILING
    """The most writes side by side."""
    wait_seconds: float = 0.0
    """How long to wait for another deployer."""
    on_wait: OnWait | None = None
    plan_file: Path | None = None
    """Do exactly what this saved plan says."""
    assessment: Options = field(default_factory=Options)


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
    began = time.monotonic()
    saved = None
    if options.plan_file is not None:
        selection, saved = read_selection(options.plan_file)
    with project.connect() as server, _transactions(project, options, progress) as (manager, left):
        planned = make_plan(
            project,
            server,
            selection,
            options=options.assessment,
            force=options.force,
            progress=progress,
        )
        plan = replace(planned.plan, warnings=(*planned.plan.warnings, *left))
        if saved is not None and options.plan_file is not None:
            check_still_true(options.plan_file, saved, plan, selection, project.owner.project)
        if options.strict and plan.skipped:
            raise ProblemsFound([item.error for item in plan.skipped], EXIT_INVALID, "invalid")
        if manager is None:
            return DeployResult(Status.PLANNED, plan, Ledger(), seconds=time.monotonic() - began)
        if not plan.effective:
            _remember(project, planned.desired)
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
        flow_ids = dict(planned.observed.flow_ids)
        result = _apply(project, server, manager, plan, flow_ids, options, began, progress)
    if result.status is Status.DEPLOYED:
        _remember(project, planned.desired)
    return result


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
    began = time.monotonic()
    with project.connect() as server, _transactions(project, options, progress) as (manager, left):
        plan = _plan_cleaning(project, server, selection, force=options.force, progress=progress)
        plan = replace(plan, warnings=(*plan.warnings, *left))
        if manager is None:
            return DeployResult(Status.PLANNED, plan, Ledger(), seconds=time.monotonic() - began)
        if not plan.effective:
            return DeployResult(Status.UNCHANGED, plan, Ledger(), seconds=time.monotonic() - began)
        began += _confirmed(project, plan, confirm)
        return _apply(project, server, manager, plan, {}, options, began, progress)


def _plan_cleaning(
    project: Project, server: PrefectServer, selection: Selection, *, force: bool, progress: Progress
) -> Plan:
    observed = observe(server, [], project.owner, progress)
    candidates = [
        item
        for item in owned_by(project.owner, observed)
        if selection.takes(item.flow_name, item.name, item.file) and selection.types in ("all", item.type)
    ]
    used = {} if force else in_use(server, candidates, project.environment_name)
    changes = [
        Change(Action.UNCHANGED, item.name, item.flow_name, {}, actual=item)
        if item.id in used
        else plan_deletion(item)
        for item in candidates
    ]
    return Plan(
        project.environment_name,
        server.url,
        tuple(changes),
        warnings=(*project.warnings, *used.values()),
    )


@contextmanager
def _transactions(
    project: Project, options: DeployOptions, progress: Progress
) -> Iterator[tuple[RollbackManager | None, Sequence[DeploymentError]]]:
    """The rollback manager, as the only deployer, once what was left unfinished is settled, and what of
    that was left alone; None where nothing is to be changed."""
    if options.dry_run:
        yield None, ()
        return
    with (
        transactions(project, progress) as manager,
        only_deployer(project, manager, wait_seconds=options.wait_seconds, on_wait=options.on_wait),
    ):
        yield manager, settle(project, manager)


def _apply(
    project: Project,
    server: PrefectServer,
    manager: RollbackManager,
    plan: Plan,
    flow_ids: dict[str, str],
    options: DeployOptions,
    began: float,
    progress: Progress,
) -> DeployResult:
    ledger = Ledger()
    applier = Applier(server, project.owner, ledger, options.ceiling, manager, progress, flow_ids)
    errors: list[DeploymentSystemError] = []
    interrupted_with = None
    plan_id = manager.start_transaction(
        f"{len(plan.effective)} change(s) in {plan.environment}", scope=scope_of(project)
    )
    try:
        applier.apply(plan.effective)
        manager.commit_transaction()
    except DeploymentSystemError as error:
        errors = [error, *_rolled_back(manager, plan, ledger, plan_id, error, progress)]
        remember_outcome(project, manager, plan.effective, plan_id, error)
        status = Status.ROLLED_BACK
    except (KeyboardInterrupt, SystemExit) as end:
        interrupted_with = end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else None
        cause = _interrupted(project)
        errors = [cause, *_rolled_back(manager, plan, ledger, plan_id, cause, progress)]
        status = Status.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, what was changed is put back and told
        unforeseen = _unforeseen(error)
        errors = [unforeseen, *_rolled_back(manager, plan, ledger, plan_id, unforeseen, progress)]
        status = Status.ROLLED_BACK
    else:
        # Only now: what fails from here on must not take back what is committed.
        remember_outcome(project, manager, plan.effective, plan_id, None)
        status = Status.DEPLOYED
    if len(errors) > 1:
        status = Status.ROLLBACK_INCOMPLETE
    return DeployResult(
        status,
        plan,
        ledger,
        tuple(errors),
        time.monotonic() - began,
        plan_id,
        applier.urls() if status is Status.DEPLOYED else {},
        server.requests_sent,
        interrupted_with,
    )


def _rolled_back(
    manager: RollbackManager,
    plan: Plan,
    ledger: Ledger,
    plan_id: str,
    error: DeploymentSystemError,
    progress: Progress,
) -> Sequence[DeploymentSystemError]:
    """Puts everything back and notes what became of each change; what could not be put back, as errors."""
    progress("roll back", 0, None, "")
    try:
        complete = manager.execute_rollback(plan_id, error=error)
    except DeploymentSystemError as failure:
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


def _remember(project: Project, desired: Sequence[DesiredDeployment]) -> None:
    before = project.state.read_memory(project.environment_name)
    after = remembered(desired, before)
    if after != before:
        project.state.write_memory(project.environment_name, after)
