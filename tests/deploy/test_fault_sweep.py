"""Each write of a deployment fails in each way, once and for good: deployed, put back, or open and known."""

import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.deploy.conftest import Workspace
from tests.deploy.world import (
    DEPLOY,
    declare_after,
    deploy_before,
    picture,
    same_world,
    told,
    well_told,
)
from tests.recording_proxy import Fault, Seen, recording_proxy

SWEEP_ALL = os.environ.get("CRASH_SWEEP") == "all"
"""Every fault at every write takes half an hour; otherwise a sample that is another one each time."""
SEED = int(os.environ.get("CRASH_SWEEP_SEED") or random.randrange(10_000))  # noqa: S311 - no secret
TIMEOUT_SECONDS = 5
"""Of the client, where the server hangs."""

KINDS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "500 although it was done": {"status": 500, "answer_after": True},
    "503": {"status": 503},
    "429": {"status": 429, "headers": {"retry-after": "0"}},
    "reset": {"drop_before": True},
    "lost after being handled": {"drop_after": True},
    "hung": {"delay_seconds": TIMEOUT_SECONDS + 0.5, "drop_before": True},
    "late": {"delay_seconds": TIMEOUT_SECONDS + 0.5},
}
PASSING = ("503", "429", "reset", "lost after being handled", "hung", "late")
"""Where it helps to ask again."""
TIMING_OUT = ("hung", "late")
LATE_PATIENCE_SECONDS = 5.0
"""For what is handled after the client gave up."""
WRITES = 12
AS_BEFORE = ("1 rolled_back", "4 rollback_incomplete")
"""How a deployment ends after which, or after whose recovery, the server is as it was."""

METHODS = ("GET", "POST", "PATCH", "DELETE")


@dataclass(frozen=True)
class Write:
    """A write request of the deployment, found again in every repository."""

    method: str
    shape: str
    """A regular expression for its path, with any id."""
    earlier: int
    """How many of this kind come before it."""


@dataclass(frozen=True)
class Case:
    """One fault at one write."""

    write: Write
    kind: str
    extent: str

    def __str__(self) -> str:
        write = self.write
        return f"{write.method} {write.shape} after {write.earlier}: {self.kind}, {self.extent}"


@dataclass(frozen=True)
class Sweep:
    """What a deployment that nothing hinders writes, and what it makes."""

    writes: Sequence[Write]
    goal: Any
    make: Callable[[], Workspace]
    """A repository of its own, deployed once and then changed."""


@pytest.fixture(scope="module")
def sweep(prefect_server: str, work_pool: str) -> Iterator[Sweep]:
    """The deployment, recorded once."""
    with ExitStack() as stack:

        def make() -> Workspace:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            proxy = stack.enter_context(recording_proxy(prefect_server))
            name = f"t{uuid4().hex[:8]}"
            made = Workspace(folder, prefix=name, server_url=prefect_server, proxy=proxy)
            stack.callback(made.leave_nothing)
            deploy_before(made)
            declare_after(made)
            proxy.forget()
            return made

        workspace = make()
        assert workspace.proxy is not None
        finished = workspace.run(*DEPLOY)
        assert finished.status == 0, finished.output
        writes = written(workspace.proxy.writes)
        assert len(writes) == WRITES
        yield Sweep(writes, told(workspace, picture(workspace)), make)


def written(seen: Sequence[Seen]) -> list[Write]:
    """The requests as they are found again."""
    found: list[Write] = []
    # A server on SQLite answers 503 now and then by itself: that is another attempt of the same write.
    for request in (request for request in seen if httpx.codes.is_success(request.status)):
        shape = f"^{re.sub('[0-9a-f-]{36}', '[0-9a-f-]{36}', request.path)}$"
        earlier = sum((write.method, write.shape) == (request.method, shape) for write in found)
        found.append(Write(request.method, shape, earlier))
    return found


def run_all(sweep: Sweep, extent: str, in_sample: int) -> None:
    """Runs each fault at each write, or a sample of them, and tells every case that went wrong. One after
    another: a server on SQLite bears one writer, and answers 503 to others by itself."""
    every = [Case(write, kind, extent) for kind in KINDS for write in sweep.writes]
    # Attempts that all have to time out take a minute: a sample has such a case only where one attempt does.
    quick = [case for case in every if case.kind not in TIMING_OUT or extent == "once"]
    chosen = every if SWEEP_ALL else random.Random(SEED).sample(quick, in_sample)  # noqa: S311 - no secret
    began = time.monotonic()
    wrong = run_row(sweep, chosen)
    seconds = time.monotonic() - began
    sys.stdout.write(f"CRASH_SWEEP_SEED={SEED}: {len(chosen)} of {len(every)} cases, {seconds:.0f} s\n")
    assert not wrong, "\n".join(wrong)


