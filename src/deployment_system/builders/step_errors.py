"""How a step of a prefect.yaml can fail, as our errors."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
)

ENDED_BY_SIGNAL = 128
"""A shell's exit status for a program that a signal ended, less the number of the signal."""


class Step(Protocol):
    """What is to be run, and where it is written."""

    @property
    def function(self) -> str:
        """Its whole name."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it is called with; outputs of other steps are filled in."""

    @property
    def requires(self) -> Sequence[str]:
        """The packages that it needs."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def place(self) -> ErrorContext:
        """Where it is written."""


def failed(
    step: Step, failure: Mapping[str, Any], output: Sequence[str], log: Path | None
) -> DeploymentError:
    """The function raised, or its script ended with an exit status that is not 0."""
    status = failure.get("exit_status")
    words = " ".join(str(failure["message"]).split())
    what = f"failed with exit status {status}" if status is not None else f"raised {failure['type']}"
    context = _context(step, output, exit_status=status)
    if failure.get("file"):
        context = context.extended(step_file=failure["file"], step_line=failure.get("line"))
    return DeploymentError(
        f"{_called(step)} {what}{f': {words}' if words else ''}",
        error_code=ErrorCodes.BUILD_STEP_FAILED,
        context=context,
        remediation=_remedies(log),
    )


def died(step: Step, status: int, output: Sequence[str], log: Path | None) -> DeploymentError:
    """The process that ran the step ended with it."""
    if status < 0:
        how = f"was ended by {signal.Signals(-status).name}"
        status = ENDED_BY_SIGNAL - status
    else:
        how = f"ended the process that ran it, with exit status {status}"
    return DeploymentError(
        f"{_called(step)} {how}",
        error_code=ErrorCodes.BUILD_STEP_FAILED,
        context=_context(step, output, exit_status=status),
        remediation=_remedies(log),
    )


def timed_out(step: Step, seconds: float, output: Sequence[str], log: Path | None) -> DeploymentError:
    """The step took longer than it may."""
    return DeploymentError(
        f"{_called(step)} was ended after {seconds:g} seconds",
        error_code=ErrorCodes.BUILD_STEP_TIMEOUT,
        context=_context(step, output, timeout_seconds=seconds),
        remediation=_remedies(log),
    )


def not_loaded(step: Step, why: Mapping[str, Any], output: Sequence[str]) -> DeploymentError:
    """A package is not installed, or the function does not exist."""
    missing = why.get("missing")
    if missing:
        count = "package" if len(missing) == 1 else "packages"
        what = f"needs the {count} {', '.join(missing)}, not installed here"
        remedy = f"pip install {' '.join(_quoted(package) for package in missing)}"
    elif why.get("module"):
        what = f"cannot be loaded: there is no module {why['module']!r} here"
        remedy = (
            f"Install the package that has the module {why['module']!r} and name it under `requires`, or "
            f"correct {step.function!r}."
        )
    else:
        what = f"cannot be loaded: {why['message']}"
        remedy = f"Correct {step.function!r}."
    return DeploymentError(
        f"{_called(step)} {what}",
        error_code=ErrorCodes.BUILD_STEP_UNAVAILABLE,
        context=_context(step, output),
        remediation=[remedy],
    )


def not_json(step: Step, found: Mapping[str, str]) -> DeploymentError:
    """An output is no JSON value."""
    where = f" under {found['where']!r}" if found["where"] else ""
    return DeploymentError(
        f"{_called(step)} gave a value{where} that JSON cannot hold: a {found['kind']}",
        error_code=ErrorCodes.BUILD_STEP_OUTPUT_INVALID,
        context=_context(step, ()),
    )


def would_vanish(step: Step, reference: str) -> DeploymentError:
    """A value has a template in it that nobody resolves: Prefect would put nothing in its place."""
    return DeploymentError(
        f"{_called(step)} is given the text {reference}, in whose place Prefect would put nothing",
        error_code=ErrorCodes.BUILD_STEP_OUTPUT_UNKNOWN,
        context=_context(step, ()),
        remediation=["Let the variable or the step that gives the text give it without {{ … }}."],
    )


def not_found(step: Step, what: str) -> DeploymentSystemError:
    """The server has no such block or variable."""
    return PrefectAPIError(
        f"{_called(step)} refers to something that the Prefect server does not have: {what}",
        error_code=ErrorCodes.PREFECT_OBJECT_NOT_FOUND,
        context=_context(step, ()),
    )


def not_started(step: Step, output: Sequence[str]) -> DeploymentError:
    """The process that runs steps did not get ready."""
    last = next((line for line in reversed(output) if line.strip()), "it said nothing")
    return DeploymentError(
        f"the process that runs the steps of prefect.yaml did not start: {last}",
        error_code=ErrorCodes.BUILD_STEP_FAILED,
        context=_context(step, output),
        remediation=["Run `deployment-cli doctor`."],
    )


def _called(step: Step) -> str:
    function = step.function.replace(":", ".").rpartition(".")[2]
    return f"the step {step.name!r}" + ("" if step.name == function else f" ({function})")


def _context(step: Step, output: Sequence[str], **more: Any) -> ErrorContext:
    known = {name: value for name, value in more.items() if value is not None}
    if output:
        known["output"] = list(output)
    return step.place.extended(operation="run the steps of prefect.yaml", step=step.name, **known)


def _remedies(log: Path | None) -> list[str] | None:
    if log is None:
        return None
    return [f"Read its whole output in {log}, and run the same command by hand."]


def _quoted(package: str) -> str:
    """For a shell, where < and > redirect."""
    return package if package.replace("-", "").replace("_", "").isalnum() else f'"{package}"'
