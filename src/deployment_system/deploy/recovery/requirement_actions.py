"""Remedies for dependencies: installed where flows are checked, and pins that clash made to fit."""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.command_action import UNDO_COMMAND, run_command
from deployment_system.deploy.recovery.corrections import problems_here
from deployment_system.deploy.recovery.packages import (
    PIP_SECONDS,
    Package,
    install_command,
    no_installing_here,
    undo_commands,
    would_install,
)
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings
from deployment_system.validation import Installed, pins_of

_OPTIONS = re.compile(
    r"\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|--no-index|--pre)\b"
)


@dataclass(frozen=True)
class InstallRequirement(RecoveryAction):
    """With pip, into the environment of the Python that checks the flows; never into a system's Python."""

    place: RecoveryPlace

    name = "install_requirement"
    changes = "the environment of the Python that runs `deployment-cli`: a distribution and what it needs"
    checks = "the module is there to be imported, in a version that the declaration allows"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return (
            "the error does not say what is to be installed" if not _wanted(error) else no_installing_here()
        )

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`. Raises RECOVERY_FAILED where pip finds nothing that fits."""
        packages = would_install([_wanted(error)], self.place.root)
        shown = ", ".join(map(str, packages)) or f"nothing for {_wanted(error)}: it is there"
        return Proposal(f"install {shown} with {install_command('')[0]} -m pip")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Raises RECOVERY_FAILED."""
        wanted = _wanted(error)
        packages = would_install([wanted], self.place.root)
        installed = Installed()
        versions = ((package.name, installed.version(package.name)) for package in packages)
        before = [Package(name, version) for name, version in versions if version]
        for command in undo_commands(packages, before):
            data = {"handler": UNDO_COMMAND, "command": command, "folder": str(self.place.root)}
            transaction.add_rollback_operation(OperationType.CUSTOM, f"install {wanted}", data)
        run_command(install_command(wanted), self.place.root, PIP_SECONDS)
        importlib.invalidate_caches()
        return f"installed {', '.join(map(str, packages)) or 'nothing'}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        requirement, installed = Requirement(_wanted(error)), Installed()
        version = installed.version(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            return f"{requirement} is still not installed"
        module = str(error.context.extra.get("module") or "").partition(".")[0]
        if module and not installed.has_module(module):
            return f"{requirement.name} {version} is installed, and there is still no module {module!r}"
        return None


@dataclass(frozen=True)
class _Mended:
    """One line of a requirements file, and the versions that fit together with it."""

    file: Path
    shown: str
    before: str
    after: str
    line: str
    said: str
    packages: Sequence[Package]


@dataclass(frozen=True)
class ResolvePins(RecoveryAction):
    """Takes the version out of one of the lines that clash, asks pip what fits to all others, and writes
    that; the line that comes later is tried first."""

    place: RecoveryPlace

    name = "resolve_pins"
    changes = "the version in one of the lines that clash, in a requirements or constraints file"
    checks = "pip finds versions for all that is declared, and no two requirements clash any more"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if not _clashing(error):
            return "the error does not say which requirements clash"
        return no_installing_here()

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`. Raises RECOVERY_FAILED where nothing fits."""
        mended = self._mended(error)
        fitting = ", ".join(map(str, mended.packages)) or "what is installed"
        said = f"{error.message}. In {mended.shown}: write {mended.line}; then these fit together: {fitting}"
        return Proposal(said, diff_of(mended.shown, mended.before, mended.after))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Raises RECOVERY_FAILED."""
        mended = self._mended(error)
        changed_text(mended.file, mended.after, transaction, OperationType.FILE_MODIFY)
        return f"wrote {mended.line} in {mended.shown}: {mended.said}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        name = error.context.extra.get("distribution")
        for found in problems_here(self.place):
            clash = found.error_code == ErrorCodes.DEPENDENCY_CONFLICT and _clashing(found)
            if clash and found.context.extra.get("distribution") == name:
                return found.message
        try:
            would_install(self._declared(None), self.place.root)
        except RecoveryError as failure:
            return failure.message
        return None

    def _mended(self, error: DeploymentSystemError) -> _Mended:
        failures = []
        for clash in reversed(_clashing(error)):
            try:
                return self._mended_at(str(clash["file"]), int(clash["line"]), error)
            except RecoveryError as failure:
                failures.append(f"{clash['file']}:{clash['line']}: {failure.message}")
        raise _cannot("; ".join(failures))

    def _mended_at(self, shown: str, number: int, error: DeploymentSystemError) -> _Mended:
        file = self.place.root / shown
        before = read_text(file)
        lines = before.splitlines(keepends=True)
        if file.suffix not in (".txt", ".in") or not 0 < number <= len(lines):
            raise _cannot("a person has to edit it")
        old = lines[number - 1]
        requirement = _requirement_of(old)
        name = canonicalize_name(requirement.name)
        packages = would_install(self._declared((shown, number)), self.place.root)
        versions = {package.name: package.version for package in packages}
        version = versions.get(name) or Installed().version(name)
        if version is None:
            raise _cannot(f"pip chooses no version of {name}")
        written = _written_specifier(old)
        pinned = re.match(r"==\s*", written)
        new = old.replace(written, f"{pinned[0] if pinned else '>='}{version}", 1)
        after = "".join([*lines[: number - 1], new, *lines[number:]])
        line = new.partition("#")[0].strip()
        return _Mended(file, shown, before, after, line, f"pip finds {name} {version}", packages)

    def _declared(self, without: tuple[str, int] | None) -> list[str]:
        """Everything that is declared, for pip, with the options of the files; of the line `without` only
        the name."""
        options: dict[str, None] = {}
        wanted: list[str] = []
        for pin in pins_of(self.place.root):
            name = f"{pin.name}[{','.join(sorted(pin.extras))}]" if pin.extras else pin.name
            wanted.append(name if (pin.file, pin.line) == without else f"{name}{pin.specifier or ''}")
            file = self.place.root / pin.file
            if file.suffix in (".txt", ".in"):
                lines = read_text(file).splitlines()
                options.update(dict.fromkeys(line.strip() for line in lines if _OPTIONS.match(line)))
        return [*options, *dict.fromkeys(wanted)]


def requirement_actions(place: RecoveryPlace) -> list[RecoveryAction]:
    """All of this file."""
    return [InstallRequirement(place), ResolvePins(place)]


def _wanted(error: DeploymentSystemError) -> str:
    """`name>=2`: as it is declared, else its name alone."""
    known = error.context.extra
    return str(known.get("requirement") or known.get("distribution") or "")


def _clashing(error: DeploymentSystemError) -> list[Any]:
    places = error.context.extra.get("clash")
    return [place for place in places if place.get("line")] if isinstance(places, list) else []


def _requirement_of(line: str) -> Requirement:
    try:
        requirement = Requirement(line.partition("#")[0].strip())
    except InvalidRequirement as error:
        raise _cannot("the line is more than a requirement, and a person has to edit it") from error
    if not requirement.specifier or requirement.url:
        raise _cannot("the line names no version")
    return requirement


def _written_specifier(line: str) -> str:
    """The versions as the line has them, blanks and all. Raises RECOVERY_FAILED."""
    found = re.search(r"[=<>!~].*", line.partition("#")[0].partition(";")[0])
    if found is None:
        raise _cannot("the line names no version")
    return found[0].rstrip(" )\t\r\n")


def _cannot(what: str) -> RecoveryError:
    return RecoveryError(
        what, error_code=ErrorCodes.RECOVERY_FAILED, context=ErrorContext(operation="recover")
    )
