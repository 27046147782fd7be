"""Remedies in files of the repository: always shown as a diff first, and put back when they do not help."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deployment_system.config import initial_configuration
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.corrections import still_wrong
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.deploy.recovery.syntax_fixes import fixed, likely_mistake
from deployment_system.error_handling import (
    Confidence,
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings

REQUIREMENTS = re.compile(r".*requirements.*\.(txt|in)")


@dataclass(frozen=True)
class WriteConfiguration(RecoveryAction):
    """As `deployment-cli init`, where the file that was named is not there."""

    place: RecoveryPlace

    name = "write_configuration"
    changes = "a new, commented configuration file"
    checks = "the file can be read, and knows the environment that is asked for"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file = _file_of(self.place.root, error)
        if file is None or file.suffix not in (".yaml", ".yml"):
            return "the error does not name a configuration file"
        if not file.parent.is_dir():
            return f"the folder of {file.name} is not there"
        if file.exists():
            return f"{file.name} is there"
        if near := _near_configuration(file):
            return f"{near} is there, and was probably meant: `--config {near}`"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        file = _needed(self.place.root, error)
        return Proposal(
            f"write a commented configuration to {error.context.file_path}",
            diff_of(str(error.context.file_path), "", initial_configuration(file.parent.name)),
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        file = _needed(self.place.root, error)
        changed_text(file, initial_configuration(file.parent.name), transaction, OperationType.FILE_CREATE)
        return f"wrote {error.context.file_path}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        try:
            self.place.project()
        except ProblemsFound as problems:
            return problems.errors[0].message
        return None


@dataclass(frozen=True)
class AddRequirement(RecoveryAction):
    """Declares the distribution that an import comes from. A guess by the module's name: a person looks."""

    place: RecoveryPlace

    name = "add_requirement"
    changes = "a line in the requirements file"
    checks = "the requirements are read again, and declare the distribution"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        distribution, file = self._wanted(error)
        if not distribution or file is None:
            return "the error does not say which distribution is missing"
        if REQUIREMENTS.fullmatch(file.name) is None:
            return f"dependencies are declared in {file.name}, which a person has to edit"
        return f"{file.name} declares {distribution} already" if _declares(file, distribution) else None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        distribution, file = self._wanted(error)
        before, after = self._texts(file, distribution)
        shown = str(error.context.extra.get("requirements_file"))
        return Proposal(f"add {distribution!r} to {shown}", diff_of(shown, before, after))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        distribution, file = self._wanted(error)
        if file is None:
            raise _no_file(error)
        _, after = self._texts(file, distribution)
        changed_text(file, after, transaction, OperationType.FILE_MODIFY)
        return f"added {distribution!r} to {error.context.extra.get('requirements_file')}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return still_wrong(self.place, error)

    def _wanted(self, error: DeploymentSystemError) -> tuple[str, Path | None]:
        distribution = str(error.context.extra.get("distribution") or "")
        name = error.context.extra.get("requirements_file")
        return distribution, self.place.root / name if isinstance(name, str) else None

    def _texts(self, file: Path | None, distribution: str) -> tuple[str, str]:
        before = read_text(file) if file is not None else ""
        ended = before if not before or before.endswith("\n") else before + "\n"
        return before, f"{ended}{distribution}\n"


@dataclass(frozen=True)
class FixSyntax(RecoveryAction):
    """A missing colon, a bracket that was not closed, curly quotes: what leaves only one way to read the
    file. The file is parsed with the change before it is proposed."""

    place: RecoveryPlace

    name = "fix_syntax"
    changes = "the faulty lines of the file"
    checks = "Python compiles the file"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file = _file_of(self.place.root, error)
        if file is None or not file.is_file():
            return "the error does not name a file"
        text = read_text(file)
        return None if fixed(text) else f"{file.name} is for a person to mend: {likely_mistake(text)}"

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        text = read_text(_needed(self.place.root, error))
        found = fixed(text)
        if found is None:
            raise _no_file(error)
        shown = str(error.context.file_path)
        return Proposal(f"in {shown}: {found.what}", diff_of(shown, text, found.text))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        file = _needed(self.place.root, error)
        found = fixed(read_text(file))
        if found is None:
            raise _no_file(error)
        changed_text(file, found.text, transaction, OperationType.FILE_MODIFY)
        return f"mended {error.context.file_path}: {found.what}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file = _needed(self.place.root, error)
        try:
            # More than parsing, which takes a `return` outside of a function.
            compile(read_text(file), file.name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as still:
            return f"line {getattr(still, 'lineno', 1)}: {getattr(still, 'msg', still)}"
        return None


def file_actions(place: RecoveryPlace) -> list[RecoveryAction]:
    """All of this file."""
    return [WriteConfiguration(place), AddRequirement(place), FixSyntax(place)]


_SAME_FILE = 0.7


def _near_configuration(file: Path) -> str | None:
    """A file beside the one that was named, which is called nearly so."""
    there = [item.name for item in file.parent.iterdir() if item.suffix in (".yaml", ".yml")]
    found = difflib.get_close_matches(file.name, there, n=1, cutoff=_SAME_FILE)
    return found[0] if found else None


def _file_of(root: Path, error: DeploymentSystemError) -> Path | None:
    """The file of the error, if it is one of the repository."""
    name = error.context.file_path
    if name is None:
        return None
    file = root / name
    return file if file.resolve().is_relative_to(root.resolve()) else None


def _needed(root: Path, error: DeploymentSystemError) -> Path:
    file = _file_of(root, error)
    if file is None:
        raise _no_file(error)
    return file


def _no_file(error: DeploymentSystemError) -> DeploymentError:
    return DeploymentError(
        "there is nothing to be mended here: the error names no file of the repository that could be",
        error_code=ErrorCodes.RECOVERY_FAILED,
        context=ErrorContext(operation="recover", file_path=error.context.file_path),
    )


def _declares(file: Path, distribution: str) -> bool:
    for line in read_text(file).splitlines():
        try:
            found = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue
        if canonicalize_name(found.name) == canonicalize_name(distribution):
            return True
    return False
