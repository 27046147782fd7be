"""Would anybody take the work: the pools that deployments go to, and their workers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.links import pool_url

ONLINE = "ONLINE"
_WITHOUT_WORKERS = (":push", ":managed")
"""Ends of the types of pools whose work the server itself hands on."""


@dataclass(frozen=True, slots=True)
class WorkPoolHealth:
    """One work pool."""

    name: str
    type: str | None
    """None: there is no such pool."""
    paused: bool = False
    status: str | None = None
    """The server's own judgement: READY, NOT_READY or PAUSED."""
    workers: int = 0
    """That have ever polled it and are not forgotten yet."""
    workers_online: int = 0
    last_heartbeat: str | None = None
    """When a worker was last heard of, in ISO 8601."""
    url: str | None = None

    @property
    def exists(self) -> bool:
        """Whether the server has it."""
        return self.type is not None

    @property
    def needs_workers(self) -> bool:
        """Whether somebody has to poll it."""
        return self.type is not None and not self.type.endswith(_WITHOUT_WORKERS)

    @property
    def takes_work(self) -> bool:
        """Whether what goes there would run."""
        return self.exists and not self.paused and (self.workers_online > 0 or not self.needs_workers)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `status` shows it."""
        return {
            "name": self.name,
            "exists": self.exists,
            "type": self.type,
            "paused": self.paused,
            "status": self.status,
            "takes_work": self.takes_work,
            "workers": self.workers,
            "workers_online": self.workers_online,
            "last_heartbeat": self.last_heartbeat,
            "url": self.url,
        }


def read_pool_health(
    server: PrefectServer, names: Iterable[str], pools: Mapping[str, Mapping[str, Any]]
) -> tuple[WorkPoolHealth, ...]:
    """Of each pool, one question; `pools` are those of the server, by name."""
    return tuple(_health(server, name, pools.get(name)) for name in sorted(set(names)))


def _health(server: PrefectServer, name: str, pool: Mapping[str, Any] | None) -> WorkPoolHealth:
    if pool is None:
        return WorkPoolHealth(name, None)
    workers = server.workers(name)
    heard = [each["last_heartbeat_time"] for each in workers if each.get("last_heartbeat_time")]
    return WorkPoolHealth(
        name,
        pool["type"],
        bool(pool.get("is_paused")),
        pool.get("status"),
        len(workers),
        sum(each.get("status") == ONLINE for each in workers),
        max(heard, default=None),
        pool_url(server.url, name),
    )
