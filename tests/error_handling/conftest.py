"""Each kind of store by its address, and the history of errors on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment_system.error_handling import ErrorReporter


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'state.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def reporter(state_url: str) -> Iterator[ErrorReporter]:
    """On an empty store."""
    with ErrorReporter(history=state_url) as opened:
        yield opened
