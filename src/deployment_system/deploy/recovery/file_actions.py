"""Remedies in files of the repository: always shown as a diff first, and put back when they do not help."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deployment_system.config import initial_configuration
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.syntax_fixes import fixed
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

    root: Path

    name = "write_configuration"
    changes = "a new, commented configuration file"
    checks = "the file is there"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file = _file_of(self.root, error)
        if file is None or file.suffix not in (".yaml", ".yml"):
            return "the error does not name a configuration file"
        if not file.parent.is_dir():
            return f"the folder of {file.name} is not there"
        return f"{file.name} is there" if file.exists() else None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        file = _needed(self.root, error)
        return Proposal(
            f"write a commented configuration to {error.context.file_path}",
            diff_of(str(error.context.file_path), "", initial_configuration(file.parent.name)),
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        file = _needed(self.root, error)
        changed_text(file, initial_configuration(file.parent.name), transaction, OperationType.FILE_CREATE)
        return f"wrote {error.context.file_path}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return None if _needed(self.root, error).is_file() else f"{error.context.file_path} is still missing"


@dataclass(frozen=True)
class AddRequirement(RecoveryAction):
    """Declares the distribution that an import comes from. A guess by the module's name: a person looks."""

    root: Path

    name = "add_requirement"
    changes = "a line in the requirements file"
    checks = "the file declares the distribution"
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
        distribution, file = self._wanted(error)
        there = file is not None and _declares(file, distribution)
        return None if there else f"{distribution!r} is still not declared"

    def _wanted(self, error: DeploymentSystemError) -> tuple[str, Path | None]:
        distribution = str(error.context.extra.get("distribution") or "")
        name = error.context.extra.get("requirements_file")
        return distribution, self.root / name if isinstance(name, str) else None

    def _texts(self, file: Path | None, distribution: str) -> tuple[str, str]:
        before = read_text(file) if file is not None else ""
        ended = before if not before or before.endswith("\n") else before + "\n"
        return before, f"{ended}{distribution}\n"


@dataclass(frozen=True)
class FixSyntax(RecoveryAction):
    """A missing colon, tabs among blanks: what leaves only one way to read the file. The file is parsed
    with the change before it is proposed."""

    root: Path

    name = "fix_syntax"
    changes = "the faulty lines of the file"
    checks = "the file is valid Python"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file = _file_of(self.root, error)
        if file is None or not file.is_file():
            return "the error does not name a file"
        return None if fixed(read_text(file)) else f"{file.name} can be mended in several ways, or in none"

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        text = read_text(_needed(self.root, error))
        found = fixed(text)
        if found is None:
            raise _no_file(error)
        shown = str(error.context.file_path)
        return Proposal(f"in {shown}: {found.what}", diff_of(shown, text, found.text))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        file = _needed(self.root, error)
        found = fixed(read_text(file))
        if found is None:
            raise _no_file(error)
        changed_text(file, found.text, transaction, OperationType.FILE_MODIFY)
        return f"mended {error.context.file_path}: {found.what}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        try:
            ast.parse(read_text(_needed(self.root, error)))
        except SyntaxError as still:
            return f"line {still.lineno}: {still.msg}"
        return None


def file_actions(root: Path) -> list[RecoveryAction]:
    """All of this file."""
    return [WriteConfiguration(root), AddRequirement(root), FixSyntax(root)]


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
