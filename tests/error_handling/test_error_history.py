"""What the history of errors promises, on SQLite and on a real PostgreSQL server."""

import json
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorContext,
    ErrorFilter,
    ErrorReporter,
    Kept,
    PrefectAPIError,
    RetryHandler,
    RetryPolicy,
    no_sleep,
)
from deployment_system.error_handling.store import Owner, migrating, open_store
from deployment_system.error_handling.store.error_filter import first_id_of, moment_of
from deployment_system.error_handling.store.error_records import PAGE_SIZE
from tests.error_handling.past_errors import NOON, at

ME = Owner.current()


# --- one report


def test_a_report_holds_everything_that_is_known_and_the_next_process_reads_it(state_url: str) -> None:
    """Causes to the end of the chain, traceback, context, attempts, evidence, plan, time, operation."""
    policy = RetryPolicy(max_attempts=2, base_delay=1, retryable_exceptions=(DeploymentSystemError,))

    def failing() -> None:
        try:
            try:
                int("seven")
            except ValueError as error:
                raise PrefectAPIError("the server is away", context=ErrorContext(status=503)) from error
        except PrefectAPIError as error:
            raise DeploymentError("no deployment", context=ErrorContext("load", file_path="a.py")) from error

    with ErrorReporter(history=state_url) as reporter, no_sleep():
        with pytest.raises(DeploymentError) as caught:
            RetryHandler(policy).retry(failing)
        report = reporter.report_error(
            caught.value,
            operation="write deployments",
            command="deploy",
            environment="production",
            plan_id="rollback_1",
            evidence={"answer": "<html>busy</html>"},
            commit="abc",
        )
    assert (report.error, report.operation, report.kept) == (caught.value, "write deployments", Kept.HISTORY)
    with ErrorReporter(history=state_url) as another:
        (again,) = another.error_history
    assert again.document == report.document
    assert again.timestamp == report.timestamp == report.error.timestamp
    known = report.document
    assert [(cause["type"], cause["message"]) for cause in known["causes"]] == [
        ("PrefectAPIError", "the server is away"),
        ("ValueError", "invalid literal for int() with base 10: 'seven'"),
    ]
    assert known["causes"][0]["context"] == {"status": 503}
    assert [attempt["number"] for attempt in known["attempts"]] == [1, 2]
    assert 'int("seven")' in known["traceback"]
    assert known["evidence"] == {"answer": "<html>busy</html>"}
    assert known["extra"] == {"commit": "abc"}
    assert (known["command"], known["environment"], known["plan_id"]) == (
        "deploy",
        "production",
        "rollback_1",
    )
    assert known["reported_by"]["pid"] == ME.pid
    error = again.error
    assert (type(error), error.message, error.context.flow_name) == (DeploymentError, "no deployment", "load")
    assert (again.category, again.severity, again.remediation) == (
        report.category,
        report.severity,
        report.remediation,
    )


def test_an_error_that_is_not_of_this_system_is_told_as_unexpected() -> None:
    """With its own type and words, and its causes."""
    with ErrorReporter() as reporter:
        try:
            try:
                {}["id"]  # type: ignore[var-annotated]
            except KeyError as error:
                raise RuntimeError("nobody foresaw this") from error
        except RuntimeError as error:
            report = reporter.report_error(error)
    assert report.error.error_code == "UNEXPECTED_ERROR"
    assert report.error.message == "RuntimeError: nobody foresaw this"
    assert [cause["type"] for cause in report.document["causes"]] == ["KeyError"]
    assert '{}["id"]' in report.document["traceback"]


