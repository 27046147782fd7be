"""What a recovery would do, and what came of one: frozen values."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.recovery_actions import Proposal
from deployment_system.error_handling.recovery_plans import RecoveryPlan, RecoveryStep


class RecoveryOutcome(StrEnum):
    """How a recovery ended."""

    RECOVERED = "recovered"
    """The trouble is gone: somebody looked."""
    PROPOSED = "proposed"
    """Nothing was done: this would be."""
    REFUSED = "refused"
    """A person said no, or what they had agreed to is not what would be done now."""
    ADVICE = "advice"
    """Only a person can do it."""
    IN_VAIN = "in_vain"
    """It did not help, and everything is as before."""
    INCOMPLETE = "incomplete"
    """It did not help, and not everything could be put back."""


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """A step, and what it would do now."""

    step: RecoveryStep
    proposal: Proposal | None
    missing: str | None = None
    """What is missing for it to be done here."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "action": self.step.action,
            "settings": dict(self.step.settings),
            "confidence": self.step.confidence.value,
            "would": self.proposal.text if self.proposal else None,
            "diff": self.proposal.diff if self.proposal else "",
            "missing": self.missing,
        }


@dataclass(frozen=True)
class Recovery:
    """What came of one."""

    outcome: RecoveryOutcome
    plan: RecoveryPlan
    steps: tuple[ProposedStep, ...] = ()
    messages: tuple[str, ...] = ()
    plan_id: str | None = None
    """Of the transaction: with it the recovery can be taken back."""
    error: DeploymentSystemError | None = None
    """Why it did not help, or was refused."""
    seconds: float | None = None
    """How long it took to carry out and check, or to put back; None: nothing was done."""

    @property
    def version(self) -> str:
        """Another one when something else would be done: of the plan, or because the world has changed."""
        content = [self.plan.name, *(each.proposal and each.proposal.version for each in self.steps)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "status": self.outcome.value,
            "plan": self.plan.name,
            "strategy": self.plan.strategy.value,
            "description": self.plan.description,
            "version": self.version,
            "steps": [each.to_dict() for each in self.steps],
            "guidance": list(self.plan.guidance),
            "messages": list(self.messages),
            "plan_id": self.plan_id,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "error": self.error.to_dict() if self.error else None,
        }


Agreed = Callable[[ProposedStep], bool]
"""Shows a step to a person and asks."""


def everybody_agrees(step: ProposedStep) -> bool:
    """Nobody is asked."""
    return True
