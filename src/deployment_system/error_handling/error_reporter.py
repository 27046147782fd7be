"""Errors told once and kept: a record of each in a history that outlives the process, a line in the log.

    reporter = ErrorReporter(history=".deployment-system/state.db")
    report = reporter.report_error(error, operation="deploy", environment="production")
    reporter.get_error_summary()["by_category"]

Without arguments the history is in memory. With a `report_file` alone that file is the history: one JSON
document a line. With a `history` it is a store, which processes and machines may share; while the store is
away, reports wait in a file beside it, and the next reporter that finds the store there hands them on.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.error_analysis import ErrorSummary, grouped, new_since
from deployment_system.error_handling.error_format import format_user_error
from deployment_system.error_handling.error_history import ErrorHistory
from deployment_system.error_handling.error_report import (
    Circumstances,
    ErrorReport,
    Kept,
    report_of,
    without_known,
)
from deployment_system.error_handling.error_types import RecoveryError
from deployment_system.error_handling.known_secrets import KnownSecrets
from deployment_system.error_handling.log_levels import LOG_LEVELS, level_of
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.report_file import ReportFile
from deployment_system.error_handling.store import ErrorFilter, ErrorRecords, Owner, Store, open_store
from deployment_system.error_handling.store.error_records import EVERY_ERROR
from deployment_system.error_handling.written_file import write_whole

LOGGER_NAME = "deployment_system.errors"
PENDING_FILE = "errors-pending.jsonl"
DEFAULT_RETENTION = timedelta(days=90)
STORE_PATIENCE_SECONDS = 3.0
"""How long a report waits for the store before it goes to the file beside it."""

_ALREADY_NAMED = ("environment", "plan_id", "command")

History = str | Path | Store | Callable[[], Store] | None
"""A store, where it is, or how to open it; None: in memory."""

_log = logger_of(LOGGER_NAME)


class ErrorReporter(Closing):
    """Tells and keeps errors. Threads may share one; close it, or use it in `with`.

    `log_level`: reports below it are not logged; LOW is INFO, MEDIUM WARNING, HIGH ERROR, CRITICAL CRITICAL.
    `history`: a store, its address as `open_store` takes it, or a function that opens it; opened when it is
    first needed.
    `pending_file`: where reports wait for it. `retention`: how long reports are kept; None: for ever.
    `known_secrets`: values to be hidden wherever they stand.

    Reporting never raises for a store or a file that cannot be written: the error that is being told about
    must not be replaced by one about its telling. Reading does, with the store's codes.
    """

    def __init__(
        self,
        report_file: str | Path | None = None,
        log_level: int | str = logging.INFO,
        *,
        history: History = None,
        pending_file: Path | None = None,
        retention: timedelta | None = DEFAULT_RETENTION,
        known_secrets: KnownSecrets | None = None,
        owner: Owner | None = None,
    ) -> None:
        self._report_file = ReportFile(Path(report_file)) if report_file is not None else None
        self._log_level = level_of(log_level)
        self._target = history
        self._pending = ReportFile(pending_file) if pending_file else _pending_beside(history)
        self._retention = retention
        self._forgotten: datetime | None = None
        """Before when everything was forgotten already."""
        self._known = known_secrets
        self._owner = owner or Owner.current()
        self._opened: Store | None = history if isinstance(history, Store) else None
        self._turn = threading.RLock()

    # --- telling

    def report_error(
        self,
        error: BaseException,
        operation: str | None = None,
        *,
        evidence: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> ErrorReport:
        """Keeps and logs an error. `extra`: what else is known; `environment`, `plan_id` and `command` among
        it can be searched for."""
        return self.report_errors([error], operation, evidence=evidence, **extra)[0]

    def report_errors(
        self,
        errors: Sequence[BaseException],
        operation: str | None = None,
        *,
        evidence: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> list[ErrorReport]:
        """As `report_error`, for several at once: one durable write."""
        named = {name: extra.pop(name) for name in _ALREADY_NAMED if name in extra}
        around = Circumstances(operation, evidence=evidence, extra=extra, **named)
        known = self._known or _environment_secrets()
        reports = [report_of(error, around, owner=self._owner, known=known) for error in errors]
        kept = self._keep([report.document for report in reports])
        for report in reports:
            if kept is not Kept.NOWHERE:
                report.error.error_id = report.error_id
            self._log(report)
        return [replace(report, kept=kept) for report in reports]

    def format_user_friendly_error(self, error: BaseException) -> str:
        """The error for a person: the message, where it happened, the remedy."""
        return format_user_error(without_known(error, self._known or _environment_secrets()))

    # --- looking back

    @property
    def error_history(self) -> ErrorHistory:
        """Every report that is kept, the oldest first."""
        return ErrorHistory(self.records)

    @property
    def records(self) -> ErrorRecords:
        """The records behind the history. Raises RecoveryError where the store cannot be opened."""
        with self._turn:
            store = self._store()
            try:
                self._hand_on_pending(store)
            except RecoveryError as failure:
                # What is there can be read all the same: another process writes, say.
                _log.warning("reports that wait for the store are not in it yet: %s", failure.message)
            return store.errors

    def summary(self, wanted: ErrorFilter = EVERY_ERROR, *, limit: int = 10) -> ErrorSummary:
        """What the errors of the past say together; of groups and of recent errors, `limit` at most."""
        records = self.records
        counts = records.groups(wanted)
        groups = grouped(counts)
        last_deployment = self._store().journal.last_commit(wanted.environment)
        new = new_since(groups, last_deployment)[:limit]
        shown = groups[:limit]
        return ErrorSummary(
            counts=counts,
            by_day=records.days(wanted),
            groups=tuple(shown),
            group_count=len(groups),
            messages=records.messages([group.last_id for group in (*shown, *new)]),
            recent=tuple(records.find(wanted, limit=limit)),
            last_deployment=last_deployment,
            new_groups=new,
        )

    def get_error_summary(self, limit: int = 10) -> dict[str, Any]:
        """As `summary`, in JSON values: `total_errors`, `by_category`, `by_severity`, `by_code`, `by_flow`,
        `by_environment`, `by_day`, `groups`, `recent`."""
        return self.summary(limit=limit).to_dict()

    def exported(self, format_name: str = "json", wanted: ErrorFilter = EVERY_ERROR) -> Iterator[str]:
        """The pieces of an export (`json`, `jsonl` or `csv`), the oldest error first."""
        from deployment_system.error_handling.error_export import exported  # by who writes one

        summary = self.summary(wanted).to_dict()
        del summary["recent"]  # all of them follow
        return exported(format_name, summary, self.records.find(wanted, newest_first=False))

    def export_error_report(
        self, path: str | Path, format_name: str = "json", wanted: ErrorFilter = EVERY_ERROR
    ) -> Path:
        """Writes an export to a file, whole or not at all, readable by its owner only. JSON holds
        `generated_at`, `summary` and `errors`. Raises OUTPUT_NOT_WRITTEN."""
        return write_whole(Path(path), self.exported(format_name, wanted))

    def clear(self, wanted: ErrorFilter = EVERY_ERROR) -> int:
        """Forgets the errors that are meant; how many."""
        records = self.records
        removed = records.remove(wanted)
        if self._target is None and self._report_file is not None:
            self._report_file.replace(records.find(newest_first=False))
        return removed

    def close(self) -> None:
        """Ends the connection to a store that this reporter opened."""
        with self._turn:
            if self._opened is not None and self._opened is not self._target:
                self._opened.close()
                self._opened = None

    # --- keeping

    def _keep(self, documents: Sequence[Mapping[str, Any]]) -> Kept:
        with self._turn:
            kept = self._keep_in_history(documents)
            if self._report_file is not None:
                try:
                    self._report_file.append(documents)
                except RecoveryError as failure:
                    _log.warning("the report cannot be written: %s", failure.message)
            return kept

    def _keep_in_history(self, documents: Sequence[Mapping[str, Any]]) -> Kept:
        keep_since = self._keep_since()
        try:
            store = self._store()
            self._hand_on_pending(store)
            store.errors.add(documents, keep_since=keep_since if keep_since != self._forgotten else None)
        except RecoveryError as failure:
            return self._keep_beside(documents, failure)
        self._forgotten = keep_since
        return Kept.HISTORY

    def _keep_since(self) -> datetime | None:
        """The first moment that is remembered. Whole days: most reports have nothing to forget."""
        if self._retention is None:
            return None
        moment = datetime.now(UTC) - self._retention
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)

    def _keep_beside(self, documents: Sequence[Mapping[str, Any]], failure: RecoveryError) -> Kept:
        if self._pending is not None:
            try:
                self._pending.append(documents)
            except RecoveryError as second:
                _log.warning("nor can the file beside it be written: %s", second.message)
            else:
                _log.info("the report waits in %s: %s", self._pending.path, failure.message)
                return Kept.PENDING
        _log.warning("the report is not kept: %s", failure.message)
        return Kept.NOWHERE

    def _hand_on_pending(self, store: Store) -> None:
        if self._pending is not None and self._pending.holds_any():
            self._pending.hand_on(store.errors.add)

    def _store(self) -> Store:
        if self._opened is None:
            store = _opened(self._target)
            if self._target is None and self._report_file is not None:
                _take_in(store, self._report_file)
            self._opened = store
        return self._opened

    def _log(self, report: ErrorReport) -> None:
        level = LOG_LEVELS[report.severity]
        if level >= self._log_level:
            _log.log(level, "%s", report.document["message"], extra={"report": report.document})


def _opened(history: History) -> Store:
    if isinstance(history, Store):
        return history
    if callable(history):
        return history()
    return open_store(history, patience_seconds=STORE_PATIENCE_SECONDS)


def _take_in(store: Store, file: ReportFile) -> None:
    together = list(file.documents())
    if together:
        store.errors.add(together)


def _pending_beside(history: History) -> ReportFile | None:
    """The file beside a SQLite file; other stores have no place on this machine."""
    if isinstance(history, Path):
        return ReportFile(history.with_name(PENDING_FILE))
    if isinstance(history, str) and "://" not in history.removeprefix("sqlite:///"):
        return ReportFile(Path(history.removeprefix("sqlite:///")).with_name(PENDING_FILE))
    return None


def _environment_secrets() -> KnownSecrets:
    return KnownSecrets.of_environ(os.environ)
