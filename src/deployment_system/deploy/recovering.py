"""`recovery`: transactions of the past, looked at and taken back, each with its environment's credentials."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from deployment_system.deploy.emitting import emit_recovery
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import (
    only_deployer,
    scope_of,
    still_open,
    transactions,
)
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    RecoveryError,
    RollbackManager,
    RollbackPlan,
)
from deployment_system.error_handling.undo_preview import Preview

OpenEnvironment = Callable[[str], Project]
"""The same repository with another environment active."""


@dataclass(frozen=True)
class Recovered:
    """What came of rolling back some plans."""

    plans: tuple[RollbackPlan, ...]
    errors: tuple[DeploymentError, ...]
    """One for each plan of which something is still to be put back."""
    untold: tuple[DeploymentSystemError, ...] = ()
    """Why a server was not told of it as an event."""


def plan_named(manager: RollbackManager, plan_id: str) -> RollbackPlan:
    """The plan of that id. Raises PLAN_NOT_FOUND."""
    found = manager.rollback_plans.get(plan_id)
    if found is None:
        raise RecoveryError(f"there is no transaction {plan_id!r}", error_code=ErrorCodes.PLAN_NOT_FOUND)
    return found


def unfinished_plans(project: Project, manager: RollbackManager) -> list[RollbackPlan]:
    """Every plan that was neither committed nor rolled back, the newest first: of the environment that was
    named, else of every environment of the project, and those that belong to no environment."""
    mine = f"{project.owner.project}/"
    return [
        plan
        for plan in manager.unfinished()
        if (
            plan.scope == scope_of(project)
            if project.environment_was_named
            else plan.scope is None or plan.scope.startswith(mine)
        )
    ]


def preview(
    project: Project, plans: Sequence[RollbackPlan], open_environment: OpenEnvironment, *, force: bool
) -> dict[str, list[Preview]]:
    """By plan id, what rolling it back would do. Changes nothing."""
    found: dict[str, list[Preview]] = {}
    for plan in plans:
        with _manager_for(project, plan, open_environment, no_progress) as (manager, _):
            found[plan.plan_id] = manager.preview_rollback(plan.plan_id, force=force)
    return found


def recover(
    project: Project,
    plans: Sequence[RollbackPlan],
    open_environment: OpenEnvironment,
    *,
    force: bool,
    progress: Progress = no_progress,
) -> Recovered:
    """Rolls the plans back in their order. Raises LOCK_HELD where somebody else is at work on one."""
    errors: list[DeploymentError] = []
    untold: list[DeploymentSystemError] = []
    for scope, of_scope in groupby(plans, key=lambda plan: plan.scope):
        together = list(of_scope)
        with (
            _manager_for(project, together[0], open_environment, progress) as (manager, there),
            only_deployer(scope or scope_of(project), manager),
        ):
            for plan in together:
                complete = manager.execute_rollback(plan.plan_id, force=force)
                if not complete:
                    errors.append(still_open(plan))
                untold += emit_recovery(there, plan, complete=complete)
    return Recovered(tuple(plans), tuple(errors), tuple(untold))


@contextmanager
def _manager_for(
    project: Project, plan: RollbackPlan, open_environment: OpenEnvironment, progress: Progress
) -> Iterator[tuple[RollbackManager, Project]]:
    """A manager that has the credentials of the plan's environment, where it is still configured; beside it
    the project with that environment."""
    owner, _, name = (plan.scope or "").rpartition("/")
    is_other = owner == project.owner.project and name != project.environment_name
    known = is_other and name in project.configuration.environments
    there = open_environment(name) if known else project
    with transactions(there, progress) as manager:
        yield manager, there
