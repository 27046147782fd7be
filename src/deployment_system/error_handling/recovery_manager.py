"""Mends what an error is about, and proves that it helped.

    manager = RecoveryManager(rollback_manager=rollback_manager, actions=actions, plans=plans)
    success, messages = manager.recover_from_error(error)

A recovery is a transaction: its steps are done one after another, each looks afterwards whether it has
helped, and when one has not, all of them are undone. So it ends with the trouble gone, or with everything as
it was; a remedy that was tried in vain leaves nothing behind.
"""

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.recovery_actions import RecoveryActions
from deployment_system.error_handling.recovery_audit import RecoveryAudit
from deployment_system.error_handling.recovery_limits import RecoveryAttempts, RecoveryLimits
from deployment_system.error_handling.recovery_outcomes import (
    Agreed,
    ProposedStep,
    Recovery,
    RecoveryOutcome,
    everybody_agrees,
)
from deployment_system.error_handling.recovery_plans import (
    RecoveryPlan,
    RecoveryStep,
    RecoveryStrategy,
    advice_for,
    plans_for,
)
from deployment_system.error_handling.retry_handler import RetryHandler
from deployment_system.error_handling.retry_policy import RetryPolicies
from deployment_system.error_handling.rollback_manager import RollbackManager

__all__ = [
    "Agreed",
    "ProposedStep",
    "Recovery",
    "RecoveryManager",
    "RecoveryOutcome",
    "RecoveryPlan",
    "RecoveryStrategy",
]

FRESH_SECONDS = 2.0
"""A proposal that is older when it is begun, because somebody thought about it, is made once more."""


class Reporter(Protocol):
    """Whoever keeps what went wrong."""

    def report_error(self, error: DeploymentSystemError, operation: str | None = None, **extra: Any) -> Any:
        """Keeps it."""