def test_without_arguments_nothing_outlives_the_reporter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file appears, and another reporter knows nothing of it."""
    monkeypatch.chdir(tmp_path)
    with ErrorReporter() as reporter:
        reporter.report_error(at(NOON))
        assert len(reporter.error_history) == 1
    with ErrorReporter() as another:
        assert list(another.error_history) == []
    assert list(tmp_path.iterdir()) == []


# --- a history


def test_a_history_reads_as_a_sequence(reporter: ErrorReporter) -> None:
    """From both ends, also over many pages."""
    count = 2 * PAGE_SIZE + 3
    errors = [at(NOON + timedelta(seconds=number), f"number {number}") for number in range(count)]
    reporter.report_errors(errors)
    history = reporter.error_history
    assert len(history) == count
    assert [report.error.message for report in history] == [error.message for error in errors]
    assert history[0].error.message == "number 0"
    assert history[-1].error.message == f"number {count - 1}"
    assert history[-2:][0].error.message == f"number {count - 2}"
    assert next(reversed(history)).error_id == history[-1].error_id
    with pytest.raises(IndexError):
        history[count]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ErrorFilter(), "abcd"),
        (ErrorFilter(environment="production"), "ad"),
        (ErrorFilter(flow_name="load"), "ab"),
        (ErrorFilter(error_code="DOCKER_BUILD_FAILED"), "abc"),
        (ErrorFilter(category="prefect_api"), "d"),
        (ErrorFilter(severity="low"), ""),
        (ErrorFilter(command="deploy"), "abcd"),
        (ErrorFilter(plan_id="nothing"), ""),
        (ErrorFilter(since=NOON + timedelta(hours=1)), "bcd"),
        (ErrorFilter(until=NOON + timedelta(hours=1)), "a"),
        (ErrorFilter(since=NOON + timedelta(hours=1), flow_name="load"), "b"),
        (ErrorFilter(since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=3)), "c"),
    ],
    ids=str,
)
def test_a_filter_means_the_same_when_it_reads_counts_exports_and_clears(
    reporter: ErrorReporter, wanted: ErrorFilter, found: str, tmp_path: Path
) -> None:
    """What is counted when errors are added, and what is counted anew, agree."""
    errors: dict[str, DeploymentSystemError] = {
        "a": at(NOON, "a", flow_name="load", environment="production"),
        "b": at(NOON + timedelta(hours=1), "b", flow_name="load", environment="staging"),
        "c": at(NOON + timedelta(hours=2), "c"),
        "d": PrefectAPIError(
            "d",
            context=ErrorContext(environment="production"),
            timestamp=NOON + timedelta(days=1),
        ),
    }
    reporter.report_errors(list(errors.values()), command="deploy")
    records = reporter.records
    assert "".join(record["message"] for record in records.find(wanted, newest_first=False)) == found
    assert records.count(wanted) == len(found)
    assert sum(records.days(wanted).values()) == len(found)
    summary = reporter.summary(wanted)
    assert summary.total_errors == len(found)
    assert summary.by("category") == dict(Counter(errors[name].category.value for name in found))
    exported = reporter.export_error_report(tmp_path / "errors.jsonl", "jsonl", wanted).read_text()
    assert "".join(json.loads(line)["message"] for line in exported.splitlines()) == found
    assert reporter.clear(wanted) == len(found)
    left = "".join(report.error.message for report in reporter.error_history)
    assert left == "".join(name for name in "abcd" if name not in found)
    everything = reporter.summary()
    assert everything.total_errors == len(left)
    assert sum(everything.by_day.values()) == len(left)


def test_repeats_of_one_fault_are_one_group(reporter: ErrorReporter) -> None:
    """With first and last time, the time between, where it was met, and what it said last."""
    for hour, environment in ((0, "staging"), (2, "production"), (4, "production")):
        message = f"step {hour} of /tmp/build-{hour}/Dockerfile failed"
        reporter.report_error(at(NOON + timedelta(hours=hour), message, environment=environment))
    reporter.report_error(PrefectAPIError("rare", timestamp=NOON))
    summary = reporter.summary()
    first, second = summary.groups
    assert (first.count, first.first_seen, first.last_seen) == (3, NOON, NOON + timedelta(hours=4))
    assert first.seconds_between == 2 * 3600
    assert first.environments == ("production", "staging")
    assert summary.message(first) == "step 4 of /tmp/build-4/Dockerfile failed"
    assert (second.count, second.seconds_between) == (1, None)
    document = reporter.get_error_summary(limit=1)
    assert (document["total_errors"], document["group_count"], len(document["groups"])) == (4, 2, 1)
    assert document["by_environment"] == {"production": 2, "staging": 1}
    assert [error["error_id"] for error in document["recent"]] == [first.last_id]


def test_what_is_new_since_the_last_deployment_is_told(reporter: ErrorReporter, state_url: str) -> None:
    """Of the environment that is asked for; a fault that was met before is not new."""
    before, after = NOON, datetime.now(UTC) + timedelta(hours=1)
    reporter.report_error(at(before, "old", environment="production"))
    assert reporter.summary().new_groups == ()
    with open_store(state_url) as store:
        plan, lock = store.journal.begin("deploy", ME, scope="shop/production")
        store.journal.commit(lock, plan.plan_id)
    for message in ("old", "new"):
        reporter.report_error(at(after, message, environment="production"))
    summary = reporter.summary(ErrorFilter(environment="production"))
    assert [summary.message(group) for group in summary.new_groups] == ["new"]
    assert summary.last_deployment is not None
    assert reporter.summary(ErrorFilter(environment="staging")).last_deployment is None


def test_what_is_too_old_is_forgotten_when_something_is_added(state_url: str) -> None:
    """Whole days; the counts follow. Without a retention nothing is."""
    now = datetime.now(UTC)
    with ErrorReporter(history=state_url, retention=None) as reporter:
        for age in (400, 31, 29):
            reporter.report_error(at(now - timedelta(days=age), f"{age} days"))
        assert len(reporter.error_history) == 3
    with ErrorReporter(history=state_url, retention=timedelta(days=30)) as reporter:
        reporter.report_error(at(now, "now"))
        assert [report.error.message for report in reporter.error_history] == ["29 days", "now"]
        assert reporter.summary().total_errors == 2


ADD = """
import sys
from deployment_system.error_handling import DockerError, ErrorReporter
with ErrorReporter(history=sys.argv[1]) as reporter:
    for number in range(int(sys.argv[2])):
        reporter.report_errors([DockerError("one"), DockerError("two"), DockerError(sys.argv[3])])
