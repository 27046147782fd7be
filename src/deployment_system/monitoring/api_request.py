"""What a request asks for, understood or refused with a typed error."""

import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from deployment_system.error_handling import DeploymentSystemError, ErrorCategory, ErrorCodes, ErrorContext
from deployment_system.error_handling.store.error_filter import in_utc
from deployment_system.monitoring.http_server import Answer

JSON_TYPE = "application/json; charset=utf-8"
USUAL_PAGE = 50
LARGEST_PAGE = 500
_MOST_PARAMETERS = 30


class Refused(Exception):  # noqa: N818 - an answer that is no answer to what was asked, raised on the way
    """Holds the error that the client gets, and the status."""

    def __init__(self, status: HTTPStatus, error: DeploymentSystemError) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error


def json_answer(status: HTTPStatus, document: Mapping[str, Any]) -> Answer:
    """A document."""
    content = json.dumps(document, default=str, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Answer(status, content + b"\n", JSON_TYPE)


def error_answer(status: HTTPStatus, errors: Iterable[DeploymentSystemError]) -> Answer:
    """Errors, as a command that fails shows them."""
    return json_answer(status, {"status": "failed", "errors": [shown(each.to_dict()) for each in errors]})


def shown(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error without its traceback, which names files of the machine."""
    return {key: value for key, value in error.items() if key != "traceback"}


def refuse(status: HTTPStatus, message: str) -> Answer:
    """The answer to what is no request that can be answered."""
    return error_answer(status, [invalid(message, status).error])


def invalid(message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, **context: Any) -> Refused:
    """REQUEST_INVALID, to be raised."""
    return Refused(
        status,
        DeploymentSystemError(
            message,
            error_code=ErrorCodes.REQUEST_INVALID,
            category=ErrorCategory.USAGE,
            context=ErrorContext(operation="answer a request", **context),
        ),
    )


def unauthorized() -> Refused:
    """REQUEST_UNAUTHORIZED, to be raised."""
    error = DeploymentSystemError(
        "a token is needed: Authorization: Bearer …",
        error_code=ErrorCodes.REQUEST_UNAUTHORIZED,
        category=ErrorCategory.USAGE,
    )
    return Refused(HTTPStatus.UNAUTHORIZED, error)


def shows_token(header: str | None, token: str) -> bool:
    """Whether an Authorization header shows the token; how long that takes tells nothing of it."""
    scheme, _, given = (header or "").strip().partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode("utf-8"))
    return same and scheme.lower() == "bearer"


def path_and_parameters(target: str, known: Mapping[str, Collection[str]]) -> tuple[str, dict[str, str]]:
    """The path of a request, one of those that are known, and its parameters, each given once. Raises
    `Refused`."""
    try:
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise invalid(f"the address cannot be understood: {error}") from error
    path = unquote(parts.path).rstrip("/") or "/"
    if path not in known:
        there = ", ".join(known)
        raise invalid(f"there is no {path[:200]!r} here; there is {there}", HTTPStatus.NOT_FOUND)
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name not in known[path]:
            fit = f"{', '.join(known[path])} are known" if known[path] else "it takes none"
            raise invalid(f"{path} has no parameter {name[:100]!r}: {fit}", parameter=name[:100])
        if name in parameters:
            raise invalid(f"{name} is given more than once", parameter=name)
        parameters[name] = value
    return path, parameters


def page_size(parameters: Mapping[str, str]) -> int:
    """`limit`. Raises `Refused`."""
    text = parameters.get("limit", str(USUAL_PAGE))
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_PAGE)) else 0
    if not 1 <= number <= LARGEST_PAGE:
        raise invalid(
            f"limit is {text[:50]!r}: a number from 1 to {LARGEST_PAGE} is needed", parameter="limit"
        )
    return number


def moment(parameters: Mapping[str, str], name: str) -> datetime | None:
    """A time, in UTC where it names no zone; None: not given. Raises `Refused`."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise invalid(f"{name} is {text[:50]!r}: 2026-01-31T12:00 is a time", parameter=name) from error
