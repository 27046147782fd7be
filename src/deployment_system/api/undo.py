"""Deployments, and what is made on the way to them, as resources that can be put back.

States are JSON values, so that a journal can keep them and another process can restore them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deployment_system.api.deployment_states import State, deployment_state, part_of, parts_that_differ
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.error_handling import ErrorContext, GroupUndoHandler, UndoHandler

DEPLOYMENT = "prefect.deployment"
FLOW = "prefect.flow"
WORK_POOL = "prefect.work_pool"
WORK_QUEUE = "prefect.work_queue"

Reference = Mapping[str, Any]
Connect = Callable[[str], PrefectServer]
"""From a server's URL to the server, with the credentials that this process has for it. Whoever supplies it
closes the server."""

_POOL_FIELDS = ("type", "description", "base_job_template", "is_paused", "concurrency_limit")
_USED = "used"


def deployment_reference(server_url: str, flow_name: str, name: str) -> dict[str, str]:
    """What the journal knows a deployment by: its id changes when it is made again."""
    return {"server": server_url, "flow": flow_name, "deployment": name}


def flow_reference(server_url: str, name: str) -> dict[str, str]:
    """What the journal knows a flow by."""
    return {"server": server_url, "flow": name}


def work_pool_reference(server_url: str, name: str) -> dict[str, str]:
    """What the journal knows a work pool by."""
    return {"server": server_url, "work_pool": name}


def work_queue_reference(server_url: str, work_pool: str, name: str) -> dict[str, str]:
    """What the journal knows a queue of a work pool by."""
    return {"server": server_url, "work_pool": work_pool, "work_queue": name}


def undo_handlers(connect: Connect) -> dict[str, UndoHandler]:
    """The handlers of everything that this door can put back, by name."""
    return {
        DEPLOYMENT: DeploymentUndo(connect),
        FLOW: FlowUndo(connect),
        WORK_POOL: WorkPoolUndo(connect),
        WORK_QUEUE: WorkQueueUndo(connect),
    }


class DeploymentUndo(GroupUndoHandler):
    """Deployments: every field, schedules with their slugs and pauses, labels, concurrency limit."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def observe(self, reference: Reference) -> State | None:
        """The deployment as the server has it."""
        server = self._connect(reference["server"])
        stored = server.deployment_named(reference["flow"], reference["deployment"])
        return None if stored is None else deployment_state(stored)

    def observe_all(self, references: Sequence[Reference]) -> list[State | None]:
        """Two requests for two hundred of them."""
        found: dict[tuple[str, str, str], State] = {}
        for url, of_server in _by_server(references).items():
            names = [(reference["flow"], reference["deployment"]) for reference in of_server]
            for name, stored in self._connect(url).deployments_named(names).items():
                found[(url, *name)] = deployment_state(stored)
        return [found.get((each["server"], each["flow"], each["deployment"])) for each in references]

    def restore(self, reference: Reference, state: State | None, found: State | None) -> None:
        """Deletes it, or sends every field: what was not sent would stay as it is."""
        context = ErrorContext(
            flow_name=reference["flow"], deployment_name=reference["deployment"], operation="roll back"
        )
        server = self._connect(reference["server"])
        if state is None:
            if found is not None:
                server.delete_deployment(found["id"], context)
            return
        body = {
            **state["fields"],
            "name": reference["deployment"],
            "flow_id": server.ensure_flow(reference["flow"]),
            "labels": state["labels"],
            "schedules": state["schedules"],
            "paused": state["paused"],
        }
        server.put_deployment(body, context)

    def remove_all(self, references: Sequence[Reference], found: Sequence[State | None]) -> None:
        """One request for fifty of them."""
        for url, ids in _ids_by_server(references, found).items():
            self._connect(url).delete_deployments(ids, ErrorContext(operation="roll back"))

    def same(self, one: State, other: State) -> bool:
        """Whether both say the same. The id says nothing: what was deleted comes back with another."""
        return not parts_that_differ(one, other)

    def differences(self, expected: State, found: State) -> dict[str, tuple[Any, Any]]:
        """By field, schedule and label."""
        return {name: part_of(expected, found, name) for name in sorted(parts_that_differ(expected, found))}

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """Whether the change from `before` to `after`, or a part of it, explains what was found: then each
        part is as it was or as it was to be. Anything else was somebody else."""
        if found is None or after is None:
            return found is after
        if before is None:
            return not parts_that_differ(after, found)
        changed = parts_that_differ(before, found)
        return changed.isdisjoint(parts_that_differ(after, found))


