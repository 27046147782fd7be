"""Errors in files: exports, and report files."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorFilter,
    ErrorReporter,
)
from tests.error_handling.past_errors import NOON, at


def test_an_export_says_the_same_in_each_format(reporter: ErrorReporter, tmp_path: Path) -> None:
    """JSON with the summary, JSON lines, and CSV that no spreadsheet takes for formulas."""
    odd = '=cmd("x"), "quoted"\nsecond line \N{SNOWMAN}'
    reporter.report_errors([at(NOON, odd, flow_name="load", line_number=3), at(NOON, "plain")])
    whole = json.loads(reporter.export_error_report(tmp_path / "errors.json").read_text())
    assert datetime.fromisoformat(whole["generated_at"]).tzinfo
    assert whole["summary"]["total_errors"] == 2
    lines = reporter.export_error_report(str(tmp_path / "errors.jsonl"), "jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == whole["errors"]
    with reporter.export_error_report(tmp_path / "errors.csv", "csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    by_message = {row["message"]: row for row in rows}
    assert by_message.keys() == {"'" + odd, "plain"}
    assert by_message["'" + odd]["line_number"] == "3"
    assert (tmp_path / "errors.json").stat().st_mode & 0o777 == 0o600


def test_an_export_that_fails_leaves_the_older_one(reporter: ErrorReporter, tmp_path: Path) -> None:
    """And no half file beside it."""
    file = tmp_path / "errors.json"
    file.write_text("older")
    reporter.report_error(at(NOON))
    pieces = iter(["half", 1])
    reporter.exported = lambda *_: pieces  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(TypeError):
        reporter.export_error_report(file)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir() if each.is_file()] == [
        ("errors.json", "older")
    ]
    with pytest.raises(DeploymentSystemError) as raised:
        reporter.export_error_report(tmp_path / "nowhere" / "errors.json")
    assert raised.value.error_code == "OUTPUT_NOT_WRITTEN"


def test_a_report_file_alone_is_the_history(tmp_path: Path) -> None:
    """A line each; the next reporter goes on with it, and what is cleared is gone from the file."""
    file = tmp_path / "reports" / "errors.jsonl"
    with ErrorReporter(file) as reporter:
        reporter.report_error(at(NOON, "one"))
    with ErrorReporter(str(file)) as reporter:
        reporter.report_error(at(NOON + timedelta(hours=1), "two"))
        assert [report.error.message for report in reporter.error_history] == ["one", "two"]
        assert [json.loads(line)["message"] for line in file.read_text().splitlines()] == ["one", "two"]
        assert reporter.clear(ErrorFilter(until=NOON + timedelta(minutes=1))) == 1
    assert [json.loads(line)["message"] for line in file.read_text().splitlines()] == ["two"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_report_file_beside_a_history_gets_every_report(tmp_path: Path) -> None:
    """Clearing the history does not touch what was written for others."""
    file = tmp_path / "errors.jsonl"
    with ErrorReporter(file, history=tmp_path / "state.db") as reporter:
        reporter.report_error(at(NOON, "one"))
        reporter.clear()
        assert len(reporter.error_history) == 0
    assert json.loads(file.read_text())["message"] == "one"


def test_for_people_an_error_has_its_remedy(reporter: ErrorReporter) -> None:
    """The text that the command line shows too."""
    text = reporter.format_user_friendly_error(at(NOON, "no engine", flow_name="load"))
    assert "error[DOCKER_BUILD_FAILED]: no engine" in text
    assert "try: " in text
