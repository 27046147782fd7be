"""Logins for a Prefect server that are known here, whatever they are called: found by asking the server.

Each is asked with once, for the server's version, and only the server that its source is meant for. What they
are is never shown: a remedy names the variable and where it stands.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployment_system.api.prefect_server import Credentials, PrefectServer
from deployment_system.config.server import (
    BASIC_AUTHENTICATION_VARIABLE,
    KEY_VARIABLE,
    URL_VARIABLE,
    read_profile,
    same_server,
)
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DeploymentSystemError, RetryPolicy

SERVER_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"
"""What the server itself is told: often set where the client's variable was meant."""
VARIABLES = (BASIC_AUTHENTICATION_VARIABLE, KEY_VARIABLE, SERVER_VARIABLE)
LOOK_SECONDS = 5.0

_ONCE = RetryPolicy(max_attempts=1)


@dataclass(frozen=True, slots=True)
class KnownLogin:
    """A value that may open the server, and where it stands."""

    variable: str
    profile: str | None
    """Of Prefect's profiles; None: the shell's."""
    value: str = field(repr=False)

    @property
    def place(self) -> str:
        """In words."""
        return f"the Prefect profile {self.profile!r}" if self.profile else "the shell"


@dataclass(frozen=True, slots=True)
class RightLogin:
    """One that the server takes."""

    known: KnownLogin
    variable: str
    """What it has to be called for that."""

    @property
    def is_called_right(self) -> bool:
        """It stands under the right name already, and something else is taken instead."""
        return self.known.variable == self.variable


def right_login(project: Project, environ: Mapping[str, str]) -> RightLogin | None:
    """The first login known here that the server takes, other than what it was asked with."""
    used = (project.server.api_key, None if project.server.api_key else project.server.auth_string)
    for known in _known_logins(project, environ):
        for variable in (BASIC_AUTHENTICATION_VARIABLE, KEY_VARIABLE):
            is_basic = variable == BASIC_AUTHENTICATION_VARIABLE
            if is_basic and ":" not in known.value:
                continue
            asked = Credentials(None, known.value) if is_basic else Credentials(known.value, None)
            if (asked.api_key, asked.auth_string) != used and takes(project.server.url, asked):
                return RightLogin(known, variable)
    return None


def takes(url: str, credentials: Credentials) -> bool:
    """Whether the server lets these in. Only reads."""
    with PrefectServer(url, credentials, timeout_seconds=LOOK_SECONDS, retry_policy=_ONCE) as server:
        try:
            server.version()
        except DeploymentSystemError:
            return False
    return True


def _known_logins(project: Project, environ: Mapping[str, str]) -> Iterator[KnownLogin]:
    profile, _ = read_profile(environ)
    sources = [(None, environ), *([(profile.name, profile.settings)] if profile else [])]
    for name, source in sources:
        named = source.get(URL_VARIABLE)
        if named and not same_server(named, project.server.url):
            continue  # what is meant for another server is not shown to this one
        yield from (
            KnownLogin(variable, name, source[variable]) for variable in VARIABLES if source.get(variable)
        )
