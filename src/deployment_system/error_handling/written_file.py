"""Files written whole, or never over another."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deployment_system.error_handling.error_codes import ErrorCategory, ErrorCodes
from deployment_system.error_handling.error_types import ConfigurationError, DeploymentError, ErrorContext

OWNER_ONLY = 0o600
EVERYBODY_READS = 0o644


def write_whole(path: Path, pieces: Iterable[str], *, mode: int = OWNER_ONLY) -> Path:
    """Writes the pieces to a file beside it, which then takes its place; by default readable by its owner
    only. Raises OUTPUT_NOT_WRITTEN."""
    try:
        unfinished = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
        try:
            os.fchmod(handle, mode)  # whatever the umask is: another program may have to read it
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                for piece in pieces:
                    stream.write(piece)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):  # it is the first error that counts
                unfinished.unlink()
            raise
    except OSError as error:
        raise DeploymentError(
            f"{path} cannot be written: {error.strerror or error}",
            error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
            category=ErrorCategory.FILESYSTEM,
            context=ErrorContext(file_path=path),
            cause=error,
        ) from error
    return path


def write_new(path: Path, text: str) -> Path:
    """Writes a file where there is none. Raises CONFIG_FILE_EXISTS, and OUTPUT_NOT_WRITTEN."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{path.name} exists already and was left as it is",
            error_code=ErrorCodes.CONFIG_FILE_EXISTS,
            context=ErrorContext(file_path=path.name),
            cause=error,
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} cannot be written: {error.strerror or error}",
            error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
            context=ErrorContext(file_path=path.name),
            cause=error,
        ) from error
    return path
