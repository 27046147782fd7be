"""What opens a registry, from where `docker login` puts it: config.json and the helpers that it names."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment_system.builders.image_names import DEFAULT_REGISTRY
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext


@dataclass(frozen=True, slots=True, repr=False)
class RegistryCredentials:
    """A user and a password, or a token that stands for both. Never shown."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return "RegistryCredentials(…)"

    def for_docker(self) -> dict[str, str]:
        """In docker-py's words."""
        if self.identity_token:
            return {"identitytoken": self.identity_token}
        return {"username": self.username, "password": self.password}


def stored_credentials(
    registry: str, *, config_folder: Path | None = None, environ: Mapping[str, str] | None = None
) -> RegistryCredentials | None:
    """The stored credentials of a registry; None: there are none. `config_folder` is where config.json lies:
    DOCKER_CONFIG, or `~/.docker`. Raises DOCKER_SETTINGS_INVALID."""
    environ = os.environ if environ is None else environ
    named = environ.get("DOCKER_CONFIG")
    folder = config_folder or (Path(named) if named else Path.home() / ".docker")
    file = folder / "config.json"
    if not file.exists():
        return None
    # Here, because it takes a tenth of a second that only a registry with credentials needs.
    import docker.auth
    import docker.errors

    wanted = docker.auth.INDEX_NAME if registry == DEFAULT_REGISTRY else registry
    try:
        # Read here, because docker-py takes a file that it cannot read for an empty one.
        settings = json.loads(file.read_bytes())
        known = docker.auth.load_config(config_dict=settings, credstore_env=dict(environ))
        found = docker.auth.resolve_authconfig(known, wanted)
    except (docker.errors.DockerException, OSError, ValueError, AttributeError, TypeError) as error:
        raise DockerError(
            f"the credentials for the registry {registry} cannot be read from {file}: {type(error).__name__}",
            error_code=ErrorCodes.DOCKER_SETTINGS_INVALID,
            context=ErrorContext(file_path=file, registry=registry),
        ) from None  # its words may hold what a helper printed, or the file holds
    if not found:
        return None
    text = {key.lower(): value for key, value in found.items() if isinstance(value, str)}
    return RegistryCredentials(
        text.get("username", ""), text.get("password", ""), text.get("identitytoken", "")
    )
