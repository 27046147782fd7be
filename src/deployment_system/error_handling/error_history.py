"""The history of errors as a sequence: any length, a page of it in memory."""

from collections.abc import Iterator, Sequence
from typing import overload

from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.error_report import ErrorReport
from deployment_system.error_handling.store.error_records import ErrorRecords


class ErrorHistory(Sequence[ErrorReport]):
    """Every report, the oldest first, as the store has them now."""

    def __init__(self, records: ErrorRecords) -> None:
        self._records = records

    def __len__(self) -> int:
        return self._records.count()

    def __iter__(self) -> Iterator[ErrorReport]:
        return map(ErrorReport.from_dict, self._records.find(newest_first=False))

    def __reversed__(self) -> Iterator[ErrorReport]:
        return map(ErrorReport.from_dict, self._records.find())

    @overload
    def __getitem__(self, index: int) -> ErrorReport: ...

    @overload
    def __getitem__(self, index: slice) -> list[ErrorReport]: ...

    def __getitem__(self, index: int | slice) -> ErrorReport | list[ErrorReport]:
        if isinstance(index, slice):
            return list(self)[index]
        distance = -index - 1 if index < 0 else index
        reports = reversed(self) if index < 0 else iter(self)
        for number, report in enumerate(reports):
            if number == distance:
                return report
        raise IndexError("there are not so many errors")

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'error')}>"
