"""How commands come to leave their errors in the history, and where that is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployment_system.cli.invocation import Invocation
from deployment_system.cli.recording import belongs_to_history
from deployment_system.config import find_configuration
from deployment_system.deploy import error_history
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorReporter,
    FlowDiscoveryError,
    PrefectAPIError,
    ValidationError,
)
from tests.repositories import Repository


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


# --- where it is


@pytest.mark.parametrize("start", [".", "flows", "flows/deep", "flows/other"])
def test_the_history_is_where_the_configuration_is(tmp_path: Path, start: str) -> None:
    """The quick search finds the file that the whole one finds."""
    for folder in ("flows/deep", "flows/other/.git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "deployment-config.yaml").touch()
    folder = tmp_path / start
    assert error_history.configuration_file(folder, None) == find_configuration(folder)
    assert error_history.configuration_file(folder, Path("x.yaml")) == folder / "x.yaml"


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
