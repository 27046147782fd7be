"""Which Prefect server is meant: the configuration's, else the shell's, else the Prefect profile's."""

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployment_system.config.models import DEFAULT_SERVER_URL, Environment
from deployment_system.config.source_frame import safe_text
from deployment_system.config.value_types import url_problem
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext, ErrorSeverity

URL_VARIABLE = "PREFECT_API_URL"
KEY_VARIABLE = "PREFECT_API_KEY"
BASIC_AUTHENTICATION_VARIABLE = "PREFECT_API_AUTH_STRING"


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """The server, how to log in there, and who named it."""

    url: str
    """Of the API, without a slash at its end."""
    api_key: str | None = field(default=None, repr=False)
    origin: str = "default"
    """`configuration`, `environment variable PREFECT_API_URL`, `Prefect profile NAME` or `default`."""
    warnings: tuple[ConfigurationError, ...] = ()
    auth_string: str | None = field(default=None, repr=False)
    """`user:password` for a server with basic authentication."""
    errors: tuple[ConfigurationError, ...] = ()
    """A URL that cannot be one; nothing may be sent then."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of Prefect's own settings."""

    name: str
    settings: Mapping[str, str] = field(repr=False)


def resolve_server(
    environment: Environment,
    environ: Mapping[str, str],
    profile_file: Path | None = None,
    place: ErrorContext | None = None,
) -> ServerChoice:
    """The server that `environment` is deployed to.

    The configuration's URL wins over PREFECT_API_URL, that over the active Prefect profile, that over
    http://127.0.0.1:4200/api. Key and basic authentication are looked up in the same order, but never
    taken from a source that names another server.
    `profile_file` is Prefect's profiles.toml; without one, that of PREFECT_HOME or ~/.prefect.
    `place` is where the configuration says the URL.
    """
    profile, problems = read_profile(environ, profile_file)
    url, origin = _first_url(environment, environ, profile)
    if origin != "configuration":
        place = None
    wrong = url_problem(url)
    trusted = [
        source for source in (environ, profile.settings if profile else {}) if _may_log_in(source, url)
    ]
    keys = (environment.prefect_api_key, *(source.get(KEY_VARIABLE) for source in trusted))
    return ServerChoice(
        url=url.rstrip("/"),
        api_key=_first(*keys),
        origin=origin,
        warnings=(*problems, *_warnings(environment, environ, url, origin, place)),
        auth_string=_first(*(source.get(BASIC_AUTHENTICATION_VARIABLE) for source in trusted)),
        errors=(_invalid(url, origin, wrong, place),) if wrong else (),
    )


def _may_log_in(source: Mapping[str, str], url: str) -> bool:
    """Whether what a source holds may be sent to that server: not when it names another server, which
    its key is meant for."""
    named = source.get(URL_VARIABLE)
    return not named or same_server(named, url)


def _first_url(
    environment: Environment, environ: Mapping[str, str], profile: Profile | None
) -> tuple[str, str]:
    if environment.prefect_api_url:
        return environment.prefect_api_url, "configuration"
    if environ.get(URL_VARIABLE):
        return environ[URL_VARIABLE].strip(), f"environment variable {URL_VARIABLE}"
    if profile and profile.settings.get(URL_VARIABLE):
        return profile.settings[URL_VARIABLE].strip(), f"Prefect profile {profile.name}"
    return DEFAULT_SERVER_URL, "default"


def _first(*candidates: str | None) -> str | None:
    return next((candidate for candidate in candidates if candidate), None)


def same_server(one: str, other: str) -> bool:
    """Whether two URLs name the same API: however its end and the loopback host are written."""
    return _normal(one) == _normal(other)


def _normal(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ("", url, None, "")
    host = (parts.hostname or "").lower()
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, "loopback" if is_loopback(host) else host, port or usual, parts.path.rstrip("/"))


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine: localhost, 127.0.0.1 and the like, ::1, and 0.0.0.0, which
    Prefect prints as the address of a server that listens everywhere."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _warnings(
    environment: Environment,
    environ: Mapping[str, str],
    url: str,
    origin: str,
    place: ErrorContext | None,
) -> list[ConfigurationError]:
    warnings = []
    shell = environ.get(URL_VARIABLE, "").strip()
    if origin == "configuration" and shell and not same_server(shell, url):
        warnings.append(_differs(url, shell, place))
    if not url_problem(url) and not urlsplit(url).path.rstrip("/").endswith("/api") and not _cloud(url):
        warnings.append(_without_api(url, place))
    return warnings


def _cloud(url: str) -> bool:
    return "/api/" in urlsplit(url).path


def _differs(url: str, shell: str, place: ErrorContext | None) -> ConfigurationError:
    return ConfigurationError(
        f"the configuration names {safe_text(url)}, and {URL_VARIABLE} names {safe_text(shell)}: "
        "the configuration's server is used",
        error_code=ErrorCodes.SERVER_URL_DIFFERS,
        severity=ErrorSeverity.MEDIUM,
        context=place,
        remediation=[
            f"Unset {URL_VARIABLE}, or choose with --env the environment whose server you mean.",
            f'Or let the variable decide: prefect_api_url: "${{{URL_VARIABLE}:-{safe_text(url)}}}".',
        ],
    )


def _without_api(url: str, place: ErrorContext | None) -> ConfigurationError:
    return ConfigurationError(
        f"{safe_text(url)} does not end with /api, as the URL of a Prefect API usually does",
        error_code=ErrorCodes.SERVER_URL_INVALID,
        severity=ErrorSeverity.MEDIUM,
        context=place,
        remediation=[f"If the server does not answer, try {safe_text(url).rstrip('/')}/api."],
    )


def _invalid(url: str, origin: str, wrong: str, place: ErrorContext | None) -> ConfigurationError:
    what = "`prefect_api_url`" if place else f"the {origin}"
    return ConfigurationError(
        f"the server URL {safe_text(url)!r} ({origin}) {wrong}",
        error_code=ErrorCodes.SERVER_URL_INVALID,
        context=place,
        remediation=[f"Correct {what}: a Prefect API has a URL like {DEFAULT_SERVER_URL}."],
    )


def read_profile(
    environ: Mapping[str, str], profile_file: Path | None = None
) -> tuple[Profile | None, list[ConfigurationError]]:
    """Prefect's active profile: the one that PREFECT_PROFILE names, else the file's `active`. None where
    there is no file or it names none. A file that cannot be read is a warning: Prefect is not ours."""
    file = profile_file or profiles_file(environ)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [_unreadable_profile(file, error)]
    name = environ.get("PREFECT_PROFILE") or content.get("active")
    profiles = content.get("profiles")
    found = profiles.get(name) if isinstance(profiles, dict) and isinstance(name, str) else None
    if not isinstance(name, str) or not isinstance(found, dict):
        return None, []
    return Profile(name, _as_texts(found)), []


def profiles_file(environ: Mapping[str, str]) -> Path:
    """Where Prefect keeps its profiles."""
    if environ.get("PREFECT_PROFILES_PATH"):
        return Path(environ["PREFECT_PROFILES_PATH"]).expanduser()
    home = environ.get("PREFECT_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".prefect") / "profiles.toml"


def _as_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items()}


def _unreadable_profile(file: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Prefect's profiles ({file.name}) cannot be read and are left out: {error}",
        error_code=ErrorCodes.CONFIG_FILE_UNREADABLE,
        severity=ErrorSeverity.MEDIUM,
        context=ErrorContext(file_path=file),
        cause=error,
    )
