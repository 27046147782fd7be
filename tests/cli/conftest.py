"""A repository in which commands fail, and its history."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployment_system.error_handling import DockerError, ErrorContext, ErrorReporter, PrefectAPIError
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
