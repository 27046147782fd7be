"""The part of the demo that breaks five things before the viewer's eyes, and has them mended."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FAILED, INVALID = 1, 3
FLOW = '''"""What customers sent back."""

from prefect import flow


@flow(name="returns")
def returns(days: int = 7):
    """Counts what came back."""
    return days
'''
LIMITS = "# A demo may be shown again and again.\nlimits: {most_attempts: 100, pause_seconds: 0}\n"
POOL = f"returns-pool-{os.getpid()}"
"""Another one each time: a demo that was interrupted leaves its own behind."""


class Run(Protocol):
    """Prints a command and runs it; ends the demo where its exit status is another one than expected."""

    def __call__(self, *command: str, expected: int = 0) -> None:
        """See above."""


@dataclass(frozen=True)
class Shop:
    """The demo's repository, how commands are run in it, and where its server is."""

    folder: Path
    run: Run
    say: Callable[[str], None]
    server: str

    @property
    def flow(self) -> Path:
        """The file that is broken twice."""
        return self.folder / "flows" / "returns.py"

    @property
    def configuration(self) -> Path:
        """The other one."""
        return self.folder / "deployment-config.yaml"

    def change(self, file: Path, written: str, instead: str) -> None:
        """Breaks a file as a person would, and shows where."""
        text = file.read_text(encoding="utf-8")
        if written not in text:
            raise SystemExit(f"demo: {written!r} does not stand in {file.name}")
        file.write_text(text.replace(written, instead, 1), encoding="utf-8")
        print(
            f"$ sed -i 's|{written.strip()}|{instead.strip()}|' {file.relative_to(self.folder)}", flush=True
        )

    def fails_and_recovers(self, expected: int) -> None:
        """What the command says of the fault, what it mends, and that it goes through then."""
        deploy = ("deployment-cli", "deploy", "--only", "flows/returns.py")
        self.run(*deploy, "--quiet", expected=expected)
        self.run(*deploy, "--recover", "auto")


def break_and_mend(shop: Shop) -> None:
    """Five faults, one after another; afterwards all is as it was."""
    before = {
        name: (shop.folder / name).read_text() for name in ("deployment-config.yaml", "requirements.txt")
    }
    (shop.folder / "recovery-plans.yaml").write_text(LIMITS, encoding="utf-8")
    try:
        _all_five(shop)
    finally:
        for name, text in before.items():
            (shop.folder / name).write_text(text, encoding="utf-8")
        shop.flow.unlink(missing_ok=True)
    shop.say("Who mended what, when, why, and how was it before?")
    shop.run("deployment-cli", "recovery", "audit", "--limit", "5")
    shop.say("Put away what was only for this")
    shop.run("deployment-cli", "deploy", "--prune", "--yes", "--quiet")


def _all_five(shop: Shop) -> None:
    shop.say("Five things break, and are mended. 1: a colon is missing in a new flow")
    shop.flow.write_text(FLOW, encoding="utf-8")
    shop.change(shop.flow, "(days: int = 7):", "(days: int = 7)")
    shop.fails_and_recovers(INVALID)
    shop.say("2: it imports what no requirements file declares")
    shop.change(shop.flow, "from prefect import flow\n", "import tabulate\nfrom prefect import flow\n")
    shop.fails_and_recovers(INVALID)
    shop.say("3: its work pool is not on the server")
    shop.change(shop.configuration, "{python: default-pool}", f"{{python: {POOL}}}")
    shop.fails_and_recovers(INVALID)
    shop.change(shop.configuration, f"{{python: {POOL}}}", "{python: default-pool}")
    shop.say("4: the server's URL is wrong")
    right = '"${DEVELOPMENT_PREFECT_API_URL:-http://127.0.0.1:4200/api}"'
    shop.change(shop.configuration, right, shop.server)
    shop.fails_and_recovers(FAILED)
    shop.run("prefect", "--no-prompt", "work-pool", "delete", POOL)
    shop.say("5: somebody has paused the work pool: nothing that is deployed would run")
    shop.run("prefect", "work-pool", "pause", "default-pool")
    shop.run("deployment-cli", "doctor", "--quiet", expected=FAILED)
    shop.run("deployment-cli", "doctor", "--fix", "--auto-execute")
