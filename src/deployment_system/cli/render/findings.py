"""What `validate` found, as machines read it: one value for every format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployment_system.error_handling import DeploymentSystemError, group_errors

if TYPE_CHECKING:
    from deployment_system.discovery import Flow


@dataclass(frozen=True, slots=True)
class Findings:
    """Errors and warnings with the flows that they were looked for in."""

    errors: Sequence[DeploymentSystemError]
    warnings: Sequence[DeploymentSystemError] = ()
    flows: "Sequence[Flow]" = ()
    folder: str = ""
    """What stands before the files of the findings, so that they are relative to the checkout: `flows/`
    where the project lies in that folder of it."""

    def path(self, file: str) -> str:
        """A file as the checkout knows it."""
        return file if file.startswith("/") else f"{self.folder}{file}"


def every_reason_first(errors: Sequence[DeploymentSystemError]) -> list[DeploymentSystemError]:
    """One error for each reason, then the other places of these reasons: where only some can be shown, no
    reason is left out because another one has many places."""
    groups = group_errors(errors)
    return [group.first for group in groups] + [other for group in groups for other in group.others]
