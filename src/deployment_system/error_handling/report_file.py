"""Reports in a file, one JSON document a line: where they wait for a store that is away, or are kept for
whoever reads files. Processes take turns; what was appended is on the disk when the call returns."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployment_system.error_handling.store.failures import busy, file_fault

_TOGETHER = 200
"""Reports that are handed on at once."""
_TURN_SECONDS, _LOOK_AGAIN_SECONDS = 5.0, 0.01
"""Another process has the file for milliseconds, unless somebody stopped it."""
UNREADABLE_SUFFIX = ".unreadable"


class ReportFile:
    """A file of reports, readable by its owner only. Raises RecoveryError (STATE_UNUSABLE, STATE_FULL)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Adds reports durably."""
        lines = b"".join(_line(document) for document in documents)
        with self._alone(os.O_RDWR | os.O_CREAT) as handle:
            end = os.lseek(handle, 0, os.SEEK_END)
            if end and os.pread(handle, 1, end - 1) != b"\n":
                lines = b"\n" + lines  # a process died while it wrote: its half line stays its own
            try:
                _write(handle, lines)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, end)  # on a full disk, say: no half of a report stays
                raise

    def documents(self) -> Iterator[dict[str, Any]]:
        """The reports in the order in which they were added; half lines are left out."""
        try:
            with self.path.open("rb") as stream:
                for line in stream:
                    if (document := _document(line)) is not None:
                        yield document
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_fault(str(self.path), error) from error

    def hand_on(self, accept: Callable[[Sequence[dict[str, Any]]], object]) -> None:
        """Gives every report to `accept`, and empties the file when it has taken all. A report may be given
        again after a crash. Lines that are no reports are kept in a file beside it."""
        if not self.holds_any():
            return
        with self._alone(os.O_RDWR) as handle:
            together: list[dict[str, Any]] = []
            for document in self.documents():
                together.append(document)
                if len(together) == _TOGETHER:
                    accept(together)
                    together = []
            if together:
                accept(together)
            self._keep_unreadable()
            os.ftruncate(handle, 0)
            os.fsync(handle)

    def replace(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Holds these reports and no others."""
        with self._alone(os.O_RDWR | os.O_CREAT) as handle:
            lines = b"".join(_line(document) for document in documents)
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            _write(handle, lines)
            os.fsync(handle)

    def holds_any(self) -> bool:
        """Whether there is anything in it."""
        try:
            return self.path.stat().st_size > 0
        except OSError:
            return False  # not there, or not to be read: whoever appends will hear why

    def _keep_unreadable(self) -> None:
        odd = [line for line in self.path.read_bytes().splitlines() if line.strip() and not _document(line)]
        if odd:
            ReportFile(self.path.with_name(self.path.name + UNREADABLE_SUFFIX))._append_lines(odd)

    def _append_lines(self, lines: Sequence[bytes]) -> None:
        with self._alone(os.O_WRONLY | os.O_CREAT | os.O_APPEND) as handle:
            _write(handle, b"\n".join(lines) + b"\n")
            os.fsync(handle)

    def _wait_for_turn(self, handle: int) -> None:
        deadline = time.monotonic() + _TURN_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise busy(str(self.path), "another process is writing to it", error) from error
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return

    @contextmanager
    def _alone(self, flags: int) -> Iterator[int]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
            try:
                self._wait_for_turn(handle)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise file_fault(str(self.path), error) from error


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "error_id" in document else None


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