def run_row(sweep: Sweep, cases: Sequence[Case]) -> list[str]:
    """Runs cases one after another, in one repository as long as the server is as before; what was wrong."""
    wrong = []
    workspace: Workspace | None = None
    for case in cases:
        workspace = workspace or sweep.make()
        try:
            ended = judge(sweep, workspace, case)
        except (AssertionError, ValueError) as error:
            ended = f"wrong: {error}"
            wrong.append(f"{case}: {error}")
        sys.stdout.write(f"{case}: {ended}\n")
        if ended not in AS_BEFORE:
            workspace.leave_nothing()
            workspace = None
    return wrong


def judge(sweep: Sweep, workspace: Workspace, case: Case) -> str:
    """Deploys with the fault, and sees that the server is as it was, as declared, or recovered to be."""
    before = picture(workspace)
    workspace.patience_seconds = LATE_PATIENCE_SECONDS if case.kind == "late" else 0.5
    timeout = TIMEOUT_SECONDS if case.kind in TIMING_OUT else 30
    declare_after(workspace, f"request_timeout_seconds: {timeout}")
    inject(workspace, case)
    assert workspace.proxy is not None
    # Without --force: no fault here is one of the content, so none may be held against it.
    finished = workspace.run(*DEPLOY)
    well_told(finished)
    ended = f"{finished.status} {finished.document['status']}"
    workspace.proxy.forget()
    if ended == "0 deployed":
        assert can_pass(case), ended
        assert told(workspace, picture(workspace)) == sweep.goal
        return ended
    assert ended in AS_BEFORE, finished.output
    assert case.extent != "once" or (case.kind not in PASSING and finished.status == 1), finished.output
    if finished.status != 1:
        recover(workspace)
    left = same_world(before, picture(workspace))
    assert not left, f"{ended}, but {'; '.join(left)}: {finished.output}"
    return ended


def can_pass(case: Case) -> bool:
    """Whether a deployment can end well all the same: where it helps to ask again, or where what was not
    answered is looked for and found, so that it is not sent a second time."""
    if case.kind == "lost after being handled" and case.write.shape.endswith("/schedules$"):
        return case.extent != "everything"
    return case.extent == "once" and case.kind in PASSING


def inject(workspace: Workspace, case: Case) -> None:
    """From now on the way to the server has the fault."""
    assert workspace.proxy is not None
    workspace.proxy.forget()
    faults, write, kind = workspace.proxy.faults, case.write, KINDS[case.kind]

    def spread() -> None:
        faults[:] = [Fault(method, "^/api/", **kind) for method in METHODS]

    times = 1 if case.extent == "once" else 1_000_000
    then = spread if case.extent == "everything" else None
    faults.append(Fault(write.method, write.shape, after=write.earlier, times=times, then=then, **kind))


def recover(workspace: Workspace) -> None:
    """What is open is listed, and put back now that the server is well."""
    listed = workspace.run("recovery", "list", "-o", "json")
    newest = listed.document["plans"][0]
    assert newest["status"] in ("pending", "failed"), newest
    recovered = workspace.run("recovery", "execute", "--auto-execute", "-o", "json")
    well_told(recovered)
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back"), recovered.output
    assert workspace.run("recovery", "execute", "-o", "json").document["status"] == "nothing_to_do"


@pytest.mark.timeout(7200)
def test_any_write_that_fails_once(sweep: Sweep) -> None:
    """What may pass is sent again, and everything is as declared; what the server refuses is rolled back,
    also when it had done what it says it has not."""
    run_all(sweep, "once", 4)


@pytest.mark.timeout(7200)
def test_any_write_from_which_on_everything_of_its_kind_fails(sweep: Sweep) -> None:
    """Exit 1 with the server as it was, or exit 4 with what is open: then a recovery puts it back."""
    run_all(sweep, "this kind of request", 3)


@pytest.mark.timeout(7200)
def test_any_write_from_which_on_nothing_goes(sweep: Sweep) -> None:
    """An outage without end, at any moment: exit 4, and a recovery puts it back."""
    run_all(sweep, "everything", 1)
