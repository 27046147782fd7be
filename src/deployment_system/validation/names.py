"""Names of deployments and flows, as the server takes them."""

import re
from collections import defaultdict
from collections.abc import Iterable

from deployment_system.discovery import Flow
from deployment_system.error_handling import ErrorCodes, ErrorContext, FlowDiscoveryError, ValidationError

_REFUSED = re.compile(r"[/%&><]")
"""The server's pattern for names is `^[^/%&><]*$`; a wrong deployment name is answered with 500."""


def check_deployment_name(name: str, place: ErrorContext) -> tuple[ValidationError, ...]:
    """Whether a deployment can be called so."""
    if not name.strip():
        what = "is empty"
    elif found := _REFUSED.search(name):
        what = f"holds {found[0]!r}; names hold none of / % & > <"
    else:
        return ()
    return (
        ValidationError(
            f"the deployment name {name!r} {what}",
            error_code=ErrorCodes.DEPLOYMENT_NAME_INVALID,
            context=place.extended(deployment_name=name),
        ),
    )


def check_flow_names(flows: Iterable[Flow]) -> tuple[FlowDiscoveryError, ...]:
    """Names that the server refuses, and names that two flows share: for each of them one error."""
    by_name: defaultdict[str, list[Flow]] = defaultdict(list)
    for flow in flows:
        by_name[flow.name].append(flow)
    errors: list[FlowDiscoveryError] = []
    for name, same in by_name.items():
        if found := _REFUSED.search(name):
            text = f"the flow name {name!r} holds {found[0]!r}; names hold none of / % & > <"
            errors.extend(_error(flow, text, ErrorCodes.FLOW_INVALID_STRUCTURE) for flow in same)
        if len(same) > 1:
            for flow in same:
                others = ", ".join(f"{other.file}:{other.line}" for other in same if other is not flow)
                text = f"the flow name {name!r} is taken twice: here and at {others}"
                errors.append(_error(flow, text, ErrorCodes.FLOW_NAME_DUPLICATE))
    return tuple(errors)


def _error(flow: Flow, text: str, code: ErrorCodes) -> FlowDiscoveryError:
    return FlowDiscoveryError(
        text,
        error_code=code,
        context=ErrorContext(flow_name=flow.name, file_path=flow.file, line_number=flow.line),
    )
