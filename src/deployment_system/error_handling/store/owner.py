"""Who holds a lock or runs a plan: one process, told apart from any other that had its number."""

import functools
import os
import pwd
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Owner:
    """One process of one boot of one machine.

    `started` is the process's start in clock ticks since boot; `boot` and `namespace` say which boot
    and which container's process numbers `pid` counts in. Empty where the system does not tell.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str
    user: str

    @classmethod
    def current(cls) -> Self:
        """This process."""
        host, boot, namespace, user = _this_system()
        return cls(host, boot, namespace, os.getpid(), _start_of(os.getpid()) or "", user)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The owner that `to_dict` was called on; fields that are missing are empty."""
        texts = {name: str(record.get(name, "")) for name in ("host", "boot", "namespace", "started", "user")}
        return cls(pid=int(record.get("pid", 0)), **texts)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def is_alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be seen from here: it is, or was, on
        another machine, in another container, or before a restart of this one.

        Hosts of one name are not one machine (CI machines are often all called alike), so after a
        restart too only the lease says that nobody is there any more.
        """
        host, boot, namespace, _ = _this_system()
        if (self.host, self.boot, self.namespace) != (host, boot, namespace):
            return None
        return _runs(self.pid, self.started)

    def __str__(self) -> str:
        return f"{self.user} on {self.host}, process {self.pid}"


@functools.cache
def _this_system() -> tuple[str, str, str, str]:
    return os.uname().nodename, _text_of(Path("/proc/sys/kernel/random/boot_id")), _namespace(), _user()


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""  # no such file outside Linux: the field stays empty, on every owner of that machine


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""  # as above


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())  # a container's user often has no name


def _start_of(pid: int) -> str | None:
    """The start of a process that runs; None: there is none that could do anything any more."""
    try:
        # The name, in brackets, may hold blanks and brackets itself: what follows the last one counts.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    except OSError:
        return ""  # there, but not to be read
    state, *rest = fields.split()
    return None if state in "ZX" else rest[18]


def _runs(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's process: it is there
    if not Path("/proc/self/stat").exists():
        return True  # no start times here: better a lock too long than two owners
    start = _start_of(pid)
    return start is not None and (not started or not start or start == started)
