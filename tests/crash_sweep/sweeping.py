"""Goes from point to point: dies there, settles, compares, and counts."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.crash_sweep.killing import KILLED, AtRequest, Point, Survey, survey
from tests.crash_sweep.scenario import DEPLOY, Scenario
from tests.crash_sweep.server_picture import Picture
from tests.crash_sweep.settling import RECOVER, Settling
from tests.repositories import Finished

SWEEP_ALL = os.environ.get("CRASH_SWEEP") == "all"
SEED = int(os.environ.get("CRASH_SWEEP_SEED") or random.randrange(1_000_000))  # noqa: S311 - no secret
TOLD_EACH = 20
ENOUGH = 3
"""So many points that are not put back, and the sweep ends: they tell enough, and each takes long."""

Run = Callable[[Point], Finished]
Series = Iterable[Point]
"""Points in their order, without an end: the one that is not reached any more ends it."""


@dataclass
class Sweep:
    """All sweeps of one test session, on one scenario; `begun` makes it."""

    scenario: Scenario
    deployment: Survey
    deployed: Picture
    """The server after the deployment."""
    recovery: Survey
    seconds: float = 0.0
    turn: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - no secret

    @classmethod
    def begun(cls, scenario: Scenario, folder: Path) -> Self:
        """After one deployment that nobody disturbs, and was taken back. `folder` is for logs."""
        scenario.begin_again()
        deployment = survey(scenario, folder / "deployment", *DEPLOY)
        assert deployment.finished.status == 0, deployment.finished
        deployed = scenario.look()
        plan_id = deployment.finished.document["plan_id"]
        recovery = survey(scenario, folder / "recovery", *RECOVER, "--plan-id", plan_id)
        assert recovery.finished.status == 0, recovery.finished
        return cls(scenario, deployment, deployed, recovery)

    def run(
        self, name: str, run: Run, series: Sequence[Series], sampled: Sequence[Point], number: int
    ) -> int:
        """Dies at every point of each series; or, in a sample, at this number of `sampled`. At how many
        it did. Raises AssertionError with what was not put back."""
        began, points = time.monotonic(), 0
        faults: list[str] = []
        number = -(-number // self.scenario.cost)
        expected = len(sampled) if SWEEP_ALL else number
        wanted = series if SWEEP_ALL else [[point] for point in self.chance.sample(sampled, number)]
        for point, finished, found in self._deaths(wanted, run):
            points += finished.status == KILLED
            faults += [f"killed {point}: {line}" for line in found]
            for line in found:
                _tell(f"{name}: killed {point}: {line}")
            if len({fault.split(":")[0] for fault in faults}) >= ENOUGH:
                break
            if points % TOLD_EACH == 0:
                _tell(f"{name}: {points} of about {expected} points, {time.monotonic() - began:.0f} s")
        self.seconds += time.monotonic() - began
        assert not faults, f"{name}, seed {SEED}, settling in turn {self.turn}:\n" + "\n".join(faults)
        # A busy server makes one run a few calls longer than another; by half means that nothing was killed.
        assert points > expected * 0.5, f"{name}: only {points} of {expected} points were reached"
        return points

    def deploy_to(self, point: Point) -> Finished:
        """The deployment dies there."""
        self.scenario.begin_again()
        return point.run(self.scenario, *DEPLOY)

    def recover_to(self, point: Point) -> Finished:
        """The recovery of a deployment that had changed everything dies there."""
        self.leave_everything_changed()
        return point.run(self.scenario, *RECOVER)

    def leave_everything_changed(self) -> None:
        """A deployment that died when its last deletion was handled: only the commit is missing."""
        last = AtRequest(
            self.scenario.deletions, handled=True, method="DELETE", path="^/api/deployments/[^/]+$"
        )
        died = self.deploy_to(last)
        assert died.status == KILLED, died.output + died.errors

    def _deaths(self, wanted: Sequence[Series], run: Run) -> Iterator[tuple[Point, Finished, list[str]]]:
        """Each point with how the command ended there, and what was not as it should be after that."""
        for series in wanted:
            for point in series:
                finished = run(point)
                found = [] if finished.status in (0, KILLED) else [f"it ended with {finished}"]
                found += Settling(self.scenario, self.deployed).settle(self.turn)
                self.turn += 1
                if found:
                    self.begin_anew()
                yield point, finished, found
                if finished.status != KILLED:
                    break

    def begin_anew(self) -> None:
        """Brings everything to where the deployment begins, however it was left."""
        self.scenario.make()
        self.scenario.begin_again()
        finished = self.scenario.workspace.run(*DEPLOY)
        assert finished.status == 0, finished
        self.deployed = self.scenario.look()
        # Taken back, not made once more: what others have there stays the same, by its ids too.
        taken_back = self.scenario.workspace.run(*RECOVER, "--plan-id", finished.document["plan_id"])
        assert taken_back.status == 0, taken_back


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