class _MadeOnTheWay(UndoHandler):
    """What is made because a deployment needs it, and removed only as long as nothing else does."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def is_needed(self, found: State) -> bool:
        """Whether it has deployments or runs, which would be lost with it."""
        return bool(found[_USED])

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """Nobody else's work is in it, as long as nobody uses it."""
        return True


class FlowUndo(_MadeOnTheWay, GroupUndoHandler):
    """Flows."""

    def observe(self, reference: Reference) -> State | None:
        """The flow, and whether anything needs it."""
        return self.observe_all([reference])[0]

    def observe_all(self, references: Sequence[Reference]) -> list[State | None]:
        """Three requests for two hundred of them."""
        found: dict[tuple[str, str], State] = {}
        for url, of_server in _by_server(references).items():
            server = self._connect(url)
            flows = server.flows([reference["flow"] for reference in of_server])
            used = server.used_flows([flow["id"] for flow in flows])
            found |= {(url, flow["name"]): {"id": flow["id"], _USED: flow["id"] in used} for flow in flows}
        return [found.get((reference["server"], reference["flow"])) for reference in references]

    def restore(self, reference: Reference, state: State | None, found: State | None) -> None:
        """Deletes the flow, or makes it again."""
        server = self._connect(reference["server"])
        if state is not None:
            server.ensure_flow(reference["flow"])
        elif found is not None:
            server.delete_flow(found["id"], ErrorContext(flow_name=reference["flow"], operation="roll back"))

    def remove_all(self, references: Sequence[Reference], found: Sequence[State | None]) -> None:
        """One request for fifty of them."""
        for url, ids in _ids_by_server(references, found).items():
            self._connect(url).delete_flows(ids, ErrorContext(operation="roll back"))


class WorkQueueUndo(_MadeOnTheWay):
    """Work queues, which a server makes when a deployment names a new one."""

    def observe(self, reference: Reference) -> State | None:
        """The queue, and whether anything needs it."""
        server, pool, name = (
            self._connect(reference["server"]),
            reference["work_pool"],
            reference["work_queue"],
        )
        if server.work_pool(pool) is None or name not in {each["name"] for each in server.work_queues(pool)}:
            return None
        return {_USED: server.has_deployments(pool, name)}

    def restore(self, reference: Reference, state: State | None, found: State | None) -> None:
        """Deletes the queue. One that was there before is never deleted, so none has to be made again."""
        if state is None and found is not None:
            context = ErrorContext(operation="roll back", work_pool=reference["work_pool"])
            server = self._connect(reference["server"])
            server.delete_work_queue(reference["work_pool"], reference["work_queue"], context)


def work_pool_state(body: Mapping[str, Any]) -> dict[str, Any]:
    """How a pool is that was just made with this body."""
    return {"is_paused": False, **{field: body.get(field) for field in _POOL_FIELDS if field in body}}


class WorkPoolUndo(UndoHandler):
    """Work pools with their settings. One that was made, and that somebody deploys to by now, is kept."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def observe(self, reference: Reference) -> State | None:
        """The pool, and whether anybody deploys to it."""
        server, name = self._connect(reference["server"]), reference["work_pool"]
        pool = server.work_pool(name)
        if pool is None:
            return None
        return {**{field: pool.get(field) for field in _POOL_FIELDS}, _USED: server.has_deployments(name)}

    def restore(self, reference: Reference, state: State | None, found: State | None) -> None:
        """Deletes the pool with its queues, or makes it as it was."""
        server, name = self._connect(reference["server"]), reference["work_pool"]
        context = ErrorContext(operation="roll back", work_pool=name)
        if state is None:
            server.delete_work_pool(name, context)
            return
        fields = {field: state[field] for field in _POOL_FIELDS}
        if not server.put_work_pool({"name": name, **fields}, context):
            server.change_work_pool(name, {key: fields[key] for key in fields if key != "type"}, context)

    def same(self, one: State, other: State) -> bool:
        """Whether the settings are the same, whoever uses the pool."""
        return all(one.get(field) == other.get(field) for field in _POOL_FIELDS)

    def is_needed(self, found: State) -> bool:
        """Whether somebody deploys to it."""
        return bool(found[_USED])


def _by_server(references: Sequence[Reference]) -> dict[str, list[Reference]]:
    grouped: dict[str, list[Reference]] = {}
    for reference in references:
        grouped.setdefault(reference["server"], []).append(reference)
    return grouped


def _ids_by_server(references: Sequence[Reference], found: Sequence[State | None]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for reference, state in zip(references, found, strict=True):
        if state is not None:
            ids.setdefault(reference["server"], []).append(state["id"])
    return ids
