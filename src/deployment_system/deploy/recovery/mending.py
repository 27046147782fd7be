"""A command that failed, mended where a recovery plan can, and tried once more from a clean state."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.result import EXIT_STATUS, DeployResult, Status
from deployment_system.error_handling import DeploymentSystemError
from deployment_system.error_handling.recovery_limits import too_broad
from deployment_system.error_handling.recovery_manager import (
    Agreed,
    Recovery,
    RecoveryManager,
    RecoveryOutcome,
)

_WORTH_A_RECOVERY = (Status.ROLLED_BACK, Status.INVALID, Status.ROLLBACK_INCOMPLETE)
"""What could not be put back, because an engine or a server went away, is put back by the next attempt before
anything else; where nothing is mended, there is none, and that stays the outcome."""
_WENT_WELL = (Status.DEPLOYED, Status.UNCHANGED)

Attempt = Callable[[], DeployResult]
Mend = Callable[[Sequence[DeploymentSystemError]], Sequence[Recovery]]


def mend(
    manager: RecoveryManager,
    errors: Iterable[DeploymentSystemError],
    agreed: Agreed,
    *,
    each_for_itself: bool = False,
) -> list[Recovery]:
    """Carries out what can be done about these errors, each cause once; where one plan does not help, the
    next one. Ends with the first error that is not mended: what all of them kept from being done could not be
    done then. `each_for_itself`: there is no such thing, and it goes on."""
    causes = distinct(manager, errors)
    if refusal := too_broad(_flows(error for error, _ in causes), manager.limits):
        (_, first), *_ = causes
        return [replace(first, outcome=RecoveryOutcome.REFUSED, messages=(refusal.message,), error=refusal)]
    done: list[Recovery] = []
    for error, _ in causes:
        if done and manager.propose(error).outcome is RecoveryOutcome.ADVICE:
            continue  # what was mended before has mended this one too, or has to be looked at anew
        done.append(manager.recover(error, agreed=agreed))
        tried = {done[-1].plan.name}
        while done[-1].outcome is RecoveryOutcome.IN_VAIN:
            another = manager.recover(error, agreed=agreed, without=tried)
            if another.outcome is RecoveryOutcome.ADVICE:
                break
            done.append(another)
            tried.add(another.plan.name)
        ended = done[-1].outcome
        if ended is RecoveryOutcome.INCOMPLETE or (
            ended is not RecoveryOutcome.RECOVERED and not each_for_itself
        ):
            break
    return done


def distinct(
    manager: RecoveryManager, errors: Iterable[DeploymentSystemError]
) -> list[tuple[DeploymentSystemError, Recovery]]:
    """Those that a plan can act on, with what it would do: errors for which the same would be done have one
    cause."""
    found: dict[str, tuple[DeploymentSystemError, Recovery]] = {}
    for error in errors:
        recovery = manager.propose(error)
        if recovery.outcome is RecoveryOutcome.PROPOSED:
            found.setdefault(recovery.version, (error, recovery))
    return list(found.values())


def _flows(errors: Iterable[DeploymentSystemError]) -> list[str]:
    """What the errors are about: a flow each, or else a file, or what the error says."""
    named = (error.context.flow_name or error.context.file_path or error.message for error in errors)
    return list(dict.fromkeys(named))


@dataclass(frozen=True)
class TriedAgain:
    """A deployment with what was mended for it."""

    result: DeployResult
    recoveries: tuple[Recovery, ...] = field(default=())


def with_recovery(attempt: Attempt, mend_all: Mend) -> TriedAgain:
    """The attempt; where it failed and everything could be mended, another one. Raises what the attempt
    raises, and `ProblemsFound` with exit status 4 where a recovery failed and could not be put back."""
    failure: ProblemsFound | DeploymentSystemError | None = None
    try:
        first = attempt()
        if first.status not in _WORTH_A_RECOVERY:
            return TriedAgain(first)
        errors = list(first.errors)
    except ProblemsFound as problems:
        failure, errors = problems, list(problems.errors)
    except DeploymentSystemError as error:
        failure, errors = error, [error]
    recoveries = tuple(mend_all(errors))
    refused = [each.error for each in recoveries if each.outcome is RecoveryOutcome.REFUSED and each.error]
    left = [each.error for each in recoveries if each.outcome is RecoveryOutcome.INCOMPLETE and each.error]
    if left:
        raise ProblemsFound(
            [*errors, *left], EXIT_STATUS[Status.ROLLBACK_INCOMPLETE], Status.ROLLBACK_INCOMPLETE
        )
    if not recoveries or recoveries[-1].outcome is not RecoveryOutcome.RECOVERED:
        if failure is None:
            return TriedAgain(replace(first, errors=(*first.errors, *refused)), recoveries)
        if isinstance(failure, ProblemsFound) and refused:
            raise ProblemsFound([*errors, *refused], failure.exit_status, failure.status) from failure
        raise failure
    again = attempt()
    if again.status in _WENT_WELL:
        again = replace(again, status=Status.RECOVERED)
    return TriedAgain(again, recoveries)
