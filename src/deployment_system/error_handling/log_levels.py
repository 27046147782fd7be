"""The levels of the log, by name or number, and what each severity is."""

import logging
from collections.abc import Mapping

from deployment_system.error_handling.error_codes import ErrorCodes, ErrorSeverity
from deployment_system.error_handling.error_types import ConfigurationError

LOG_LEVELS: Mapping[ErrorSeverity, int] = {
    ErrorSeverity.LOW: logging.INFO,
    ErrorSeverity.MEDIUM: logging.WARNING,
    ErrorSeverity.HIGH: logging.ERROR,
    ErrorSeverity.CRITICAL: logging.CRITICAL,
}


def level_of(level: int | str) -> int:
    """The number of a level. Raises CONFIG_INVALID_VALUE for a name that is none."""
    if isinstance(level, int):
        return level
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise not_one_of("log level", level, ("debug", "info", "warning", "error", "critical"))
    return known[level.upper()]


def not_one_of(what: str, value: str, possible: tuple[str, ...]) -> ConfigurationError:
    """The error for a setting of the log that there is not."""
    return ConfigurationError(
        f"there is no {what} {value!r}: it is one of {', '.join(possible)}",
        error_code=ErrorCodes.CONFIG_INVALID_VALUE,
    )
