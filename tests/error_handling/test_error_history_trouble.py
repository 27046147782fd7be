"""Reports while the store is away, damaged or full: nothing is lost, and nothing is raised."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployment_system.error_handling import DeploymentSystemError, DockerError, ErrorReporter, Kept
from deployment_system.error_handling.report_file import UNREADABLE_SUFFIX, ReportFile
from deployment_system.error_handling.store import open_store

AWAY = "postgresql://127.0.0.1:9/state?connect_timeout=1"


def messages(reporter: ErrorReporter) -> list[str]:
    """What the history says, the oldest first."""
    return [report.error.message for report in reporter.error_history]


def test_reports_wait_for_a_store_that_is_away(tmp_path: Path, state_url: str) -> None:
    """In a file beside it; when the store is there again, they are taken into it, once."""
    pending = tmp_path / "waiting" / "errors-pending.jsonl"
    with ErrorReporter(history=AWAY, pending_file=pending) as reporter:
        assert reporter.report_error(DockerError("one")).kept is Kept.PENDING
        assert reporter.report_error(DockerError("two")).kept is Kept.PENDING
        with pytest.raises(DeploymentSystemError) as raised:
            reporter.get_error_summary()
        assert raised.value.error_code == "STATE_BUSY"
    assert pending.stat().st_mode & 0o777 == 0o600
    with ErrorReporter(history=state_url, pending_file=pending) as reporter:
        assert messages(reporter) == ["one", "two"]
        assert pending.read_text() == ""
        assert reporter.report_error(DockerError("three")).kept is Kept.HISTORY
        assert messages(reporter) == ["one", "two", "three"]


def test_a_report_that_was_taken_in_before_a_crash_is_not_there_twice(tmp_path: Path, state_url: str) -> None:
    """The process died after the store had it and before the file was emptied."""
    pending = tmp_path / "pending.jsonl"
    with ErrorReporter(history=AWAY, pending_file=pending) as reporter:
        reporter.report_error(DockerError("one"))
    waiting = pending.read_bytes()
    for _ in range(2):
        pending.write_bytes(waiting)
        with ErrorReporter(history=state_url, pending_file=pending) as reporter:
            assert messages(reporter) == ["one"]
            assert reporter.summary().total_errors == 1


@pytest.mark.parametrize("content", [b"no database", b""], ids=["damaged", "is a folder"])
def test_a_sqlite_file_that_cannot_be_used_does_not_lose_the_report(tmp_path: Path, content: bytes) -> None:
    """It goes to the file beside it; the trouble is not raised over the error that is told."""
    state = tmp_path / "state.db"
    if content:
        state.write_bytes(content * 1000)
    else:
        state.mkdir()
    with ErrorReporter(history=state) as reporter:
        assert reporter.report_error(DockerError("one")).kept is Kept.PENDING
    (line,) = (tmp_path / "errors-pending.jsonl").read_text().splitlines()
    assert json.loads(line)["message"] == "one"


def test_what_is_there_can_be_read_while_another_process_writes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports that wait are taken in later."""
    state, pending = tmp_path / "state.db", tmp_path / "errors-pending.jsonl"
    with ErrorReporter(history=AWAY, pending_file=pending) as reporter:
        reporter.report_error(DockerError("waits"))
    with (
        open_store(state) as writer,
        open_store(state, patience_seconds=0.01) as impatient,
        ErrorReporter(history=impatient, pending_file=pending) as reporter,
    ):
        writer.errors.add([])
        with writer.errors._database.write():
            assert reporter.get_error_summary()["total_errors"] == 0
        assert "not in it yet" in caplog.text
        assert messages(reporter) == ["waits"]


def test_where_nothing_can_be_written_the_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller goes on, and can see that the report was not kept."""
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("")
    with ErrorReporter(not_a_folder / "report.jsonl", history=not_a_folder / "state.db") as reporter:
        assert reporter.report_error(DockerError("one")).kept is Kept.NOWHERE
    assert "one" in caplog.text
    assert "the report is not kept" in caplog.text


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    """A process died while it wrote: the next report begins a line of its own, and what could not be read is
    kept beside."""
    pending = tmp_path / "errors-pending.jsonl"
    with ErrorReporter(history=AWAY, pending_file=pending) as reporter:
        reporter.report_error(DockerError("one"))
        with pending.open("ab") as stream:
            stream.write(b'{"error_id": "error_2026')
        reporter.report_error(DockerError("two"))
    with ErrorReporter(history=tmp_path / "state.db", pending_file=pending) as reporter:
        assert messages(reporter) == ["one", "two"]
    assert pending.read_text() == ""
    odd = pending.with_name(pending.name + UNREADABLE_SUFFIX)
    assert odd.read_text() == '{"error_id": "error_2026\n'


LIMITED = """
import resource, sys
from deployment_system.error_handling import *
from deployment_system.error_handling.store import open_store
from deployment_system.error_handling.report_file import ReportFile
from pathlib import Path
file = ReportFile(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
written = 0
try:
    while True:
        file.append([{"error_id": str(written), "text": "x" * 700}])
        written += 1
except RecoveryError as error:
    print(written, error.error_code)
"""


def test_a_file_that_may_not_grow_holds_whole_reports_only(tmp_path: Path) -> None:
    """As on a full disk: what did not fit leaves no half line."""
    file = tmp_path / "reports.jsonl"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(file)], capture_output=True, text=True)
    assert done.stdout == "6 STATE_FULL\n", done.stderr
    assert [document["error_id"] for document in ReportFile(file).documents()] == list("012345")
    assert file.read_bytes().endswith(b"\n")


DIE = """
import os, signal, sys
from pathlib import Path
from deployment_system.error_handling import DockerError, ErrorReporter
number = 0
while True:
    with ErrorReporter(history=sys.argv[1], pending_file=Path(sys.argv[2])) as reporter:
        reporter.report_error(DockerError(f"number {number}"))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("place", ["history", "pending"])
def test_what_was_reported_survives_a_kill(tmp_path: Path, state_url: str, place: str) -> None:
    """Every report that a process had made when it died is there, in its order."""
    pending = tmp_path / "errors-pending.jsonl"
    target = state_url if place == "history" else "postgresql://%2Fnowhere/state"
    child = subprocess.Popen(
        [sys.executable, "-c", DIE, target, str(pending)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    for _ in range(20):
        last = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    said = child.stdout.read().split()
    child.wait(timeout=60)
    last = int(said[-1]) if said else last
    with ErrorReporter(history=state_url, pending_file=pending) as reporter:
        assert messages(reporter)[: last + 1] == [f"number {number}" for number in range(last + 1)]
        assert len(reporter.error_history) in (last + 1, last + 2)
