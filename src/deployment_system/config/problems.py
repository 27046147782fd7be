"""What is wrong with a value, in words for the person who wrote it: pydantic's findings as our errors."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deployment_system.config.likely_values import BOOLEAN_WORDS, likely_value
from deployment_system.config.source_frame import HIDDEN, names_a_secret, safe_text
from deployment_system.config.variables import UnresolvedText, VariableText, shown
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes
from deployment_system.error_handling.corrections import Correction

_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "tuple_type": "a list, as in [one, other]",
    "list_type": "a list, as in [one, other]",
}


_SHORTEST_BEGINNING = 3


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that `word` was probably meant to be: the one that begins so, or a similar one."""
    known = list(known)
    longer = [name for name in known if len(word) >= _SHORTEST_BEGINNING and name.startswith(word.lower())]
    if len(longer) == 1:
        return longer[0]
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=cutoff)
    return found[0] if found else None


def dotted(path: Where) -> str:
    """A path as messages say it: `flows.nightly-load.schedules[0].cron`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


_NOTHING = object()


def _step(data: Any, part: str | int) -> Any:
    """One step down; _NOTHING where there is none."""
    if isinstance(data, Mapping):
        return data.get(part, _NOTHING)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return _NOTHING


def value_at(data: Any, path: Where) -> Any:
    """The value at that path of the data; None where there is none."""
    for part in path:
        data = _step(data, part)
    return None if data is _NOTHING else data


def as_errors(
    found: ValidationError,
    document: YamlDocument,
    data: Any,
    model: type[BaseModel],
    *,
    below: Where = (),
    also_known: tuple[str, ...] = (),
) -> list[ConfigurationError]:
    """Every finding as an error with its place. `data` is what was validated, at `below` in the document;
    `also_known` are keys at its top that the model does not read."""
    errors = []
    for detail in found.errors(include_url=False):
        location = detail["loc"]
        if detail["type"] == "extra_forbidden":
            known = (*known_keys(model, location), *(also_known if len(location) == 1 else ()))
            errors.append(unknown_key(document, (*below, *location), known))
        elif detail["type"] == "missing":
            errors.append(_missing(document, below, location))
        else:
            errors.append(_wrong(detail, document, data, below))
    return errors


def unresolved(found: ValidationError, data: Any) -> list[Where]:
    """Paths of findings on text whose variables are not set, in environments that are not active."""
    paths = [real_path(detail["loc"], data) for detail in found.errors(include_url=False)]
    return [path for path in paths if isinstance(value_at(data, path), UnresolvedText)]


def real_path(location: tuple[int | str, ...], data: Any) -> Where:
    """The part of pydantic's location that exists in the data."""
    path: list[int | str] = []
    for part in location:
        data = _step(data, part)
        if data is _NOTHING:
            break
        path.append(part)
    return tuple(path)


def _wrong(detail: ErrorDetails, document: YamlDocument, data: Any, below: Where) -> ConfigurationError:
    context = detail.get("ctx", {})
    path = (*real_path(detail["loc"], data), *context.get("below", ()))
    full = (*below, *path)
    value = value_at(data, path)
    if detail["type"] != "setting":
        return invalid_value(document, full, value, _wanted(detail["type"], context))
    message = f"{dotted(full)} {_named(full, value)}{context['message']}"
    remedy = context["remedy"]
    code = ErrorCodes(context["code"])
    return document.error(message, full, code, remediation=[remedy] if remedy else None)


def _named(path: Where, value: Any) -> str:
    """Names a wrong scalar before the rest of a message; mappings and lists name themselves."""
    if value is None or isinstance(value, dict | list):
        return ""
    return f"is {described(path, value)}: it "


def described(path: Where, value: Any) -> str:
    """A wrong value in a message: hidden where its key names a secret, and named by its variable where it
    came from one."""
    secret = any(isinstance(part, str) and names_a_secret(part) for part in path) or _is_channel(path)
    if secret and not isinstance(value, VariableText):
        return HIDDEN
    return safe_text(shown(value))


