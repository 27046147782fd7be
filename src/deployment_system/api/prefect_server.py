"""The one door to Prefect: every request that this system sends to a server leaves here.

Plain HTTP instead of Prefect's own client: importing Prefect costs more than most commands take, and
its client repeats a POST after a lost answer without saying so. Every call has a timeout; what may
pass by itself is tried again by the retry policy, and only where repeating is safe. The calls of a run
share a retry budget and a circuit breaker, so that a dying server is not hammered.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from deployment_system.api import translate
from deployment_system.error_handling import (
    NOT_THERE,
    CircuitBreaker,
    ErrorCodes,
    ErrorContext,
    LookUpFirst,
    OpenCircuit,
    PrefectAPIError,
    RetryBudget,
    RetryHandler,
    RetryPolicies,
    RetryPolicy,
)

PAGE_SIZE = 200
"""The most objects that a Prefect server returns at once (PREFECT_API_DEFAULT_LIMIT's default)."""

DEFAULT_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0

SERVER_RETRY = replace(
    RetryPolicies.NETWORK_RETRY, max_attempts=7, base_delay=0.01, backoff_multiplier=4.0, max_delay=5.0
)
"""A server on SQLite answers 503 to one write in fifteen, also when it has a single writer, and takes it at
once when it is sent again: the first wait is short. The last ones bridge a restart of some seconds."""

OLDEST_SERVER = (3, 2)
"""Schedules with slugs and parameters, which everything here rests on, came before 3.2."""

IN_FLIGHT_STATES = ("RUNNING", "PENDING", "CANCELLING", "PAUSED")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens the server; never shown."""

    api_key: str | None = None
    auth_string: str | None = None
    """`user:password` for servers behind PREFECT_SERVER_API_AUTH_STRING."""

    def __repr__(self) -> str:
        return "Credentials(…)"


class PrefectServer:
    """A Prefect server. Safe to use from several threads. Close it, or use it in a `with` block.

    Every method raises `PrefectAPIError`; with the code CIRCUIT_OPEN where the server failed so often in a
    row that it is not even asked. `budget` and `breaker` are its own unless others are given to share.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retry_policy: RetryPolicy = SERVER_RETRY,
        budget: RetryBudget | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        credentials = credentials or Credentials()
        headers = {"Authorization": f"Bearer {credentials.api_key}"} if credentials.api_key else {}
        auth = None
        if credentials.auth_string and not credentials.api_key:
            user, _, password = credentials.auth_string.partition(":")
            auth = httpx.BasicAuth(user, password)
        self._retry = RetryHandler(
            retry_policy,
            budget=budget or RetryBudget(),
            breaker=breaker or CircuitBreaker(),
            open_error=self._circuit_open,
        )
        self._count = threading.Lock()
        self.requests_sent = 0
        self.busy_answers = 0
        """How often the server answered that it is too busy."""
        try:
            self._client = httpx.Client(
                base_url=self.url,
                headers=headers,
                auth=auth,
                timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
                follow_redirects=True,
                verify=_trust(self.url),
            )
        except httpx.InvalidURL as error:
            raise translate.transport_error(error, url, ErrorContext()) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    # -- what is there ---------------------------------------------------------------------------

    def version(self) -> str:
        """The server's version, once it has shown that it is a Prefect API that we can work with."""
        context = ErrorContext(operation="ask for the server's version")
        answer = self._retry.retry(self._send_for_success_or_missing, "GET", "/admin/version", context)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise translate.not_a_prefect_server(self.url, answer, context)
        version: str = self._json(answer, str, context)
        if _release(version) < OLDEST_SERVER:
            oldest = ".".join(map(str, OLDEST_SERVER))
            raise PrefectAPIError(
                f"the Prefect server at {self.url} is version {version}; {oldest} is the oldest that works",
                error_code=ErrorCodes.PREFECT_SERVER_TOO_OLD,
                context=context.extended(server_url=self.url, server_version=version),
            )
        return version

    def flows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The flows of these names."""
        return self._chosen("flows", "name", names)

    def flows_by_id(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The flows with these ids."""
        return self._chosen("flows", "id", ids)

    def deployments(self, *, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Every deployment of the server, or those with these ids."""
        if ids is None:
            return list(self._pages("/deployments/filter", {}, "read deployments"))
        return self._chosen("deployments", "id", ids)

    def deployment(self, deployment_id: str) -> dict[str, Any] | None:
        """One deployment; None where there is none of that id."""
        return self._read_or_none(f"/deployments/{deployment_id}", "read a deployment")

    def deployment_named(self, flow_name: str, name: str) -> dict[str, Any] | None:
        """The deployment of a flow; None where there is none of that name."""
        path = f"/deployments/name/{_quoted(flow_name)}/{_quoted(name)}"
        return self._read_or_none(path, "read a deployment")

    def flow_is_used(self, flow_id: str) -> bool:
        """Whether a flow has deployments or runs, which would lose it."""
        wanted = {"flows": {"id": {"any_": [flow_id]}}, "limit": 1}
        context = ErrorContext(operation="see who uses a flow")
        kinds = ("deployments", "flow_runs")
        return any(self._list("POST", f"/{kind}/filter", wanted, context) for kind in kinds)

    def work_pools(self) -> list[dict[str, Any]]:
        """Every work pool, with its template."""
        return list(self._pages("/work_pools/filter", {}, "read work pools"))

    def workers(self, work_pool: str) -> list[dict[str, Any]]:
        """The workers that have polled the pool."""
        path = f"/work_pools/{_quoted(work_pool)}/workers/filter"
        return list(self._pages(path, {}, "read workers"))

    def automations(self) -> list[dict[str, Any]]:
        """Every automation."""
        return list(self._pages("/automations/filter", {}, "read automations"))

    def variable(self, name: str) -> Any:
        """The value of a Prefect variable; None where there is none of that name."""
        found = self._read_or_none(f"/variables/name/{_quoted(name)}", "read a variable")
        return None if found is None else found["value"]

    def runs_in_flight(self, deployment_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Runs that deleting these deployments would hurt: started ones, and scheduled ones that a
        person or a program asked for (the scheduler makes its own again)."""
        runs: list[dict[str, Any]] = []
        for start in range(0, len(deployment_ids), PAGE_SIZE):
            ids = list(deployment_ids[start : start + PAGE_SIZE])
            states = [*IN_FLIGHT_STATES, "SCHEDULED"]
            wanted = {"flow_runs": {"deployment_id": {"any_": ids}, "state": {"type": {"any_": states}}}}
            runs.extend(self._pages("/flow_runs/filter", wanted, "read runs in flight"))
        return [run for run in runs if run["state_type"] in IN_FLIGHT_STATES or not run.get("auto_scheduled")]

    # -- what is changed -------------------------------------------------------------------------

    def ensure_flow(self, name: str) -> str:
        """The id of the flow of that name, which is made where there is none. Safe to repeat."""
        context = ErrorContext(flow_name=name, operation="create a flow")
        return str(self._call("POST", "/flows/", {"name": name}, context)["id"])

    def delete_flow(self, flow_id: str, context: ErrorContext) -> None:
        """Deletes a flow with its deployments; one that is gone already is as good."""
        self._delete(f"/flows/{flow_id}", context)

    def put_deployment(self, body: Mapping[str, Any], context: ErrorContext) -> dict[str, Any]:
        """Creates the deployment or, where flow and name are taken, replaces it: then its schedules are
        made anew with other ids. Safe to repeat."""
        stored: dict[str, Any] = self._call("POST", "/deployments/", body, context)
        return stored

    def change_deployment(self, deployment_id: str, fields: Mapping[str, Any], context: ErrorContext) -> None:
        """Sets these fields and leaves the others alone. Safe to repeat."""
        self._call("PATCH", f"/deployments/{deployment_id}", fields, context)

    def delete_deployment(self, deployment_id: str, context: ErrorContext) -> None:
        """Deletes it; one that is gone already is as good."""
        self._delete(f"/deployments/{deployment_id}", context)

    def add_schedule(self, deployment_id: str, schedule: Mapping[str, Any], context: ErrorContext) -> None:
        """Adds a schedule. Not repeated blindly: when the answer is lost, the server is asked whether it
        has the schedule's slug before it is sent again."""
        path = f"/deployments/{deployment_id}/schedules"

        def add() -> None:
            self._raise_for_status(self._send("POST", path, [schedule], context), context)

        def there_already() -> Any:
            return None if self._has_schedule(deployment_id, schedule["slug"], context) else NOT_THERE

        self._retry.retry(LookUpFirst(add, there_already))

    def change_schedule(
        self, deployment_id: str, schedule_id: str, fields: Mapping[str, Any], context: ErrorContext
    ) -> None:
        """Sets these fields of a schedule, which keeps its id. Safe to repeat."""
        self._call("PATCH", f"/deployments/{deployment_id}/schedules/{schedule_id}", fields, context)

    def delete_schedule(self, deployment_id: str, schedule_id: str, context: ErrorContext) -> None:
        """Deletes a schedule; one that is gone already is as good."""
        self._delete(f"/deployments/{deployment_id}/schedules/{schedule_id}", context)

    def ensure_process_pool(self, name: str) -> bool:
        """Makes a work pool of type `process` from the server's own template where there is none of that
        name; True where it was made. One that another caller makes at the same moment is as good."""
        context = ErrorContext(operation="create a work pool", work_pool=name)
        if self._read_or_none(f"/work_pools/{_quoted(name)}", "read a work pool") is not None:
            return False
        kinds = self._call("GET", "/collections/views/aggregate-worker-metadata", None, context)
        template = kinds["prefect"]["process"]["default_base_job_configuration"]
        body = {"name": name, "type": "process", "base_job_template": template}
        try:
            self._call("POST", "/work_pools/", body, context)
        except PrefectAPIError as error:
            if error.context.extra.get("status") != httpx.codes.CONFLICT:
                raise
            return False
        return True

    def answers_null_fields(self) -> bool:
        """Whether the server takes null in a body; with fastapi 0.151 to 0.154 it answers 422."""
        context = ErrorContext(operation="look for a known fault of the server")
        answer = self._send("POST", "/flows/filter", {"flows": None, "limit": 1}, context)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return False
        self._raise_for_status(answer, context)
        return True

    # -- how it is sent --------------------------------------------------------------------------

    def _has_schedule(self, deployment_id: str, slug: str, context: ErrorContext) -> bool:
        """Asked once: who asks is retried already."""
        answer = self._send_for_success_or_missing("GET", f"/deployments/{deployment_id}", context)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        return any(item["slug"] == slug for item in self._json(answer, dict, context)["schedules"])

    def _delete(self, path: str, context: ErrorContext) -> None:
        self._retry.retry(self._send_for_success_or_missing, "DELETE", path, context)

    def _read_or_none(self, path: str, operation: str) -> dict[str, Any] | None:
        context = ErrorContext(operation=operation)
        answer = self._retry.retry(self._send_for_success_or_missing, "GET", path, context)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = self._json(answer, dict, context)
        return found

    def _send_for_success_or_missing(self, method: str, path: str, context: ErrorContext) -> httpx.Response:
        answer = self._send(method, path, None, context)
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._raise_for_status(answer, context)
        return answer

    def _chosen(self, kind: str, key: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """Objects with one of these values: at most a page of them an ask, so that one page answers it."""
        found: list[dict[str, Any]] = []
        context = ErrorContext(operation=f"read {kind}")
        for start in range(0, len(values), PAGE_SIZE):
            asked = {kind: {key: {"any_": list(values[start : start + PAGE_SIZE])}}, "limit": PAGE_SIZE}
            found.extend(self._list("POST", f"/{kind}/filter", asked, context))
        return found

    def _pages(self, path: str, wanted: Mapping[str, Any], operation: str) -> Iterator[dict[str, Any]]:
        context = ErrorContext(operation=operation)
        offset = 0
        while True:
            page = self._list("POST", path, {**wanted, "limit": PAGE_SIZE, "offset": offset}, context)
            yield from page
            if len(page) < PAGE_SIZE:
                return
            offset += PAGE_SIZE

    def _list(self, method: str, path: str, body: Any, context: ErrorContext) -> list[dict[str, Any]]:
        """An answer that must be a list: an empty object taken for "nothing there" would do harm."""
        answer = self._retry.retry(self._send_for_success, method, path, body, context)
        found: list[dict[str, Any]] = self._json(answer, list, context)
        return found

    def _call(self, method: str, path: str, body: Any, context: ErrorContext) -> Any:
        """The object that the server answers; None where it answers without content."""
        answer = self._retry.retry(self._send_for_success, method, path, body, context)
        return self._json(answer, dict, context) if answer.content else None

    def _send_for_success(self, method: str, path: str, body: Any, context: ErrorContext) -> httpx.Response:
        answer = self._send(method, path, body, context)
        self._raise_for_status(answer, context)
        return answer

    def _json(self, answer: httpx.Response, shape: type, context: ErrorContext) -> Any:
        try:
            content = answer.json()
        except ValueError as error:
            raise translate.not_a_prefect_server(self.url, answer, context) from error
        if not isinstance(content, shape):
            raise translate.not_a_prefect_server(self.url, answer, context)
        return content

    def _send(self, method: str, path: str, body: Any, context: ErrorContext) -> httpx.Response:
        with self._count:
            self.requests_sent += 1
        try:
            return self._client.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translate.transport_error(error, self.url, context) from error

    def _circuit_open(self, refusal: OpenCircuit) -> PrefectAPIError:
        return translate.circuit_open(refusal, self.url)

    def _raise_for_status(self, answer: httpx.Response, context: ErrorContext) -> None:
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            with self._count:
                self.busy_answers += 1
        if not answer.is_success:
            raise translate.status_error(answer, self.url, context)


def _trust(url: str) -> ssl.SSLContext:
    """Whose certificates are trusted: on this very machine nobody's, as HTTP needs none, and to read all
    that are known takes longer than asking a server there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # The client says what is wrong with the URL, in words of its own.
        return httpx.create_ssl_context()
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version such as `3.8.8` or `3.9.0rc1+2.g1a2b`."""
    numbers = []
    for part in version.split(".")[:2]:
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def _quoted(name: str) -> str:
    return quote(name, safe="")
