"""Recovery plans: what mends an error, as data. Pure.

A plan names the codes that it is for, and steps. What a step does, an action of that name does
(`recovery_actions`); a plan without steps is advice for a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import CodeEntry, Confidence, ErrorSeverity
from deployment_system.error_handling.error_types import DeploymentSystemError


class RecoveryStrategy(StrEnum):
    """How much of a recovery a machine does by itself."""

    AUTOMATIC = "automatic"
    """Every step is certain, and changes nothing that is the user's."""
    GUIDED = "guided"
    """A person sees what each step will change, and says yes."""
    MANUAL = "manual"
    """Only a person can do it."""
    SKIP = "skip"
    """It does not have to be mended."""


@dataclass(frozen=True, slots=True)
class RecoveryStep:
    """One action with its settings."""

    action: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    confidence: Confidence = Confidence.PROBABLE


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """What mends the errors of some codes. All steps are done, in their order, or none."""

    name: str
    codes: tuple[str, ...]
    description: str
    steps: tuple[RecoveryStep, ...] = ()
    guidance: tuple[str, ...] = ()
    """What a person can do; without steps, that is all there is."""
    strategy: RecoveryStrategy = RecoveryStrategy.MANUAL
    when: Mapping[str, Any] = field(default_factory=dict)
    """Values that an error's context must have for the plan to be its own."""

    def is_for(self, error: DeploymentSystemError) -> bool:
        """Whether it is meant for this error."""
        known = error.context.to_dict()
        return str(error.error_code) in self.codes and all(
            known.get(name) == value for name, value in self.when.items()
        )


def strategy_of(steps: Iterable[RecoveryStep]) -> RecoveryStrategy:
    """As far as the least sure step allows."""
    grades = {step.confidence for step in steps}
    if not grades or grades & {Confidence.ADVICE, Confidence.NEEDS_INPUT}:
        return RecoveryStrategy.MANUAL
    return RecoveryStrategy.AUTOMATIC if grades == {Confidence.CERTAIN} else RecoveryStrategy.GUIDED


def advice_for(entry: CodeEntry) -> RecoveryPlan:
    """The plan of a code for which no action is known: its remedies, for a person."""
    hint = entry.severity is ErrorSeverity.LOW
    return RecoveryPlan(
        name=entry.code.lower(),
        codes=(str(entry.code),),
        description=entry.title,
        guidance=tuple(remedy.text for remedy in entry.remedies),
        strategy=RecoveryStrategy.SKIP if hint else RecoveryStrategy.MANUAL,
    )


def plans_for(error: DeploymentSystemError, plans: Iterable[RecoveryPlan]) -> list[RecoveryPlan]:
    """The plans that are for this error, in their order, and last the advice of the registry: so there is
    one for every code."""
    return [*(plan for plan in plans if plan.is_for(error)), _advice_on(error)]


def _advice_on(error: DeploymentSystemError) -> RecoveryPlan:
    entry = next((entry for code, entry in REGISTRY.items() if code == error.error_code), None)
    if entry is not None:
        return advice_for(entry)
    return RecoveryPlan(
        name=str(error.error_code).lower(),
        codes=(str(error.error_code),),
        description=error.message,
        guidance=tuple(error.remediation),
    )
