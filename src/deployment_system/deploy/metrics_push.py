"""Metrics of short runs, pushed to where they are scraped or collected: each failure as a typed error."""

import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import httpx

from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    ErrorCategory,
    ErrorCodes,
    ErrorContext,
)
from deployment_system.monitoring.exposition import PUSH_SECONDS, push
from deployment_system.monitoring.samples import Family

_LONGEST_ANSWER = 200


def push_to_gateway(families: Iterable[Family], url: str, *, job: str, project: str) -> None:
    """Replaces what a Pushgateway has of this job and project. A user and password in the URL log in. Raises
    METRICS_NOT_PUSHED."""
    check_url(url)
    shown_as = without_login(url)

    def send(
        url: str, method: str, timeout: float | None, headers: Sequence[tuple[str, str]], data: bytes
    ) -> Callable[[], None]:
        return lambda: send_whole(method, url, dict(headers), data, shown_as=shown_as)

    push(families, url, job=job, project=project, send=send)


def push_to_collector(families: Iterable[Family], url: str, *, project: str) -> None:
    """Sends all of them to an OpenTelemetry collector (OTLP over HTTP). Raises METRICS_NOT_PUSHED, and
    METRICS_EXTRA_MISSING."""
    check_url(url)
    try:
        from deployment_system.monitoring import opentelemetry
    except ImportError as error:
        raise ConfigurationError(
            "opentelemetry-proto is not installed: metrics cannot be pushed to a collector",
            error_code=ErrorCodes.METRICS_EXTRA_MISSING,
            cause=error,
        ) from error
    content = opentelemetry.export_request(families, project=project, at_nanoseconds=time.time_ns())
    address = url if url.endswith(opentelemetry.PATH) else url.rstrip("/") + opentelemetry.PATH
    headers = {"Content-Type": opentelemetry.CONTENT_TYPE}
    send_whole("POST", address, headers, content, shown_as=without_login(url))


def send_whole(method: str, address: str, headers: dict[str, str], content: bytes, *, shown_as: str) -> None:
    """One request that has to succeed. Raises METRICS_NOT_PUSHED."""
    try:
        answer = httpx.request(method, address, headers=headers, content=content, timeout=PUSH_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _not_pushed(f"{shown_as} cannot be reached: {error or type(error).__name__}", error) from error
    if not answer.is_success:
        said = " ".join(answer.text.split())[:_LONGEST_ANSWER]
        raise _not_pushed(f"{shown_as} answered {answer.status_code}{f': {said}' if said else ''}")


def check_url(url: str) -> None:
    """Raises METRICS_NOT_PUSHED for what is no address of a server."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise _not_pushed(f"{without_login(url)!r} is no address: http://HOST:PORT is one")


def without_login(url: str) -> str:
    """The address as it may be shown."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _not_pushed(message: str, cause: Exception | None = None) -> DeploymentError:
    return DeploymentError(
        f"the metrics were not pushed: {message}",
        error_code=ErrorCodes.METRICS_NOT_PUSHED,
        category=ErrorCategory.NETWORK,
        context=ErrorContext(operation="push metrics"),
        cause=cause,
    )
