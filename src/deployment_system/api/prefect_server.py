"""The one door to Prefect: what can be asked of a server, and what can be changed there.

Every request that this system sends to a server leaves here; `connection` says how it is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from deployment_system.api.connection import (
    DEFAULT_TIMEOUT_SECONDS,
    PAGE_SIZE,
    SERVER_RETRY,
    Connection,
    Credentials,
    pages_of,
)
from deployment_system.api.flow_runs import FlowRuns
from deployment_system.error_handling import (
    NOT_THERE,
    CircuitBreaker,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
    RetryBudget,
    RetryPolicy,
)
from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.collected import RetryWatch

__all__ = ["Credentials", "PrefectServer"]

OLDEST_SERVER = (3, 2)
"""Schedules with slugs and parameters, which everything here rests on, came before 3.2."""

EVENTS_AT_ONCE = 1000
"""Of a thousand deployments a request has about a megabyte."""

Item = TypeVar("Item")


class PrefectServer(Closing):
    """A Prefect server. Safe to use from several threads. Close it, or use it in a `with` block.

    Every method raises `PrefectAPIError`; with the code CIRCUIT_OPEN where the server failed so often in a
    row that it is not even asked. `budget` and `breaker` are its own unless others are given to share;
    `watch` counts requests and retries.
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
        watch: RetryWatch | None = None,
    ) -> None:
        self._connection = Connection(
            url,
            credentials,
            timeout_seconds=timeout_seconds,
            retry_policy=retry_policy,
            budget=budget,
            breaker=breaker,
            watch=watch,
        )
        self.url = self._connection.url
        self.runs = FlowRuns(self._connection)

    def close(self) -> None:
        """Ends the connections."""
        self._connection.close()

    @property
    def requests_sent(self) -> int:
        """How many requests were sent so far, each attempt counted."""
        return self._connection.requests_sent

    @property
    def busy_answers(self) -> int:
        """How often the server answered that it is too busy."""
        return self._connection.busy_answers

    @property
    def late_seconds(self) -> float:
        """How long it may still take until each write whose answer was lost is made, or never will be."""
        return self._connection.late_seconds()

    @property
    def answers_lost(self) -> int:
        """Of how many writes nobody knows whether the server made them, or still will."""
        return self._connection.answers_lost

    def is_healthy(self) -> bool:
        """Whether the server answers now. Asked once, and soon given up; raises nothing."""
        return self._connection.is_healthy()

    # -- what is there ---------------------------------------------------------------------------

    def version(self) -> str:
        """The server's version, once it has shown that it is a Prefect API that we can work with."""
        context = ErrorContext(operation="ask for the server's version")
        version = self._connection.text("/admin/version", context)
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
            return self._all("/deployments/filter", {}, "read deployments")
        return self._chosen("deployments", "id", ids)

    def deployments_as_listed(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those with these ids that the list of the UI would show: read from where it reads them."""
        found: list[dict[str, Any]] = []
        context = ErrorContext(operation="read deployments as the UI does")
        for some in pages_of(ids):
            asked = {"deployments": {"id": {"any_": some}}, "limit": PAGE_SIZE, "page": 1}
            page = self._connection.call("POST", "/deployments/paginate", asked, context)
            found.extend(page["results"])
        return found

    def deployments_named(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """Deployments by the names of their flow and their own; those that there are."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for some in pages_of(names):
            flow_names = {flow["id"]: flow["name"] for flow in self.flows(_once(flow for flow, _ in some))}
            asked = {
                "flows": {"id": {"any_": list(flow_names)}},
                "deployments": {"name": {"any_": _once(name for _, name in some)}},
            }
            stored = self._all("/deployments/filter", asked, "read deployments") if flow_names else ()
            found |= {(flow_names[item["flow_id"]], item["name"]): item for item in stored}
        return {name: found[name] for name in names if name in found}

    def deployment_named(self, flow_name: str, name: str) -> dict[str, Any] | None:
        """The deployment of a flow; None where there is none of that name."""
        path = f"/deployments/name/{_quoted(flow_name)}/{_quoted(name)}"
        return self._read_or_none(path, "read a deployment")

    def used_flows(self, ids: Sequence[str]) -> set[str]:
        """Of these flows, those that have deployments or runs, which would be lost with them."""
        used: set[str] = set()
        for some in pages_of(ids):
            wanted = {"flows": {"id": {"any_": some}}}
            for kind in ("deployments", "flow_runs"):
                found = self._all(f"/{kind}/filter", wanted, "see who uses a flow")
                used.update(item["flow_id"] for item in found)
        return used

    def work_pools(self) -> list[dict[str, Any]]:
        """Every work pool, with its template."""
        return self._all("/work_pools/filter", {}, "read work pools")

    def work_pool(self, name: str) -> dict[str, Any] | None:
        """A work pool; None where there is none of that name."""
        return self._read_or_none(f"/work_pools/{_quoted(name)}", "read a work pool")

    def work_queues(self, work_pool: str) -> list[dict[str, Any]]:
        """The queues of a work pool."""
        return self._all(f"/work_pools/{_quoted(work_pool)}/queues/filter", {}, "read work queues")

    def has_deployments(self, work_pool: str, work_queue: str | None = None) -> bool:
        """Whether any deployment goes to the pool, or to that queue of it."""
        wanted: dict[str, Any] = {"work_pools": {"name": {"any_": [work_pool]}}, "limit": 1}
        if work_queue is not None:
            wanted["work_pool_queues"] = {"name": {"any_": [work_queue]}}
        context = ErrorContext(operation="see who uses a work queue", work_pool=work_pool)
        return bool(self._connection.list("/deployments/filter", wanted, context))

    def workers(self, work_pool: str) -> list[dict[str, Any]]:
        """The workers that have polled the pool."""
        return self._all(f"/work_pools/{_quoted(work_pool)}/workers/filter", {}, "read workers")

    def automations(self) -> list[dict[str, Any]]:
        """Every automation."""
        return self._all("/automations/filter", {}, "read automations")

    def variable(self, name: str) -> Any:
        """The value of a Prefect variable; None where there is none of that name."""
        found = self._read_or_none(f"/variables/name/{_quoted(name)}", "read a variable")
        return None if found is None else found["value"]

    # -- what is changed -------------------------------------------------------------------------

    def ensure_flow(self, name: str) -> str:
        """The id of the flow of that name, which is made where there is none. Safe to repeat."""
        context = ErrorContext(flow_name=name, operation="create a flow")
        return str(self._connection.call("POST", "/flows/", {"name": name}, context)["id"])

    def delete_flow(self, flow_id: str, context: ErrorContext) -> None:
        """Deletes a flow with its deployments; one that is gone already is as good."""
        self._connection.delete(f"/flows/{flow_id}", context)

    def delete_flows(self, ids: Sequence[str], context: ErrorContext) -> None:
        """As `delete_flow`, many with one request."""
        self._connection.delete_many("flows", ids, context)

    def put_deployment(self, body: Mapping[str, Any], context: ErrorContext) -> dict[str, Any]:
        """Creates the deployment or, where flow and name are taken, replaces it: then its schedules are
        made anew with other ids. Safe to repeat."""
        stored: dict[str, Any] = self._connection.call("POST", "/deployments/", body, context)
        return stored

    def change_deployment(self, deployment_id: str, fields: Mapping[str, Any], context: ErrorContext) -> None:
        """Sets these fields and leaves the others alone. Safe to repeat."""
        self._connection.call("PATCH", f"/deployments/{deployment_id}", fields, context)

    def delete_deployment(self, deployment_id: str, context: ErrorContext) -> None:
        """Deletes it; one that is gone already is as good."""
        self._connection.delete(f"/deployments/{deployment_id}", context)

    def delete_deployments(self, ids: Sequence[str], context: ErrorContext) -> None:
        """As `delete_deployment`, many with one request: twice as fast as one by one, and more."""
        self._connection.delete_many("deployments", ids, context)

    def add_schedule(self, deployment_id: str, schedule: Mapping[str, Any], context: ErrorContext) -> None:
        """Adds a schedule. Not repeated blindly: when the answer is lost, the server is asked whether it
        has the schedule's slug before it is sent again."""

        def there_already() -> Any:
            found = self._connection.read_once_or_none(f"/deployments/{deployment_id}", context)
            slugs = [item["slug"] for item in found["schedules"]] if found else []
            return None if schedule["slug"] in slugs else NOT_THERE

        self._connection.add(f"/deployments/{deployment_id}/schedules", [schedule], there_already, context)

    def change_schedule(
        self, deployment_id: str, schedule_id: str, fields: Mapping[str, Any], context: ErrorContext
    ) -> None:
        """Sets these fields of a schedule, which keeps its id. Safe to repeat."""
        path = f"/deployments/{deployment_id}/schedules/{schedule_id}"
        self._connection.call("PATCH", path, fields, context)

    def delete_schedule(self, deployment_id: str, schedule_id: str, context: ErrorContext) -> None:
        """Deletes a schedule; one that is gone already is as good."""
        self._connection.delete(f"/deployments/{deployment_id}/schedules/{schedule_id}", context)

    def put_work_pool(self, body: Mapping[str, Any], context: ErrorContext) -> bool:
        """Makes a work pool; False where there is one of that name, which another caller may have made at
        the same moment and which stays as it is."""
        try:
            self._connection.call("POST", "/work_pools/", body, context)
        except PrefectAPIError as error:
            if error.context.extra.get("status") != httpx.codes.CONFLICT:
                raise
            return False
        return True

    def change_work_pool(self, name: str, fields: Mapping[str, Any], context: ErrorContext) -> None:
        """Sets these fields of a work pool. Safe to repeat."""
        self._connection.call("PATCH", f"/work_pools/{_quoted(name)}", fields, context)

    def delete_work_pool(self, name: str, context: ErrorContext) -> None:
        """Deletes a work pool with its queues; one that is gone already is as good."""
        self._connection.delete(f"/work_pools/{_quoted(name)}", context)

    def delete_work_queue(self, work_pool: str, name: str, context: ErrorContext) -> None:
        """Deletes a queue of a work pool; one that is gone already is as good."""
        self._connection.delete(f"/work_pools/{_quoted(work_pool)}/queues/{_quoted(name)}", context)

    def emit_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Records events, a thousand with each request. Safe to repeat: the server knows each by its id."""
        for start in range(0, len(events), EVENTS_AT_ONCE):
            context = ErrorContext(operation="emit events", event=events[start]["event"])
            self._connection.call("POST", "/events", list(events[start : start + EVENTS_AT_ONCE]), context)

    def worker_template(self, pool_type: str) -> dict[str, Any] | None:
        """What a new work pool of a type begins with; None where the server knows nothing of the type."""
        context = ErrorContext(operation="read the templates of work pools")
        packages = self._connection.call("GET", "/collections/views/aggregate-worker-metadata", None, context)
        kinds = (kinds[pool_type] for kinds in packages.values() if pool_type in kinds)
        return next((kind["default_base_job_configuration"] for kind in kinds), None)

    def ensure_process_pool(self, name: str) -> bool:
        """Makes a work pool of type `process` from the server's own template where there is none of that
        name; True where it was made."""
        context = ErrorContext(operation="create a work pool", work_pool=name)
        if self.work_pool(name) is not None:
            return False
        template = self.worker_template("process")
        return self.put_work_pool({"name": name, "type": "process", "base_job_template": template}, context)

    def answers_null_fields(self) -> bool:
        """Whether the server takes null in a body; with fastapi 0.151 to 0.154 it answers 422."""
        context = ErrorContext(operation="look for a known fault of the server")
        status = self._connection.status_of("POST", "/flows/filter", {"flows": None, "limit": 1}, context)
        return status != httpx.codes.UNPROCESSABLE_ENTITY

    # -- inside ----------------------------------------------------------------------------------

    def _read_or_none(self, path: str, operation: str) -> dict[str, Any] | None:
        return self._connection.read_or_none(path, ErrorContext(operation=operation))

    def _all(self, path: str, wanted: Mapping[str, Any], operation: str) -> list[dict[str, Any]]:
        return list(self._connection.pages(path, wanted, ErrorContext(operation=operation)))

    def _chosen(self, kind: str, key: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """Objects with one of these values: at most a page of them an ask, so that one page answers it."""
        found: list[dict[str, Any]] = []
        context = ErrorContext(operation=f"read {kind}")
        for some in pages_of(values):
            asked = {kind: {key: {"any_": some}}, "limit": PAGE_SIZE}
            found.extend(self._connection.list(f"/{kind}/filter", asked, context))
        return found


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version such as `3.8.8` or `3.9.0rc1+2.g1a2b`."""
    numbers = []
    for part in version.split(".")[:2]:
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def _quoted(name: str) -> str:
    return quote(name, safe="")
