"""`error`: the errors of the past, and how commands come to leave them there."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.recording import belongs_to_history
from deployment_system.cli.render.charts import bars, columns
from deployment_system.config import find_configuration
from deployment_system.deploy import error_history
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    ErrorReporter,
    FlowDiscoveryError,
    PrefectAPIError,
    ValidationError,
)
from deployment_system.error_handling.store import Owner, open_store
from tests.repositories import Repository

NOWHERE = "http://127.0.0.1:9/api"
NOW = datetime.now(UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A configuration whose server is not there, and a flow that is broken."""
    made = Repository(tmp_path)
    made.write("deployment-config.yaml", f"environments: {{production: {{prefect_api_url: '{NOWHERE}'}}}}\n")
    made.write("flows/broken.py", "from prefect import flow\n@flow\ndef broken(:\n")
    made.environ["DEPLOYMENT_ENV"] = "production"
    return made


@pytest.fixture
def history(repository: Repository) -> Iterator[ErrorReporter]:
    """The repository's history, with three errors in it."""
    with ErrorReporter(history=repository.root / ".deployment-system" / "state.db") as reporter:
        for days, environment in ((20, "staging"), (3, "production")):
            reporter.report_error(
                DockerError(
                    f"step {days} failed",
                    context=ErrorContext("load", environment=environment, log_end="no space"),
                    timestamp=NOW - timedelta(days=days),
                ),
                command="build",
                plan_id=f"rollback_{days}",
            )
        reporter.report_error(
            PrefectAPIError("the server is away", timestamp=NOW - timedelta(hours=1)),
            command="deploy",
            environment="production",
        )
        yield reporter


def messages(document: dict[str, Any]) -> list[str]:
    """What the errors of a document say."""
    return [error["message"] for error in document["errors"]]


# --- recording


def test_a_deployment_that_fails_is_in_the_history(repository: Repository) -> None:
    """With the command, the environment, every error that it met, and how often it tried."""
    failed = repository.run("deploy", "-o", "json")
    assert (failed.status, failed.codes) == (3, ["FLOW_SYNTAX_ERROR", "NOTHING_TO_DEPLOY"])
    repository.write("flows/load.py", "from prefect import flow\n\n\n@flow\ndef load():\n    pass\n")
    failed = repository.run("deploy", "-o", "json")
    assert (failed.status, failed.codes) == (1, ["PREFECT_API_UNAVAILABLE"])
    listed = repository.run("error", "list", "-o", "json").document
    assert [error["error_code"] for error in listed["errors"]] == [
        "PREFECT_API_UNAVAILABLE",
        "NOTHING_TO_DEPLOY",
        "FLOW_SYNTAX_ERROR",
    ]
    assert {(error["command"], error["environment"]) for error in listed["errors"]} == {
        ("deploy", "production")
    }
    shown = repository.run("error", "show", listed["errors"][0]["error_id"], "-v", "-ojson").document
    assert len(shown["attempts"]) > 1
    assert shown["causes"][-1]["type"] == "ConnectError"
    assert "Traceback" in shown["traceback"]


@pytest.mark.parametrize(
    ("command", "looks_only", "kinds"),
    [
        ("deploy", False, "configuration validation discovery prefect docker deployment internal"),
        ("recovery execute", False, "configuration validation discovery prefect docker deployment internal"),
        ("deploy", True, "prefect docker deployment internal"),
        ("plan", False, "prefect docker deployment internal"),
        ("status", False, "prefect docker deployment internal"),
        ("validate", False, "internal"),
        ("error export", False, "internal"),
        ("", False, "internal"),
    ],
)
def test_what_belongs_into_the_history(command: str, looks_only: bool, kinds: str) -> None:
    """All that a command met which changes things; of one that looks, what failed outside; never a wrong
    command line."""
    errors = {
        "configuration": ConfigurationError("x"),
        "validation": ValidationError("x"),
        "discovery": FlowDiscoveryError("x"),
        "prefect": PrefectAPIError("x"),
        "docker": DockerError("x"),
        "deployment": DeploymentError("x"),
        "usage": DeploymentSystemError("x", error_code="USAGE_INVALID"),
        "internal": DeploymentSystemError("x"),
    }
    invocation = Invocation(command=command, looks_only=looks_only)
    kept = [name for name, error in errors.items() if belongs_to_history(invocation, error)]
    assert kept == kinds.split()


def test_commands_that_went_well_or_were_mistyped_leave_nothing(repository: Repository) -> None:
    """Not even a state folder."""
    for arguments in (["validate"], ["deploy", "--no-such-option"], ["explain", "X"], ["error", "summary"]):
        repository.run(*arguments)
    assert repository.run("error", "summary", "-o", "json").document["total_errors"] == 0
    assert not (repository.root / ".deployment-system" / "state.db").exists()


