"""The folder that holds what outlives a command: `.deployment-system/` beside the configuration."""

import errno
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment_system.deploy.plan import Memory
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

    def read_memory(self, environment: str) -> Memory:
        """What the last deployment to this environment declared. Raises STATE_UNUSABLE."""
        file = self._memory_file(environment)
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            raise self._unusable(error) from error
        if (
            not isinstance(stored, dict)
            or stored.get("format") != _MEMORY_FORMAT
            or "schedules" not in stored
        ):
            raise self._unusable(ValueError(f"{file.name} is not of format {_MEMORY_FORMAT}"))
        return Memory(stored["schedules"])

    def write_memory(self, environment: str, memory: Memory) -> None:
        """Replaces it, whole or not at all. Raises STATE_UNUSABLE."""
        self.make()
        listed = {name: dict(slugs) for name, slugs in memory.schedules.items() if slugs}
        content: Mapping[str, Any] = {"format": _MEMORY_FORMAT, "schedules": listed}
        try:
            write_whole(self._memory_file(environment), json.dumps(content, indent=1, sort_keys=True))
        except OSError as error:
            raise self._unusable(error) from error

    def _memory_file(self, environment: str) -> Path:
        safe = "".join(
            character if character.isalnum() or character in "-_." else "_" for character in environment
        )
        return self.path / f"declared-{safe}.json"

    def _unusable(self, error: Exception) -> DeploymentError:
        no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return DeploymentError(
            f"the state folder {self.path} cannot be used: {error}",
            error_code=ErrorCodes.STATE_FULL if no_room else ErrorCodes.STATE_UNUSABLE,
            context=ErrorContext(file_path=self.path),
            cause=error,
        )


def write_whole(file: Path, text: str) -> None:
    """Writes the file so that a reader, and a crash, sees the old content or the new, never a part; only
    its owner can read it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
