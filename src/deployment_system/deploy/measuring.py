"""What a command leaves in the measures of the state when it ends, in one write.

Monitoring must not get in the way: where the measures cannot be written, the log says so and the command ends
as it would have.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployment_system.deploy.plan import Action, Plan
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.project import Project
from deployment_system.deploy.result import DeployResult, Status
from deployment_system.error_handling import DeploymentSystemError, ErrorCodes
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.store import open_store
from deployment_system.monitoring.names import (
    COMMAND_SECONDS,
    COMMANDS,
    DEPLOYMENTS,
    FAILED,
    IN_SYNC,
    INTERRUPTED,
    LAST_COMMAND,
    LAST_LOOK,
    LOCKED,
    OUT_OF_SYNC,
    RECOVERIES,
)

if TYPE_CHECKING:
    from deployment_system.error_handling.recovery_manager import Recovery

MOST_PLANS = 50
"""Recovery plans that are counted by their names; those that come later are counted together."""
OTHER_PLANS = "other"
PATIENCE_SECONDS = 2.0
"""How long a command that has ended waits for a state that others write to."""

_log = logger_of(__name__)


@dataclass
class Run:
    """How a command ended, as whoever runs it says; `seconds`: without those that a person took to answer."""

    outcome: str = FAILED
    seconds: float | None = None


@contextmanager
def measured(project: Project, command: str, *, counts: bool) -> Iterator[Run]:
    """Counts and times what happens in the block, and writes everything that was collected meanwhile.
    `counts`: False for one that only shows what it would do."""
    run, began = Run(), time.monotonic()
    try:
        yield run
    except ProblemsFound as problems:
        run.outcome = str(problems.status)
        raise
    except DeploymentSystemError as error:
        run.outcome = LOCKED if error.error_code == ErrorCodes.LOCK_HELD else FAILED
        raise
    except (KeyboardInterrupt, SystemExit):
        run.outcome = INTERRUPTED
        raise
    finally:
        if counts:
            seconds = time.monotonic() - began if run.seconds is None else run.seconds
            _tell_command(project, command, run.outcome, seconds)
        write_collected(project, make=counts)


def _tell_command(project: Project, command: str, outcome: str, seconds: float) -> None:
    collected, environment = project.collected, project.environment_name
    told = {"command": command, "environment": environment, "outcome": outcome}
    collected.count(COMMANDS, **told)
    collected.level(LAST_COMMAND, time.time(), **told)
    collected.seconds(COMMAND_SECONDS, seconds, command=command, environment=environment)


def write_collected(project: Project, *, make: bool = False) -> None:
    """Writes what was collected; `make`: also where there is no state yet, which one that only looks does not
    make."""
    if not make and not project.has_state:
        return
    measures = project.collected.taken()
    if not measures:
        return
    try:
        project.state.make()
        with open_store(project.state_target, patience_seconds=PATIENCE_SECONDS) as store:
            store.measures.write(measures)
    except DeploymentSystemError as error:
        _log.warning("the measures of this run are not kept: %s", error.message)
    except (KeyboardInterrupt, SystemExit):
        # What the command did is done: that must be told, rather than that it was interrupted.
        _log.warning("the measures of this run are not kept: it was interrupted while they were written")


def tell_result(run: Run, project: Project, selection: Selection, result: DeployResult) -> None:
    """What came of `deploy` or `clean`."""
    run.outcome, run.seconds = result.status.value, result.seconds
    if result.status is not Status.PLANNED:
        tell_sync(project, selection, result.plan, done=result.status is Status.DEPLOYED)


def tell_sync(project: Project, selection: Selection, plan: Plan, *, done: bool = False) -> None:
    """How many deployments are as declared, where the plan is about all of them; `done`: as all of it was
    made."""
    if selection.only or selection.types != "all":
        return
    same = sum(change.action is Action.UNCHANGED for change in plan.changes)
    gone = sum(change.action is Action.DELETE for change in plan.changes) if done else 0
    differing = 0 if done else len(plan.changes) - same
    tell_deployments(project, len(plan.changes) - differing - gone, differing)


def tell_deployments(project: Project, in_sync: int, out_of_sync: int) -> None:
    """How many are as declared, and how many are not, now."""
    environment = project.environment_name
    for state, number in ((IN_SYNC, in_sync), (OUT_OF_SYNC, out_of_sync)):
        project.collected.level(DEPLOYMENTS, number, state=state, environment=environment)
    project.collected.level(LAST_LOOK, time.time(), environment=environment)


def write_recoveries(project: Project, recoveries: "Iterable[Recovery]") -> None:
    """Counts what recovery plans did. A user may have any number of plans, and rename them: those of names
    that are not known yet, once there are many, are counted together."""
    done = list(recoveries)
    if not done:
        return
    try:
        project.state.make()
        with open_store(project.state_target, patience_seconds=PATIENCE_SECONDS) as store:
            known = {each.labels["plan"] for each in store.measures.all() if each.name == RECOVERIES}
            for recovery in done:
                name = recovery.plan.name
                if name not in known and len(known) >= MOST_PLANS:
                    name = OTHER_PLANS
                known.add(name)
                project.collected.count(
                    RECOVERIES,
                    plan=name,
                    environment=project.environment_name,
                    outcome=recovery.outcome.value,
                )
            store.measures.write(project.collected.taken())
    except DeploymentSystemError as error:
        _log.warning("what became of recoveries is not counted: %s", error.message)
