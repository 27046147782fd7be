"""Logins at registries in Docker's config.json: which there are, and one of them used for another spelling of
the same registry. What they are is neither printed nor written into a journal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment_system.config import is_loopback
from deployment_system.error_handling import (
    DockerError,
    ErrorCodes,
    ErrorContext,
    UndoFunction,
)
from deployment_system.error_handling.written_file import write_whole

UNDO_LOGIN = "recovery.registry_login"
"""The undo handler's name."""
_USUAL_PORTS = ("443", "80")


def docker_settings_file(environ: Mapping[str, str]) -> Path:
    """Docker's config.json, where `docker login` writes."""
    named = environ.get("DOCKER_CONFIG")
    return (Path(named) if named else Path(environ.get("HOME") or Path.home()) / ".docker") / "config.json"


def logins(file: Path) -> list[str]:
    """The registries of which the file itself holds a login. Raises DOCKER_SETTINGS_INVALID."""
    return [name for name, entry in _settings(file).get("auths", {}).items() if entry]


def same_registry(one: str, other: str) -> bool:
    """Whether two names mean one registry: however scheme, case, the usual port and this very machine are
    written. Never anything that is only similar: a login would be shown to a stranger. Pure."""
    return _normal(one) == _normal(other)


def use_login_for(file: Path, known: str, registry: str) -> None:
    """Lets the login of one name be that of another. Raises DOCKER_SETTINGS_INVALID, OUTPUT_NOT_WRITTEN."""
    settings = _settings(file)
    settings["auths"][registry] = settings["auths"][known]
    _write(file, settings)


def undo_login() -> UndoFunction:
    """What takes such a login away again. It knows names alone, and no secret."""

    def remove(data: Mapping[str, Any]) -> None:
        file = Path(data["file"])
        settings = _settings(file)
        if settings.get("auths", {}).pop(data["registry"], None) is not None:
            _write(file, settings)

    return UndoFunction(remove)


def _settings(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unusable(file, type(error).__name__) from None  # its words may hold what the file holds
    if not isinstance(found, dict) or not isinstance(found.get("auths", {}), dict):
        raise _unusable(file, "it is not as Docker writes it")
    return found


def _write(file: Path, settings: Mapping[str, Any]) -> None:
    # As Docker itself writes it: so nothing but the entry changes.
    write_whole(file.resolve(), [json.dumps(settings, indent="\t", ensure_ascii=False)])


def _unusable(file: Path, why: str) -> DockerError:
    return DockerError(
        f"Docker's settings cannot be read from {file}: {why}",
        error_code=ErrorCodes.DOCKER_SETTINGS_INVALID,
        context=ErrorContext(operation="recover", file_path=file),
    )


def _normal(name: str) -> tuple[str, str]:
    host = name.lower().removeprefix("https://").removeprefix("http://").partition("/")[0]
    address, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        address, port = host, ""
    bare = address.strip("[]")
    return "loopback" if is_loopback(bare) else bare, "" if port in _USUAL_PORTS else port
