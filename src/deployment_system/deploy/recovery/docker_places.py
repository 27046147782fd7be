"""Where Docker engines of this machine listen, and which one Docker's own settings name."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment_system.deploy.recovery.docker_start import DEFAULT_SOCKETS


def likely_engines(environ: Mapping[str, str]) -> list[str]:
    """URLs at which an engine may be that is meant here, the likeliest first: what `docker` itself would ask,
    and sockets of this machine. Contexts that nobody has chosen are left out: they are often another
    machine's, on which an image would be of no use."""
    home = Path(environ.get("HOME") or Path.home())
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    sockets = (
        DEFAULT_SOCKETS[0],
        Path(runtime) / "docker.sock",  # rootless
        home / ".docker" / "run" / "docker.sock",  # Docker Desktop
        home / ".colima" / "default" / "docker.sock",
    )
    found = [
        environ.get("DOCKER_HOST"),
        _of_current_context(environ, home),
        *(f"unix://{socket}" for socket in sockets if socket.exists()),
    ]
    return list(dict.fromkeys(url for url in found if url))


def _of_current_context(environ: Mapping[str, str], home: Path) -> str | None:
    """The engine of the context that `docker context use` has chosen. Settings that cannot be read choose
    none: they are Docker's, and the error is about something else."""
    folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    for file in sorted((folder / "contexts" / "meta").glob("*/meta.json")):
        known = _read(file)
        if name and known.get("Name") == name:
            host = ((known.get("Endpoints") or {}).get("docker") or {}).get("Host")
            return host if isinstance(host, str) else None
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
