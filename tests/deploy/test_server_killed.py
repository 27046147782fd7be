"""The Prefect server is killed in the middle of a deployment, and comes back soon, or late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import free_port, make_pool
from tests.deploy.conftest import Workspace
from tests.deploy.world import (
    DEPLOY,
    DEPLOYMENT,
    RECOVER,
    declare_after,
    deploy_before,
    picture,
    same_world,
    well_told,
)
from tests.prefect_servers import PrefectProcess
from tests.recording_proxy import Fault, recording_proxy
from tests.repositories import COMMAND_SECONDS, Finished

pytestmark = pytest.mark.server

MOMENTS = pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "^/api/deployments/$"), ("DELETE", DEPLOYMENT)],
    ids=["while it creates", "while it deletes"],
)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectProcess]:
    """A server that nobody else needs."""
    server = PrefectProcess(tmp_path_factory.mktemp("own-server"), free_port())
    server.start()
    try:
        server.wait_until_healthy()
        make_pool(server.url)
        yield server
    finally:
        server.stop()


@pytest.fixture
def workspace(own_server: PrefectProcess, tmp_path: Path) -> Iterator[Workspace]:
    """A repository that goes there, deployed once, then changed."""
    with recording_proxy(own_server.url) as proxy:
        made = Workspace(tmp_path, prefix=f"t{uuid4().hex[:8]}", server_url=own_server.url, proxy=proxy)
        deploy_before(made)
        yield made


def strike(workspace: Workspace, method: str, path: str, then: Callable[[], None]) -> None:
    """When the first such request is on its way."""
    assert workspace.proxy is not None
    workspace.proxy.forget()
    workspace.proxy.faults.append(Fault(method, path, times=1, then=then))


@MOMENTS
def test_a_server_that_is_back_soon_is_waited_for(
    workspace: Workspace, own_server: PrefectProcess, method: str, path: str
) -> None:
    """Deployed, or rolled back: never half done."""
    before = picture(workspace)
    workspace.patience_seconds = 120
    declare_after(workspace)

    def restart() -> None:
        own_server.kill()
        own_server.start()

    strike(workspace, method, path, restart)
    running = workspace.start(*DEPLOY)
    output, errors = running.communicate(timeout=2 * COMMAND_SECONDS)
    own_server.wait_until_healthy()
    finished = Finished(running.returncode, output, errors)
    well_told(finished)
    ended = (finished.status, finished.document["status"])
    assert ended in [(0, "deployed"), (1, "rolled_back")], finished.output
    if finished.status == 0:
        assert workspace.plan("--prune", "--detailed-exitcode").status == 0
    else:
        assert same_world(before, picture(workspace)) == []
    assert workspace.run(*RECOVER).document["status"] == "nothing_to_do"


@MOMENTS
def test_a_server_that_is_back_late_is_put_right_by_the_next_run(
    workspace: Workspace, own_server: PrefectProcess, method: str, path: str
) -> None:
    """Exit 4, also from a recovery that comes too early; then all is settled before the next deployment."""
    before = picture(workspace)
    declare_after(workspace)
    strike(workspace, method, path, own_server.kill)
    try:
        finished = workspace.run(*DEPLOY)
        too_early = workspace.run(*RECOVER)
    finally:
        own_server.start()
        own_server.wait_until_healthy()
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (4, "rollback_incomplete")
    assert "recovery execute" in str(finished.document["errors"][-1]["remediation"])
    well_told(too_early)
    assert (too_early.status, too_early.document["status"]) == (4, "rollback_incomplete")
    assert same_world(before, picture(workspace))
    again = workspace.run(*DEPLOY)
    well_told(again)
    assert (again.status, again.document["status"]) == (0, "deployed")
    assert workspace.plan("--prune", "--detailed-exitcode").status == 0
    plans = workspace.run("recovery", "list", "-o", "json").document["plans"]
    assert [plan["status"] for plan in plans] == ["completed", "rolled_back", "completed"]
