"""Where the errors of a repository are kept: the state, found without reading more than that needs.

`error summary` and the like have no need of flows, servers and environments, and the import of what reads
them takes longer than the summary.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.error_handling import DeploymentSystemError, ErrorReporter, KnownSecrets
from deployment_system.error_handling.error_reporter import PENDING_FILE, STORE_PATIENCE_SECONDS
from deployment_system.error_handling.store import Store, open_store
from deployment_system.error_handling.store.failures import unusable

STATE_VARIABLE = "DEPLOYMENT_STATE_URL"
_CONFIGURATION_FILE = "deployment-config.yaml"
_STATE_KEY = b"state_url"


def reader_of(start: Path, *, config_file: Path | None, environ: Mapping[str, str]) -> ErrorReporter:
    """The history of the repository, to be looked at; where nothing was ever kept, an empty one. Raises
    `ProblemsFound` where the configuration does not say where it is."""
    file = _configuration(start, config_file)
    state = _folder(start, file)
    pending = state.path / PENDING_FILE
    target = _target(start, file, state, environ)
    if isinstance(target, Path) and not target.exists() and not pending.exists():
        return ErrorReporter()
    return ErrorReporter(history=target, pending_file=pending)


def recorder_of(
    start: Path,
    *,
    config_file: Path | None,
    environ: Mapping[str, str],
    secrets: Iterable[str | None] = (),
) -> ErrorReporter:
    """The history of the repository, to be added to, also where its configuration is what is wrong.
    `secrets`: values that must not be told, beside those of the environment."""
    file = _configuration(start, config_file)
    state = _folder(start, file)

    def opened() -> Store:
        try:
            target = _target(start, file, state, environ)
            if isinstance(target, Path):
                state.make()
        except (ProblemsFound, DeploymentSystemError) as error:
            # Reports wait in the file beside it until somebody has mended that.
            raise unusable(FOLDER_NAME, error, error) from error
        return open_store(target, patience_seconds=STORE_PATIENCE_SECONDS)

    return ErrorReporter(
        history=opened,
        pending_file=state.path / PENDING_FILE,
        known_secrets=KnownSecrets.of_environ(environ, secrets),
    )


def _target(start: Path, file: Path | None, state: StateFolder, environ: Mapping[str, str]) -> str | Path:
    return environ.get(STATE_VARIABLE) or _configured(start, file, environ) or state.path / "state.db"


def _configured(start: Path, file: Path | None, environ: Mapping[str, str]) -> str | None:
    """The configuration's `state_url`; the file is parsed only where the word stands in it."""
    try:
        if file is None or _STATE_KEY not in file.read_bytes():
            return None
    except OSError:
        return None  # what is wrong with it says whatever needs more of it than that
    from deployment_system.config import load_configuration

    loaded = load_configuration(start, config_file=file, environ=environ, sections=("state_url",))
    if loaded.configuration is None:
        raise ProblemsFound(loaded.errors, EXIT_INVALID, "invalid")
    return loaded.configuration.state_url


def _folder(start: Path, file: Path | None) -> StateFolder:
    return StateFolder((file.parent if file else start).resolve() / FOLDER_NAME)


def _configuration(start: Path, config_file: Path | None) -> Path | None:
    """As `deployment_system.config.find_configuration`, which takes 0.2 s to import."""
    if config_file is not None:
        return start / config_file
    for folder in _upward(start):
        if os.path.lexists(folder / _CONFIGURATION_FILE):
            return folder / _CONFIGURATION_FILE
    return None


def _upward(start: Path) -> Iterator[Path]:
    for folder in (start, *start.absolute().parents):
        yield folder
        if (folder / ".git").exists():
            return
