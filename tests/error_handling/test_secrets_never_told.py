"""No secret reaches a report, a log, an export, an output, a file or a database (P7)."""

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    ErrorReporter,
    KnownSecrets,
    configure_logging,
    format_user_error,
)
from deployment_system.error_handling.error_logging import ROOT_LOGGER
from tests.error_handling.planted_secrets import SECRETS, Planted
from tests.repositories import Repository

HIDDEN = "********"


def raised(text: str, **context: object) -> DeploymentSystemError:
    """An error with the text wherever an error can hold one, a cause and a note among them."""
    try:
        try:
            cause = ValueError(text)
            cause.add_note(f"note {text}")
            exec(compile(f"raise cause  # {text.splitlines()[0]}", "source", "exec"), {"cause": cause})  # noqa: S102 - for a traceback
        except ValueError as error:
            raise DockerError(
                text,
                context=ErrorContext(
                    flow_name=text,
                    operation=text,
                    file_path=text,
                    line_number=1,
                    source_lines=[[number, line] for number, line in enumerate(text.split("\n"), start=1)],
                    nested={"list": [{"text": text}], text: 1},
                    **context,
                ),
                remediation=[text],
            ) from error
    except DockerError as error:
        return error


def everything_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file with its bytes."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file, file.read_bytes()


def tells(content: bytes, secret: str) -> bool:
    """Whether a secret stands in the bytes, also as JSON writes it."""
    forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return any(form.encode() in content for form in forms)


def test_there_are_many_kinds() -> None:
    """Each planted text does hold its secret: the search would find it."""
    assert len({planted.kind for planted in SECRETS}) == len(SECRETS) >= 30
    for planted in SECRETS:
        assert tells(planted.text.encode(), planted.secret), planted.kind


@pytest.mark.parametrize("planted", SECRETS, ids=lambda planted: planted.kind)
def test_a_planted_secret_is_told_nowhere(planted: Planted, tmp_path: Path) -> None:
    """Not by the report, the log in both formats, the exports, the history, the files; in no field."""
    handlers = [
        configure_logging("debug", file=tmp_path / name, format=name, known_secrets=KnownSecrets([]))
        for name in ("text", "json")
    ]
    error = raised(planted.text)
    try:
        with ErrorReporter(
            tmp_path / "reports.jsonl", history=tmp_path / "state.db", known_secrets=KnownSecrets([])
        ) as reporter:
            report = reporter.report_error(
                error,
                operation=planted.text,
                command=planted.text,
                environment=planted.text,
                plan_id=planted.text,
                evidence={"answer": planted.text, "lines": [planted.text]},
                extra_fact=planted.text,
            )
            logging.getLogger("deployment_system.any").error("%s", planted.text)
            said = [
                json.dumps(report.document),
                json.dumps(reporter.get_error_summary()),
                reporter.format_user_friendly_error(error),
                format_user_error(error, details=True),
                repr(reporter.error_history[0]),
                str(error),
            ]
            for name in ("json", "jsonl", "csv"):
                reporter.export_error_report(tmp_path / f"errors.{name}", name)
    finally:
        for handler in handlers:
            logging.getLogger(ROOT_LOGGER).removeHandler(handler)
            handler.close()
    for text in said:
        assert not tells(text.encode(), planted.secret), text
    files = dict(everything_below(tmp_path))
    assert {"state.db", "reports.jsonl", "text", "json", "errors.csv"} <= {file.name for file in files}
    for file, content in files.items():
        assert not tells(content, planted.secret), file
    assert HIDDEN in said[0]


@pytest.mark.parametrize(
    ("facts", "secret"),
    [
        ({"headers": [("accept", "*/*"), ("X-Api-Key", "hunter")]}, "hunter"),
        ({"headers": [[b"authorization", b"Whatever hunter"]]}, "hunter"),
        ({"env": [{"name": "DB_PASSWORD", "value": "hunter"}]}, "hunter"),
        ({"argv": ["tool", "--password", "hunter", "--verbose"]}, "hunter"),
        ({"job": {"env": {"API_TOKEN": ["hunter", {"a": "hunter"}]}}}, "hunter"),
        ({"pin_secret": 482915}, "482915"),
        ({"cookie": "hunter"}, "hunter"),
    ],
    ids=str,
)
def test_structure_tells_what_is_secret(facts: dict[str, object], secret: str) -> None:
    """In context, evidence and extra facts: pairs, named values, arguments, nested values."""
    with ErrorReporter(known_secrets=KnownSecrets([])) as reporter:
        error = DockerError("x", context=ErrorContext(**facts))  # type: ignore[arg-type]
        report = reporter.report_error(error, evidence=facts, **facts)  # type: ignore[arg-type]
    del report.document["timestamp"], report.document["error_id"], report.document["reported_by"]  # type: ignore[attr-defined]
    assert secret not in json.dumps(report.document)


