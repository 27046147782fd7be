"""Runs the steps of a prefect.yaml that Prefect itself runs, in a process of their own.

They are the user's: they get the user's environment and the repository as working directory, and what
they do cannot be put back. What is bounded is their time, and that nothing of them outlives the run.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from deployment_system.builders import step_errors
from deployment_system.builders.step_errors import Step
from deployment_system.builders.step_output import StepOutput
from deployment_system.error_handling import DeploymentSystemError
from deployment_system.error_handling.closing import Closing

STEP_SECONDS = 600.0
"""The most that a step may take, where nothing else is said."""
START_SECONDS = 120.0
"""Until the process is ready; importing Prefect takes some seconds on a busy machine."""
GRACE_SECONDS = 8.0
"""Between asking the process to end and ending it: more than the child gives the programs of a step."""

_AT_ONCE = 65_536
_LARGEST_PIPE = 1_048_576
"""Bytes. The most that Linux lets a pipe hold without being asked by root: pipe(7)."""

STEP_CHILD = Path(__file__).with_name("step_child.py")
"""Run, never imported: it imports Prefect."""


def _nobody(line: str) -> None:
    """Lines are not told to anybody."""


class StepRunner(Closing):
    """A context manager; what is still running at its end is ended, with all that it has started.

    `environ` is handed on as it is: PREFECT_API_URL and the credentials in it say where blocks and
    variables are looked up. `on_line` is told each line that a step prints, `log_file` keeps them;
    secrets are hidden in both. The process starts with the first step.
    """

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str],
        on_line: Callable[[str], None] = _nobody,
        log_file: Path | None = None,
        timeout_seconds: float = STEP_SECONDS,
    ) -> None:
        self._root = root
        self._environ = environ
        self._on_line = on_line
        self._log_file = log_file
        self._timeout_seconds = timeout_seconds
        self._log: TextIO | None = None
        self._child: _Child | None = None

    def run(self, step: Step, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """Runs one step and returns its outputs, JSON values by their names; none where the function
        returns no mapping, as in Prefect.

        Raises DeploymentError: BUILD_STEP_FAILED, BUILD_STEP_TIMEOUT, BUILD_STEP_UNAVAILABLE,
        BUILD_STEP_OUTPUT_INVALID, BUILD_STEP_OUTPUT_UNKNOWN; and PrefectAPIError
        (PREFECT_OBJECT_NOT_FOUND) for a block or variable that the server does not have.
        """
        outputs: dict[str, Any] = self._answer(step, timeout_seconds, only_look_up=False)["outputs"]
        return outputs

    def looked_up(self, step: Step, *, timeout_seconds: float | None = None) -> dict[str, Any]:
        """The inputs of the step with the server's blocks and variables in them; the step is not run.
        May hold secrets. Raises as `run` does."""
        inputs: dict[str, Any] = self._answer(step, timeout_seconds, only_look_up=True)["inputs"]
        return inputs

    def close(self) -> None:
        """Ends the process and everything that the steps have started."""
        child, self._child = self._child, None
        log, self._log = self._log, None
        try:
            if child is not None:
                child.end()
        finally:
            if log is not None:
                log.close()

    def _answer(self, step: Step, timeout_seconds: float | None, *, only_look_up: bool) -> dict[str, Any]:
        child = self._child or self._start(step)
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        child.output.begin()
        child.order(
            {
                "function": step.function,
                "inputs": dict(step.inputs),
                "requires": list(step.requires),
                "only_look_up": only_look_up,
            }
        )
        try:
            answer = child.answer(seconds)
        except TimeoutError:
            self.close()
            raise step_errors.timed_out(step, seconds, child.output.last_lines, self._log_file) from None
        except EOFError:
            self.close()
            raise step_errors.died(step, child.status, child.output.last_lines, self._log_file) from None
        problem = self._problem(step, answer, child.output)
        if problem is not None:
            raise problem
        return answer

    def _start(self, step: Step) -> "_Child":
        if self._log_file is not None:
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._log_file.open("a", encoding="utf-8")
        output = StepOutput(self._on_line, self._log, self._environ)
        self._child = child = _Child(self._root, self._environ, output)
        try:
            child.answer(START_SECONDS)
        except (TimeoutError, EOFError):
            self.close()
            raise step_errors.not_started(step, output.last_lines) from None
        return child

    def _problem(
        self, step: Step, answer: Mapping[str, Any], output: StepOutput
    ) -> DeploymentSystemError | None:
        """What the answer says that went wrong."""
        last = output.last_lines
        if "failed" in answer:
            failure = {**answer["failed"], "message": output.without_secrets(answer["failed"]["message"])}
            return step_errors.failed(step, failure, last, self._log_file)
        if "not_loaded" in answer:
            return step_errors.not_loaded(step, answer["not_loaded"], last)
        if "not_json" in answer:
            return step_errors.not_json(step, answer["not_json"])
        if "would_vanish" in answer:
            return step_errors.would_vanish(step, answer["would_vanish"])
        return step_errors.not_found(step, answer["not_found"]) if "not_found" in answer else None


class _Child:
    """The process, the pipes to it, and the group of all that it starts."""

    def __init__(self, root: Path, environ: Mapping[str, str], output: StepOutput) -> None:
        self.output = output
        self.status = 0
        """After its end; negative: the signal that ended it."""
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        try:
            self._process = subprocess.Popen(
                # -P: this folder is not where users' modules may import from.
                [sys.executable, "-P", str(STEP_CHILD), str(orders), str(answers), str(root)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[orders, answers],
                # A step that calls Prefect without a server fails, rather than using one that goes with it.
                env={**environ, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"},
                # Ctrl-C at the terminal reaches this process alone, which then ends the steps.
                start_new_session=True,
                cwd=root,
                bufsize=0,
            )
        finally:
            os.close(orders)
            os.close(answers)
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        self._printed = self._process.stdout.fileno()
        self._begun = bytearray()
        self._received: list[bytearray] = []
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._answers, self._printed):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    def order(self, order: Mapping[str, Any]) -> None:
        """Hands an order to the process. One that has died does not take it; its answer says so."""
        view = memoryview((json.dumps(order) + "\n").encode())
        with contextlib.suppress(BrokenPipeError):
            while view:
                view = view[os.write(self._orders, view) :]

    def answer(self, seconds: float) -> dict[str, Any]:
        """The next answer, after everything that was printed before it. Raises TimeoutError, and EOFError
        when the process has ended."""
        deadline = time.monotonic() + seconds
        while True:
            while self._received:
                answer: dict[str, Any] = json.loads(self._received.pop(0))
                if "secrets" not in answer:
                    self._take_all_printed()
                    return answer
                self.output.hide(answer["secrets"])
            self._wait(deadline)

    def end(self) -> None:
        """Asks the process to end, which asks the programs of a step, and insists."""
        try:
            os.close(self._orders)
            with contextlib.suppress(EOFError, TimeoutError):
                deadline = time.monotonic() + GRACE_SECONDS
                while True:
                    self._wait(deadline)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.status = self._process.wait()
            self._take_all_printed()
            self._selector.close()
            os.close(self._answers)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _wait(self, deadline: float) -> None:
        """Waits for something to read, and reads it. A program that never stops printing must not keep its
        time from being up."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        for key, _ in self._selector.select(left):
            if key.fd == self._printed:
                self._take_printed()
            else:
                self._take_answers()

    def _take_answers(self) -> None:
        part = os.read(self._answers, _AT_ONCE)
        if not part:
            raise EOFError
        self._begun += part
        if b"\n" in part:
            *lines, self._begun = self._begun.split(b"\n")
            self._received.extend(lines)

    def _take_all_printed(self) -> None:
        """All that was printed until now. Bounded, as a program may go on printing for ever."""
        for _ in range(_LARGEST_PIPE // _AT_ONCE):
            if not self._take_printed():
                break
        self.output.end_line()

    def _take_printed(self) -> bool:
        """A part of what is in the pipe; False where it is empty."""
        try:
            part = os.read(self._printed, _AT_ONCE)
        except BlockingIOError:
            return False
        self.output.take(part)
        if not part:
            # Nothing more comes, and a closed pipe is always ready to be read.
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._printed)
        return bool(part)
