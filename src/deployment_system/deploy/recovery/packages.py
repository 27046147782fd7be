"""What pip would install, asked of pip itself: into the environment whose Python checks the flows."""

import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from deployment_system.deploy.recovery.command_action import run_command
from deployment_system.error_handling import ErrorCodes, ErrorContext, RecoveryError

PIP_SECONDS = 300.0
LOOK_SECONDS = 60.0
"""How long pip may look for versions that fit: somebody waits for a proposal."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution in one version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def no_installing_here() -> str | None:
    """Why nothing must be installed into this Python; None: it may."""
    if sys.prefix == sys.base_prefix:
        return f"{sys.executable} is no virtual environment: a person has to install there"
    if importlib.util.find_spec("pip") is None:
        return f"there is no pip in {sys.prefix}"
    return None


def would_install(requirements: Sequence[str], folder: Path) -> list[Package]:
    """What pip would install for these, beside what is there; nothing is installed. Raises RECOVERY_FAILED
    with what pip says where no versions fit together, or where it finds none."""
    with tempfile.TemporaryDirectory() as place:
        wanted, report = Path(place) / "requirements.txt", Path(place) / "report.json"
        wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        command = [*PIP, "install", "--quiet", "--dry-run", "--report", str(report), "-r", str(wanted)]
        try:
            run_command(command, folder, LOOK_SECONDS)
            told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        except RecoveryError as failure:
            raise _no_set(failure.message) from failure
        except (OSError, ValueError) as error:
            raise _no_set(f"its report cannot be read: {error}") from error
    found = (item["metadata"] for item in told.get("install", ()))
    return [Package(canonicalize_name(item["name"]), item["version"]) for item in found]


def install_command(requirement: str) -> list[str]:
    """What installs it."""
    return [*PIP, "install", "--quiet", requirement]


def undo_commands(packages: Iterable[Package], before: Iterable[Package]) -> list[list[str]]:
    """What takes the installation of `packages` back, where `before` were there in other versions."""
    earlier = {package.name: package for package in before}
    new = [package.name for package in packages if package.name not in earlier]
    changed = [f"{name}=={earlier[name].version}" for name in earlier]
    commands = []
    if new:
        commands.append([*PIP, "uninstall", "--quiet", "--yes", *new])
    if changed:
        commands.append([*PIP, "install", "--quiet", "--no-deps", *changed])
    return commands


def _no_set(said: str) -> RecoveryError:
    """With the lines in which pip says why, instead of the whole command."""
    lines = [line for line in said.splitlines() if line.startswith("ERROR: ") or "conflict is caused" in line]
    why = "; ".join(line.removeprefix("ERROR: ") for line in lines) or said
    return RecoveryError(
        f"pip finds no versions that fit: {why}",
        error_code=ErrorCodes.RECOVERY_FAILED,
        context=ErrorContext(operation="recover"),
    )
