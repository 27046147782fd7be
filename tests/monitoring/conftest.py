"""A repository whose state holds errors and transactions, without any server."""

from pathlib import Path

import pytest

from deployment_system.error_handling import DockerError, ErrorReporter, PrefectAPIError, RollbackManager
from deployment_system.error_handling.store import open_store
from tests.repositories import Repository

NOWHERE = "http://127.0.0.1:9/api"
FLOW = "from prefect import flow\n\n\n@flow\ndef load(limit: int = 1):\n    return limit\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One flow, and a server that is not there; nothing was ever kept."""
    return make_repository(tmp_path / "repository")


def make_repository(root: Path) -> Repository:
    """As the fixture, anywhere."""
    made = Repository(root)
    made.write("flows/load.py", FLOW)
    made.write(
        "deployment-config.yaml",
        f"project: shop\nenvironments: {{development: {{prefect_api_url: '{NOWHERE}'}}, production: {{}}}}\n",
    )
    return made


@pytest.fixture
def kept(repository: Repository) -> Repository:
    """The same with seven errors, and seven transactions, of which one was rolled back and one is open."""
    return fill(repository)


def fill(repository: Repository) -> Repository:
    """As the fixture, in any repository."""
    file = repository.root / ".deployment-system" / "state.db"
    with ErrorReporter(history=file) as reporter:
        for number in range(5):
            reporter.report_error(DockerError(f"error {number}"), environment="production", command="build")
        reporter.report_error(PrefectAPIError("away"), environment="development")
        reporter.report_error(PrefectAPIError("elsewhere"), environment="removed-since")
    with open_store(file) as store, RollbackManager(store=store) as manager:
        for number in range(5):
            manager.start_transaction(f"deploy {number}", scope="shop/development")
            manager.commit_transaction()
        plan_id = manager.start_transaction("fails", scope="shop/production")
        manager.execute_rollback(plan_id, error=DockerError("no"))
        manager.start_transaction("is open", scope="shop/production")
    return repository
