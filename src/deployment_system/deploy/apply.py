"""A plan's changes made on the server, in phases: apply, verify, activate, delete, verify.

Deployments are made inactive (or as paused as they were), looked at, and only then activated, so that
nothing runs from a deployment that is not as declared. Deletions come last: what was deleted gets
another id when it is made again.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.bodies import differences, is_put_whole, needs_activation, patch_body, put_body
from deployment_system.deploy.deployments import ActualDeployment, Owner
from deployment_system.deploy.intents import (
    activation_intent,
    deletion_intent,
    flow_intents,
    put_intent,
    work_queue_intents,
)
from deployment_system.deploy.links import ui_url
from deployment_system.deploy.pace import run_paced
from deployment_system.deploy.plan import Action, Change
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    Intent,
    PrefectAPIError,
    RollbackManager,
    attempts_of,
)
from deployment_system.error_handling.undoing import AwaitLate, nothing_is_late


class Outcome(StrEnum):
    """What became of a change."""

    NOT_STARTED = "not_started"
    UNKNOWN = "unknown"
    """It was begun and nobody saw its end."""
    FAILED = "failed"
    APPLIED = "applied"
    """Made, but not yet active."""
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    """It is as it was before."""
    CONFLICT = "conflict"
    """Somebody else changed it in between: it was left alone."""
    NOT_ROLLED_BACK = "not_rolled_back"
    """It could not be put back."""


@dataclass
class Ledger:
    """What became of each change so far, by `flow/deployment`. Written by several threads."""

    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(self, change: Change, outcome: Outcome) -> None:
        """Notes the outcome of a change."""
        with self._lock:
            self.outcomes[(change.flow_name, change.name)] = outcome

    def of(self, change: Change) -> Outcome:
        """The outcome of a change."""
        return self.outcomes.get((change.flow_name, change.name), Outcome.NOT_STARTED)


_NOT_OF_A_DEPLOYMENT = (ErrorCodes.PREFECT_AUTH_FAILED, ErrorCodes.SERVER_URL_INVALID)
"""Refusals that say nothing about what was refused."""


@dataclass(frozen=True)
class Applier:
    """Makes the changes of one plan. Raises the first error; the ledger says how far it came."""

    server: PrefectServer
    owner: Owner
    ledger: Ledger
    ceiling: int
    journal: RollbackManager
    """Each phase is written down, durably, before its first effect."""
    await_late: AwaitLate = nothing_is_late
    """What waits for writes whose answers were lost: what is looked at before may change afterwards."""
    progress: Progress = no_progress
    flow_ids: dict[str, str] = field(default_factory=dict)
    deployment_ids: dict[tuple[str, str], str] = field(default_factory=dict)
    deletion_refused: ErrorCodes = ErrorCodes.DEPLOYMENT_DELETE_FAILED
    """What it is when the server refuses to remove a deployment."""
    pool_ids: Mapping[str, str] = field(default_factory=dict)

    def apply(self, changes: Sequence[Change]) -> None:
        """All phases."""
        puts = [change for change in changes if change.action in (Action.CREATE, Action.UPDATE)]
        to_activate = [change for change in puts if needs_activation(change)]
        deletions = [change for change in changes if change.action is Action.DELETE]
        bodies = {change.key: self._body(change) for change in puts}
        # What deployments need before them, so that it is removed after them.
        self.journal.prepare(
            [*flow_intents(puts, self.flow_ids, self.server.url), *self._work_queue_intents(bodies.values())]
        )
        self.journal.prepare(
            [
                put_intent(change, bodies[change.key], self.server.url, whole=is_put_whole(change))
                for change in puts
            ]
        )
        self._phase("apply", puts, self._put)
        if to_activate:
            stored = self._verify(puts, activated=False)
            self.journal.prepare(
                [activation_intent(change, stored[change.key], self.server.url) for change in to_activate]
            )
            self._phase("activate", to_activate, self._activate)
        self._verify(puts, activated=True)
        for change in puts:
            self.ledger.record(change, Outcome.DONE)
        self.journal.prepare([deletion_intent(change, self.server.url) for change in deletions])
        self._phase("delete", deletions, self._delete)
        self._verify_gone(deletions)

    def _phase(self, name: str, changes: Sequence[Change], action: Callable[[Change], None]) -> None:
        if not changes:
            return
        self.progress(name, 0, len(changes), "")
        paced = run_paced(changes, action, ceiling=self.ceiling, refusals=lambda: self.server.busy_answers)
        for done, change in enumerate(paced, start=1):
            self.progress(name, done, len(changes), change.name)

    def urls(self) -> dict[tuple[str, str], str]:
        """Where the UI shows what was made, by flow and deployment."""
        return {key: ui_url(self.server.url, found) for key, found in self.deployment_ids.items()}

    # -- the effects of one change ---------------------------------------------------------------

    def _body(self, change: Change) -> dict[str, Any]:
        return put_body(change, "", self.owner) if is_put_whole(change) else patch_body(change)

    def _work_queue_intents(self, bodies: Iterable[Mapping[str, Any]]) -> list[Intent]:
        named = [
            (body["work_pool_name"], body["work_queue_name"])
            for body in bodies
            if body.get("work_queue_name")
        ]
        known = {
            (pool, queue["name"])
            for pool in dict.fromkeys(pool for pool, _ in named)
            for queue in self.server.work_queues(pool)
        }
        return work_queue_intents(named, known, self.server.url)

    def _put(self, change: Change) -> None:
        self._tracked(change, self._create_or_update, Outcome.APPLIED)

    def _activate(self, change: Change) -> None:
        self._tracked(change, self._activate_schedules, Outcome.DONE)

    def _delete(self, change: Change) -> None:
        self._tracked(change, self._remove, Outcome.DONE)

    def _tracked(
        self, change: Change, effect: Callable[[Change, ErrorContext], None], outcome: Outcome
    ) -> None:
        context = ErrorContext(
            flow_name=change.flow_name,
            deployment_name=change.name,
            environment=self.owner.environment,
            operation=f"{change.action.value} a deployment",
        )
        before = self.ledger.of(change)
        self.ledger.record(change, Outcome.UNKNOWN)
        try:
            effect(change, context)
        except PrefectAPIError as error:
            if _nothing_happened(error):
                self.ledger.record(change, Outcome.FAILED if before is Outcome.NOT_STARTED else before)
            raise self._told_for(change, error, context) from error
        self.ledger.record(change, outcome)

    def _told_for(
        self, change: Change, error: PrefectAPIError, context: ErrorContext
    ) -> DeploymentSystemError:
        """The deployment's error for a refusal; an outage stays what it is, with its place added."""
        if error.retryable or error.error_code in _NOT_OF_A_DEPLOYMENT:
            return error.with_context(**context.to_dict())
        code = {
            Action.CREATE: ErrorCodes.DEPLOYMENT_CREATE_FAILED,
            Action.UPDATE: ErrorCodes.DEPLOYMENT_UPDATE_FAILED,
            Action.DELETE: self.deletion_refused,
        }.get(change.action, ErrorCodes.DEPLOYMENT_FAILED)
        return DeploymentError(
            f"deployment {change.name!r} could not be {change.action.value}d: {error.message}",
            error_code=code,
            context=context.extended(**error.context.extra),
        )

    def _create_or_update(self, change: Change, context: ErrorContext) -> None:
        if is_put_whole(change):
            self._put_whole(change, context)
            return
        if change.actual is None:
            raise DeploymentError(f"an update of {change.name!r} without its state before", context=context)
        self.deployment_ids[(change.flow_name, change.name)] = change.actual.id
        body = patch_body(change)
        if body:
            self.server.change_deployment(change.actual.id, body, context)

    def _put_whole(self, change: Change, context: ErrorContext) -> None:
        flow_id = self.flow_ids.get(change.flow_name)
        if flow_id is None:
            flow_id = self.server.ensure_flow(change.flow_name)
            self.flow_ids[change.flow_name] = flow_id
        stored = self.server.put_deployment(put_body(change, flow_id, self.owner), context)
        self.deployment_ids[(change.flow_name, change.name)] = stored["id"]

    def _activate_schedules(self, change: Change, context: ErrorContext) -> None:
        deployment_id = self.deployment_ids[(change.flow_name, change.name)]
        if change.action is Action.CREATE:
            self.server.change_deployment(deployment_id, {"paused": False}, context)
            return
        for pair in change.schedules:
            if pair.desired is None and pair.actual is not None:
                self.server.delete_schedule(deployment_id, pair.actual.id, context)
            elif pair.desired is not None and pair.actual is None:
                self.server.add_schedule(deployment_id, pair.desired.to_api(), context)
            elif pair.actual is not None and (changed := pair.changed_fields()):
                self.server.change_schedule(deployment_id, pair.actual.id, changed, context)

    def _remove(self, change: Change, context: ErrorContext) -> None:
        if change.actual is not None:
            self.server.delete_deployment(change.actual.id, context)

    # -- looking at what was made ----------------------------------------------------------------

    def _verify(self, changes: Sequence[Change], *, activated: bool) -> dict[tuple[str, str], Any]:
        """What the server has stored, by `flow/deployment`. Raises DEPLOYMENT_VERIFICATION_FAILED."""
        if not changes:
            return {}
        self.await_late()
        self.progress("verify", 0, len(changes), "")
        ids = {self.deployment_ids[(change.flow_name, change.name)]: change for change in changes}
        stored = {item["id"]: item for item in self.server.deployments(ids=list(ids))}
        for deployment_id, change in ids.items():
            found = stored.get(deployment_id)
            actual = None if found is None else ActualDeployment.from_api(found, change.flow_name)
            problems = differences(change, actual, self.owner, activated=activated)
            if problems:
                raise DeploymentError(
                    f"deployment {change.name!r} is not on the server as it was sent: {', '.join(problems)}",
                    error_code=ErrorCodes.DEPLOYMENT_VERIFICATION_FAILED,
                    context=ErrorContext(
                        flow_name=change.flow_name,
                        deployment_name=change.name,
                        environment=self.owner.environment,
                        operation="verify",
                        differs=problems,
                    ),
                )
        self.progress("verify", len(changes), len(changes), "")
        return {change.key: stored[deployment_id] for deployment_id, change in ids.items()}

    def _verify_gone(self, deletions: Sequence[Change]) -> None:
        if not deletions:
            return
        self.await_late()
        left = self.server.deployments(ids=[change.actual.id for change in deletions if change.actual])
        if left:
            raise DeploymentError(
                f"deployment {left[0]['name']!r} is still on the server after it was deleted",
                error_code=ErrorCodes.DEPLOYMENT_VERIFICATION_FAILED,
                context=ErrorContext(deployment_name=left[0]["name"], environment=self.owner.environment),
            )


def _nothing_happened(error: PrefectAPIError) -> bool:
    """Whether it is certain that a write had no effect: it was refused at its first attempt, or never sent.
    A server that broke down, and one whose first answer was lost, may have done it."""
    if error.error_code == ErrorCodes.CIRCUIT_OPEN:
        return not attempts_of(error)
    status = error.context.extra.get("status")
    return status is not None and httpx.codes.is_client_error(status) and not attempts_of(error)
