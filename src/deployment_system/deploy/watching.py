"""The state of a project as monitoring reads it: looked at again and again, never made, never written."""

import threading
from typing import Self

from deployment_system.deploy.project import Project
from deployment_system.error_handling import DeploymentSystemError
from deployment_system.error_handling.store import Store, open_store
from deployment_system.monitoring.reading import families_without_state, read_families
from deployment_system.monitoring.samples import Bounds, Family

READ_PATIENCE_SECONDS = 2.0
"""How long a look waits for a database that does not answer."""

_FileId = tuple[int, int]


class WatchedState:
    """Opened when there is something to be read, and anew when the file is another one. Threads may share
    it; close it, or use it in `with`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._bounds = Bounds(tuple(project.configuration.environments))
        self._turn = threading.Lock()
        self._store: Store | None = None
        self._file: _FileId | None = None

    def store(self) -> Store | None:
        """The store; None: nothing was ever kept. Raises RecoveryError with the store's codes."""
        with self._turn:
            if not self._project.has_state:
                self._close()
                return None
            if self._store is not None and self._file != self._identity():
                self._close()
            if self._store is None:
                self._store = open_store(self._project.state_target, patience_seconds=READ_PATIENCE_SECONDS)
                self._file = self._identity()
            return self._store

    def families(self) -> tuple[list[Family], DeploymentSystemError | None]:
        """The metrics; where the state cannot be read, the few that need none, and why."""
        try:
            return read_families(self.store(), self._bounds), None
        except DeploymentSystemError as error:
            return families_without_state(), error

    def close(self) -> None:
        """Ends the connection."""
        with self._turn:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _identity(self) -> _FileId | None:
        """Which file it is: one that was deleted and made anew has the same name. None for a database that is
        no file of ours."""
        if self._project.state_url is not None:
            return None
        try:
            status = (self._project.state.path / "state.db").stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
