"""`--recover`: shows what a recovery plan would do about a failure, asks, does it, says what came of it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
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
from deployment_system.deploy.measuring import write_recoveries
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.catalogue import Catalogue, open_catalogue
from deployment_system.deploy.recovery.hints import hints
from deployment_system.deploy.recovery.mending import TriedAgain, mend, with_recovery
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.deploy.result import DeployResult
from deployment_system.deploy.transactions import EXIT_ROLLBACK_INCOMPLETE
from deployment_system.error_handling import Confidence, DeploymentSystemError
from deployment_system.error_handling.recovery_manager import (
    ProposedStep,
    Recovery,
    RecoveryManager,
    RecoveryOutcome,
)
from deployment_system.error_handling.recovery_plans import RecoveryPlan


def recovering(invocation: Invocation, mode: str | None, attempt: Callable[[], DeployResult]) -> TriedAgain:
    """The attempt, with what `--recover` asks for; without it, on a terminal a person is asked, and elsewhere
    nothing is mended."""
    mode = mode or ("ask" if invocation.interactive and not invocation.json else "off")
    if mode == "off":
        return TriedAgain(attempt())

    def mend_all(errors: Sequence[DeploymentSystemError]) -> Sequence[Recovery]:
        invocation.signals.release()
        done = mend_here(invocation, errors, auto=mode == "auto")
        invocation.recoveries = tuple(recovery.to_dict() for recovery in done)
        if done and done[-1].outcome is RecoveryOutcome.RECOVERED:
            record_errors(invocation, errors)  # others are kept by whoever tells them at the end
        return done

    return with_recovery(attempt, mend_all)


def mend_here(
    invocation: Invocation,
    errors: Sequence[DeploymentSystemError],
    *,
    auto: bool,
    each_for_itself: bool = False,
) -> Sequence[Recovery]:
    """Carries out what the plans of this folder can do about these errors, and says what came of it. Where
    the plans or the state cannot be used, that is said, and nothing is mended: the errors stay the matter.
    `each_for_itself`: one that is not mended keeps no other from being so."""
    auto = auto and not _protected(invocation)
    with ExitStack() as stack:
        try:
            manager = stack.enter_context(recovery_manager(invocation, auto=auto))
        except (ProblemsFound, DeploymentSystemError) as trouble:
            problems = trouble.errors if isinstance(trouble, ProblemsFound) else [trouble]
            write_note(invocation, "nothing can be mended, because:")
            say_errors(invocation, problems)
            return ()
        done = mend(
            manager,
            errors,
            lambda step: agreed(invocation, step, auto=auto),
            each_for_itself=each_for_itself,
        )
        mended_all = bool(done) and done[-1].outcome is RecoveryOutcome.RECOVERED
        hinted = (
            () if mended_all else dict.fromkeys(text for error in errors for text in hints(manager, error))
        )
    for recovery in done:
        say_recovery(invocation, recovery)
    count_recoveries(invocation, done)
    for text in hinted:
        write_note(invocation, f"by hand: {text}")
    record_errors(invocation, [recovery.error for recovery in done if recovery.error is not None])
    return done


def _protected(invocation: Invocation) -> bool:
    """Whether somebody has to be asked, whatever --recover says: --yes together with --env answers."""
    project = project_or_none(invocation)
    if project is None or not project.environment.protected:
        return False
    return not (invocation.yes and project.environment_was_named)


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


@dataclass(frozen=True)
class Wanted:
    """Which recovery, and how far to go."""

    auto: bool = False
    dry_run: bool = False
    version: str | None = None
    """Of a preview that somebody has agreed to."""
    plan: str | None = None
    """Only the plan of that name."""


def recover_error(
    invocation: Invocation, error_id: str, wanted: Wanted, *, plan: RecoveryPlan | None = None
) -> int:
    """Carries out the recovery plan of an error of the history, in the environment where it happened; the
    exit status. Without a yes, shows what would be done. `plan`: which it has to be for."""
    with history_here(invocation) as history:
        report = one_report(history, error_id)
    error = DeploymentSystemError.from_dict(report)
    if plan is not None and not plan.is_for(error):
        only = "".join(f" where {name} is {value!r}" for name, value in plan.when.items())
        raise click.UsageError(
            f"That error is a {error.error_code}: the plan is for {', '.join(plan.codes)}{only}."
        )
    was_named = invocation.environment is not None
    _go_where_it_happened(invocation, report["environment"])
    return recover_here(invocation, error, wanted, was_named=was_named, error_id=report["error_id"])


def recover_here(
    invocation: Invocation,
    error: DeploymentSystemError,
    wanted: Wanted,
    *,
    was_named: bool,
    error_id: str | None = None,
) -> int:
    """Carries out the recovery plan of an error, or shows what would be done; the exit status."""
    invocation.yes = invocation.yes or wanted.auto or wanted.version is not None
    if (project := project_or_none(invocation)) is not None:
        say_target(invocation, project)
        if invocation.yes and not wanted.dry_run:
            # The environment that the history knows is none that somebody has named.
            check_protection(invocation, replace(project, environment_was_named=was_named))
    auto = wanted.auto or wanted.version is not None
    with recovery_manager(invocation, auto=auto) as manager:
        others = {plan.name for plan in manager.plans if wanted.plan not in (None, plan.name)}
        recovery = manager.propose(error, without=others)
        somebody_answers = not wanted.dry_run and (invocation.yes or invocation.interactive)
        if somebody_answers and recovery.outcome is RecoveryOutcome.PROPOSED:
            recovery = manager.recover(
                error,
                agreed=lambda step: agreed(invocation, step, auto=auto),
                proposed=None if wanted.version else recovery,
                version=wanted.version,
                without=others,
            )
            count_recoveries(invocation, [recovery])
    if recovery.error is not None:
        record_errors(invocation, [recovery.error])
    guidance = list(dict.fromkeys([*error.remediation, *recovery.plan.guidance]))
    document = recovery.to_dict() | {"error_id": error_id, "guidance": guidance}
    text = recovery_text(recovery)
    if recovery.outcome is RecoveryOutcome.PROPOSED and error_id is not None:
        again = f"deployment-cli recovery execute --error {error_id} --preview-version {recovery.version}"
        text += f"\nnothing was done: `{again}` does exactly this"
    if project is not None and recovery.outcome is RecoveryOutcome.RECOVERED:
        untold = emit_mended(project, error, recovery.plan_id)
        record_errors(invocation, untold)
        say_warnings(invocation, untold)
    told = tell(
        invocation,
        _STATUS_TOLD.get(recovery.outcome, ""),
        [error if recovery.error is None else recovery.error],
        plan_id=recovery.plan_id,
        summary="; ".join(recovery.messages),
    )
    write_result(invocation, document | told.to_dict(), text)
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


def place_here(invocation: Invocation) -> RecoveryPlace:
    """The folder, with what the command was told."""
    return RecoveryPlace(Path.cwd(), os.environ, invocation.config_file, invocation.environment)


def catalogue_here(invocation: Invocation) -> Catalogue:
    """The plans of this folder: also where its configuration is what is wrong. Raises `ProblemsFound`."""
    place = place_here(invocation)
    return open_catalogue(place.root, os.environ, project_or_none(invocation), place)


def count_recoveries(invocation: Invocation, done: Sequence[Recovery]) -> None:
    """For who watches; where the configuration cannot be used, nobody knows where to count."""
    if done and (project := project_or_none(invocation)) is not None:
        write_recoveries(project, done)


@contextmanager
def recovery_manager(invocation: Invocation, *, auto: bool) -> Iterator[RecoveryManager]:
    """Who carries out the plans of this folder: also where its configuration is what is wrong."""
    catalogue = catalogue_here(invocation)
    with place_here(invocation).transactions() as transactions:
        manager = catalogue.manager(transactions)
        manager.agreed_by = "an option of the command" if auto or invocation.yes else "a person who was asked"
        yield manager


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
    if recovery.outcome is RecoveryOutcome.RECOVERED and recovery.seconds is not None:
        word = f"recovered in {recovery.seconds:.2f} s"
    write_note(invocation, f"{word}: {'; '.join(recovery.messages)}")
    if recovery.outcome is RecoveryOutcome.RECOVERED and recovery.plan_id:
        undo = f"deployment-cli recovery execute --plan-id {recovery.plan_id}"
        write_note(invocation, f"  `{undo}` takes it back")