@dataclass
class RecoveryManager:
    """Finds the plan for an error and carries it out.

    `retry_handler` repeats a step that may pass; by default each is done once. `error_reporter` is told of
    recoveries that did not help. `rollback_manager` keeps what is to be undone; without one it is in
    memory. Plans that come first win over later ones, and all over the advice of the registry.
    """

    retry_handler: RetryHandler | None = None
    error_reporter: Reporter | None = None
    rollback_manager: RollbackManager | None = None
    actions: RecoveryActions = field(default_factory=RecoveryActions)
    plans: Sequence[RecoveryPlan] = ()
    limits: RecoveryLimits = field(default_factory=RecoveryLimits)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    environment: str | None = None
    """The one that is acted on, for the audit trail."""
    agreed_by: str = "nobody was asked"
    """Who says yes to the steps, for the audit trail."""
    fresh_seconds: float = FRESH_SECONDS

    @property
    def recovery_plans(self) -> Mapping[str, RecoveryPlan]:
        """For each code of the registry the plan that is tried first."""
        advice = {str(code): advice_for(entry) for code, entry in REGISTRY.items()}
        declared = {code: plan for plan in reversed(self.plans) for code in plan.codes}
        return {**advice, **declared}

    def get_recovery_guidance(self, error: DeploymentSystemError) -> list[str]:
        """What can be done about an error, a line each: what a machine would do first."""
        recovery = self.propose(error)
        lines = [
            each.proposal.text if each.proposal else f"{each.step.action}: {each.missing}"
            for each in recovery.steps
        ]
        return list(dict.fromkeys([*lines, *error.remediation, *recovery.plan.guidance]))

    def recover_from_error(
        self, error: DeploymentSystemError, auto_execute: bool = False
    ) -> tuple[bool, list[str]]:
        """Whether the trouble is gone, and what was done or is to be done, a line each.

        A plan whose every step is certain is carried out; with `auto_execute` also one that would need a
        person's yes."""
        if not auto_execute and self.propose(error).plan.strategy is not RecoveryStrategy.AUTOMATIC:
            return False, self.get_recovery_guidance(error)
        recovery = self.recover(error)
        if recovery.outcome is RecoveryOutcome.ADVICE:
            return False, self.get_recovery_guidance(error)
        return recovery.outcome is RecoveryOutcome.RECOVERED, list(recovery.messages)

    def propose(self, error: DeploymentSystemError, *, without: Container[str] = ()) -> Recovery:
        """What would be done about an error: by the first of its plans that can be carried out here, apart
        from those `without`, by name. Changes nothing."""
        plans = [plan for plan in plans_for(error, self.plans) if plan.name not in without]
        considered = [self._considered(plan, error) for plan in plans]
        usable = (each for each in considered if each.outcome is RecoveryOutcome.PROPOSED)
        return next(usable, considered[0])

    def recover(
        self,
        error: DeploymentSystemError,
        *,
        agreed: Agreed = everybody_agrees,
        proposed: Recovery | None = None,
        version: str | None = None,
        without: Container[str] = (),
    ) -> Recovery:
        """Carries out the plan for an error; `without`: none of these, which have been tried in vain.

        `agreed` is asked before each step. With `proposed`, or its `version`, what a person agreed to before
        is carried out, or refused because it is not what would be done now.
        """
        now, began = self.propose(error, without=without), time.monotonic()
        if now.outcome is RecoveryOutcome.ADVICE:
            return now
        expected = proposed.version if proposed is not None else version
        if expected not in (None, now.version):
            return _outdated(now, error)
        for step in now.steps:
            if not agreed(step):
                return _ended(now, RecoveryOutcome.REFUSED, [f"not done: {_words(step)}"])
        if (
            time.monotonic() - began > self.fresh_seconds
            and self.propose(error, without=without).version != now.version
        ):
            return _outdated(now, error)
        manager = self.rollback_manager or RollbackManager()
        try:
            RecoveryAttempts(manager.store, self.limits).begin(error, now.plan.name, self.clock())
        except RecoveryError as refusal:
            return _ended(now, RecoveryOutcome.REFUSED, [refusal.message], error=refusal)
        return self._carried_out(error, now, manager)

    # --- inside

    def _considered(self, plan: RecoveryPlan, error: DeploymentSystemError) -> Recovery:
        steps = tuple(self._proposed(step, error) for step in plan.steps)
        usable = bool(steps) and not any(step.missing for step in steps)
        return Recovery(RecoveryOutcome.PROPOSED if usable else RecoveryOutcome.ADVICE, plan, steps)

    def _proposed(self, step: RecoveryStep, error: DeploymentSystemError) -> ProposedStep:
        try:
            action = self.actions.get(step.action)
            missing = action.needs(error, step.settings)
            proposal = None if missing else action.propose(error, step.settings)
        except DeploymentSystemError as failure:
            return ProposedStep(step, None, failure.message)
        return ProposedStep(step, proposal, missing)

    def _carried_out(self, error: DeploymentSystemError, now: Recovery, manager: RollbackManager) -> Recovery:
        """Between two entries of the audit trail, so that nothing is changed that does not stand there."""
        began = time.monotonic()
        description = f"recover from {error.error_code}: {now.plan.description}"
        facts = {
            "recovery": now.plan.name,
            "error_code": str(error.error_code),
            "fault": error.fingerprint,
            "environment": self.environment or error.context.environment,
        }
        audit = RecoveryAudit(manager.store)
        try:
            plan_id = manager.start_transaction(description, facts=facts)
            entry = self._noted(audit, plan_id, error, now, manager)
        except DeploymentSystemError as failure:
            return _ended(now, RecoveryOutcome.REFUSED, [f"not begun: {failure.message}"], error=failure)
        try:
            ended = self._all_done(error, now, manager, plan_id)
        except BaseException:
            manager.execute_rollback(plan_id)
            raise
        ended = replace(ended, seconds=time.monotonic() - began)
        audit.end(entry, ended, manager.rollback_plans[plan_id].operations, self.clock())
        return ended

    def _noted(
        self,
        audit: RecoveryAudit,
        plan_id: str,
        error: DeploymentSystemError,
        now: Recovery,
        manager: RollbackManager,
    ) -> dict[str, Any]:
        """The entry that says what is about to be done. Where it cannot be kept, nothing is begun."""
        try:
            return audit.begin(
                plan_id,
                error,
                now,
                environment=self.environment,
                agreed_by=self.agreed_by,
                now=self.clock(),
            )
        except BaseException:
            manager.execute_rollback(plan_id)
            raise

    def _all_done(
        self, error: DeploymentSystemError, now: Recovery, manager: RollbackManager, plan_id: str
    ) -> Recovery:
        messages: list[str] = []
        try:
            for step in now.steps:
                messages.append(self._done(step, error, manager))
            manager.commit_transaction()
        except DeploymentSystemError as failure:
            restored = manager.execute_rollback(plan_id, error=failure)
            self._report(failure, error)
            outcome = RecoveryOutcome.IN_VAIN if restored else RecoveryOutcome.INCOMPLETE
            put_back = "everything is as before" if restored else "not everything could be put back"
            said = [*messages, f"{failure.message}: {put_back}"]
            return _ended(now, outcome, said, plan_id=plan_id, error=failure)
        return _ended(now, RecoveryOutcome.RECOVERED, messages, plan_id=plan_id)

    def _done(self, proposed: ProposedStep, error: DeploymentSystemError, manager: RollbackManager) -> str:
        action, settings = self.actions.get(proposed.step.action), proposed.step.settings
        retry = self.retry_handler or RetryHandler(RetryPolicies.QUICK_RETRY)
        message: str = retry.retry(lambda: action.do(error, settings, manager))
        if still_wrong := action.check(error, settings):
            raise RecoveryError(
                f"{message}, and it did not help: {still_wrong}",
                error_code=ErrorCodes.RECOVERY_FAILED,
                context=ErrorContext(operation="recover", action=action.name),
                cause=error,
            )
        return message

    def _report(self, failure: DeploymentSystemError, error: DeploymentSystemError) -> None:
        if self.error_reporter is not None:
            self.error_reporter.report_error(failure, operation="recover", of=str(error.error_code))


def _ended(
    now: Recovery,
    outcome: RecoveryOutcome,
    messages: Iterable[str],
    *,
    plan_id: str | None = None,
    error: DeploymentSystemError | None = None,
) -> Recovery:
    return Recovery(outcome, now.plan, now.steps, tuple(messages), plan_id, error)


def _outdated(now: Recovery, error: DeploymentSystemError) -> Recovery:
    said = "the world has changed since this was proposed"
    refusal = RecoveryError(
        f"{said}: nothing was done about {error.message!r}",
        error_code=ErrorCodes.PLAN_OUTDATED,
        context=ErrorContext(operation="recover", recovery_plan=now.plan.name, version=now.version),
        remediation=["Look at what would be done now, and agree to that."],
    )
    return _ended(now, RecoveryOutcome.REFUSED, [said], error=refusal)


def _words(step: ProposedStep) -> str:
    return step.proposal.text if step.proposal else step.step.action