def test_a_broken_configuration_keeps_nothing_from_being_recorded(repository: Repository) -> None:
    """Where it does not say which state is meant, the report waits until it does."""
    broken = "state_url: [1\n"
    (repository.root / "deployment-config.yaml").write_text(broken)
    failed = repository.run("deploy", "-o", "json")
    assert failed.status == 3
    reading = repository.run("error", "summary", "-o", "json")
    assert (reading.status, reading.document["status"]) == (3, "invalid")
    repository.write("deployment-config.yaml", "state_url: 'sqlite:///elsewhere/shared.db'\n")
    listed = repository.run("error", "list", "-o", "json").document
    assert [error["error_code"] for error in listed["errors"]] == failed.codes
    assert (repository.root / "elsewhere" / "shared.db").exists()


def test_a_state_that_is_away_is_told_and_loses_nothing(repository: Repository, postgresql_url: str) -> None:
    """The report waits beside the configuration, and is in the shared history when that is back."""
    away = {"DEPLOYMENT_STATE_URL": "postgresql://127.0.0.1:9/state"}
    failed = repository.run("deploy", "-o", "json", environ=away)
    assert (failed.status, failed.codes, failed.errors) == (1, ["STATE_BUSY"], "")
    assert (repository.root / ".deployment-system" / "errors-pending.jsonl").stat().st_size
    reading = repository.run("error", "list", "-o", "json", environ=away)
    assert (reading.status, reading.codes) == (1, ["STATE_BUSY"])
    back = {"DEPLOYMENT_STATE_URL": postgresql_url}
    listed = repository.run("error", "list", "-o", "json", environ=back).document
    assert [error["error_code"] for error in listed["errors"]] == failed.codes[::-1]


def test_where_nothing_can_be_kept_the_command_says_so_and_ends_as_it_would(repository: Repository) -> None:
    """The exit status and the result are those of the failure itself."""
    repository.write(".deployment-system", "a file where the folder should be")
    failed = repository.run("recovery", "execute", "--plan-id", "nothing")
    assert failed.status in (1, 3)
    assert "could not be written into the error history" in failed.errors


def test_a_folder_that_is_gone_is_no_second_error(repository: Repository, tmp_path: Path) -> None:
    """What the command says of it is what it would have said without a history."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = repository.command("deploy")
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(gone), *command],
        env={**repository.whole_environ(None), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "could not be written into the error history" in done.stderr


def test_the_log_goes_to_a_file(repository: Repository) -> None:
    """JSON lines where the file's name says so; a level that there is not is an error."""
    log = repository.root / "log.jsonl"
    failed = repository.run("deploy", environ={"DEPLOYMENT_LOG_FILE": str(log)})
    assert failed.status == 3
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["error_code"] for line in lines if "error_code" in line} == {
        "FLOW_SYNTAX_ERROR",
        "NOTHING_TO_DEPLOY",
    }
    wrong = repository.run("validate", "-o", "json", environ={"DEPLOYMENT_LOG_LEVEL": "loud"})
    assert (wrong.status, wrong.codes) == (3, ["CONFIG_INVALID_VALUE"])


# --- looking back


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
    history.report_error(DeploymentError("never seen " * 30, timestamp=NOW + timedelta(minutes=5)))
    text = repository.run("error", "summary").output
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert text.startswith("4 error(s), 3 different fault(s)\n")
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
    assert (written.status, written.output) == (0, "3 error(s) written to errors.csv\n")
    assert (repository.root / "errors.csv").read_text().startswith("error_id,timestamp,error_code")
    document = repository.run("error", "export", "--output", "errors", "--format", "json").document
    assert document == {"status": "written", "file": "errors", "format": "json", "errors": 3}
    assert messages(json.loads((repository.root / "errors").read_text())) == messages(whole)
    failed = repository.run("error", "export", "--output", "no/such/folder", "-o", "json")
    assert (failed.status, failed.codes) == (1, ["OUTPUT_NOT_WRITTEN"])
    assert repository.run("error", "export", "--format", "xml").status == 2
    assert repository.run("error", "list", "-ojson").document["total_errors"] == 3


class Page(HTMLParser):
    """What a page is made of; fails where an element is closed that was not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.words: list[str] = []
        self.addresses: list[str | None] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts it."""
        self.elements[tag] += 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts it."""
        self.elements[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Closes it."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keeps it."""
        self.words.append(data)


