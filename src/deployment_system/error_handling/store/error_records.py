"""The errors of the past: added durably, counted as they are added, read page by page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from deployment_system.error_handling.store import error_rows as rows
from deployment_system.error_handling.store.database import Database, Transaction
from deployment_system.error_handling.store.error_filter import ErrorFilter, first_id_of
from deployment_system.error_handling.store.error_rows import GroupCount
from deployment_system.error_handling.store.failures import damaged

Document = Mapping[str, Any]
"""A record: the error's own document with `error_id`, and with what else is known of it."""

PAGE_SIZE = 200
EVERY_ERROR = ErrorFilter()


class ErrorRecords:
    """Adds, reads, counts and removes records. Raises RecoveryError with the store's codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, documents: Sequence[Document], *, keep_since: datetime | None = None) -> int:
        """Writes records in one transaction, durably; how many of them were not there yet. Those before
        `keep_since` are forgotten on the way."""
        added = []
        with self._database.write(alone=True) as writing:
            for document in documents:
                row = rows.row_of(document)
                if writing.execute(rows.INSERT, row):
                    added.append(row)
            groups, days = rows.counts_of(added)
            for group in groups:
                writing.execute(rows.COUNT_GROUP, group)
            for day in days:
                writing.execute(rows.COUNT_DAY, day)
            if keep_since is not None:
                _forget(writing, ErrorFilter(until=keep_since))
        return len(added)

    def get(self, error_id: str) -> dict[str, Any] | None:
        """One record, by its id or by the end of it; None where there is none, or more than one."""
        found = self._database.rows(rows.DOCUMENT, (error_id,))
        if not found:
            ending = self._database.rows(rows.ENDING, (f"%{_literal(error_id)}",))
            if len(ending) != 1:
                return None
            found = self._database.rows(rows.DOCUMENT, ending[0])
        return self._document(found[0][0])

    def find(
        self,
        wanted: ErrorFilter = EVERY_ERROR,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Records, of which no more than a page is in memory at once. `after`: only those that follow the
        one of that id."""
        order, follows = ("DESC", "error_id < ?") if newest_first else ("ASC", "error_id > ?")
        where, values = wanted.where()
        last: tuple[str, ...] = () if after is None else (after,)
        while limit is None or limit > 0:
            page = PAGE_SIZE if limit is None else min(limit, PAGE_SIZE)
            condition = where if not last else f"{where} AND {follows}" if where else f" WHERE {follows}"
            sql = rows.PAGE.format(where=condition, order=order)
            found = self._database.rows(sql, (*values, *last, page))
            yield from (self._document(text) for _, text in found)
            if len(found) < page:
                return
            last = (found[-1][0],)
            limit = None if limit is None else limit - page

    def count(self, wanted: ErrorFilter = EVERY_ERROR) -> int:
        """How many there are."""
        return sum(group.count for group in self.groups(wanted))

    def groups(self, wanted: ErrorFilter = EVERY_ERROR) -> list[GroupCount]:
        """How often each fault was met in each environment."""
        where, values = wanted.where()
        if wanted.by_counted:
            found = self._database.rows(rows.GROUPS + where, values)
        else:
            begin, end = rows.GROUPS_COUNTED
            found = self._database.rows(begin + where + end, values)
        return [GroupCount.of_row(row) for row in found]

    def days(self, wanted: ErrorFilter = EVERY_ERROR) -> dict[str, int]:
        """How many there were on each day that had any (YYYY-MM-DD, in UTC), the first one first."""
        where, values = wanted.where()
        if wanted.takes_all:
            found = self._database.rows(rows.DAYS)
        else:
            begin, end = rows.DAYS_COUNTED
            found = self._database.rows(begin + where + end, values)
        return {f"{day[:4]}-{day[4:6]}-{day[6:]}": count for day, count in found}

    def messages(self, error_ids: Sequence[str]) -> dict[str, str]:
        """The messages of some errors, by their ids."""
        if not error_ids:
            return {}
        sql = rows.MESSAGES.format(marks=", ".join("?" * len(error_ids)))
        return dict(self._database.rows(sql, error_ids))

    def remove(self, wanted: ErrorFilter = EVERY_ERROR) -> int:
        """Forgets records; how many."""
        with self._database.write(alone=True) as writing:
            return _forget(writing, wanted)

    def _document(self, text: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise damaged(self._database.place, "the record of an error is no JSON", error) from error
        return document


def _forget(writing: Transaction, wanted: ErrorFilter) -> int:
    where, values = wanted.where()
    if wanted == ErrorFilter(until=wanted.until) and wanted.until is not None:
        first = writing.rows("SELECT min(error_id) FROM errors")[0][0]
        if first is None or first >= first_id_of(wanted.until):
            return 0  # the usual case when something is added: a look at the first id says it
    writing.execute(rows.KEEP_COUNT.format(where=where or " WHERE true"), values)
    removed = writing.execute(rows.REMOVE + where, values)
    if removed:
        for statement in rows.RECOUNT:
            writing.execute(statement)
    return removed


def _literal(text: str) -> str:
    """Without what LIKE would read as a placeholder but for `_`, which ids have and which is harmless."""
    return text.replace("%", "").replace("\\", "")
