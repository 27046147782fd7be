"""A user's repository on disk, and the command run in it as a user would run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Finished:
    """How the command ended."""

    status: int
    output: str
    errors: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        found: dict[str, Any] = json.loads(self.output)
        return found

    @property
    def codes(self) -> list[str]:
        """The codes of the errors of the document, in their order."""
        return [error["error_code"] for error in self.document["errors"]]


@dataclass
class Repository:
    """A folder with flows, for one server."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    """Over the variables of the tests, without any that would lead Prefect elsewhere."""
    python: str = field(default=sys.executable, kw_only=True)
    """The interpreter that runs the command."""
    finished: list[Finished] = field(default_factory=list, kw_only=True)
    """Everything that was run, in its order."""

    def write(self, name: str, text: str) -> Path:
        """Writes a file, with the folders above it."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: str = "") -> Finished:
        """Runs `deployment-cli` in the repository, without a terminal."""
        finished = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.whole_environ(environ),
            capture_output=True,
            text=True,
            input=stdin,
            timeout=COMMAND_SECONDS,
        )
        self.finished.append(Finished(finished.returncode, finished.stdout, finished.stderr))
        return self.finished[-1]

    def start(self, *arguments: str, through: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Starts `deployment-cli`, `through` a program that starts it if one is given, and leaves it
        running."""
        return subprocess.Popen(
            [*through, *self.command(*arguments)],
            cwd=self.root,
            env=self.whole_environ(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background of a shell inherit that Ctrl-C is to be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line: from the source that is tested, whatever is installed."""
        return [self.python, "-m", "deployment_system.cli", *arguments]

    def whole_environ(self, more: Mapping[str, str] | None) -> dict[str, str]:
        """The variables that the command sees."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PREFECT_", "DEPLOYMENT_", "CI", "GITHUB_"))
            # Where a container's image sets it, each of a thousand commands would compile the source anew.
            and name != "PYTHONDONTWRITEBYTECODE"
        }
        return {**kept, "PREFECT_HOME": str(self.root / ".prefect-home"), **self.environ, **(more or {})}
