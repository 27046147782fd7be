"""Text files that a recovery changes: shown before, and written down so that it can be undone."""

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

from deployment_system.error_handling import (
    DeploymentError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RollbackManager,
    file_reference,
    file_state,
)
from deployment_system.error_handling.plain_values import plain_text
from deployment_system.error_handling.undo_files import FILE_KIND, FileHandler


def read_text(file: Path) -> str:
    """The text; empty where there is no file. Raises RECOVERY_FAILED."""
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(file, "read", error) from error


def changed_text(file: Path, text: str, transaction: RollbackManager, kind: OperationType) -> None:
    """Writes it, with the mode that the file has; whole, or not at all. Raises OUTPUT_NOT_WRITTEN."""
    handler, reference = FileHandler(), file_reference(file)
    try:
        found = handler.observe(reference)
        state = {**(found or file_state(b"")), "content": text.encode()}
        effect: Callable[[], None] = lambda: handler.restore(reference, state, found)  # noqa: E731 - too small
        transaction.change(
            FILE_KIND, reference, state, effect, description=f"write {file.name}", operation_type=kind
        )
    except OSError as error:
        raise _unusable(file, "written", error) from error


def _unusable(file: Path, what: str, error: Exception) -> DeploymentError:
    return DeploymentError(
        f"{file.name} cannot be {what}: {getattr(error, 'strerror', None) or error}",
        error_code=ErrorCodes.OUTPUT_NOT_WRITTEN if what == "written" else ErrorCodes.RECOVERY_FAILED,
        context=ErrorContext(operation="recover", file_path=file.name),
        cause=error,
    )


def diff_of(name: str, before: str, after: str) -> str:
    """As `diff -u` shows it, without secrets: lines beside the change are shown as well."""
    lines = unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"{name} (before)",
        f"{name} (after)",
    )
    ended = (line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines)
    return plain_text("".join(ended))