def test_values_that_are_known_are_hidden_whatever_they_look_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of variables with a telling name, passwords of URLs in others, what the caller names; also as they
    stand in a URL, in JSON and in a traceback."""
    monkeypatch.setenv("SHOP_PASSWORD", 'Fish & "Chips"/ 4you')
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://ann:battery%20staple@db/shop")
    monkeypatch.setenv("LOCAL_PASSWORD", "postgres")
    monkeypatch.setenv("PASSWORD_FILE", "/run/secrets/shop")
    known = KnownSecrets.of_environ(os.environ, ["correct-horse", None, ""])
    text = (
        'said Fish & "Chips"/ 4you, Fish%20%26%20%22Chips%22%2F%204you, battery staple, correct-horse; '
        "the postgres user is fine in /run/secrets/shop"
    )
    with ErrorReporter(tmp_path / "reports.jsonl", known_secrets=known) as reporter:
        report = reporter.report_error(raised(text), operation=text, note=json.dumps(text))
        friendly = reporter.format_user_friendly_error(raised(text))
    assert "the postgres user is fine in /run/secrets/shop" in report.document["message"]
    for told in (json.dumps(report.document), (tmp_path / "reports.jsonl").read_text(), friendly):
        for secret in ("Chips", "battery", "correct-horse", "4you"):
            assert secret not in told


def test_the_command_tells_no_secret_of_its_environment(tmp_path: Path) -> None:
    """On no output, in no format, in no file of the state; neither the server's key nor what is in a URL."""
    secrets = {
        "PREFECT_API_KEY": "plain-word-key",
        "SHOP_DB_PASSWORD": "battery-staple",
        "SHOP_URL": "https://ann:correct-horse@shop.example",
    }
    repository = Repository(tmp_path, dict(secrets))
    repository.write(
        "deployment-config.yaml",
        "environments:\n  development:\n    prefect_api_url: 'http://127.0.0.1:9/api'\n"
        "    prefect_api_key: config-word-key\n    job_variables: {env: {PIN_TOKEN: sesame-open}}\n"
        "    nonsense: plain-word-key battery-staple correct-horse\n",
    )
    log = {"DEPLOYMENT_LOG_FILE": str(tmp_path / "log"), "DEPLOYMENT_LOG_LEVEL": "debug"}
    said = []
    for arguments in (
        ["deploy", "-v"],
        ["deploy", "-v", "-o", "json"],
        ["error", "summary", "-o", "json"],
        ["error", "show", "-v"],
        ["error", "export", "--output", "out.csv"],
        ["error", "export"],
    ):
        finished = repository.run(*arguments, environ=log)
        said.append(finished.output + finished.errors)
    (tmp_path / "deployment-config.yaml").unlink()
    assert "nonsense" in said[0]
    for content in (*(text.encode() for text in said), *dict(everything_below(tmp_path)).values()):
        for secret in ("plain-word-key", "battery-staple", "correct-horse", "sesame-open", "config-word-key"):
            assert not tells(content, secret)


REPORT_ON_POSTGRESQL = """
import sys
from deployment_system.error_handling import DockerError, ErrorReporter
with ErrorReporter(history=sys.argv[1]) as reporter:
    reporter.report_error(DockerError("api_key=hunter2 refused, and so was battery-staple"))
"""


def test_a_shared_database_holds_no_secret_either(postgresql_url: str) -> None:
    """Every text column of every table."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    environ = {**os.environ, "ANY_SECRET": "battery-staple"}
    subprocess.run([sys.executable, "-c", REPORT_ON_POSTGRESQL, postgresql_url], check=True, env=environ)
    with psycopg.connect(postgresql_url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'deployment_system'"
        ).fetchall()
        rows = [
            row
            for (table,) in tables
            for row in connection.execute(
                SQL("SELECT * FROM deployment_system.{}").format(Identifier(table))
            ).fetchall()
        ]
    told = str(rows)
    assert "refused" in told
    assert "hunter2" not in told
    assert "battery-staple" not in told


def test_the_history_of_a_report_that_was_made_by_hand_is_plain_sqlite(tmp_path: Path) -> None:
    """So that anybody can look what is in it."""
    with ErrorReporter(history=tmp_path / "state.db") as reporter:
        reporter.report_error(DockerError("password=hunter2"))
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("SELECT message FROM errors").fetchall() == [(f"password={HIDDEN}",)]
