"""How the runs of deployments went lately: what failed, what crashed and why, what nobody starts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment_system.api.flow_runs import LATE
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.links import run_url

LOOKED_BACK = timedelta(days=1)
CRASHED = "CRASHED"
MOST_SHOWN = 5

_EXIT_STATUS = re.compile(r"exited with (?:non-zero )?status code:? (-?\d+)")
_MEANINGS = {
    137: "it was killed, mostly because it needed more memory than it may have (`mem_limit`, "
    "`resource_limits.memory`)",
    139: "the program was killed by the system for a memory fault of its own (SIGSEGV)",
    143: "it was asked to end (SIGTERM)",
    126: "what it should start cannot be executed",
    127: "what it should start is not in the image",
}
"""Exit statuses as shells and the Docker engine give them: 128 and the number of the signal."""
_NOT_STARTED = "its code could not be imported or started"


@dataclass(frozen=True, slots=True)
class RunHealth:
    """The runs of one deployment in the last day."""

    crashed: int = 0
    failed: int = 0
    late: int = 0
    """Due, and not started."""
    recent: tuple[Mapping[str, Any], ...] = ()
    """Of these the newest, at most MOST_SHOWN: name, state, due or ended, url."""
    newest: Mapping[str, Any] | None = None
    """The run that ended last, if any run was in trouble: name, state, message, reason, ended, url."""

    @property
    def broken(self) -> bool:
        """The newest run did not fail by its own code: it could not run at all."""
        return self.newest is not None and self.newest["state"] == CRASHED

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `status` shows it."""
        newest = None if self.newest is None else dict(self.newest)
        return {
            "crashed": self.crashed,
            "failed": self.failed,
            "late": self.late,
            "recent": [dict(run) for run in self.recent],
            "newest": newest,
        }


def read_run_health(
    server: PrefectServer, deployments: Mapping[str, str], now: datetime | None = None
) -> dict[str, RunHealth]:
    """By the ids of the deployments that have runs in trouble; `deployments` gives the type of each id."""
    since = (now or datetime.now(UTC)) - LOOKED_BACK
    of_deployment: dict[str, list[Mapping[str, Any]]] = {}
    for run in server.runs.in_trouble(list(deployments), since):
        of_deployment.setdefault(run["deployment_id"], []).append(run)
    return {
        each: _health(server.url, deployments[each], runs, server.runs.newest_ended(each))
        for each, runs in of_deployment.items()
    }


def reason_of_crash(message: str, deployment_type: str) -> str | None:
    """What an exit status in Prefect's message means; None where there is none that says anything."""
    found = _EXIT_STATUS.search(message)
    if found is None:
        return None
    status = int(found[1])
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status != 1:
        return None
    if deployment_type == "docker":
        return f"{_NOT_STARTED}; `deployment-cli build --preflight` imports it in its image and says why"
    return f"{_NOT_STARTED}; `deployment-cli validate --check-environment` says what is missing here"


def _health(
    server_url: str, deployment_type: str, runs: Sequence[Mapping[str, Any]], newest: Mapping[str, Any] | None
) -> RunHealth:
    return RunHealth(
        crashed=_count(run["state_type"] == CRASHED for run in runs),
        failed=_count(run["state_type"] == "FAILED" for run in runs),
        late=_count(run["state_name"] == LATE for run in runs),
        recent=tuple(_shortly(server_url, run) for run in _newest_first(runs)[:MOST_SHOWN]),
        newest=None if newest is None else _told(server_url, deployment_type, newest),
    )


def _told(server_url: str, deployment_type: str, run: Mapping[str, Any]) -> dict[str, Any]:
    message = (run.get("state") or {}).get("message") or ""
    crashed = run["state_type"] == CRASHED
    return {
        "name": run["name"],
        "state": run["state_type"],
        "message": message,
        "reason": reason_of_crash(message, deployment_type) if crashed else None,
        "ended": run["end_time"],
        "url": run_url(server_url, run["id"]),
    }


def _newest_first(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(
        runs, key=lambda run: str(run["end_time"] or run["expected_start_time"] or ""), reverse=True
    )


def _shortly(server_url: str, run: Mapping[str, Any]) -> dict[str, Any]:
    late = run["state_name"] == LATE
    return {
        "name": run["name"],
        "state": "LATE" if late else run["state_type"],
        "due": run["expected_start_time"],
        "ended": run["end_time"],
        "url": run_url(server_url, run["id"]),
    }


def _count(found: Iterable[bool]) -> int:
    return sum(found)
