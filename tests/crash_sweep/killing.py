"""Ends the command at one point of its way: when it sends a request, when that was handled, at a call."""

import queue
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from tests.crash_sweep.scenario import STATE_FOLDER, Scenario
from tests.crash_sweep.system_calls import Calls, calls_in, needed_strace, signalling, traced
from tests.recording_proxy import Fault
from tests.repositories import Finished

KILLED = -signal.SIGKILL
END_SECONDS = 120


class Point(Protocol):
    """Where a command dies."""

    def run(self, scenario: Scenario, *arguments: str) -> Finished:
        """Runs the command; its status is `KILLED` unless it ended before it came there."""
        ...


@dataclass(frozen=True)
class AtRequest:
    """At a request to the server, by its number from 1."""

    number: int
    handled: bool
    """The server has handled it, and its answer is on the way; else the server never sees it."""
    method: str = ""
    """Counts only requests of this method, where it is not empty."""
    path: str = ""
    """Counts only requests in whose path this regular expression is found."""

    def __str__(self) -> str:
        return f"{'after' if self.handled else 'before'} the server handles request {self.number}"

    def run(self, scenario: Scenario, *arguments: str) -> Finished:
        """See `Point`."""
        started: queue.Queue[subprocess.Popen[str]] = queue.Queue()

        def kill() -> None:
            process = started.get(timeout=END_SECONDS)
            process.kill()
            process.wait(END_SECONDS)

        fault = Fault(self.method, self.path, after=self.number - 1, times=1)
        if self.handled:
            fault.drop_after, fault.afterwards = True, kill
        else:
            fault.drop_before, fault.then = True, kill
        scenario.proxy.faults.append(fault)
        process = scenario.workspace.start(*arguments)
        started.put(process)
        try:
            return _ended(process)
        finally:
            scenario.proxy.forget()


@dataclass(frozen=True)
class AtCall:
    """At a system call, before the kernel acts on it, by its name and its number from 1."""

    call: str
    number: int
    signal_name: str = "SIGKILL"

    def __str__(self) -> str:
        return f"at its {self.call} number {self.number}"

    def run(self, scenario: Scenario, *arguments: str) -> Finished:
        """See `Point`."""
        through = signalling(needed_strace(), self.call, self.number, self.signal_name)
        return _ended(scenario.workspace.start(*arguments, through=through))


@dataclass(frozen=True)
class Survey:
    """The points of a command, from a run that nobody disturbs."""

    requests: int
    calls: Calls
    finished: Finished

    @property
    def request_points(self) -> list[AtRequest]:
        """Two for each request."""
        numbers = range(1, self.requests + 1)
        return [AtRequest(number, handled) for number in numbers for handled in (False, True)]

    @property
    def call_points(self) -> list[AtCall]:
        """One for each call since the state was opened."""
        return [AtCall(call, number) for call, number in self.calls.points]


def survey(scenario: Scenario, log: Path, *arguments: str) -> Survey:
    """Runs the command once under strace."""
    scenario.proxy.forget()
    finished = _ended(scenario.workspace.start(*arguments, through=traced(needed_strace(), log)))
    # What a busy server refused was sent again: the next run may be spared that.
    requests = sum(seen.status != httpx.codes.SERVICE_UNAVAILABLE for seen in scenario.proxy.seen)
    return Survey(requests, calls_in(log, opening=f"{STATE_FOLDER}/state.db"), finished)


def _ended(process: "subprocess.Popen[str]") -> Finished:
    output, errors = process.communicate(timeout=END_SECONDS)
    return Finished(process.returncode, output, errors)
