"""What files held when they were last read, so that an unchanged context is not read again."""

import hashlib
import os
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from deployment_system.builders.build_context import ContextFile
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext, ErrorSeverity

FORMAT = 1
MARGIN_NS = 2_000_000_000
"""A file that changed so shortly before it was read may change again without its time telling: the coarsest
file systems in use keep times in steps of two seconds."""


class ContentCache:
    """Digests by file, valid while size, times and inode are the same. One for each context.

    Not frozen: it collects during one hashing, and is then saved. What is wrong with it is in `warnings`.
    """

    def __init__(self, folder: Path | None, context: Path) -> None:
        self.warnings: list[DockerError] = []
        self._before: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        self._changed = False
        self._began_ns = time.time_ns()
        self._file: Path | None = None
        if folder is not None:
            which = hashlib.sha256(os.fsencode(context.absolute())).hexdigest()[:16]
            self._file = folder / f"build-context-{which}.json"
            self._load(self._file)

    def get(self, file: ContextFile) -> str | None:
        """The digest of the file's content; None: it must be read."""
        name, _, _, size, mtime_ns, ctime_ns, inode, _ = file
        entry = self._before.get(name)
        if entry is not None and entry[:4] == [size, mtime_ns, ctime_ns, inode]:
            self._now[name] = entry
            digest: str = entry[4]
            return digest
        self._changed = True
        return None

    def put(self, file: ContextFile, digest: str) -> None:
        """Keeps what was read, unless the file is so young that its time may not tell the next change."""
        if file.mtime_ns + MARGIN_NS < self._began_ns:
            self._now[file.name] = [file.size, file.mtime_ns, file.ctime_ns, file.inode, digest]

    def save(self) -> None:
        """Writes the cache where something changed; one that cannot be written is a warning."""
        if self._file is None or (not self._changed and len(self._now) == len(self._before)):
            return
        # Another process may be writing too: each its own file, the last one stays.
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            content = orjson.dumps({"format": FORMAT, "files": self._now})
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_sealed(content))
            temporary.replace(self._file)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            self._warn(f"cannot be written: {error.strerror or error}", error)
        except orjson.JSONEncodeError:
            return  # a name that is not valid Unicode: such a context is read each time

    def _load(self, file: Path) -> None:
        try:
            content = orjson.loads(_unsealed(file.read_bytes()))
            if content["format"] == FORMAT:
                self._before = content["files"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._warn("is damaged and was made anew", error)

    def _warn(self, what: str, cause: Exception) -> None:
        assert self._file is not None  # noqa: S101 - only a cache with a file has something to warn of
        self.warnings.append(
            DockerError(
                f"the cache of the build context, {self._file.name}, {what}",
                error_code=ErrorCodes.CACHE_DAMAGED,
                severity=ErrorSeverity.LOW,
                context=ErrorContext(file_path=self._file, operation="build"),
                cause=cause,
            )
        )


def _sealed(content: bytes) -> bytes:
    """With a checksum before it: damage that leaves it readable is found as well."""
    return b"%08x" % zlib.crc32(content) + content


def _unsealed(stored: bytes) -> bytes:
    content = stored[len(_sealed(b"")) :]
    if _sealed(content) != stored:
        raise ValueError("its checksum is wrong")
    return content
