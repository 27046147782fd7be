"""A scenario for all sweeps of a kind, and what they counted."""

import os
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from tests.crash_sweep.deployment_scenario import DeploymentScenario
from tests.crash_sweep.image_scenario import ImageScenario
from tests.crash_sweep.scenario import Scenario
from tests.crash_sweep.server_picture import ServerDoor
from tests.crash_sweep.sweeping import SEED, SWEEP_ALL, Sweep
from tests.crash_sweep.system_calls import needed_strace
from tests.deploy.conftest import Workspace
from tests.recording_proxy import recording_proxy

DONE = pytest.StashKey[list[Sweep]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how to come to the same points again."""
    extent = "all points" if SWEEP_ALL else f"a sample, CRASH_SWEEP_SEED={SEED}"
    for sweep in config.stash.get(DONE, []):
        terminalreporter.write_line(f"crash sweep of {sweep.scenario}: {extent}, {sweep.seconds:.0f} s")


@pytest.fixture(scope="session", params=["deployments", "images"])
def scenario(
    request: pytest.FixtureRequest, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    """The repository and the server, ready for the deployment."""
    needed_strace()
    folder = tmp_path_factory.mktemp("crash-sweep")
    (folder / "repository").mkdir()
    workspace = Workspace(folder / "repository", prefix=f"t{uuid4().hex[:8]}", server_url=prefect_server)
    alone = "DEPLOYMENT_TEST_SERVER" not in os.environ
    with recording_proxy(prefect_server) as proxy, closing(ServerDoor(prefect_server)) as door:
        workspace.proxy = proxy
        made: Scenario = DeploymentScenario(workspace, door, alone, folder / "kept-state")
        if request.param == "images":
            made = ImageScenario(
                workspace,
                door,
                alone,
                folder / "kept-state",
                engine=request.getfixturevalue("running_engine"),
                registry=request.getfixturevalue("registry"),
            )
        made.make()
        yield made
        made.remove()


@pytest.fixture(scope="session")
def sweep(scenario: Scenario, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The sweeps, after one look at a deployment that nobody disturbs."""
    made = Sweep.begun(scenario, tmp_path_factory.mktemp("strace"))
    pytestconfig.stash.setdefault(DONE, []).append(made)
    return made
