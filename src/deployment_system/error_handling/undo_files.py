"""Files: content, mode, owner, links; changed and put back whole or not at all."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deployment_system.error_handling.store.records import State
from deployment_system.error_handling.undo import UndoHandler

FILE_KIND = "file"
_BESIDE = ".{}.deployment-system-undo"
"""The file that is written before it takes the other's place: always of one name, so that the next
attempt replaces what a crash left."""


def file_reference(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The reference of a file: absolute, because another process may undo it from another folder."""
    return {"path": os.path.abspath(path)}  # noqa: PTH100 - Path.resolve would follow the link itself


def file_state(content: bytes, mode: int = 0o644) -> dict[str, Any]:
    """How a file is that this process makes."""
    return {"type": "file", "content": content, "mode": mode, "owner": os.geteuid(), "group": os.getegid()}


class FileHandler(UndoHandler):
    """The handler `file`. Reference: `path`. State: `type` file (`content`, `mode`), link (`target`) or
    folder (`mode`; removed only when empty), with `owner` and `group` as numbers. Times, access lists,
    extended attributes and hard links are not kept. Raises OSError."""

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """See `UndoHandler`. A file's whole content is read."""
        path = Path(reference["path"])
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        owners = {"owner": status.st_uid, "group": status.st_gid}
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            return {"type": "link", "target": str(path.readlink()), **owners}
        if stat.S_ISREG(status.st_mode):
            return {"type": "file", "content": path.read_bytes(), "mode": mode, **owners}
        if stat.S_ISDIR(status.st_mode):
            return {"type": "folder", "mode": mode, **owners}
        return {"type": "other", "mode": status.st_mode, **owners}

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """See `UndoHandler`. Durable when it returns."""
        path = Path(reference["path"])
        if found is not None and found["type"] == "folder" and (state is None or state["type"] != "folder"):
            path.rmdir()
        if state is None:
            path.unlink(missing_ok=True)
            if not path.parent.exists():
                return
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._make(path, state)
        _synchronise(path.parent)

    def tidy(self, reference: Mapping[str, Any]) -> None:
        """See `UndoHandler`: the file that had not yet taken the other's place."""
        path = Path(reference["path"])
        with suppress(FileNotFoundError, NotADirectoryError):
            path.with_name(_BESIDE.format(path.name)).unlink()

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """A file that was written only in part holds the beginning of what was to be written, and nothing
        of anybody else's."""
        if found is None or after is None:
            return found is after
        if found["type"] == after["type"] == "file":
            return bool(after["content"].startswith(found["content"]))
        return found == after

    def _make(self, path: Path, state: State) -> None:
        beside = path.with_name(_BESIDE.format(path.name))
        with suppress(FileNotFoundError):
            beside.unlink()
        match state["type"]:
            case "folder":
                path.mkdir(exist_ok=True)
                _give(path, state)
            case "link":
                beside.symlink_to(state["target"])
                _give(beside, state)
                beside.replace(path)
            case "file":
                _write(beside, state)
                beside.replace(path)
            case other:
                raise OSError(
                    f"{path} was neither a file, a link nor a folder, but {other}: it cannot be made"
                )


def _write(file: Path, state: State) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(state["content"])
        stream.flush()
        _give(file, state)
        os.fsync(stream.fileno())


def _give(path: Path, state: State) -> None:
    status = path.lstat()
    if (status.st_uid, status.st_gid) != (state["owner"], state["group"]):
        os.chown(path, state["owner"], state["group"], follow_symlinks=False)
    if state["type"] != "link":
        path.chmod(state["mode"])  # after the owner: a change of owner takes special bits away


def _synchronise(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
