"""`--recover`: shows what a recovery plan would do about a failure, asks, does it, says what came of it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from deployment_system.cli.history import history_here, one_report
from deployment_system.cli.invocation import Invocation
from deployment_system.cli.notifying import tell
from deployment_system.cli.opening import check_protection, project_or_none, say_target
from deployment_system.cli.output import say_errors, say_warnings, write_note, write_result
from deployment_system.cli.recording import record_errors
from deployment_system.cli.render.recovery_plans import coloured_diff, recovery_text
from deployment_system.deploy.emitting import emit_mended
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.catalogue import Catalogue, open_catalogue
from deployment_system.deploy.recovery.mending import TriedAgain, mend, with_recovery
from deployment_system.deploy.result import DeployResult
from deployment_system.deploy.transactions import EXIT_ROLLBACK_INCOMPLETE, transactions
from deployment_system.error_handling import Confidence, DeploymentSystemError
from deployment_system.error_handling.recovery_manager import (
    ProposedStep,
    Recovery,
    RecoveryManager,
    RecoveryOutcome,
)


def recovering(invocation: Invocation, mode: str | None, attempt: Callable[[], DeployResult]) -> TriedAgain:
    """The attempt, with what `--recover` asks for; without it, on a terminal a person is asked, and elsewhere
    nothing is mended."""
    mode = mode or ("ask" if invocation.interactive and not invocation.json else "off")
    if mode == "off":
        return TriedAgain(attempt())

    def mend_all(errors: Sequence[DeploymentSystemError]) -> Sequence[Recovery]:
        done = mend_here(invocation, errors, auto=mode == "auto")
        if done and done[-1].outcome is RecoveryOutcome.RECOVERED:
            record_errors(invocation, errors)  # others are kept by whoever tells them at the end
        return done

    return with_recovery(attempt, mend_all)


def mend_here(
    invocation: Invocation, errors: Sequence[DeploymentSystemError], *, auto: bool
) -> Sequence[Recovery]:
    """Carries out what the plans of this folder can do about these errors, and says what came of it. Where
    the plans or the state cannot be used, that is said, and nothing is mended: the errors stay the matter."""
    with ExitStack() as stack:
        try:
            manager = stack.enter_context(recovery_manager(invocation))
        except (ProblemsFound, DeploymentSystemError) as trouble:
            problems = trouble.errors if isinstance(trouble, ProblemsFound) else [trouble]
            write_note(invocation, "nothing can be mended, because:")
            say_errors(invocation, problems)
            return ()
        done = mend(manager, errors, lambda step: agreed(invocation, step, auto=auto))
    for recovery in done:
        say_recovery(invocation, recovery)
    record_errors(invocation, [recovery.error for recovery in done if recovery.error is not None])
    return done


_EXIT_STATUS = {
    RecoveryOutcome.RECOVERED: 0,
    RecoveryOutcome.PROPOSED: 0,
    RecoveryOutcome.INCOMPLETE: EXIT_ROLLBACK_INCOMPLETE,
}
"""Of the others it is that of a failure after which everything is as before."""

_STATUS_TOLD = {
    RecoveryOutcome.RECOVERED: "recovered",
    RecoveryOutcome.INCOMPLETE: "rollback_incomplete",
    RecoveryOutcome.IN_VAIN: "failed",
}
"""What people hear of a recovery; of one that did nothing they hear nothing."""


def recover_error(invocation: Invocation, error_id: str, *, auto: bool) -> int:
    """Carries out the recovery plan of an error of the history, in the environment where it happened; the
    exit status. Without a yes, shows what would be done."""
    with history_here(invocation) as history:
        report = one_report(history, error_id)
    error = DeploymentSystemError.from_dict(report)
    was_named = invocation.environment is not None
    _go_where_it_happened(invocation, report["environment"])
    invocation.yes = invocation.yes or auto
    if (project := project_or_none(invocation)) is not None:
        say_target(invocation, project)
        if invocation.yes:
            # The environment that the history knows is none that somebody has named.
            check_protection(invocation, replace(project, environment_was_named=was_named))
    with recovery_manager(invocation) as manager:
        recovery = manager.propose(error)
        somebody_answers = auto or invocation.yes or invocation.interactive
        if somebody_answers and recovery.outcome is RecoveryOutcome.PROPOSED:
            recovery = manager.recover(
                error, agreed=lambda step: agreed(invocation, step, auto=auto), proposed=recovery
            )
    if recovery.error is not None:
        record_errors(invocation, [recovery.error])
    if project is not None and recovery.outcome is RecoveryOutcome.RECOVERED:
        untold = emit_mended(project, error, recovery.plan_id)
        record_errors(invocation, untold)
        say_warnings(invocation, untold)
    document = recovery.to_dict() | {"error_id": report["error_id"], "guidance": error.remediation}
    told = tell(
        invocation,
        _STATUS_TOLD.get(recovery.outcome, ""),
        [error if recovery.error is None else recovery.error],
        plan_id=recovery.plan_id,
        summary="; ".join(recovery.messages),
    )
    write_result(invocation, document | told.to_dict(), recovery_text(recovery))
    told.deliver()
    return _EXIT_STATUS.get(recovery.outcome, 1)


def _go_where_it_happened(invocation: Invocation, environment: str | None) -> None:
    """What mends one environment would be wrong in another. Raises USAGE_INVALID where that is asked for."""
    if environment is None:
        return
    if invocation.environment not in (None, environment):
        raise click.UsageError(
            f"The error happened in environment {environment!r}, not in {invocation.environment!r}."
        )
    invocation.environment = environment


def catalogue_here(invocation: Invocation) -> Catalogue:
    """The plans of this folder: also where its configuration is what is wrong. Raises `ProblemsFound`."""
    project = project_or_none(invocation)
    return open_catalogue(project.root if project else Path.cwd(), os.environ, project)


@contextmanager
def recovery_manager(invocation: Invocation) -> Iterator[RecoveryManager]:
    """Who carries out the plans of this folder: also where its configuration is what is wrong."""
    project = project_or_none(invocation)
    if project is None:
        yield open_catalogue(Path.cwd(), os.environ).manager()
        return
    with transactions(project) as manager:
        yield open_catalogue(project.root, os.environ, project).manager(manager)


def agreed(invocation: Invocation, step: ProposedStep, *, auto: bool) -> bool:
    """Whether a step may be done. What it would change is said; --yes answers for certain ones only."""
    if step.proposal is None:
        return False
    write_note(invocation, f"recovery: {step.proposal.text}")
    if step.proposal.diff:
        write_note(invocation, coloured_diff(step.proposal.diff))
    if auto or (invocation.yes and step.step.confidence is Confidence.CERTAIN):
        return True
    return invocation.interactive and click.confirm("Do this?", err=True)


def say_recovery(invocation: Invocation, recovery: Recovery) -> None:
    """What came of it, in words."""
    word = {
        RecoveryOutcome.RECOVERED: "recovered",
        RecoveryOutcome.REFUSED: "not recovered",
        RecoveryOutcome.IN_VAIN: "not recovered",
        RecoveryOutcome.INCOMPLETE: "not recovered, and not everything could be put back",
    }.get(recovery.outcome, recovery.outcome.value)
    write_note(invocation, f"{word}: {'; '.join(recovery.messages)}")
    if recovery.outcome is RecoveryOutcome.RECOVERED and recovery.plan_id:
        undo = f"deployment-cli recovery execute --plan-id {recovery.plan_id}"
        write_note(invocation, f"  `{undo}` takes it back")
