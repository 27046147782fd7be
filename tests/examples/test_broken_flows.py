"""The repository of broken flows: its README is the table of what must be reported; this keeps its word."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

BROKEN = Path(__file__).resolve().parents[2] / "examples" / "broken"
NOT_DEPLOYABLE = "not deployable"
DONE, INVALID = 0, 3


class Row(NamedTuple):
    """One line of a README table: a file, its flow's name if it has one, the code that is promised."""

    file: str
    flow: str
    promised: str


def table_rows(folder: str) -> list[Row]:
    """The README's rows on the files of one folder."""
    rows = []
    for line in (BROKEN / "README.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith(f"{folder}/"):
            rows.append(Row(cells[0], cells[1] if len(cells) == 4 else "", cells[-1]))
    return rows


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON document of the command, run in the repository of broken flows."""
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "DEPLOYMENT_"))
    }
    finished = subprocess.run(
        [sys.executable, "-m", "deployment_system.cli", *arguments, "-o", "json"],
        cwd=BROKEN,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.stdout, f"nothing on standard output; standard error: {finished.stderr}"
    return finished.returncode, json.loads(finished.stdout)


@cache
def validated() -> tuple[int, dict[str, Any]]:
    return run("validate")


def codes_for(row: Row, document: dict[str, Any]) -> set[str]:
    """The codes of the errors that name this file, or the flow in it."""
    return {
        error["error_code"]
        for error in document["errors"]
        if error["context"].get("file_path") == row.file
        or (row.flow and error["context"].get("flow_name") == row.flow)
    }


FLOW_ROWS = table_rows("flows")
REPORTED = [row for row in FLOW_ROWS if row.promised != NOT_DEPLOYABLE]
LISTED = [row for row in FLOW_ROWS if row.promised == NOT_DEPLOYABLE]


@pytest.mark.parametrize("row", REPORTED, ids=lambda row: row.file)
def test_each_broken_flow_is_reported_under_the_code_that_the_table_promises(row: Row) -> None:
    """Exactly that one code: a fault must not drag further complaints along."""
    _, document = validated()
    assert codes_for(row, document) == ({row.promised} if row.promised else set())


@pytest.mark.parametrize("row", LISTED, ids=lambda row: row.file)
def test_flows_that_no_worker_could_load_are_listed_with_the_reason(row: Row) -> None:
    """They are neither deployed nor errors: such flows are called by others."""
    status, document = run("discover")
    listed = {(entry["file"], entry["name"]): entry["reason"] for entry in document["not_deployable"]}
    assert status == DONE
    assert listed[row.file, row.flow]


def test_every_file_of_the_repository_stands_in_the_table() -> None:
    """A broken flow without a promise would be tested by nobody."""
    assert {row.file for row in FLOW_ROWS} == {
        f"flows/{path.name}" for path in (BROKEN / "flows").glob("*.py")
    }
    assert {row.file for row in table_rows("configurations")} == {
        f"configurations/{path.name}" for path in (BROKEN / "configurations").glob("*.yaml")
    }


def test_the_broken_flows_make_the_repository_invalid_but_leave_the_healthy_one() -> None:
    """Exit status 3, and the flow that nothing is wrong with is among the valid ones."""
    status, document = validated()
    assert (status, document["valid"]) == (INVALID, False)
    assert "healthy" in {flow["name"] for flow in document["flows"]}


def test_every_error_names_its_place_and_says_what_to_do() -> None:
    """File and line, and at least one remedy."""
    _, document = validated()
    for error in document["errors"]:
        assert error["context"]["file_path"], error["message"]
        assert error["context"]["line_number"], error["message"]
        assert error["remediation"], error["message"]


@pytest.mark.parametrize("row", table_rows("configurations"), ids=lambda row: row.file)
def test_a_broken_configuration_is_reported_under_the_code_that_the_table_promises(row: Row) -> None:
    """With the file's name, and exit status 3."""
    status, document = run("validate", "--config", row.file)
    assert status == INVALID
    assert {error["error_code"] for error in document["errors"]} == {row.promised}
    assert {Path(error["context"]["file_path"]).name for error in document["errors"]} == {Path(row.file).name}
