"""Foreign errors to ours: what httpx raises and what a Prefect server answers, each with its code.

The one place that knows which of them may pass by themselves. Decided by type and status; the
server's own words only become part of the message.
"""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from deployment_system.error_handling import ErrorCodes, ErrorContext, OpenCircuit, PrefectAPIError
from deployment_system.error_handling.circuit_breaker import circuit_open_error

# Most specific first; each with its code and what happened, in words.
_TRANSPORT_ERRORS: tuple[tuple[type[httpx.HTTPError | httpx.InvalidURL], ErrorCodes, str], ...] = (
    (httpx.ConnectTimeout, ErrorCodes.PREFECT_API_UNAVAILABLE, "did not accept the connection in time"),
    (httpx.ConnectError, ErrorCodes.PREFECT_API_UNAVAILABLE, "cannot be reached"),
    (httpx.TimeoutException, ErrorCodes.PREFECT_API_TIMEOUT, "did not answer in time"),
    (httpx.UnsupportedProtocol, ErrorCodes.SERVER_URL_INVALID, "has a URL that is not http or https"),
    (httpx.InvalidURL, ErrorCodes.SERVER_URL_INVALID, "has a URL that cannot be read"),
    (httpx.DecodingError, ErrorCodes.PREFECT_API_ERROR, "sent an answer that cannot be decoded"),
    (httpx.TooManyRedirects, ErrorCodes.SERVER_URL_INVALID, "redirects without end"),
    (httpx.TransportError, ErrorCodes.PREFECT_API_UNAVAILABLE, "broke the connection off"),
)

_STATUS_CODES: dict[int, ErrorCodes] = {
    401: ErrorCodes.PREFECT_AUTH_FAILED,
    403: ErrorCodes.PREFECT_AUTH_FAILED,
    404: ErrorCodes.PREFECT_OBJECT_NOT_FOUND,
    408: ErrorCodes.PREFECT_API_TIMEOUT,
    429: ErrorCodes.PREFECT_RATE_LIMITED,
    502: ErrorCodes.PREFECT_API_UNAVAILABLE,
    503: ErrorCodes.PREFECT_API_UNAVAILABLE,
    504: ErrorCodes.PREFECT_API_TIMEOUT,
}

_LONGEST_DETAIL = 500


def transport_error(
    error: httpx.HTTPError | httpx.InvalidURL, url: str, context: ErrorContext
) -> PrefectAPIError:
    """The error for a request that got no answer."""
    code, happened = next(
        ((code, happened) for kind, code, happened in _TRANSPORT_ERRORS if isinstance(error, kind)),
        (ErrorCodes.PREFECT_API_ERROR, "could not be asked"),
    )
    return PrefectAPIError(
        f"the Prefect server at {url} {happened}",
        error_code=code,
        context=context.extended(server_url=url),
        cause=error,
    )


def status_error(response: httpx.Response, url: str, context: ErrorContext) -> PrefectAPIError:
    """The error for an answer that says no."""
    status = response.status_code
    code = _STATUS_CODES.get(status)
    if code is None:
        rejected = httpx.codes.is_client_error(status)
        code = ErrorCodes.PREFECT_REQUEST_REJECTED if rejected else ErrorCodes.PREFECT_API_ERROR
    request = f"{response.request.method} {response.request.url.path}"
    detail = answer_detail(response)
    if code is ErrorCodes.PREFECT_AUTH_FAILED:
        message = f"the Prefect server at {url} {_no_entry(response)}"
    else:
        message = f"the Prefect server at {url} answered {status} to {request}"
        message += f": {detail}" if detail else ""
    facts: dict[str, Any] = {"server_url": url, "status": status, "request": request}
    wait = retry_after_seconds(response.headers.get("retry-after"), now=datetime.now(UTC))
    if wait is not None:
        facts["retry_after_seconds"] = wait
    return PrefectAPIError(message, error_code=code, context=context.extended(**facts))


def _no_entry(response: httpx.Response) -> str:
    """Whether nobody logged in, the login was not accepted, or the account may not do this."""
    kind = response.request.headers.get("authorization", "").partition(" ")[0]
    if response.status_code == httpx.codes.FORBIDDEN:
        return f"does not allow {'this account' if kind else 'anybody without a login'} to do this (403)"
    if not kind:
        return "wants a login, and none was sent (401)"
    login = "user and password that were sent" if kind == "Basic" else "API key that was sent"
    return f"does not accept the {login} (401)"


def not_a_prefect_server(url: str, answer: httpx.Response, context: ErrorContext) -> PrefectAPIError:
    """The error for an address where something answers that is not a Prefect API."""
    hint = (
        ""
        if url.rstrip("/").endswith("/api")
        else f"; a Prefect API usually ends in /api: {url.rstrip('/')}/api"
    )
    return PrefectAPIError(
        f"what answers at {url} is not a Prefect API (status {answer.status_code}"
        f" to {answer.request.url.path}){hint}",
        error_code=ErrorCodes.SERVER_URL_INVALID,
        context=context.extended(server_url=url),
    )


def circuit_open(refusal: OpenCircuit, url: str) -> PrefectAPIError:
    """The error for a request that was not sent, because the server failed too often in a row."""
    error = circuit_open_error(refusal, f"the Prefect server at {url}")
    return PrefectAPIError(
        error.message, error_code=ErrorCodes.CIRCUIT_OPEN, context=error.context.extended(server_url=url)
    )


def answer_detail(response: httpx.Response) -> str:
    """What the server says went wrong, on one line: FastAPI's `detail`, Prefect's `exception_message`,
    or the beginning of the text."""
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return _one_line(
            response.text if response.headers.get("content-type", "").startswith("text/plain") else ""
        )
    if not isinstance(body, dict):
        return _one_line(json.dumps(body))
    problems = body.get("exception_detail") or body.get("detail")
    if isinstance(problems, list):
        return _one_line("; ".join(_field_problem(problem) for problem in problems))
    return _one_line(str(problems or body.get("exception_message") or ""))


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """How long the server asks to wait, in seconds; both forms of RFC 9110 section 10.2.3."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _field_problem(problem: Any) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    place = ".".join(str(part) for part in problem.get("loc", ()) if part != "body")
    return f"{place}: {problem.get('msg', problem)}" if place else str(problem.get("msg", problem))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"
