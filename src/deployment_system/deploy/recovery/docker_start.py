"""How a Docker engine of this machine is started: by systemd, by its init script, or without either."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_SOCKETS = (Path("/var/run/docker.sock"), Path("/run/docker.sock"))
"""Where the engine of the system listens: the second is what the first is a link to."""

SYSTEMD = Path("/run/systemd/system")
"""There when systemd runs this machine (sd_booted(3))."""
INIT_SCRIPT = Path("/etc/init.d/docker")

_ASK_SECONDS = 10.0
_UNIX = "unix://"


@dataclass(frozen=True, slots=True)
class WayToStart:
    """A command that starts an engine."""

    command: tuple[str, ...]
    undo: tuple[str, ...] | None = None
    """What stops it again; None: the command is the engine itself, which is ended as a process."""


def socket_of(url: str) -> Path | None:
    """The socket of an engine's URL; None where it listens elsewhere."""
    return Path(url.removeprefix(_UNIX)) if url.startswith(_UNIX) and len(url) > len(_UNIX) else None


def way_to_start(
    url: str, environ: Mapping[str, str], command: Sequence[str] | None = None, *, directly: bool = False
) -> WayToStart | str:
    """How the engine that listens there can be started by this user; or why it cannot.

    With `command`, that is it. Without one only the engine of the system, and the user's own rootless one:
    another socket is of an engine whose data and network nothing here knows. `directly` is without a service
    manager: in containers there is mostly none that can.
    """
    if command:
        return WayToStart(tuple(command))
    socket = socket_of(url)
    if socket is not None and socket == _rootless_socket(environ):
        return _by_systemd("--user", environ) or "there is no rootless Docker here that systemd could start"
    if socket not in DEFAULT_SOCKETS:
        return f"how the engine at {url} is started, is not known: a plan of your own can name the `command`"
    if os.geteuid() != 0:
        return "only root may start it: `sudo systemctl start docker`, or `sudo service docker start`"
    if not directly:
        return _by_service_manager(environ)
    dockerd = shutil.which("dockerd", path=environ.get("PATH"))
    if dockerd is None:
        return "no Docker engine is installed here: there is no `dockerd`"
    if SYSTEMD.is_dir():
        return "systemd runs here: it is the one to start the engine"
    return WayToStart((dockerd, f"--host={url}"))


def _by_service_manager(environ: Mapping[str, str]) -> WayToStart | str:
    if (way := _by_systemd("--system", environ)) is not None:
        return way
    if not SYSTEMD.is_dir() and INIT_SCRIPT.is_file():
        return WayToStart(("service", "docker", "start"), ("service", "docker", "stop"))
    return "no service manager here knows Docker: neither systemd nor an init script"


def _rootless_socket(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("XDG_RUNTIME_DIR")
    return Path(folder) / "docker.sock" if folder else None


def _by_systemd(whose: str, environ: Mapping[str, str]) -> WayToStart | str | None:
    """None where systemd does not run, or knows no Docker."""
    systemctl = shutil.which("systemctl", path=environ.get("PATH"))
    if not SYSTEMD.is_dir() or systemctl is None:
        return None
    if _says(systemctl, whose, "cat", "docker.service") is None:
        return None
    state = _says(systemctl, whose, "show", "--property=ActiveState", "--value", "docker.service")
    if state in ("active", "activating", "reloading"):
        return f"systemd says that docker.service is {state}: `journalctl -u docker` has its words"
    # With the service, its socket is active as well: where it had been, something would have answered.
    units = ("docker.service", "docker.socket")
    return WayToStart((systemctl, whose, "start", units[0]), (systemctl, whose, "stop", *units))


def _says(*command: str) -> str | None:
    """What a command prints; None where it does not end well."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
