"""The errors of the store, made at one place."""

import errno
from datetime import datetime
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import ErrorContext, RecoveryError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSTGRESQL_REMEDY = "Install what PostgreSQL needs: pip install 'deployment-system[postgresql]'"


def unusable(place: str, why: object, cause: BaseException | None = None, **extra: Any) -> RecoveryError:
    """The state cannot be read or written at all."""
    message = f"the state in {place} cannot be used: {why}"
    return RecoveryError(message, error_code=ErrorCodes.STATE_UNUSABLE, cause=cause, **extra)


def damaged(place: str, why: object, cause: BaseException | None = None) -> RecoveryError:
    """What is stored is not what was written."""
    message = f"the state in {place} is damaged: {why}"
    return RecoveryError(message, error_code=ErrorCodes.STATE_DAMAGED, cause=cause)


def full(place: str, why: object, cause: BaseException | None = None) -> RecoveryError:
    """There is no room for what should be written; nothing of it was."""
    message = f"there is no room for the state in {place}: {why}"
    return RecoveryError(message, error_code=ErrorCodes.STATE_FULL, cause=cause)


def file_fault(place: str, error: OSError) -> RecoveryError:
    """What the operating system says of a file of the state."""
    fault = full if error.errno in _NO_ROOM else unusable
    return fault(place, error.strerror or error, error)


def busy(place: str, why: object, cause: BaseException | None = None) -> RecoveryError:
    """Not now: another process writes, or the database cannot be reached. May pass by itself."""
    message = f"the state in {place} cannot be reached now: {why}"
    return RecoveryError(message, error_code=ErrorCodes.STATE_BUSY, cause=cause)


def too_new(place: str, version: int, known: int) -> RecoveryError:
    """A newer version of this project wrote it."""
    message = f"the state in {place} has format {version}; this version understands formats up to {known}"
    return RecoveryError(message, error_code=ErrorCodes.STATE_TOO_NEW)


def lock_held(name: str, owner: object, since: datetime, purpose: str, manual: bool) -> RecoveryError:
    """Somebody else has the lock."""
    taken = "was taken on purpose by" if manual else "is held by"
    return RecoveryError(
        f"the lock {name!r} {taken} {owner} since {since:%Y-%m-%d %H:%M:%S} UTC: {purpose}",
        error_code=ErrorCodes.LOCK_HELD,
        context=ErrorContext(lock=name),
        remediation=["Ask whoever took it; `deployment-cli lock release` gives it back."] if manual else None,
    )


def lock_lost(name: str) -> RecoveryError:
    """The lock that this process thought it had is somebody else's, or nobody's."""
    message = f"the lock {name!r} was lost: another process took it over, or it was released"
    return RecoveryError(message, error_code=ErrorCodes.LOCK_LOST, context=ErrorContext(lock=name))