def test_report_is_one_page_that_needs_nothing_else(repository: Repository, history: ErrorReporter) -> None:
    """Plots and tables in it, nothing loaded, and what errors say is text, whatever it looks like."""
    history.report_error(DockerError("<script>alert(1)</script> & 'more'", timestamp=NOW))
    done = repository.run("error", "report", "--html", "errors.html", "-o", "json")
    assert done.document == {"status": "written", "file": "errors.html", "errors": 4}
    page = Page((repository.root / "errors.html").read_text())
    assert page.elements["script"] == 0
    assert page.addresses == []
    assert page.elements["svg"] == 6  # days, category, severity, code, flow, environment
    days = len({report.timestamp.date() for report in history.error_history})
    assert page.elements["rect"] == days + 2 + 1 + 2 + 1 + 2
    words = "".join(page.words)
    assert "<script>alert(1)</script> & 'more'" in words
    assert "4 error(s)" in words
    assert "step 3 failed" in words
    assert repository.run("error", "report").status == 2
    nothing = repository.run("error", "report", "--html", "none.html", "--flow", "none")
    assert nothing.status == 0
    assert "0 error(s) of the flow none" in "".join(Page((repository.root / "none.html").read_text()).words)


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
    assert repository.run("error", "clear", "--yes").output == "1 error(s) forgotten\n"
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


# --- where it is


@pytest.mark.parametrize("start", [".", "flows", "flows/deep", "flows/other"])
def test_the_history_is_where_the_configuration_is(tmp_path: Path, start: str) -> None:
    """The quick search finds the file that the whole one finds."""
    for folder in ("flows/deep", "flows/other/.git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "deployment-config.yaml").touch()
    folder = tmp_path / start
    assert error_history._configuration(folder, None) == find_configuration(folder)
    assert error_history._configuration(folder, Path("x.yaml")) == folder / "x.yaml"


@pytest.mark.parametrize(
    ("text", "state_url", "days"),
    [
        ("", None, 90),
        ("state_url: null # here\nerror_retention_days: 90 # days\n", None, 90),
        ("error_retention_days: 7\n", None, 7),
        ("# state_url: sqlite:///no.db\n", None, 90),
        ("state_url: sqlite:///a.db\n", "sqlite:///a.db", 90),
        ("{state_url: 'sqlite:///a.db', error_retention_days: 5}\n", "sqlite:///a.db", 5),
        ("state_url: '${SHARED_STATE}'\n", "sqlite:///shared.db", 90),
        ("state_url:\n  sqlite:///a.db\n", "sqlite:///a.db", 90),
        ("error_retention_days: '${DAYS:-12}'\nenvironments: {x: {nonsense: 1}}\n", None, 12),
    ],
)
def test_a_look_at_the_lines_says_what_the_whole_configuration_says(
    tmp_path: Path, text: str, state_url: str | None, days: int
) -> None:
    """Or the file is parsed; whatever else is wrong with it, and whichever environment is active."""
    file = tmp_path / "deployment-config.yaml"
    file.write_text(text)
    environ = {"SHARED_STATE": "sqlite:///shared.db", "DEPLOYMENT_ENV": "qa"}
    found = error_history._settings(tmp_path, file, environ)
    assert (found.state_url, found.retention_days) == (state_url, days)


def test_errors_are_remembered_as_long_as_the_configuration_says(
    repository: Repository, history: ErrorReporter
) -> None:
    """What is older goes when something is added."""
    file = repository.root / "deployment-config.yaml"
    file.write_text(f"error_retention_days: 10\n{file.read_text()}")
    repository.run("deploy")
    listed = repository.run("error", "list", "-o", "json").document
    assert "step 3 failed" in messages(listed)
    assert "step 20 failed" not in messages(listed)
    assert history.summary().total_errors == 4


# --- charts


def test_bars_are_in_proportion_and_name_what_is_left_out() -> None:
    """The longest label is cut, not the count."""
    lines = list(bars({"a" * 50: 1000, "b": 500, "c": 1, "d": 1}, most=3))
    assert [line.count("█") for line in lines[:2]] == [40, 20]
    assert "1,000" in lines[0]
    assert lines[2].split() == ["c", "1", "▏"]
    assert lines[3] == "  and 1 more"
    assert max(map(len, lines)) <= 80
    assert list(bars({})) == []


def test_columns_have_one_character_a_day() -> None:
    """A day without errors is a dot, one with a single error among thousands is seen."""
    by_day = {"2026-01-01": 1, "2026-01-03": 8000, "2026-01-04": 4000, "2025-12-01": 9}
    assert columns(by_day, datetime(2026, 1, 5, tzinfo=UTC).date(), 5) == "▁·█▄·"
