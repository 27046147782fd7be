"""The folder that holds what outlives a command: `.deployment-system/` beside the configuration."""

import errno
from dataclasses import dataclass
from pathlib import Path

from deployment_system.error_handling import DeploymentError, ErrorCodes, ErrorContext

FOLDER_NAME = ".deployment-system"
_MEMORY_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Readable by its owner only, and ignored by git."""

    path: Path

    @property
    def discovery_cache(self) -> Path:
        """What discovery knows of files that did not change."""
        return self.path / "discovery-cache.json"

    @property
    def schema_cache(self) -> Path:
        """Parameter schemas by content."""
        return self.path / "parameter-schemas"

    @property
    def image_cache(self) -> Path:
        """What is known of files in build contexts that did not change."""
        return self.path / "build-contexts"

    @property
    def build_logs(self) -> Path:
        """The complete log of each build."""
        return self.path / "builds"

    @property
    def local_server(self) -> Path:
        """Where `up` keeps the local server's database, logs and process ids."""
        return self.path / "local"

    def make(self) -> None:
        """Makes the folder where there is none. Raises STATE_UNUSABLE or STATE_FULL."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> DeploymentError:
        no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return DeploymentError(
            f"the state folder {self.path} cannot be used: {getattr(error, 'strerror', None) or error}",
            error_code=ErrorCodes.STATE_FULL if no_room else ErrorCodes.STATE_UNUSABLE,
            context=ErrorContext(file_path=self.path),
            cause=error,
        )
