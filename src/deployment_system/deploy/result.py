"""How a deployment ended: what was done, what was put back, and the exit status that says so."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from deployment_system.deploy.apply import Ledger, Outcome
from deployment_system.deploy.plan import Action, Change, Plan
from deployment_system.deploy.problems import EXIT_INVALID
from deployment_system.error_handling import DeploymentSystemError

if TYPE_CHECKING:
    from deployment_system.deploy.image_plan import ImageChange


class Status(StrEnum):
    """How a deployment ended."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    RECOVERED = "recovered"
    """It failed, what was wrong was mended, and then everything went well."""
    PLANNED = "planned"
    ROLLED_BACK = "rolled_back"
    """Failed, and everything that had been changed was put back."""
    ROLLBACK_INCOMPLETE = "rollback_incomplete"
    """Failed, and something that was changed is still changed."""
    INVALID = "invalid"
    INTERRUPTED = "interrupted"


EXIT_STATUS = {
    Status.DEPLOYED: 0,
    Status.UNCHANGED: 0,
    Status.RECOVERED: 0,
    Status.PLANNED: 0,
    Status.ROLLED_BACK: 1,
    Status.INVALID: EXIT_INVALID,
    Status.ROLLBACK_INCOMPLETE: 4,
    Status.INTERRUPTED: 130,
}

_OF_IMAGES = {
    Status.DEPLOYED: Outcome.DONE,
    Status.RECOVERED: Outcome.DONE,
    Status.ROLLED_BACK: Outcome.ROLLED_BACK,
    Status.INTERRUPTED: Outcome.ROLLED_BACK,
    Status.ROLLBACK_INCOMPLETE: Outcome.UNKNOWN,
}
"""Images are put back one and all, and each that was not has an error of its own."""


@dataclass(frozen=True)
class DeployResult:
    """What was done, and what was not."""

    status: Status
    plan: Plan
    ledger: Ledger
    errors: tuple[DeploymentSystemError, ...] = ()
    seconds: float = 0.0
    plan_id: str | None = None
    urls: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where the UI shows what was made, by flow and deployment: names repeat across flows."""
    requests_sent: int = 0
    interrupted_with: int | None = None
    """The exit status that the interruption asks for."""
    left_behind: tuple[DeploymentSystemError, ...] = ()
    """Of what was put back: an error of low severity for each pushed name that a registry keeps."""
    untold: tuple[DeploymentSystemError, ...] = ()
    """Why the server was not told of it as an event."""

    @property
    def exit_status(self) -> int:
        """As the contract of the command line says."""
        if self.status is Status.INTERRUPTED and self.interrupted_with is not None:
            return self.interrupted_with
        return EXIT_STATUS[self.status]

    def outcome(self, change: Change) -> str:
        """What became of one change."""
        if change.action is Action.UNCHANGED:
            return Action.UNCHANGED.value
        return self.ledger.of(change).value

    def outcome_of_image(self, change: "ImageChange") -> str:
        """What became of an image."""
        if change.action is Action.UNCHANGED:
            return Action.UNCHANGED.value
        return _OF_IMAGES.get(self.status, Outcome.NOT_STARTED).value

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `deploy` shows it."""
        planned = self.plan.to_dict()
        outcomes = [
            *(self.outcome_of_image(change) for change in self.plan.images),
            *(self.outcome(change) for change in self.plan.changes),
        ]
        changes = [
            {**shown, "outcome": outcome} for shown, outcome in zip(planned["changes"], outcomes, strict=True)
        ]
        return {
            **planned,
            "plan_id": self.plan_id,
            "status": self.status.value,
            "changes": changes,
            "errors": [error.to_dict() for error in self.errors],
            "events_not_sent": [error.to_dict() for error in self.untold],
            "left_behind": [error.context.extra["image"] for error in self.left_behind],
            "seconds": round(self.seconds, 3),
        }
