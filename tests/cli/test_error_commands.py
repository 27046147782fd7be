"""`error`: the errors of the past, looked at, exported, explained."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployment_system.error_handling import (
    DeploymentError,
    ErrorReporter,
)
from deployment_system.error_handling.store import Owner, open_store
from tests.cli.conftest import NOW
from tests.repositories import Repository


def messages(document: dict[str, Any]) -> list[str]:
    """What the errors of a document say."""
    return [error["message"] for error in document["errors"]]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["the server is away", "step 3 failed", "step 20 failed"]),
        (["--limit", "1"], ["the server is away"]),
        (["--since", "7d"], ["the server is away", "step 3 failed"]),
        (["--since", "90m"], ["the server is away"]),
        (["--until", f"{NOW - timedelta(days=7):%Y-%m-%d}"], ["step 20 failed"]),
        (["--code", "docker-build-failed"], ["step 3 failed", "step 20 failed"]),
        (["--flow", "load"], ["step 3 failed", "step 20 failed"]),
        (["--environment", "staging"], ["step 20 failed"]),
        (["--env", "staging"], ["step 20 failed"]),
        (["--severity", "low"], []),
        (["--category", "prefect_api"], ["the server is away"]),
        (["--command", "build", "--since", "7d"], ["step 3 failed"]),
        (["--plan-id", "rollback_20"], ["step 20 failed"]),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("history")
def test_list_takes_what_the_options_name(
    repository: Repository, arguments: list[str], found: list[str]
) -> None:
    """The newest first; DEPLOYMENT_ENV leaves nothing out, as the history is everybody's."""
    assert messages(repository.run("error", "list", "-o", "json", *arguments).document) == found


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--since", "-1d"],
        ["--category", "x"],
        ["--limit", "-1"],
        ["--since", "1e3d"],
    ],
    ids=" ".join,
)
def test_a_wrong_filter_is_wrong_usage(repository: Repository, arguments: list[str]) -> None:
    """With what would be right."""
    finished = repository.run("error", "list", "-o", "json", *arguments)
    assert (finished.status, finished.codes) == (2, ["USAGE_INVALID"])


def test_summary_draws_in_80_plain_columns(repository: Repository, history: ErrorReporter) -> None:
    """Counts, days, groups with their times, what is new, and the last errors."""
    with open_store(repository.root / ".deployment-system" / "state.db") as store:
        plan, lock = store.journal.begin("deploy", Owner.current(), scope="shop/production")
        store.journal.commit(lock, plan.plan_id)
    soon = datetime.now(UTC) + timedelta(minutes=5)
    history.report_error(DeploymentError("never seen " * 30, timestamp=soon))
    text = repository.run("error", "summary").output
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert text.startswith("4 errors, 3 different faults\n")
    assert re.search(r"docker +2 █{40}\n", text)
    assert re.search(r"prefect_api +1 █{20}\n", text)
    assert "2 times DOCKER_BUILD_FAILED" in text
    assert "every 17 days" in text
    new = text.partition("new since the last deployment")[2].partition("\n\n")[0]
    assert "never seen" in new
    assert "step" not in new
    assert (
        "the history holds no error of the severity low"
        in repository.run("error", "summary", "--severity", "low").output
    )


@pytest.mark.usefixtures("history")
def test_show_tells_all_that_is_known(repository: Repository) -> None:
    """The last one, or one by the end of its id; in words and in JSON."""
    last = repository.run("error", "show").output
    assert "error[PREFECT_API_ERROR]: the server is away" in last
    assert "command: deploy" in last
    (error,) = repository.run("error", "list", "--plan-id", "rollback_3", "-ojson").document["errors"]
    words = repository.run("error", "show", error["error_id"][-8:]).output
    assert "plan id: rollback_3" in words
    assert "log end: no space" in words
    assert "met 2 times" in words
    document = repository.run("error", "show", error["error_id"], "-o", "json").document
    assert (document["message"], document["repeats"]["count"]) == ("step 3 failed", 2)
    nothing = repository.run("error", "show", "error_1", "-o", "json")
    assert (nothing.status, nothing.codes) == (3, ["ERROR_NOT_FOUND"])


