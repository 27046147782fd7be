"""One deployment on a real server, with what others made there; and how to begin it again and again.

It is as small as that allows, as it runs once for every point at which the process is killed.
"""

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployment_system.error_handling.store import open_store
from tests.crash_sweep.server_picture import Picture, ServerDoor, read_picture
from tests.deploy.conftest import Workspace
from tests.recording_proxy import RecordingProxy

DEPLOY = ("deploy", "--prune", "--yes", "-o", "json")
STATE_FOLDER = ".deployment-system"


@dataclass
class Scenario(ABC):
    """A repository before its deployment, and the server it goes to."""

    workspace: Workspace
    door: ServerDoor
    alone: bool
    """Nobody else uses the server meanwhile."""
    kept_state: Path
    """A copy of the local state, from before the deployment."""
    before: Picture = field(default_factory=Picture)
    plans_before: int = 0
    """How many transactions the local state knows from before the deployment."""

    @property
    def prefix(self) -> str:
        """What every name here begins with."""
        return self.workspace.prefix

    @property
    def proxy(self) -> RecordingProxy:
        """The way that the deployment takes to the server."""
        assert self.workspace.proxy is not None
        return self.workspace.proxy

    @property
    def state(self) -> Path:
        """The local state that the command uses."""
        return self.workspace.root / STATE_FOLDER

    def make(self) -> None:
        """Brings the server and the repository to where the deployment begins."""
        self.remove()
        shutil.rmtree(self.workspace.root)
        self.make_what_is_shared()
        self.write_before()
        first = self.workspace.deploy()
        assert (first.status, first.document["status"]) == (0, "deployed"), first.output + first.errors
        self.change_by_hand()
        self.write_after()
        shutil.rmtree(self.kept_state, ignore_errors=True)
        shutil.copytree(self.state, self.kept_state)
        with open_store(self.state / "state.db") as store:
            self.plans_before = len(store.journal.plans())
        self.before = self.look()

    def remove(self) -> None:
        """Takes everything away from the server, however it was left."""
        # Deployments before their flows: a flow takes them with it, but leaves their limits behind.
        for deployment in self.stored().values():
            self.door.ask("DELETE", f"/deployments/{deployment['id']}")
        for flow in self.door.all("/flows/filter", {"flows": {"name": {"like_": self.prefix}}}):
            self.door.ask("DELETE", f"/flows/{flow['id']}")
        for kind in ("automations", "v2/concurrency_limits"):
            for item in self.door.all(f"/{kind}/filter"):
                if item["name"].startswith(self.prefix):
                    self.door.ask("DELETE", f"/{kind}/{item['id']}")
        for pool in self.door.all("/work_pools/filter"):
            if pool["name"].startswith(self.prefix):
                self.door.ask("DELETE", f"/work_pools/{pool['name']}")

    def begin_again(self) -> None:
        """Makes the local state what it was before the deployment."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.kept_state, self.state)
        self.proxy.forget()

    def look(self) -> Picture:
        """The server as it is now."""
        return read_picture(self.door, self.prefix, alone=self.alone)

    # -- what a scenario is about ------------------------------------------------------------------------

    @property
    def cost(self) -> int:
        """How long a point takes, in points of the cheapest scenario: a sample is as much smaller."""
        return 1

    @property
    @abstractmethod
    def deletions(self) -> int:
        """How many deployments it deletes, after everything else."""

    @abstractmethod
    def make_what_is_shared(self) -> None:
        """Work pools, and what others have there."""

    @abstractmethod
    def write_before(self) -> None:
        """The repository as it is deployed first."""

    @abstractmethod
    def change_by_hand(self) -> None:
        """What people do on the server after that."""

    @abstractmethod
    def write_after(self) -> None:
        """The repository that is to be deployed."""

    # -- asking the server -------------------------------------------------------------------------------

    def stored(self) -> dict[str, dict[str, Any]]:
        """Its deployments by name."""
        wanted = {"deployments": {"name": {"like_": self.prefix}}}
        return {item["name"]: item for item in self.door.all("/deployments/filter", wanted)}
