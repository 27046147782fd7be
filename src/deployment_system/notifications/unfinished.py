"""Transactions of which nobody was told yet: noted when they begin, so that the next process tells of those
whose own has died."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    RecoveryError,
)
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.store import OperationStatus, Owner, PlanRecord, Store
from deployment_system.error_handling.store.notes import OpenNotes
from deployment_system.notifications.message import Event, Message, message_of

UNSEEN_AFTER = timedelta(minutes=10)
"""How long a finished plan may stay untold whose process, on another machine, nobody can see from here."""

_EVENTS = {
    OperationStatus.COMPLETED: Event.DEPLOYED,
    OperationStatus.FAILED: Event.ROLLBACK_INCOMPLETE,
    OperationStatus.CONFLICT: Event.ROLLBACK_INCOMPLETE,
    OperationStatus.PENDING: Event.UNFINISHED,
}


def scope_of_unfinished(project: str) -> str:
    """Where they are noted."""
    return f"notifications/unfinished/{project}"


def note_begun(store: Store, project: str, environment: str, command: str, plan_id: str) -> None:
    """Notes a transaction of this process."""
    store.notes.put(
        scope_of_unfinished(project),
        plan_id,
        {
            "environment": environment,
            "command": command,
            "owner": Owner.current().to_dict(),
            "is_told": False,
        },
    )


def close(notes: OpenNotes, project: str, message: Message) -> bool:
    """Notes that a message tells of its transaction; False where another one does already."""
    scope, plan_id = scope_of_unfinished(project), message.plan_id
    before = notes.get(scope, plan_id) if plan_id else None
    if plan_id is None or before is None:
        return False
    if message.event is Event.UNFINISHED:
        if before["is_told"]:
            return False
        notes.put(scope, plan_id, {**before, "is_told": True})
    else:
        notes.put(scope, plan_id, None)
    return True


def close_own(notes: OpenNotes, project: str) -> None:
    """Notes that this process has told of all that it did."""
    me = Owner.current().to_dict()
    for plan_id, noted in notes.all(scope_of_unfinished(project)).items():
        if noted["owner"] == me:
            notes.put(scope_of_unfinished(project), plan_id, None)


def messages_of_the_dead(store: Store, project: str, known: KnownSecrets, now: datetime) -> Iterator[Message]:
    """What those would have told whose process has ended without a word."""
    for plan_id, noted in store.notes.all(scope_of_unfinished(project)).items():
        try:
            plan = store.journal.plan(plan_id)
        except RecoveryError as error:
            if error.error_code != ErrorCodes.PLAN_NOT_FOUND:
                raise
            store.notes.delete(scope_of_unfinished(project), plan_id)  # cleaned up: too old to be news
            continue
        if _is_left(store, plan, noted, now):
            yield _message(project, plan, noted, known)


def _is_left(store: Store, plan: PlanRecord, noted: Mapping[str, Any], now: datetime) -> bool:
    if plan.status is OperationStatus.PENDING:
        return not noted["is_told"] and store.journal.runner(plan.plan_id) is None
    alive = Owner.from_dict(noted["owner"]).is_alive()
    if alive is None:
        return now > (plan.finished_at or plan.created_at) + UNSEEN_AFTER
    return not alive


def _message(project: str, plan: PlanRecord, noted: Mapping[str, Any], known: KnownSecrets) -> Message:
    errors: list[DeploymentSystemError] = []
    if plan.error is not None:
        errors.append(DeploymentSystemError.from_dict(plan.error))
    elif plan.status is not OperationStatus.COMPLETED:
        errors.append(_died(plan, noted))
    # One that was rolled back without an error had none: it was put back after its process had died.
    usual = Event.ROLLED_BACK if plan.error is not None else Event.RECOVERED
    return message_of(
        _EVENTS.get(plan.status, usual),
        project,
        noted["environment"],
        errors,
        known,
        command=noted["command"],
        plan_id=plan.plan_id,
        summary=f"{plan.description}, begun {plan.created_at:%Y-%m-%d %H:%M:%S} UTC by {plan.owner}; "
        "its process ended before it told.",
        occurred_at=(plan.finished_at or plan.created_at).astimezone(UTC),
    )


def _died(plan: PlanRecord, noted: Mapping[str, Any]) -> DeploymentError:
    return DeploymentError(
        "the process that deployed ended in the middle",
        error_code=ErrorCodes.DEPLOYMENT_INTERRUPTED,
        context=ErrorContext(environment=noted["environment"], plan_id=plan.plan_id),
    )
