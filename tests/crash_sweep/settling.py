"""What has to be true after a death: the next command settles everything, and the server is as it was."""

from dataclasses import dataclass, field

from deployment_system.error_handling import OperationStatus
from deployment_system.error_handling.store import open_store
from tests.crash_sweep.scenario import DEPLOY, Scenario
from tests.crash_sweep.server_picture import Allowance, Picture

RECOVER = ("recovery", "execute", "--auto-execute", "-o", "json")
ASK_FIRST = ("deploy", "--prune", "-o", "json")
"""Settles what is unfinished, and then does nothing: to delete something it would have to ask."""
DEPLOY_EACH = 8
"""Every so many deaths the next command is not a recovery but the whole deployment once more."""

_WHEN = ("created", "updated")
_SCHEDULES = ("schedules.*.id", "schedules.*.created", "schedules.*.updated")
_MADE_ANEW = (
    "id",
    *_WHEN,
    *_SCHEDULES,
    "schedules.*.deployment_id",
    "global_concurrency_limit.id",
    "global_concurrency_limit.name",
    "global_concurrency_limit.created",
    "global_concurrency_limit.updated",
)

RESTORED = (
    Allowance(
        ("deployment *-gone*",),
        _MADE_ANEW,
        "What was deleted can only be made again, and gets another id; so do its schedules and its limit.",
    ),
    Allowance(("concurrency limit of *-gone*",), ("id", "name", *_WHEN), "The limit of such a deployment."),
    Allowance(
        ("deployment *-timed-*", "deployment *-foreign-*", "deployment *-plain"),
        ("updated", *_SCHEDULES, "global_concurrency_limit.updated"),
        "The server notes when it was written to; and only a POST of all its fields brings one back, "
        "which makes its schedules anew.",
    ),
    Allowance(
        ("deployment *-timed-*",),
        ("global_concurrency_limit.id", "global_concurrency_limit.created"),
        "The deployment takes its limit away: the one that comes back is another row.",
    ),
    Allowance(("concurrency limit of *-timed-*",), ("id", *_WHEN), "The same limit, as the server lists it."),
    Allowance(("concurrency limit of *-foreign-*",), ("updated",), "It was changed, and changed back."),
    Allowance(
        ("deployment *-foreign-*",),
        ("parameter_openapi_schema.type", "parameter_openapi_schema.properties"),
        "The server itself fills in an empty schema, whoever sends it.",
    ),
)

DEPLOYED = (
    *RESTORED,
    Allowance(("deployment *",), _MADE_ANEW, "Two deployments from the same start: each makes its own."),
    Allowance(
        ("deployment *",), ("flow_id", "labels.prefect.flow.id"), "The new flow is made by each as well."
    ),
    Allowance(("deployment *",), ("work_queue_id",), "So is a new work queue."),
    Allowance(("concurrency limit of *",), ("id", "name", *_WHEN), "So are limits."),
    Allowance(("flow *-fresh",), ("id", *_WHEN), "The new flow."),
    Allowance(("work queue *-new",), ("id", *_WHEN), "A new work queue."),
    Allowance(("work queue *-moved",), ("id", *_WHEN), "A new work queue."),
    Allowance(
        ("image *", "pushed *"), ("id", "digest"), "An image tells when it was built, and so has another id."
    ),
    Allowance(("deployment *-docker-*",), ("job_variables.image",), "Which is pinned by its digest."),
)


@dataclass
class Settling:
    """Looks after one death."""

    scenario: Scenario
    deployed: Picture
    """The server after the deployment."""
    faults: list[str] = field(default_factory=list)

    def settle(self, turn: int) -> list[str]:
        """Runs the next command, another one at each turn; everything that is not as it has to be."""
        was = self._status()
        if turn % DEPLOY_EACH == DEPLOY_EACH - 1:
            expected = "unchanged" if was is OperationStatus.COMPLETED else "deployed"
            self._run(DEPLOY, 0, expected)
        elif turn % 2:
            committed = was is OperationStatus.COMPLETED
            self._run(ASK_FIRST, *((0, "unchanged") if committed else (3, "invalid")))
        else:
            nothing = was in (None, OperationStatus.COMPLETED, OperationStatus.ROLLED_BACK)
            self._run(RECOVER, 0, "nothing_to_do" if nothing else "rolled_back")
        if self._status() is OperationStatus.COMPLETED:
            self._compare(self.deployed, DEPLOYED, "committed")
            self._run((*RECOVER, "--plan-id", self._plan_id()), 0, "rolled_back")
        self._compare(self.scenario.before, RESTORED, "put back")
        self._nothing_is_left_open()
        return self.faults

    def _run(self, arguments: tuple[str, ...], status: int, word: str) -> None:
        finished = self.scenario.workspace.run(*arguments)
        got = (finished.status, finished.document["status"])
        if got != (status, word):
            self.faults.append(
                f"{' '.join(arguments)}: {got} where ({status}, {word!r}) was expected: "
                f"{finished.output} {finished.errors}"
            )

    def _compare(self, expected: Picture, allowed: tuple[Allowance, ...], when: str) -> None:
        found = expected.differences(self.scenario.look(), allowed)
        self.faults += [f"{when}: {line}" for line in found]

    def _status(self) -> OperationStatus | None:
        """Of the newest plan that the scenario did not begin with; None where there is none."""
        with open_store(self.scenario.state / "state.db") as store:
            plans = store.journal.plans()[self.scenario.plans_before :]
        return plans[-1].status if plans else None

    def _plan_id(self) -> str:
        with open_store(self.scenario.state / "state.db") as store:
            return store.journal.plans()[-1].plan_id

    def _nothing_is_left_open(self) -> None:
        with open_store(self.scenario.state / "state.db") as store:
            self.faults += [f"left unfinished: {plan}" for plan in store.journal.unfinished()]
            self.faults += [
                f"left locked: {lock}" for lock in store.locks.all() if not store.locks.is_gone(lock)
            ]
