"""The log: levels, text or JSON lines, files that rotate, and silence where nobody set it up."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    ErrorReporter,
    ErrorSeverity,
    configure_logging,
)
from deployment_system.error_handling.error_logging import ROOT_LOGGER


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Handlers and level of our loggers are put back."""
    logger = logging.getLogger(ROOT_LOGGER)
    handlers, level = list(logger.handlers), logger.level
    yield
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


def records(file: Path) -> list[dict[str, Any]]:
    """The JSON lines of a log."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_report_is_a_json_line_with_its_facts(tmp_path: Path) -> None:
    """What a log collector wants to search by."""
    configure_logging("info", file=tmp_path / "log.jsonl", format="json")
    with ErrorReporter() as reporter:
        report = reporter.report_error(
            DockerError("no\nengine", context=ErrorContext("load", environment="staging")),
            operation="build",
            plan_id="p1",
        )
    (line,) = records(tmp_path / "log.jsonl")
    assert (line["level"], line["logger"]) == ("error", "deployment_system.errors")
    assert (line["message"], line["error_code"], line["operation"]) == (
        "no\nengine",
        "DOCKER_BUILD_FAILED",
        "build",
    )
    assert (line["error_id"], line["environment"], line["plan_id"]) == (report.error_id, "staging", "p1")
    assert line["context"]["flow_name"] == "load"


@pytest.mark.parametrize(
    ("level", "logged"),
    [("info", "lmhc"), ("WARNING", "mhc"), (logging.ERROR, "hc"), ("critical", "c")],
)
@pytest.mark.parametrize("whose", ["reporter", "log"])
def test_from_a_level_on(tmp_path: Path, level: int | str, logged: str, whose: str) -> None:
    """Low is info, medium a warning, high an error, critical critical; the reporter may be quieter than the
    log."""
    file = tmp_path / "log"
    configure_logging(level if whose == "log" else "debug", file=file)
    with ErrorReporter(log_level=level if whose == "reporter" else "debug") as reporter:
        for severity in ErrorSeverity:
            reporter.report_error(DockerError(f"severity {severity.value}", severity=severity))
        assert len(reporter.error_history) == 4
    found = [line.split("severity ")[1][0] for line in file.read_text().splitlines() if "severity" in line]
    assert "".join(found) == logged


def test_a_log_file_makes_room(tmp_path: Path) -> None:
    """It never grows beyond its size, and so many older ones are kept."""
    configure_logging(file=tmp_path / "log", largest_file=2_000, backups=2)
    for number in range(200):
        logging.getLogger("deployment_system.anything").warning("line %d", number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log", "log.1", "log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert "line 199" in files[0].read_text()
    assert files[0].stat().st_mode & 0o777 == 0o600


def test_whoever_logs_no_secret_is_told(tmp_path: Path) -> None:
    """Also in arguments and in tracebacks, in both formats."""
    for name in ("text", "json"):
        configure_logging(file=tmp_path / name, format=name)
    try:
        int("token=hunter2hunter2")
    except ValueError:
        logging.getLogger("deployment_system.deploy").exception("to %s", "http://ann:hunter2@host/")
    for name in ("text", "json"):
        told = (tmp_path / name).read_text()
        assert "ValueError" in told
        assert "hunter2" not in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"level": "loud"}, "CONFIG_INVALID_VALUE"),
        ({"format": "xml"}, "CONFIG_INVALID_VALUE"),
        ({"file": "/proc/nothing/log"}, "OUTPUT_NOT_WRITTEN"),
    ],
)
def test_what_cannot_be_set_up_says_so(arguments: dict[str, Any], code: str) -> None:
    """With what would be right."""
    with pytest.raises(DeploymentSystemError) as raised:
        configure_logging(**arguments)
    assert raised.value.error_code == code
    assert next(iter(arguments.values())) in raised.value.message


def test_a_reporter_wants_a_level_that_there_is() -> None:
    """As the log does."""
    with pytest.raises(DeploymentSystemError, match="'loud'") as raised:
        ErrorReporter(log_level="loud")
    assert raised.value.error_code == "CONFIG_INVALID_VALUE"


def test_a_program_that_set_up_nothing_stays_quiet() -> None:
    """Python would print errors of loggers without handlers to standard error."""
    code = (
        "from deployment_system.error_handling import *\n"
        "with ErrorReporter() as reporter: reporter.report_error(DockerError('x'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
