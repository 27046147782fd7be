"""`deployment-cli serve` as a process, asked as anybody would ask it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.repositories import Repository

END_SECONDS = 30
WAIT_SECONDS = 60


def wait_for(happened: Callable[[], bool], seconds: float = WAIT_SECONDS, pause: float = 0.1) -> None:
    """Until it happened, or the test fails."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)


@dataclass(frozen=True)
class Serving:
    """One that runs."""

    url: str
    process: "subprocess.Popen[str]"

    def get(self, path: str, **headers: str) -> httpx.Response:
        """One answer."""
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=30)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status after a signal."""
        os.kill(self.process.pid, number)
        return self.process.wait(END_SECONDS)


@contextmanager
def serving(repository: Repository, *arguments: str) -> Iterator[Serving]:
    """Serves on a free port while the block runs."""
    process = repository.start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        if not line.startswith("serving "):
            raise AssertionError(f"it did not start: {line}{process.communicate(timeout=END_SECONDS)}")
        yield Serving(line.removeprefix("serving ").strip(), process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=END_SECONDS)
