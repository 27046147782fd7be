"""Why the entrypoint of a deployment leads to no flow, as exactly as the source tells."""

from collections.abc import Sequence
from pathlib import Path

from deployment_system.config import PrefectDeployment
from deployment_system.config.problems import nearest
from deployment_system.discovery import Flow, NotDeployable
from deployment_system.error_handling import ErrorCodes, FlowDiscoveryError


def missing_flow(
    declared: PrefectDeployment,
    entrypoint: str,
    root: Path,
    flows: Sequence[Flow],
    not_deployable: Sequence[NotDeployable],
) -> FlowDiscoveryError:
    """The error for a deployment whose flow was not found among `flows` and `not_deployable`, which may be
    those of other files too."""
    file, _, function = entrypoint.rpartition(":")
    here = sorted(flow.function for flow in flows if flow.file == file)
    hidden = next(
        (item for item in not_deployable if item.file == file and _last(item.function) == _last(function)),
        None,
    )
    remediation: list[str] | None = None
    if declared.entrypoint.endswith(".py"):
        why = "an entrypoint names a function as well"
        remediation = [f"Write `entrypoint: {declared.entrypoint}:FUNCTION`."]
    elif not (root / file).exists():
        why = f"there is no file {file}"
        remediation = ["Correct `entrypoint`: path/to/file.py:function, from the folder of prefect.yaml on."]
    elif hidden is not None:
        why = f"{hidden.function} cannot be deployed: {hidden.reason}"
        remediation = ["Bind the flow to a name at the top of its file, and name that one."]
    elif meant := nearest(function, here):
        why = f"{file} has no flow {function!r}: did you mean {meant!r}?"
    elif here:
        why = f"{file} has no flow {function!r}; it has {', '.join(here)}"
    else:
        why = f"no function in {file} is a flow"
        remediation = [f"Put `@flow` above {function!r}, or correct `entrypoint`."]
    return FlowDiscoveryError(
        f"deployment {declared.name!r} names {declared.entrypoint!r}, and {why}",
        error_code=ErrorCodes.FLOW_NOT_FOUND,
        context=declared.place.extended(deployment_name=declared.name),
        remediation=remediation,
    )


def _last(function: str) -> str:
    """Of a qualified name, which some write and some do not."""
    return function.rpartition(".")[2]
