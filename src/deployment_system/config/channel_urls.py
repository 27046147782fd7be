"""What is to be said of the URLs of notification channels: secrets in the file, variables not set."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from deployment_system.config.notifications import Notifications
from deployment_system.config.problems import dotted, value_at
from deployment_system.config.variables import has_reference
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorSeverity
from deployment_system.error_handling.hidden_secrets import without_secrets

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_WITHOUT_SECRETS = ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "syslog", "rsyslog")
"""Schemes that name a host. In those of services the host and the path are what opens them."""
ROUTES: Where = ("notifications", "routes")


def is_channel_url(path: Where) -> bool:
    """Whether a value is a URL of a route: its variables may be unset where it is not needed."""
    return path[:2] == ROUTES and len(path) > len((*ROUTES, "name")) and path[3] == "urls"


def secret_places(document: YamlDocument) -> list[Where]:
    """Where the file holds URLs of channels itself, without a reference to a variable."""
    return [
        path
        for path in document.values
        if is_channel_url(path)
        and isinstance(written := value_at(document.data, path), str)
        and not has_reference(written)
    ]


def unset_variables(url: str) -> tuple[str, ...]:
    """The variables that a URL still refers to."""
    return tuple(dict.fromkeys(_REFERENCE.findall(url)))


def channel_warnings(
    document: YamlDocument, notifications: Notifications, environment: str
) -> Iterator[ConfigurationError]:
    """One for each URL with a secret in the file, and for each variable that is not set and that a route of
    the active environment needs. Neither keeps anything from being deployed."""
    for name, route in notifications.routes.items():
        written = value_at(document.data, (*ROUTES, name, "urls"))
        for index, url in enumerate(route.urls):
            path: Where = (*ROUTES, name, "urls", *((index,) if isinstance(written, list) else ()))
            if _tells_a_secret(value_at(document.data, path)):
                yield document.error(
                    f"a secret stands in {dotted(path)}",
                    path,
                    ErrorCodes.CONFIG_SECRET_IN_FILE,
                    severity=ErrorSeverity.LOW,
                )
            if not route.environments or environment in route.environments:
                yield from _unset(document, path, name, url)


def _unset(document: YamlDocument, path: Where, route: str, url: str) -> Iterator[ConfigurationError]:
    for variable in unset_variables(url):
        yield document.error(
            f"the route {route!r} is not used here: the environment variable {variable} is not set",
            path,
            ErrorCodes.CONFIG_VARIABLE_NOT_SET,
            severity=ErrorSeverity.LOW,
            remediation=[f"Set it: export {variable}=…"],
        )


def _tells_a_secret(written: Any) -> bool:
    if not isinstance(written, str):
        return False
    try:
        parts = urlsplit(written)
    except ValueError:
        return not has_reference(written)
    if has_reference(written):
        # ${USER}:hunter2@host: what stands beside a reference may be the secret.
        return parts.password is not None and not has_reference(parts.password)
    return parts.scheme.lower() not in _WITHOUT_SECRETS or without_secrets(written) != written
