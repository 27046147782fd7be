"""Where a recovery happens: also in a repository whose configuration is what is wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployment_system.config import load_configuration
from deployment_system.config.loading import find_configuration
from deployment_system.config.models import DEFAULT_ENVIRONMENT
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.project import Project, open_project
from deployment_system.deploy.recovery.command_action import UNDO_COMMAND, undo_command
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.deploy.transactions import transactions
from deployment_system.error_handling import RollbackManager, UndoHandlers
from deployment_system.error_handling.store import open_store


@dataclass(frozen=True)
class RecoveryPlace:
    """What a command was told, and what can be known from that however wrong the files are."""

    start: Path
    environ: Mapping[str, str]
    config_file: Path | None = None
    environment: str | None = None

    @property
    def root(self) -> Path:
        """The folder that the paths of errors are relative to."""
        named = self.start / self.config_file if self.config_file is not None else None
        file = named or find_configuration(self.start)
        return (self.start if file is None else file.parent).resolve()

    def project(self, *, for_recovery: bool = False) -> Project:
        """As it is now. Raises `ProblemsFound`."""
        return open_project(
            self.start,
            config_file=self.config_file,
            environment=self.environment,
            environ=self.environ,
            for_recovery=for_recovery,
        )

    @contextmanager
    def transactions(self) -> Iterator[RollbackManager]:
        """The rollback manager on the state of the repository: that of its project where enough of the
        configuration can be read, else one that can put back files and run commands."""
        try:
            project = self.project(for_recovery=True)
        except ProblemsFound:
            folder = StateFolder(self.root / FOLDER_NAME)
            folder.make()
            handlers = UndoHandlers({UNDO_COMMAND: undo_command()})
            with (
                open_store(self._state_url() or folder.path / "state.db") as store,
                RollbackManager(store=store, handlers=handlers) as manager,
            ):
                yield manager
            return
        with transactions(project) as manager:
            yield manager

    def _state_url(self) -> str | None:
        """Read alone, whatever else of the configuration is wrong."""
        loaded = load_configuration(
            self.start,
            config_file=self.config_file,
            environ=self.environ,
            environment=DEFAULT_ENVIRONMENT,
            sections=("state_url",),
        )
        named = loaded.configuration.state_url if loaded.configuration is not None else None
        return self.environ.get("DEPLOYMENT_STATE_URL") or named
