"""Why the entrypoint of a deployment leads to no flow, as exactly as the source tells."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from deployment_system.config import PrefectDeployment
from deployment_system.config.problems import nearest
from deployment_system.discovery import Flow, NotDeployable
from deployment_system.error_handling import ErrorCodes, FlowDiscoveryError
from deployment_system.error_handling.corrections import Correction


def missing_flow(
    declared: PrefectDeployment,
    entrypoint: str,
    root: Path,
    flows: Sequence[Flow],
    not_deployable: Sequence[NotDeployable],
    everywhere: Sequence[Flow] = (),
) -> FlowDiscoveryError:
    """The error for a deployment whose flow was not found among `flows` and `not_deployable`, which may be
    those of other files too. `everywhere`: all flows of the repository, among which it may be now."""
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
    meant_entrypoint = _meant(declared, file, function, here, everywhere)
    if meant_entrypoint is not None:
        why += f"; the flow is at {meant_entrypoint}"
        remediation = [f"Write `entrypoint: {meant_entrypoint}`."]
    error = FlowDiscoveryError(
        f"deployment {declared.name!r} names {declared.entrypoint!r}, and {why}",
        error_code=ErrorCodes.FLOW_NOT_FOUND,
        context=declared.place.extended(deployment_name=declared.name),
        remediation=remediation,
    )
    return _with_place_of_entrypoint(error, declared, meant_entrypoint)


def _with_place_of_entrypoint(
    error: FlowDiscoveryError, declared: PrefectDeployment, meant: str | None
) -> FlowDiscoveryError:
    place = declared.places.get("entrypoint")
    if meant is None or place is None or place.line_number is None:
        return error
    return error.with_context(
        correction=Correction(declared.entrypoint, meant, place.line_number).to_fact(),
    )


def _meant(
    declared: PrefectDeployment, file: str, function: str, here: Sequence[str], everywhere: Sequence[Flow]
) -> str | None:
    """The entrypoint that was meant: a flow of the file that is called nearly so; the only flow of a file
    that is named without one; or the only flow of that function anywhere, to whose file it has moved."""
    if declared.entrypoint.endswith(".py"):
        own = [flow.function for flow in everywhere if flow.file == str(PurePosixPath(declared.entrypoint))]
        return f"{declared.entrypoint}:{own[0]}" if len(own) == 1 else None
    if meant := nearest(function, here):
        return f"{declared.entrypoint.rpartition(':')[0] or file}:{meant}"
    moved = [flow for flow in everywhere if flow.function == function and flow.file != file]
    if len(moved) > 1:
        same_name = [flow for flow in moved if _name(flow.file) == _name(file)]
        moved = same_name or moved
    return moved[0].entrypoint if len(moved) == 1 else None


def _name(file: str) -> str:
    return PurePosixPath(file).name


def _last(function: str) -> str:
    """Of a qualified name, which some write and some do not."""
    return function.rpartition(".")[2]