@pytest.mark.usefixtures("history")
def test_export_to_standard_output_and_to_a_file(repository: Repository) -> None:
    """The format is what --format says, else the file's name, else JSON."""
    whole = repository.run("error", "export").document
    assert messages(whole) == ["step 20 failed", "step 3 failed", "the server is away"]
    assert whole["summary"]["total_errors"] == 3
    lines = repository.run("error", "export", "--format", "jsonl", "--flow", "load").output.splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["step 20 failed", "step 3 failed"]
    written = repository.run("error", "export", "--output", "errors.csv")
    assert (written.status, written.output) == (0, "3 errors written to errors.csv\n")
    assert (repository.root / "errors.csv").read_text().startswith("error_id,timestamp,error_code")
    document = repository.run("error", "export", "--output", "errors", "--format", "json").document
    assert document == {"status": "written", "file": "errors", "format": "json", "errors": 3}
    assert messages(json.loads((repository.root / "errors").read_text())) == messages(whole)
    failed = repository.run("error", "export", "--output", "no/such/folder", "-o", "json")
    assert (failed.status, failed.codes) == (1, ["OUTPUT_NOT_WRITTEN"])
    assert repository.run("error", "export", "--format", "xml").status == 2
    assert repository.run("error", "list", "-ojson").document["total_errors"] == 3


def test_clear_asks_and_takes_only_what_the_options_name(
    repository: Repository, history: ErrorReporter
) -> None:
    """Without a terminal and without --yes nothing is forgotten."""
    kept = repository.run("error", "clear", "-o", "json")
    assert (kept.status, kept.document) == (0, {"status": "kept", "removed": 0})
    assert len(history.error_history) == 3
    cleared = repository.run("error", "clear", "--yes", "--flow", "load", "-o", "json")
    assert cleared.document == {"status": "cleared", "removed": 2}
    assert [report.error.message for report in history.error_history] == ["the server is away"]
    assert repository.run("error", "clear", "--yes").output == "1 error forgotten\n"
    assert repository.run("error", "clear", "--yes").output == "there is nothing to forget\n"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("DOCKER_BUILD_FAILED", "DOCKER_BUILD_FAILED"),
        ("docker-build-failed", "DOCKER_BUILD_FAILED"),
        ("DockerError", "DOCKER_BUILD_FAILED"),
        ("docker", "DOCKER_BUILD_FAILED"),
        ("PrefectAPIError", "PREFECT_API_ERROR"),
        ("validationerror", "VALIDATION_FAILED"),
        ("DeploymentSystemError", "DOCKER_BUILD_FAILED"),
    ],
)
def test_guidance_by_code_type_or_category(repository: Repository, name: str, first: str) -> None:
    """What was met most often first, with its remedies."""
    document = repository.run("error", "guidance", name, "-o", "json").document
    codes = document["codes"]
    assert codes[0]["error_code"] == first
    assert codes[0]["remediation"]
    assert document["count"] == sum(code["count"] for code in codes)
    text = repository.run("error", "guidance", name).output
    assert first in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_guidance_on_what_there_is_not_names_the_nearest(repository: Repository) -> None:
    """A typed error, not silence."""
    finished = repository.run("error", "guidance", "DokcerError", "-o", "json")
    assert (finished.status, finished.codes) == (3, ["ERROR_CODE_UNKNOWN"])
    assert "did you mean DockerError?" in finished.document["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--version"], set()),
        (["--help"], set()),
        (["explain", "FLOW_NOT_FOUND"], set()),
        (["error", "--help"], set()),
        (["error", "summary"], {"sqlite3"}),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("history")
def test_nobody_pays_for_what_others_need(
    repository: Repository, arguments: list[str], wanted: set[str]
) -> None:
    """No database where nothing is looked up, and for a look at the history neither flows nor servers."""
    command = [sys.executable, "-X", "importtime", *repository.command(*arguments)[1:]]
    environ = repository.whole_environ(None)
    done = subprocess.run(command, cwd=repository.root, env=environ, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert imported & {"sqlite3", "pydantic", "httpx", "ruamel.yaml", "psycopg", "docker"} == wanted
