"""`deploy` and `clean`: plan, ask, apply, and say what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.apply import Applier, Ledger, Outcome, Progress, no_progress
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
from deployment_system.deploy.project import Project
from deployment_system.deploy.saved_plan import check_still_true, read_selection
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
)

Confirm = Callable[[Plan], bool]
"""Shows a plan to a person and asks; False: nothing is done."""


class Status(StrEnum):
    """How a deployment ended."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    ROLLED_BACK = "rolled_back"
    """Failed, and the server is as it was."""
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
    urls: dict[str, str] = field(default_factory=dict)
    requests_sent: int = 0

    @property
    def exit_status(self) -> int:
        """As the contract of the command line says."""
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
    with project.connect() as server:
        planned = make_plan(
            project,
            server,
            selection,
            options=options.assessment,
            force=options.force,
            progress=progress,
        )
        plan = planned.plan
        if saved is not None and options.plan_file is not None:
            check_still_true(options.plan_file, saved, plan, selection, project.owner.project)
        if options.strict and plan.skipped:
            raise ProblemsFound([item.error for item in plan.skipped], EXIT_INVALID, "invalid")
        if options.dry_run:
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
        began += _confirmed(project, plan, confirm)
        result = _apply(project, server, plan, dict(planned.observed.flow_ids), options, began, progress)
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
    with project.connect() as server:
        plan = _plan_cleaning(project, server, selection, force=options.force, progress=progress)
        if options.dry_run:
            return DeployResult(Status.PLANNED, plan, Ledger(), seconds=time.monotonic() - began)
        if not plan.effective:
            return DeployResult(Status.UNCHANGED, plan, Ledger(), seconds=time.monotonic() - began)
        began += _confirmed(project, plan, confirm)
        return _apply(project, server, plan, {}, options, began, progress)


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


def _apply(
    project: Project,
    server: PrefectServer,
    plan: Plan,
    flow_ids: dict[str, str],
    options: DeployOptions,
    began: float,
    progress: Progress,
) -> DeployResult:
    ledger = Ledger()
    applier = Applier(server, project.owner, ledger, options.ceiling, progress, flow_ids)
    errors: list[DeploymentSystemError] = []
    try:
        applier.apply(plan.effective)
        status = Status.DEPLOYED
    except DeploymentSystemError as error:
        errors = [error, *_half_done(plan, ledger)]
        status = Status.ROLLBACK_INCOMPLETE if ledger.touched else Status.ROLLED_BACK
    except (KeyboardInterrupt, SystemExit):
        if not ledger.touched:
            raise
        errors = [_interrupted(project), *_half_done(plan, ledger)]
        status = Status.ROLLBACK_INCOMPLETE
    return DeployResult(
        status,
        plan,
        ledger,
        tuple(errors),
        time.monotonic() - began,
        urls=applier.urls(),
        requests_sent=server.requests_sent,
    )


def _half_done(plan: Plan, ledger: Ledger) -> Sequence[DeploymentSystemError]:
    """Says exactly what was and what was not done, where something was."""
    if not ledger.touched:
        return ()
    by_outcome: dict[str, list[str]] = {}
    for change in plan.effective:
        by_outcome.setdefault(ledger.of(change).value, []).append(change.name)
    done = len(by_outcome.get(Outcome.DONE, [])) + len(by_outcome.get(Outcome.APPLIED, []))
    open_ones = by_outcome.get(Outcome.UNKNOWN, [])
    unknown = f", {', '.join(open_ones)} may or may not be" if open_ones else ""
    return (
        DeploymentError(
            f"{done} of {len(plan.effective)} changes are on the server and stay there{unknown}",
            error_code=ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED,
            severity=ErrorSeverity.HIGH,
            context=ErrorContext(environment=plan.environment, operation="deploy", outcomes=by_outcome),
            remediation=[
                "Mend the first error and run `deployment-cli deploy` again: it does what is missing.",
                "Or look first: `deployment-cli plan` shows what is left to do.",
            ],
        ),
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
