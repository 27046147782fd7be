"""The log of the whole system: what goes to which file, from which level on, as text or as JSON lines.

Everything here logs under `deployment_system`; a program that has logging of its own needs nothing of this
but may take the formatter.
"""

import json
import logging
import logging.handlers
import os
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import ConfigurationError
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.log_levels import level_of, not_one_of
from deployment_system.error_handling.loggers import ROOT_LOGGER
from deployment_system.error_handling.plain_values import plain_text

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of a log file before it makes room for a new one."""
BACKUPS = 5
FORMATS = ("text", "json")
_OF_REPORT = (
    *("error_id", "error_code", "error_type", "category", "severity", "fingerprint", "retryable"),
    *("operation", "command", "environment", "plan_id", "context", "cause", "remediation"),
)


class SafeFormatter(logging.Formatter):
    """A line of text without secrets, whoever logged it."""

    def __init__(self, known: KnownSecrets | None = None) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._known = known or KnownSecrets.of_environ(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        return self.safe(super().format(record))

    def safe(self, text: str) -> str:
        """The text without secrets."""
        return self._known.hide(plain_text(text))


class JsonFormatter(SafeFormatter):
    """One JSON document a line; a report's facts stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.safe(record.getMessage()),
        }
        report = getattr(record, "report", None)
        if report is not None:
            document |= {name: report.get(name) for name in _OF_REPORT}
        if record.exc_info:
            document["traceback"] = self.safe(self.formatException(record.exc_info))
        return json.dumps(document, ensure_ascii=False)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A file that rotates, readable by its owner only."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding)


def configure_logging(
    level: int | str = logging.INFO,
    *,
    file: str | Path | None = None,
    format: str = "text",
    largest_file: int = LARGEST_FILE,
    backups: int = BACKUPS,
    known_secrets: KnownSecrets | None = None,
) -> logging.Handler:
    """Sends what is logged under `deployment_system`, from a level on, to a file, which rotates when it has
    `largest_file` bytes, or to standard error; returns the handler, which
    `logging.getLogger("deployment_system").removeHandler` takes away again.

    Raises CONFIG_INVALID_VALUE for a level or a format that there is not, OUTPUT_NOT_WRITTEN for a file that
    cannot be opened.
    """
    handler = _handler(file, largest_file, backups)
    handler.setLevel(level_of(level))
    handler.setFormatter(_formatter(format, known_secrets))
    logger = logging.getLogger(ROOT_LOGGER)
    logger.addHandler(handler)
    if logger.level == logging.NOTSET or logger.level > handler.level:
        logger.setLevel(handler.level)
    return handler


def _handler(file: str | Path | None, largest_file: int, backups: int) -> logging.Handler:
    if file is None:
        return logging.StreamHandler()
    try:
        return _PrivateFile(file, maxBytes=largest_file, backupCount=backups, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the log file {file} cannot be written: {error.strerror or error}",
            error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
            cause=error,
        ) from error


def _formatter(name: str, known: KnownSecrets | None) -> logging.Formatter:
    if name not in FORMATS:
        raise not_one_of("log format", name, FORMATS)
    return JsonFormatter(known) if name == "json" else SafeFormatter(known)