"""


def test_processes_and_threads_add_to_one_history_at_once(reporter: ErrorReporter, state_url: str) -> None:
    """Nothing is lost, and nothing is counted twice."""
    command = [sys.executable, "-c", ADD, state_url, "10"]
    children = [subprocess.Popen([*command, name]) for name in ("red", "blue")]
    threads = [
        threading.Thread(target=lambda: [reporter.report_error(DockerError("mine")) for _ in range(10)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    summary = reporter.summary()
    assert summary.total_errors == len(reporter.error_history) == 90
    assert {summary.message(group): group.count for group in summary.groups} == {
        "mine": 30,
        "one": 20,
        "two": 20,
        "red": 10,
        "blue": 10,
    }


def test_a_state_from_before_there_was_a_history_gets_one(
    state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transactions stay as they are."""
    with monkeypatch.context() as older:
        older.setattr(migrating, "MIGRATIONS", migrating.MIGRATIONS[:1])
        older.setattr(migrating, "KNOWN_VERSION", 1)
        with open_store(state_url) as store:
            plan, _ = store.journal.begin("deploy", ME)
            with pytest.raises(DeploymentSystemError):
                store.errors.count()
    with ErrorReporter(history=state_url) as reporter:
        reporter.report_error(at(NOON))
        assert len(reporter.error_history) == 1
    with open_store(state_url) as store:
        assert [each.plan_id for each in store.journal.plans()] == [plan.plan_id]


def test_a_record_is_found_by_its_id_or_the_end_of_it(reporter: ErrorReporter) -> None:
    """As far as that is not ambiguous."""
    first, _ = reporter.report_errors([at(NOON, "one"), at(NOON, "two")])
    records = reporter.records
    for name in (first.error_id, first.error_id[-7:]):
        found = records.get(name)
        assert found
        assert found["message"] == "one"
    assert records.get("error_19700101_000000_0") is None
    assert records.get("%") is None
    assert records.get("") is None


@pytest.mark.parametrize("microseconds", [0, 1, 999_999, 1_000])
def test_ids_sort_by_time_and_tell_it(microseconds: int) -> None:
    """To the microsecond, whatever the zone."""
    moment = NOON + timedelta(microseconds=microseconds)
    assert moment_of(first_id_of(moment) + "0000000") == moment
    assert first_id_of(moment) < first_id_of(moment + timedelta(microseconds=1))
    assert first_id_of(moment) == first_id_of(moment.astimezone())
