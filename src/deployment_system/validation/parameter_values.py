"""Parameters of runs against the flow that takes them."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from deployment_system.discovery import Flow
from deployment_system.error_handling import ErrorCodes, ErrorContext, ValidationError
from deployment_system.error_handling.corrections import corrected
from deployment_system.validation.job_variables import has_template


def check_parameters(
    parameters: Mapping[str, Any],
    flow: Flow,
    schema: Mapping[str, Any] | None,
    place_of: Callable[[str], ErrorContext],
) -> tuple[ValidationError, ...]:
    """Names that the flow does not take, and values that its types refuse. Values with a `{{ … }}` are
    filled in at run time and not looked at. `place_of` says where a parameter is given."""
    properties = (schema or {}).get("properties")
    known = set(properties) if properties is not None else {item.name for item in flow.parameters}
    unknown_signature = schema is None and not flow.signature_known
    takes_any = unknown_signature or any(parameter.kind == "var_keyword" for parameter in flow.parameters)
    errors = []
    for name in parameters:
        if name not in known and not takes_any:
            errors.append(_unknown(name, known, flow, place_of(name)))
    fixed = {name: value for name, value in parameters.items() if name in known and not has_template(value)}
    if schema is not None and fixed:
        errors.extend(_wrong_values(fixed, schema, flow, place_of))
    return tuple(errors)


def check_required(
    parameters: Mapping[str, Any], flow: Flow, schema: Mapping[str, Any] | None, place: ErrorContext
) -> tuple[ValidationError, ...]:
    """Parameters that every scheduled run would lack."""
    required = [item.name for item in flow.parameters if item.required]
    if not flow.signature_known:
        required = list((schema or {}).get("required", ()))
    missing = [name for name in required if name not in parameters]
    if not missing:
        return ()
    names = ", ".join(map(repr, missing))
    return (
        ValidationError(
            f"flow {flow.name!r} needs a value for {names}, and its schedule gives none",
            error_code=ErrorCodes.PARAMETER_MISSING,
            context=place.extended(flow_name=flow.name, parameter=missing[0]),
        ),
    )


def _unknown(name: str, known: set[str], flow: Flow, place: ErrorContext) -> ValidationError:
    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(sorted(known)) or "none"
    hint = f": did you mean {near[0]!r}?" if near else f"; it has: {listed}"
    error = ValidationError(
        f"flow {flow.name!r} has no parameter {name!r}{hint}",
        error_code=ErrorCodes.PARAMETER_UNKNOWN,
        context=place.extended(flow_name=flow.name, parameter=name),
    )
    return corrected(error, name, near[0] if near else None)


def _wrong_values(
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
    flow: Flow,
    place_of: Callable[[str], ErrorContext],
) -> list[ValidationError]:
    import jsonschema

    optional = {key: value for key, value in schema.items() if key != "required"}
    validator = jsonschema.Draft202012Validator(optional)
    errors = []
    for problem in validator.iter_errors(dict(values)):
        name = ".".join(map(str, problem.absolute_path))
        errors.append(
            ValidationError(
                f"the parameter {name!r} of flow {flow.name!r} does not fit its type: {problem.message}",
                error_code=ErrorCodes.PARAMETER_INVALID,
                context=place_of(name).extended(flow_name=flow.name, parameter=name),
            )
        )
    return errors
