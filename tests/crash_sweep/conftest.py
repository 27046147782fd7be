"""One scenario for all sweeps, and what they counted."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.crash_sweep.scenario import Scenario
from tests.crash_sweep.server_picture import ServerDoor
from tests.crash_sweep.sweeping import SEED, SWEEP_ALL, Sweep
from tests.crash_sweep.system_calls import needed_strace
from tests.deploy.conftest import Workspace
from tests.recording_proxy import recording_proxy

DONE = pytest.StashKey[Sweep]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how to come to the same points again."""
    sweep = config.stash.get(DONE, None)
    if sweep is not None:
        extent = "all points" if SWEEP_ALL else f"a sample, CRASH_SWEEP_SEED={SEED}"
        terminalreporter.write_line(f"crash sweep of a deployment: {extent}, {sweep.seconds:.0f} s")


@pytest.fixture(scope="session")
def scenario(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """The repository and the server, ready for the deployment."""
    needed_strace()
    folder = tmp_path_factory.mktemp("crash-sweep")
    (folder / "repository").mkdir()
    workspace = Workspace(folder / "repository", prefix=f"t{uuid4().hex[:8]}", server_url=prefect_server)
    door = ServerDoor(prefect_server)
    with recording_proxy(prefect_server) as proxy:
        workspace.proxy = proxy
        alone = "DEPLOYMENT_TEST_SERVER" not in os.environ
        made = Scenario(workspace, door, alone, folder / "kept-state")
        made.make()
        yield made
        made.remove()
    door.close()


@pytest.fixture(scope="session")
def sweep(scenario: Scenario, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The sweeps, after one look at a deployment that nobody disturbs."""
    made = Sweep.begun(scenario, tmp_path_factory.mktemp("strace"))
    pytestconfig.stash[DONE] = made
    return made
