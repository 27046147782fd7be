"""A team's state in PostgreSQL: deployers on several machines, and what one of them leaves behind.

The other machine is a process with a host name and process numbers of its own (`unshare`), so that neither
can see whether the other's process lives. (What one machine does alone is in test_disasters.py, for SQLite
and for PostgreSQL.)
"""

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from tests.deploy.barrier import Barrier
from tests.deploy.conftest import Workspace
from tests.deploy.world import (
    DEPLOY,
    DEPLOYMENT,
    RECOVER,
    at_the_first_deletion,
    declare_after,
    deploy_before,
    killed_at,
    picture,
    same_world,
    well_told,
)
from tests.recording_proxy import RecordingProxy
from tests.repositories import COMMAND_SECONDS

SWEEP_ALL = os.environ.get("CRASH_SWEEP") == "all"
SOURCE = 'source: {git: {url: "https://git.example.com/team/flows.git"}}'
"""Where the checkouts lie makes no difference then."""
OTHER_HOST = "other-machine"


@dataclass
class Elsewhere(Workspace):
    """The same repository on another machine, with a checkout of its own."""

    def command(self, *arguments: str) -> list[str]:
        """In a world with another host name and other process numbers."""
        apart = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return [*apart, "sh", "-c", f'hostname {OTHER_HOST} && exec "$@"', "-", *super().command(*arguments)]


@pytest.fixture
def here(workspace: Workspace, proxy: RecordingProxy, postgresql_url: str) -> Workspace:
    """This machine's checkout, with the state of the team."""
    workspace.environ["DEPLOYMENT_STATE_URL"] = postgresql_url
    deploy_before(workspace)
    declare_after(workspace, SOURCE)
    proxy.forget()
    return workspace


@pytest.fixture
def elsewhere(here: Workspace, tmp_path: Path) -> Elsewhere:
    """The other machine's, as it would be after a git pull."""
    tried = subprocess.run(Elsewhere(tmp_path).command("--version"), capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("another machine is made with unshare, which takes root")
    root = tmp_path / "elsewhere"
    ignored = shutil.ignore_patterns(".deployment-system", ".prefect-home")
    shutil.copytree(here.root, root, ignore=ignored)
    return Elsewhere(root, here.environ, prefix=here.prefix, proxy=here.proxy, server_url=here.server_url)


def let_leases_run_out(url: str) -> None:
    """As if the holders had said nothing for a minute."""
    with psycopg.connect(url, autocommit=True) as connection:
        changed = connection.execute("UPDATE deployment_system.locks SET leased_until = 0")
        assert changed.rowcount > 0


def test_everything_is_in_the_database(here: Workspace, postgresql_url: str) -> None:
    """No journal beside the configuration; another checkout sees the plans and takes one back."""
    before = picture(here)
    assert here.run(*DEPLOY).status == 0
    kept = {file.name for file in (here.root / ".deployment-system").iterdir()}
    assert not any("state.db" in name for name in kept)
    (newest, _) = here.run("recovery", "list", "-o", "json").document["plans"]
    shutil.rmtree(here.root / ".deployment-system")
    taken_back = here.run(*RECOVER, "--plan-id", newest["plan_id"])
    well_told(taken_back)
    assert (taken_back.status, taken_back.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(here)) == []


def test_another_machine_waits_for_one_that_works(
    here: Workspace, elsewhere: Elsewhere, proxy: RecordingProxy
) -> None:
    """Refused at once with the holder's name, or, with --wait, done when that one is."""
    barrier = Barrier(proxy, "PATCH", DEPLOYMENT)
    running = here.start(*DEPLOY)
    assert barrier.reached.wait(COMMAND_SECONDS)
    refused = elsewhere.run(*DEPLOY)
    recovery = elsewhere.run(*RECOVER)
    waiting = elsewhere.start(*DEPLOY, "--wait", "120")
    barrier.open()
    for finished in (refused, recovery):
        well_told(finished)
        assert (finished.status, finished.document["status"], finished.codes) == (5, "locked", ["LOCK_HELD"])
        assert os.uname().nodename in finished.document["errors"][0]["message"]
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == 0, output + errors
    output, errors = waiting.communicate(timeout=COMMAND_SECONDS)
    assert waiting.returncode == 0, output + errors
    assert '"status": "unchanged"' in output


@pytest.mark.parametrize("dies", ["here", "elsewhere"])
def test_what_died_on_one_machine_is_taken_over_once_its_lease_ran_out(
    here: Workspace, elsewhere: Elsewhere, postgresql_url: str, dies: str
) -> None:
    """Not before: the other machine cannot see that nobody is there any more."""
    before = picture(here)
    dying, other = (here, elsewhere) if dies == "here" else (elsewhere, here)
    killed_at(dying, at_the_first_deletion(), *DEPLOY)
    half_done = picture(here)
    for command in (DEPLOY, RECOVER):
        refused = other.run(*command)
        well_told(refused)
        assert (refused.status, refused.codes) == (5, ["LOCK_HELD"])
    assert same_world(half_done, picture(here)) == []
    let_leases_run_out(postgresql_url)
    recovered = other.run(*RECOVER)
    well_told(recovered)
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(here)) == []
    assert other.run(*DEPLOY).document["status"] == "deployed"
    assert dying.run(*DEPLOY).document["status"] == "unchanged"


