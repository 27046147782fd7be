"""The routes that a repository declares, and its store: for who has something to tell.

Read apart from everything else of the configuration: of what else is wrong in it, people are told as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from deployment_system.config import load_configuration
from deployment_system.config.channel_urls import unset_variables
from deployment_system.config.models import DEFAULT_ENVIRONMENT, Configuration
from deployment_system.config.notifications import NotificationRoute, QuietHoursSettings
from deployment_system.deploy.error_history import STATE_VARIABLE
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.error_handling import ErrorSeverity, KnownSecrets
from deployment_system.error_handling.error_reporter import STORE_PATIENCE_SECONDS
from deployment_system.error_handling.store import Store, open_store
from deployment_system.notifications import DEFAULT_EVENTS, Event, Notifier, QuietHours, Route
from deployment_system.notifications.channels import secrets_of

_SECTIONS = ("project", "default_environment", "state_url", "notifications")


@dataclass(frozen=True)
class Telling:
    """Who tells what happens in a repository, and where messages wait."""

    notifier: Notifier
    project: str
    default_environment: str
    known: KnownSecrets
    state: StateFolder
    state_url: str | None

    def open_store(self) -> Store:
        """The store that messages wait in. Raises the store's errors."""
        if self.state_url is None:
            self.state.make()
        return open_store(
            self.state_url or self.state.path / "state.db", patience_seconds=STORE_PATIENCE_SECONDS
        )


def telling_of(
    start: Path,
    *,
    config_file: Path | None,
    environ: Mapping[str, str],
    secrets: Iterable[str | None] = (),
    now: datetime | None = None,
) -> Telling:
    """Of the repository in which a command runs. Raises `ProblemsFound` where what it says of that is wrong.
    `now`: the moment that counts for quiet hours and cool-downs; else the clock's."""
    loaded = load_configuration(
        start,
        config_file=config_file,
        environ=environ,
        environment=DEFAULT_ENVIRONMENT,  # whichever is active: it has no say in this
        sections=_SECTIONS,
    )
    if loaded.configuration is None:
        raise ProblemsFound(loaded.errors, EXIT_INVALID, "invalid")
    configuration = loaded.configuration
    routes = routes_of(configuration)
    urls = (secret for route in routes for url in route.urls for secret in secrets_of(url))
    known = KnownSecrets.of_environ(environ, (*secrets, *urls))
    moment = {} if now is None else {"now": lambda: now}
    return Telling(
        Notifier(
            configuration.project,
            routes,
            timeout_seconds=configuration.notifications.timeout_seconds,
            known=known,
            **moment,
        ),
        configuration.project,
        configuration.default_environment,
        known,
        StateFolder(loaded.root.resolve() / FOLDER_NAME),
        environ.get(STATE_VARIABLE) or configuration.state_url,
    )


def routes_of(configuration: Configuration) -> list[Route]:
    """As they are declared."""
    return [_route(name, route) for name, route in configuration.notifications.routes.items()]


def _route(name: str, declared: NotificationRoute) -> Route:
    unset = dict.fromkeys(variable for url in declared.urls for variable in unset_variables(url))
    if not all(url.strip() for url in declared.urls):
        unset["the variable of its URL"] = None  # "${CHANNEL:-}": off where it is not set
    return Route(
        name,
        declared.urls,
        tuple(unset),
        DEFAULT_EVENTS if declared.events is None else tuple(map(Event, declared.events)),
        ErrorSeverity(declared.minimum_severity),
        declared.categories,
        declared.codes,
        declared.environments,
        timedelta(seconds=declared.cool_down_seconds),
        None if declared.quiet_hours is None else _quiet_hours(declared.quiet_hours),
        declared.title,
        declared.body,
    )


def _quiet_hours(declared: QuietHoursSettings) -> QuietHours:
    grave = declared.let_through
    start, end = declared.from_to
    return QuietHours(start, end, declared.timezone, None if grave == "nothing" else ErrorSeverity(grave))
