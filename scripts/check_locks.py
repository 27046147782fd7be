"""Says whether the lock files still answer to pyproject.toml, without a network.

Every requirement of pyproject.toml must have a pinned version that satisfies it in the lock, every pin its
hashes, the two locks the same versions, and neither an address of a registry or a path of a machine.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

RUNTIME_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)")
ADDRESS = re.compile(r"\w+://|--(extra-)?index-url|--find-links|-i\s")

Pins = dict[str, Version]


def pins_of(text: str) -> Pins:
    """The pinned version of each distribution in a lock, by its canonical name."""
    return {
        canonicalize_name(match["name"]): Version(match["version"])
        for match in map(PIN.match, text.splitlines())
        if match
    }


def unmet(requirements: list[str], pins: Pins) -> Iterator[str]:
    """What is required and not pinned, or pinned to a version that the requirement excludes."""
    for requirement in map(Requirement, requirements):
        pinned = pins.get(canonicalize_name(requirement.name))
        if pinned is None:
            yield f"{requirement} is not pinned"
        elif pinned not in requirement.specifier:
            yield f"{requirement} is pinned to {pinned}"


def faults_of_text(text: str) -> Iterator[str]:
    """What no lock may hold whatever it locks: an address, a pin without hashes."""
    for number, line in enumerate(text.splitlines(), start=1):
        if ADDRESS.search(line):
            yield f"line {number} holds an address"
    for entry in re.split(r"\n(?=\S)", text):
        pinned = PIN.match(entry)
        if pinned and "--hash=sha256:" not in entry:
            yield f"{pinned['name']} has no hash"


def disagreements(runtime: Pins, development: Pins) -> Iterator[str]:
    """Distributions that users would get in another version than the tests ran with."""
    for name, version in runtime.items():
        if development.get(name) != version:
            yield f"{name} is {version} in {RUNTIME_LOCK} and {development.get(name)} in {DEVELOPMENT_LOCK}"


def faults(root: Path) -> list[str]:
    """Everything that is wrong with the locks of the project in this folder."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime_text = (root / RUNTIME_LOCK).read_text()
    development_text = (root / DEVELOPMENT_LOCK).read_text()
    runtime, development = pins_of(runtime_text), pins_of(development_text)
    runtime_requirements = project["project"]["dependencies"]
    all_requirements = runtime_requirements + project["dependency-groups"]["dev"]
    return [
        *(f"{RUNTIME_LOCK}: {fault}" for fault in unmet(runtime_requirements, runtime)),
        *(f"{DEVELOPMENT_LOCK}: {fault}" for fault in unmet(all_requirements, development)),
        *(f"{RUNTIME_LOCK}: {fault}" for fault in faults_of_text(runtime_text)),
        *(f"{DEVELOPMENT_LOCK}: {fault}" for fault in faults_of_text(development_text)),
        *disagreements(runtime, development),
    ]


def main() -> int:
    """Prints what is wrong; the exit status says whether anything is."""
    found = faults(Path(__file__).resolve().parent.parent)
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write("Locks: run `make lock`.\n" if found else "Locks answer to pyproject.toml.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
