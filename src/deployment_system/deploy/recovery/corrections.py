"""A slip of the keyboard in a file, put right where the error itself says what was meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployment_system.deploy.assess import Options, assess
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    OperationType,
    RecoveryError,
    RollbackManager,
)
from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.corrections import Correction
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings
from deployment_system.error_handling.recovery_plans import RecoveryPlan


@dataclass(frozen=True)
class CorrectText(RecoveryAction):
    """Writes what was meant, and reads the whole repository again: nothing may be wrong there any more."""

    place: RecoveryPlace

    name = "correct_text"
    changes = "the misspelt word, in its line of the file"
    checks = "the files are read and checked again: nothing is wrong in that line"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        file, correction = self._file(error), Correction.of(error)
        if file is None or correction is None:
            return "the error does not say what was meant"
        if correction.applied(read_text(file)) is None:
            return f"line {correction.line} of {file.name} is not as it was"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        correction, before, after = self._texts(error)
        shown = str(error.context.file_path)
        said = f"in {shown}, line {correction.line}: write {correction.meant} instead of {correction.written}"
        return Proposal(said, diff_of(shown, before, after))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        correction, _, after = self._texts(error)
        file = self.place.root / str(error.context.file_path)
        changed_text(file, after, transaction, OperationType.FILE_MODIFY)
        return f"wrote {correction.meant} instead of {correction.written} in {error.context.file_path}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        return still_wrong(self.place, error)

    def _file(self, error: DeploymentSystemError) -> Path | None:
        if error.context.file_path is None:
            return None
        file = (self.place.root / error.context.file_path).resolve()
        return file if file.is_relative_to(self.place.root) and file.is_file() else None

    def _texts(self, error: DeploymentSystemError) -> tuple[Correction, str, str]:
        file, correction = self._file(error), Correction.of(error)
        before = read_text(file) if file is not None else ""
        after = correction.applied(before) if correction is not None else None
        if correction is None or after is None:
            raise RecoveryError(
                "what is to be corrected is not there (any more)",
                error_code=ErrorCodes.RECOVERY_FAILED,
                context=ErrorContext(operation="recover", file_path=error.context.file_path),
            )
        return correction, before, after


def still_wrong(place: RecoveryPlace, error: DeploymentSystemError) -> str | None:
    """What is wrong now in the line of the error, or with what it is about; None: nothing."""
    for found in problems_here(place):
        if found.severity is ErrorSeverity.LOW and error.severity is not ErrorSeverity.LOW:
            continue
        same_line = (found.context.file_path, found.context.line_number) == (
            error.context.file_path,
            error.context.line_number,
        )
        about = error.context.deployment_name
        same_deployment = about is not None and found.context.deployment_name == about
        if same_line or same_deployment or found.fingerprint == error.fingerprint:
            return found.message
    return None


def problems_here(
    place: RecoveryPlace, *, check_environment: bool = False
) -> Sequence[DeploymentSystemError]:
    """Everything that is wrong with the repository as it is now, as far as files alone say. No code runs."""
    options = Options(check_environment=check_environment, allow_import=False)
    try:
        found = assess(place.project(), options=options)
    except ProblemsFound as problems:
        return problems.errors
    except DeploymentSystemError as error:
        return [error]
    return [*found.errors, *(item.error for item in found.skipped), *found.warnings]


def error_in_files(place: RecoveryPlace, plan: RecoveryPlan) -> DeploymentSystemError | None:
    """The first error that is in the files now and that the plan is for."""
    strict = plan.when.get("check_environment") is True
    return next(filter(plan.is_for, problems_here(place, check_environment=strict)), None)


def error_for(plan: RecoveryPlan) -> DeploymentSystemError:
    """An error of which no more is known than that the plan is for it: enough for plans that need no more."""
    entry = next(entry for known, entry in REGISTRY.items() if known == plan.codes[0])
    context = ErrorContext(**plan.when)
    return DeploymentSystemError(entry.title, error_code=entry.code, category=entry.category, context=context)


def correcting_actions(place: RecoveryPlace) -> list[RecoveryAction]:
    """All of this file."""
    return [CorrectText(place)]