@pytest.mark.skipif(not SWEEP_ALL, reason="takes the minute of a lease: CRASH_SWEEP=all")
def test_a_lease_runs_out_by_itself(here: Workspace, elsewhere: Elsewhere) -> None:
    """Whoever waits long enough deploys."""
    killed_at(here, at_the_first_deletion(), *DEPLOY)
    finished = elsewhere.run(*DEPLOY, "--wait", "100")
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "deployed")


def test_the_same_machine_takes_over_at_once(here: Workspace) -> None:
    """It sees that the process is gone, whatever its lease says."""
    before = picture(here)
    killed_at(here, at_the_first_deletion(), *DEPLOY)
    recovered = here.run(*RECOVER)
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(here)) == []


def test_one_that_slept_too_long_can_do_no_harm(
    here: Workspace, elsewhere: Elsewhere, proxy: RecordingProxy, postgresql_url: str
) -> None:
    """A suspended machine wakes up after another has put everything back and deployed: its next write to
    the journal is refused, and it leaves the server alone."""
    barrier = Barrier(proxy, "POST", "^/api/deployments/filter$", after=1)
    running = here.start(*DEPLOY)
    assert barrier.reached.wait(COMMAND_SECONDS)
    running.send_signal(signal.SIGSTOP)
    let_leases_run_out(postgresql_url)
    finished = elsewhere.run(*DEPLOY)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "deployed")
    deployed = picture(here)
    proxy.forget()
    barrier.open()
    running.send_signal(signal.SIGCONT)
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert "Traceback" not in errors
    assert running.returncode == 4, output + errors
    assert re.search('"error_code": "LOCK_LOST"', output)
    assert proxy.writes == []
    assert same_world(deployed, picture(here)) == []


def test_a_recovery_of_another_project_leaves_a_deployment_alone_that_runs(
    here: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    """Two projects in one database: what is not unfinished is not recovered."""
    root = tmp_path / "other-project"
    root.mkdir()
    other = replace(here, root=root, prefix=f"{here.prefix}x")
    other.write_flow("alone")
    other.configure()
    barrier = Barrier(proxy, "PATCH", DEPLOYMENT)
    running = here.start(*DEPLOY)
    assert barrier.reached.wait(COMMAND_SECONDS)
    finished = other.run(*RECOVER)
    barrier.open()
    output, errors = running.communicate(timeout=COMMAND_SECONDS)
    assert running.returncode == 0, output + errors
    well_told(finished)
    assert finished.status in (0, 5), finished.output
