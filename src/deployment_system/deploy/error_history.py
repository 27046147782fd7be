"""Where the errors of a repository are kept: the state, found without reading more than that needs.

`error summary` and the like have no need of flows, servers and environments, and the import of what reads
them takes longer than the summary.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.error_handling import DeploymentSystemError, ErrorReporter, KnownSecrets
from deployment_system.error_handling.error_reporter import PENDING_FILE, STORE_PATIENCE_SECONDS
from deployment_system.error_handling.store import Store, open_store
from deployment_system.error_handling.store.failures import unusable

STATE_VARIABLE = "DEPLOYMENT_STATE_URL"
_CONFIGURATION_FILE = "deployment-config.yaml"
_USUAL_DAYS = 90
_PLAIN = {
    b"state_url": re.compile(rb"state_url:\s+(?:null|~)\s*(?:#.*)?"),
    b"error_retention_days": re.compile(rb"error_retention_days:\s+(?P<days>[1-9]\d{0,4})\s*(?:#.*)?"),
}
"""The two keys as nearly everybody writes them. For anything else the file is parsed as a whole."""


@dataclass(frozen=True, slots=True)
class _Settings:
    state_url: str | None = None
    retention_days: int = _USUAL_DAYS


def reader_of(start: Path, *, config_file: Path | None, environ: Mapping[str, str]) -> ErrorReporter:
    """The history of the repository, to be looked at; where nothing was ever kept, an empty one. Raises
    `ProblemsFound` where the configuration does not say where it is."""
    file = configuration_file(start, config_file)
    state = _folder(start, file)
    pending = state.path / PENDING_FILE
    target = environ.get(STATE_VARIABLE) or _settings(start, file, environ).state_url
    if target is None and not _file(state).exists() and not pending.exists():
        return ErrorReporter()
    return ErrorReporter(history=target or _file(state), pending_file=pending)


def recorder_of(
    start: Path,
    *,
    config_file: Path | None,
    environ: Mapping[str, str],
    secrets: Iterable[str | None] = (),
) -> ErrorReporter:
    """The history of the repository, to be added to, also where its configuration is what is wrong.
    `secrets`: values that must not be told, beside those of the environment."""
    file = configuration_file(start, config_file)
    state = _folder(start, file)
    settings: _Settings | ProblemsFound
    try:
        settings = _settings(start, file, environ)
    except ProblemsFound as problems:
        settings = problems

    def opened() -> Store:
        target = environ.get(STATE_VARIABLE)
        if target is None and isinstance(settings, ProblemsFound):
            # Reports wait in the file beside it until somebody has mended that.
            raise unusable(FOLDER_NAME, settings, settings)
        if target is None and isinstance(settings, _Settings):
            target = settings.state_url
        if target is None:
            _make(state)
        return open_store(target or _file(state), patience_seconds=STORE_PATIENCE_SECONDS)

    return ErrorReporter(
        history=opened,
        pending_file=state.path / PENDING_FILE,
        retention=timedelta(days=settings.retention_days) if isinstance(settings, _Settings) else None,
        known_secrets=KnownSecrets.of_environ(environ, secrets),
    )


def _make(state: StateFolder) -> None:
    try:
        state.make()
    except DeploymentSystemError as error:
        raise unusable(FOLDER_NAME, error, error) from error


def _file(state: StateFolder) -> Path:
    return state.path / "state.db"


def _settings(start: Path, file: Path | None, environ: Mapping[str, str]) -> _Settings:
    """What the configuration says of the history. Raises `ProblemsFound`."""
    try:
        content = file.read_bytes() if file else b""
    except OSError:
        return _Settings()  # what is wrong with it says whatever needs more of it than that
    return _plain(content) or _read(start, file, environ)


def _plain(content: bytes) -> _Settings | None:
    """The settings, as far as a look at the lines is enough to tell them."""
    days = _USUAL_DAYS
    for line in content.splitlines():
        for key, plain in _PLAIN.items():
            if key not in line or line.lstrip().startswith(b"#"):
                continue
            found = plain.fullmatch(line.rstrip())
            if found is None:
                return None
            days = int(found.groupdict().get("days") or days)
    return _Settings(None, days)


def _read(start: Path, file: Path | None, environ: Mapping[str, str]) -> _Settings:
    from deployment_system.config import load_configuration
    from deployment_system.config.models import DEFAULT_ENVIRONMENT

    loaded = load_configuration(
        start,
        config_file=file,
        environ=environ,
        environment=DEFAULT_ENVIRONMENT,  # whichever is active: it has no say in this
        sections=tuple(key.decode() for key in _PLAIN),
    )
    if loaded.configuration is None:
        raise ProblemsFound(loaded.errors, EXIT_INVALID, "invalid")
    return _Settings(loaded.configuration.state_url, loaded.configuration.error_retention_days)


def _folder(start: Path, file: Path | None) -> StateFolder:
    return StateFolder((file.parent if file else start).resolve() / FOLDER_NAME)


def configuration_file(start: Path, config_file: Path | None) -> Path | None:
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
