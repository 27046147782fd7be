"""What a roll back would do, operation by operation, without doing it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.store.encoding import as_text
from deployment_system.error_handling.store.records import OperationRecord, OperationStatus, State
from deployment_system.error_handling.undo import UndoHandlers
from deployment_system.error_handling.undo_step import Again, Look, UndoStep, starts_of


class Verdict(StrEnum):
    """What would become of an operation."""

    RESTORE = "restore"
    """It would be put back."""
    NOTHING = "nothing"
    """All is as before already."""
    UNLESS_NEEDED = "unless_needed"
    """It would be removed, if by then nobody else needs it."""
    CONFLICT = "conflict"
    """Somebody else changed it since: it would be left alone."""
    FAIL = "fail"
    """It cannot even be looked at."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One operation with what would become of it."""

    operation: OperationRecord
    verdict: Verdict
    error: Mapping[str, Any] | None = None
    """Of a conflict or a failure, as `DeploymentSystemError.to_dict` gives it."""


_VERDICTS = {OperationStatus.CONFLICT: Verdict.CONFLICT, OperationStatus.FAILED: Verdict.FAIL}


def previewed(
    operations: Sequence[OperationRecord],
    handlers: UndoHandlers,
    functions: Mapping[str, Callable[..., object]],
    again: Again,
    *,
    force: bool,
) -> list[Preview]:
    """Last first, as it would be done. Looks at each resource once, and takes each step for done."""
    starts = starts_of(sorted(operations, key=lambda operation: operation.sequence))
    after_steps: dict[tuple[str, str], State | None] = {}
    previews = []
    for operation in sorted(operations, key=lambda operation: operation.sequence, reverse=True):
        if operation.status is OperationStatus.ROLLED_BACK:
            previews.append(Preview(operation, Verdict.NOTHING))
            continue
        step = UndoStep(
            operation, handlers, functions, starts[operation.sequence], force, again, tidies=False
        )
        resource = (operation.kind, as_text(operation.reference, {}))
        if resource in after_steps:
            step.looked = Look(after_steps[resource])
        step.look()
        after_steps[resource] = step.found if step.mark else operation.before
        if step.needed:
            previews.append(Preview(operation, Verdict.UNLESS_NEEDED))
        elif step.mark is None:
            previews.append(Preview(operation, Verdict.RESTORE))
        else:
            verdict = _VERDICTS.get(step.mark.status, Verdict.NOTHING)
            previews.append(Preview(operation, verdict, step.mark.error))
    return previews
