"""The kinds of values that a setting can hold, each with the words for what would be right."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from deployment_system.config.scalars import plain_scalar
from deployment_system.config.variables import UnresolvedText, VariableText
from deployment_system.error_handling import ErrorCodes


def problem(
    message: str,
    *,
    code: ErrorCodes = ErrorCodes.CONFIG_INVALID_VALUE,
    remedy: str | None = None,
    below: tuple[str | int, ...] = (),
) -> PydanticCustomError:
    """What a validator raises; `problems.py` makes one of our errors of it, which names the wrong value
    before the message. `below` leads from the validated value to the part that is wrong."""
    facts = {"message": message, "code": code.value, "remedy": remedy, "below": below}
    return PydanticCustomError("setting", "{message}", facts)


class Settings(BaseModel):
    """Base of all that is read from a file: frozen, strict, and without unknown keys.

    A key whose value is null counts as not written, so that each key has one default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_said(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if not _says_nothing(item)}
        return value


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, VariableText) and not value.strip())


def _reread(value: Any) -> Any:
    """Text from a variable, in a setting that is no text, is read as a YAML scalar."""
    return plain_scalar(value.strip()) if isinstance(value, VariableText) else value


def _as_listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def settled(value: Any) -> Any:
    """A value of any type, with plain text from variables read as YAML scalars, deeply."""
    if isinstance(value, VariableText):
        return plain_scalar(value) if value.plain else str(value)
    if isinstance(value, UnresolvedText):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [settled(item) for item in value]
    return value


def _refuse_what_json_cannot_hold(value: Any, below: tuple[str | int, ...] = ()) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise problem("must be a finite number, as JSON knows no other", below=below)
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_what_json_cannot_hold(item, (*below, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_what_json_cannot_hold(item, (*below, index))


def _plain_text(value: Any) -> Any:
    return str(value) if isinstance(value, VariableText | UnresolvedText) else value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    result = settled(value)
    _refuse_what_json_cannot_hold(result)
    return result


Text = Annotated[str, BeforeValidator(_plain_text)]
Flag = Annotated[bool, BeforeValidator(_reread)]
Whole = Annotated[int, BeforeValidator(_reread)]
Number = Annotated[float, BeforeValidator(_reread)]
Values = Annotated[dict[str, Any], BeforeValidator(_mapping)]
"""Named values of any JSON type: parameters, job variables."""
AsList = BeforeValidator(_as_listed)
"""Makes the tuple that a setting is of the list that stands in the file."""
Texts = Annotated[tuple[Text, ...], AsList]
ListedValues = Annotated[tuple[Values, ...], AsList]


def checked_text(check: Callable[[str], str | None]) -> BeforeValidator:
    """A text that `check` accepts, or returns in a better form."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, UnresolvedText):
            return _plain_text(value)
        better = check(str(value))
        return str(value) if better is None else better

    return BeforeValidator(validate)


def _filled(text: str) -> None:
    if not text.strip():
        raise problem("must not be empty")


FilledText = Annotated[str, checked_text(_filled)]
FilledTexts = Annotated[tuple[FilledText, ...], AsList]


def url_problem(url: str) -> str | None:
    """What is wrong with the URL of a Prefect API; None where nothing is."""
    try:
        parts = urlsplit(url)
        port_is_wrong = parts.port == 0
    except ValueError as error:
        return f"is no URL: {error}"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not parts.hostname or re.search(r"\s", url):
        return "must name a host, as in http://127.0.0.1:4200/api"
    if port_is_wrong:
        return "names port 0; ports are 1 to 65535"
    if parts.query or parts.fragment:
        return "must end with the path of the API, without ? or #"
    return None


def _server_url(text: str) -> str:
    url = text.strip()
    wrong = url_problem(url)
    if wrong:
        raise problem(wrong, code=ErrorCodes.SERVER_URL_INVALID)
    return url.rstrip("/")


ServerUrl = Annotated[str, checked_text(_server_url)]

_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(b|k|m|g|[KMGT]i?|B)?")


def _memory(text: str) -> None:
    if not _MEMORY.fullmatch(text):
        raise problem("must be an amount of memory: a number with Ki, Mi or Gi, as in 512Mi")


Memory = Annotated[str, checked_text(_memory)]


def _state_url(text: str) -> None:
    if text.startswith("sqlite:///") and text != "sqlite:///":
        return
    parts = urlsplit(text)
    if parts.scheme in ("postgresql", "postgres") and parts.hostname and parts.path.strip("/"):
        return
    raise problem("must be sqlite:///PATH or postgresql://USER@HOST/DATABASE")


StateUrl = Annotated[str, checked_text(_state_url)]


def seconds_of(value: Any) -> float:
    """The seconds of an interval: a number of them, or an ISO 8601 duration such as `PT1H`.

    The message of the error that it raises says what is accepted.
    """
    value = _reread(value)
    seconds = _duration(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise problem("must be a number of seconds, or a duration such as PT1H")
    if seconds <= 0:
        raise problem("must be more than 0 seconds")
    return float(seconds)


_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_CLOCK = re.compile(r"(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?")


def _duration(text: str) -> float | None:
    found = _DURATION.fullmatch(text) or _CLOCK.fullmatch(text)
    parts = {name: float(part) for name, part in (found.groupdict() if found else {}).items() if part}
    try:
        return timedelta(**parts).total_seconds() if parts else None
    except OverflowError:
        return None


Seconds = Annotated[
    float, BeforeValidator(seconds_of), Field(json_schema_extra={"type": ["number", "string"], "minimum": 0})
]


def _moment(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise problem("must be a moment in ISO 8601, as in 2026-01-31T06:30:00+00:00") from None


Moment = Annotated[str, checked_text(_moment)]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}|[{}]")
NAME_PARTS = ("flow", "type", "environment")


def _name_template(text: str) -> str:
    _filled(text)
    for found in _PLACEHOLDER.finditer(text):
        if (found[1] or "").lower() not in NAME_PARTS:
            raise problem(
                f"has {found[0]!r} in it; a template may hold {{flow}}, {{type}} and {{environment}}"
            )
    return _PLACEHOLDER.sub(lambda found: found[0].lower(), text)


NameTemplate = Annotated[str, checked_text(_name_template)]
