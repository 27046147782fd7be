"""The place of the journal fails: no room before or in the middle, torn or damaged after a crash."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Workspace
from tests.deploy.world import (
    DELETED,
    DEPLOY,
    DEPLOYMENT,
    RECOVER,
    declare_after,
    deploy_before,
    left_unfinished,
    picture,
    same_world,
    well_told,
)
from tests.recording_proxy import Fault, RecordingProxy

ROOM = "2m"
PAGE_BYTES = 4096
FRAME_BYTES = PAGE_BYTES + 24
"""Of SQLite's log: a page behind its header."""
LOG_HEADER_BYTES = 32


class SmallDisk:
    """A file system of two megabytes under the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leaves no room at all."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(b"\0" * PAGE_BYTES):
                    pass
            except OSError:
                return

    def make_room(self) -> None:
        """As it was."""
        (self.folder / "filler").unlink()


@pytest.fixture
def small_disk(workspace: Workspace) -> Iterator[SmallDisk]:
    """The state folder of the repository on a disk that is soon full."""
    folder = workspace.root / ".deployment-system"
    folder.mkdir(mode=0o700)
    mounted = os.geteuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)], check=False)
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("a disk that is full needs a file system of its own: to mount one takes root")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_no_room_for_a_state_at_all(
    workspace: Workspace, proxy: RecordingProxy, small_disk: SmallDisk
) -> None:
    """The very first deployment: nothing is sent, and the disk is named as the reason."""
    workspace.write_flow("first")
    workspace.configure()
    small_disk.fill()
    finished = workspace.run(*DEPLOY)
    well_told(finished)
    assert (finished.status, finished.document["status"], finished.codes) == (
        1,
        "rolled_back",
        ["STATE_FULL"],
    )
    assert proxy.writes == []
    small_disk.make_room()
    assert workspace.run(*DEPLOY).status == 0


def test_no_room_for_the_first_intent(
    workspace: Workspace, proxy: RecordingProxy, small_disk: SmallDisk
) -> None:
    """A state that is there and cannot grow: nothing is changed."""
    deploy_before(workspace)
    before = picture(workspace)
    declare_after(workspace)
    small_disk.fill()
    proxy.forget()
    finished = workspace.run(*DEPLOY)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (1, "rolled_back")
    assert set(finished.codes) == {"STATE_FULL"}
    assert proxy.writes == []
    assert same_world(before, picture(workspace)) == []
    small_disk.make_room()
    assert workspace.run(*DEPLOY).document["status"] == "deployed"


@pytest.mark.parametrize(
    ("method", "path", "after"),
    [
        ("PATCH", DEPLOYMENT, 0),
        ("POST", "/schedules$", 0),
        ("DELETE", DEPLOYMENT, 0),
        ("DELETE", DEPLOYMENT, 1),
    ],
    ids=["before the activation", "before the deletions", "before the commit", "at the last write"],
)
def test_the_disk_fills_up_in_the_middle(
    workspace: Workspace,
    proxy: RecordingProxy,
    small_disk: SmallDisk,
    method: str,
    path: str,
    after: int,
) -> None:
    """Everything is put back from memory, and the end says so: exit 1, though no note could be taken of it.
    Once there is room, nothing is left to be done, and the next deployment works."""
    deploy_before(workspace)
    before = picture(workspace)
    declare_after(workspace)
    proxy.forget()
    proxy.faults.append(Fault(method, path, after=after, times=1, then=small_disk.fill))
    finished = workspace.run(*DEPLOY)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (1, "rolled_back"), finished.output
    assert "STATE_FULL" in finished.codes
    outcomes = {change["outcome"] for change in finished.document["changes"]}
    assert outcomes <= {"rolled_back", "not_started"}, finished.output
    assert same_world(before, picture(workspace)) == []
    small_disk.make_room()
    recovered = workspace.run(*RECOVER)
    well_told(recovered)
    assert recovered.status == 0, recovered.output
    assert same_world(before, picture(workspace)) == []
    assert workspace.run(*DEPLOY).document["status"] == "deployed"


def log_of(workspace: Workspace) -> Path:
    """What the killed process wrote last, which no one has moved into the database yet."""
    log = workspace.root / ".deployment-system" / "state.db-wal"
    assert log.stat().st_size > LOG_HEADER_BYTES + FRAME_BYTES
    return log


@pytest.mark.parametrize("part", [1, 24, FRAME_BYTES // 2, FRAME_BYTES - 1])
def test_a_page_that_was_being_written_is_no_loss(workspace: Workspace, part: int) -> None:
    """The machine stopped in the middle of a write, whose effect had therefore not begun."""
    before = left_unfinished(workspace)
    log = log_of(workspace)
    with log.open("ab") as end:
        end.write(log.read_bytes()[-FRAME_BYTES:][:part])
    finished = workspace.run(*RECOVER)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "rolled_back")
    assert same_world(before, picture(workspace)) == []


@pytest.mark.parametrize("harm", ["cut off", "cut in half", "overwritten", "zeroed"])
def test_a_last_page_that_is_lost_loses_its_write_alone(workspace: Workspace, harm: str) -> None:
    """A disk that lied: the intents of the last write, which are the deletions, are gone; what the journal
    still knows is put back."""
    before = left_unfinished(workspace)
    log = log_of(workspace)
    content = log.read_bytes()
    whole, last = content[:-FRAME_BYTES], content[-FRAME_BYTES:]
    log.write_bytes(
        whole
        + {
            "cut off": b"",
            "cut in half": last[: FRAME_BYTES // 2],
            "overwritten": random.Random(1).randbytes(FRAME_BYTES),  # noqa: S311 - no secret
            "zeroed": b"\0" * FRAME_BYTES,
        }[harm]
    )
    finished = workspace.run(*RECOVER)
    well_told(finished)
    assert (finished.status, finished.document["status"]) == (0, "rolled_back")
    left = same_world(before, picture(workspace))
    assert all(any(f"-{flow}/" in line for flow in DELETED) for line in left), left


@pytest.mark.parametrize("name", ["state.db", "state.db-wal"])
def test_a_state_that_is_rubbish_is_said_to_be(workspace: Workspace, name: str) -> None:
    """Never a traceback, and nothing is sent to the server on its word."""
    left_unfinished(workspace)
    file = workspace.root / ".deployment-system" / name
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))  # noqa: S311 - no secret
    seen = picture(workspace)
    for command in (["recovery", "list", "-o", "json"], [*RECOVER], [*DEPLOY, "--dry-run"]):
        finished = workspace.run(*command)
        well_told(finished)
        if finished.status != 0:
            assert finished.codes == ["STATE_DAMAGED"]
    assert picture(workspace) == seen
