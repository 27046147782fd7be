"""Job variables against the schema of the work pool they go to."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError

_TEMPLATE = re.compile(r"\{\{.*\}\}", re.DOTALL)

_REFERENCES = ("__prefect_kind", "$ref")


def check_job_variables(
    job_variables: Mapping[str, Any],
    base_job_template: Mapping[str, Any],
    place: ErrorContext,
    place_of: Callable[[str], ErrorContext] | None = None,
) -> tuple[ValidationError, ...]:
    """A value of the wrong type is an error, as the server refuses it. A variable that the pool does not
    know is a warning: the server keeps it, and no worker ever looks at it. So is one that the pool
    requires and nobody gives: only a run that brings it can start. `place`: of the deployment; `place_of`:
    of a variable, where that is known."""
    place_of = place_of or (lambda name: place)
    schema = base_job_template.get("variables")
    if not isinstance(schema, Mapping) or not schema.get("properties"):
        return ()
    known = schema["properties"]
    findings = [_unknown(name, known, place_of(name)) for name in job_variables if name not in known]
    required = schema.get("required") or ()
    findings.extend(
        _missing(name, place)
        for name in required
        if name not in job_variables and "default" not in known.get(name, {})
    )
    checked = {
        name: value
        for name, value in job_variables.items()
        if name in known
        and not has_template(value)
        and not (value is None and name not in required and _takes_none(known[name]))
    }
    if checked:
        findings.extend(_wrong_values(checked, schema, place_of))
    return tuple(findings)


def has_template(value: Any) -> bool:
    """Whether a `{{ … }}`, or a reference of Prefect's to a variable or a block, stands anywhere in the
    value: it is filled in at run time."""
    if isinstance(value, str):
        return bool(_TEMPLATE.search(value))
    if isinstance(value, Mapping):
        return any(key in value for key in _REFERENCES) or any(has_template(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_template(item) for item in value)
    return False


def _takes_none(schema: Mapping[str, Any]) -> bool:
    """The server takes None for a variable of a single type, as "what the pool has"."""
    return "type" in schema and "enum" not in schema


def _unknown(name: str, known: Mapping[str, Any], place: ErrorContext) -> ValidationError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean {near[0]!r}?" if near else f"; it knows {', '.join(sorted(known))}"
    return ValidationError(
        f"the work pool has no job variable {name!r}, and would ignore it{hint}",
        error_code=ErrorCodes.JOB_VARIABLES_INVALID,
        severity=ErrorSeverity.MEDIUM,
        context=place,
    )


def _missing(name: str, place: ErrorContext) -> ValidationError:
    return ValidationError(
        f"the work pool requires the job variable {name!r}, and nothing gives it a value",
        error_code=ErrorCodes.JOB_VARIABLES_INVALID,
        severity=ErrorSeverity.MEDIUM,
        context=place,
    )


def _wrong_values(
    values: Mapping[str, Any], schema: Mapping[str, Any], place_of: Callable[[str], ErrorContext]
) -> list[ValidationError]:
    import jsonschema

    optional = {key: value for key, value in schema.items() if key != "required"}
    validator = jsonschema.Draft202012Validator(optional)
    return [
        ValidationError(
            f"the job variable {'.'.join(map(str, problem.absolute_path))!r} does not fit the work pool: "
            f"{problem.message}",
            error_code=ErrorCodes.JOB_VARIABLES_INVALID,
            severity=ErrorSeverity.HIGH,
            context=place_of(".".join(map(str, problem.absolute_path))),
        )
        for problem in validator.iter_errors(dict(values))
    ]
