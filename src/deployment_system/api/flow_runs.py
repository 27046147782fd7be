"""What a Prefect server knows of the runs of deployments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deployment_system.api.connection import PAGE_SIZE, Connection, pages_of
from deployment_system.error_handling import ErrorContext

IN_FLIGHT_STATES = ("RUNNING", "PENDING", "CANCELLING", "PAUSED")
ENDED_STATES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
LATE = "Late"
"""The name of the state of a scheduled run that nobody has started in time."""


class FlowRuns:
    """Asks over a connection. Methods raise PrefectAPIError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_flight(self, deployment_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Runs that deleting these deployments would hurt: started ones, and scheduled ones that a
        person or a program asked for (the scheduler makes its own again)."""
        runs: list[dict[str, Any]] = []
        context = ErrorContext(operation="read runs in flight")
        for ids in pages_of(deployment_ids):
            states = {"type": {"any_": [*IN_FLIGHT_STATES, "SCHEDULED"]}}
            wanted = {"flow_runs": {"deployment_id": {"any_": ids}, "state": states}}
            runs.extend(self._connection.pages("/flow_runs/filter", wanted, context))
        return [run for run in runs if run["state_type"] in IN_FLIGHT_STATES or not run.get("auto_scheduled")]

    def in_trouble(self, deployment_ids: Sequence[str], since: datetime) -> list[dict[str, Any]]:
        """Runs of these deployments that failed or crashed since then, and those that are late now; of many,
        the newest."""
        ended_badly = {
            "state": {"type": {"any_": ["FAILED", "CRASHED"]}},
            "end_time": {"after_": since.isoformat()},
        }
        late = {"state": {"name": {"any_": [LATE]}}}
        runs: list[dict[str, Any]] = []
        for ids in pages_of(deployment_ids):
            for which, order in ((ended_badly, "END_TIME_DESC"), (late, "EXPECTED_START_TIME_DESC")):
                runs += self._newest({"deployment_id": {"any_": ids}, **which}, order, PAGE_SIZE)
        return runs

    def newest_ended(self, deployment_id: str) -> dict[str, Any] | None:
        """The run of a deployment that ended last; None where none has."""
        which = {"deployment_id": {"any_": [deployment_id]}, "state": {"type": {"any_": ENDED_STATES}}}
        return next(iter(self._newest(which, "END_TIME_DESC", 1)), None)

    def _newest(self, which: dict[str, Any], order: str, limit: int) -> list[dict[str, Any]]:
        asked = {"flow_runs": which, "sort": order, "limit": limit}
        return self._connection.list("/flow_runs/filter", asked, ErrorContext(operation="read runs"))