def _is_channel(path: Where) -> bool:
    """Whether it is the URL of a notification channel, in which everything may be secret."""
    return path[:2] == ("notifications", "routes") and "urls" in path


def invalid_value(document: YamlDocument, path: Where, value: Any, wanted: str) -> ConfigurationError:
    """The value at `path` is not what the setting takes."""
    hint = f"Write {wanted} here."
    named = described(path, value)
    if wanted == _WANTED["bool_type"] and isinstance(value, str) and not isinstance(value, VariableText):
        hint = _boolean_hint(value)
    if isinstance(value, bool | int | float):
        named = document.written(path) or named
        hint = f'Write it in quotes: "{named}".' if wanted == "text" else hint
    error = document.error(
        f"{dotted(path)} must be {wanted}, not {named}",
        path,
        ErrorCodes.CONFIG_INVALID_VALUE,
        remediation=[hint],
    )
    if named != HIDDEN and not isinstance(value, VariableText):
        error.with_context(correction=_likely_correction(document, path, value, wanted))
    return error


def _likely_correction(document: YamlDocument, path: Where, value: Any, wanted: str) -> Any:
    written = document.written(path)
    meant = likely_value(value, wanted, written or "")
    if meant is None or written is None or document.values[path].end_column is None:
        return None
    mark = document.values[path]
    return Correction(written, meant, mark.line, mark.column).to_fact()


def _boolean_hint(text: str) -> str:
    word = BOOLEAN_WORDS.get(text.strip().lower())
    return f"Write {word}, without quotes." if word else "Write true or false, without quotes."


def _wanted(kind: str, context: Mapping[str, Any]) -> str:
    if kind in ("literal_error", "enum"):
        return str(context["expected"]).replace("'", "")
    bounds = {
        "greater_than": "more than {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than": "less than {lt}",
        "less_than_equal": "at most {le}",
    }
    if kind in bounds:
        return bounds[kind].format(**context)
    return _WANTED.get(kind, "a valid value")


def _missing(document: YamlDocument, below: Where, location: tuple[int | str, ...]) -> ConfigurationError:
    path = (*below, *location)
    return document.error(
        f"{dotted(path)} is missing",
        path,
        ErrorCodes.CONFIG_MISSING_REQUIRED_FIELD,
        remediation=[f"Add `{location[-1]}:` to {dotted(path[:-1])}."],
    ).with_context(path=list(path))


def unknown_key(document: YamlDocument, path: Where, known: Iterable[str]) -> ConfigurationError:
    """A key that nothing reads."""
    known = sorted(known)
    name = str(path[-1])
    meant = nearest(name, known)
    inside = f" in {dotted(path[:-1])}" if len(path) > 1 else ""
    if meant:
        message = f"unknown key {name!r}{inside}: did you mean {meant!r}?"
        remedy = f"Write {meant!r} instead of {name!r}, or remove the key."
    else:
        message = f"unknown key {name!r}{inside}"
        remedy = f"Remove it. Known keys here: {', '.join(known)}."
    correction = document.correction(path, meant, key=True) if meant else None
    error = document.error(message, path, ErrorCodes.CONFIG_UNKNOWN_KEY, key=True, remediation=[remedy])
    return error.with_context(correction=correction)


def known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that the settings around that location know."""
    current: type[BaseModel] | None = model
    fields: Any = model
    for part in location[:-1]:
        if current is not None and isinstance(part, str) and part in current.model_fields:
            fields = current.model_fields[part].annotation
            current = _model_in(fields, direct=True)
        else:
            current = _model_in(fields, direct=False)
    return tuple(current.model_fields) if current else ()


def _model_in(annotation: Any, *, direct: bool) -> type[BaseModel] | None:
    """The settings class in an annotation: itself (or optional), or with `direct` off also that of the
    values of a mapping or list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if direct and getattr(annotation, "__origin__", None) in (dict, tuple):
        return None
    for argument in get_args(annotation):
        found = _model_in(argument, direct=direct)
        if found:
            return found
    return None
