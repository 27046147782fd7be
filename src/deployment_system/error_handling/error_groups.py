"""Errors that have one reason, told as one: twenty flows in a work pool that is not there are one message
with twenty places."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deployment_system.error_handling.error_types import DeploymentSystemError


@dataclass(frozen=True, slots=True)
class SameReason:
    """One reason: the error that is shown, and those that say the same of other places."""

    first: DeploymentSystemError
    others: tuple[DeploymentSystemError, ...] = ()


def group_errors(errors: Iterable[DeploymentSystemError]) -> list[SameReason]:
    """Groups in the order of their first errors. Errors have one reason where code and message are the
    same but for the names of what they are about; the same error of the same place counts once."""
    groups: dict[tuple[str, str], dict[tuple[object, ...], DeploymentSystemError]] = {}
    for error in errors:
        same = groups.setdefault((str(error.error_code), _reason(error)), {})
        same.setdefault(_place(error), error)
    return [SameReason(first, tuple(others)) for first, *others in map(dict.values, groups.values())]


def _reason(error: DeploymentSystemError) -> str:
    """The message without the file, the flow and the deployment that it is about."""
    context = error.context
    names = {
        name for name in (context.file_path, context.flow_name, context.deployment_name) if name is not None
    }
    text = error.message
    for name in sorted(names - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "\0", text)
    return text


def _place(error: DeploymentSystemError) -> tuple[object, ...]:
    context = error.context
    return (
        context.file_path,
        context.line_number,
        context.column,
        context.flow_name,
        context.deployment_name,
    )
