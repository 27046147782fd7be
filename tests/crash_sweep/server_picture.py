"""Everything on a Prefect server that a deployment could touch, and what differs between two looks at it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import httpx

BUSY_SECONDS = 30.0
PAGE = 200

MISSING = "(missing)"


class ServerDoor:
    """The server itself, asked past everything that is tested. Close it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request, repeated while a server on SQLite says that it is busy."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            answer = self._client.request(method, path, json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def all(self, path: str, wanted: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every object, page by page."""
        found: list[dict[str, Any]] = []
        while len(found) % PAGE == 0:
            page = self.ask("POST", path, {**(wanted or {}), "limit": PAGE, "offset": len(found)})
            found.extend(page)
            if not page:
                break
        return found


@dataclass(frozen=True)
class Allowance:
    """A difference that is no fault."""

    things: tuple[str, ...]
    """Which things, with * for anything."""
    fields: tuple[str, ...]
    """Which of their fields, with * for anything."""
    reason: str

    def covers(self, thing: str, path: str) -> bool:
        """Whether it speaks of this field of this thing."""
        return _matches(thing, self.things) and _matches(path, self.fields)


@dataclass(frozen=True)
class Picture:
    """Things by kind and name; each a tree of fields."""

    things: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, later: "Picture", allowed: Sequence[Allowance]) -> list[str]:
        """What is otherwise in `later`, a line for each field."""
        lines = []
        for thing in sorted(self.things.keys() | later.things.keys()):
            if thing not in later.things:
                lines.append(f"{thing}: is gone")
            elif thing not in self.things:
                lines.append(f"{thing}: was not there before: {_short(later.things[thing])}")
            else:
                lines += [
                    f"{thing}: {path}: {_short(one)} -> {_short(other)}"
                    for path, one, other in _different("", self.things[thing], later.things[thing])
                    if not any(each.covers(thing, path) for each in allowed)
                ]
        return lines


def read_picture(door: ServerDoor, prefix: str, *, alone: bool) -> Picture:
    """How everything is now. Of what does not have the prefix in its name, only that it is there: the server
    itself changes some of it, such as the time of a worker's last heartbeat. Where we are not `alone` on
    the server, not even that: others come and go."""
    flows = {item["id"]: item["name"] for item in door.all("/flows/filter")}
    deployments = door.all("/deployments/filter")
    names = {item["id"]: f"{flows.get(item['flow_id'])}/{item['name']}" for item in deployments}
    runs = {"flow_runs": {"name": {"like_": prefix}}}
    found = [
        *(("deployment", names[item["id"]], _by_slug(item)) for item in deployments),
        *(("flow", item["name"], item) for item in door.all("/flows/filter")),
        *(("work pool", item["name"], item) for item in door.all("/work_pools/filter")),
        *(("work queue", _queue_name(item), item) for item in door.all("/work_queues/filter")),
        *(
            ("concurrency limit", _limit_name(item["name"], names), item)
            for item in door.all("/v2/concurrency_limits/filter")
        ),
        *(("limit of a tag", item["tag"], item) for item in door.all("/concurrency_limits/filter")),
        *(("automation", item["name"], item) for item in door.all("/automations/filter")),
        *(("run", item["name"], item) for item in door.all("/flow_runs/filter", runs)),
    ]
    ours = [(kind, name) for kind, name, _ in found if prefix in name]
    assert len(set(ours)) == len(ours), "two things of one name"
    return Picture(
        {
            f"{kind} {name}": item if prefix in name else {}
            for kind, name, item in found
            if alone or prefix in name
        }
    )


def _queue_name(queue: Mapping[str, Any]) -> str:
    return f"{queue['work_pool_name']}/{queue['name']}"


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _limit_name(name: str, deployments: Mapping[str, str]) -> str:
    """The server makes a limit for each deployment that has one, and names it after the id, which another
    deployment has that was made again."""
    deployment = deployments.get(name.removeprefix("deployment:"))
    return f"of {deployment}" if deployment else name


def _by_slug(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """With its schedules by slug: their order means nothing, and the server gives them in any."""
    schedules = {item["slug"] or _timing(item): item for item in deployment["schedules"]}
    return {**deployment, "schedules": schedules}


def _timing(schedule: Mapping[str, Any]) -> str:
    return json.dumps(schedule["schedule"], sort_keys=True).replace(".", ",")


def _different(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            deeper = f"{path}.{key}" if path else key
            yield from _different(deeper, one.get(key, MISSING), other.get(key, MISSING))
    elif one != other:
        yield path, one, other


def _short(value: Any) -> str:
    text = value if value == MISSING else json.dumps(value, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:100]}…"
