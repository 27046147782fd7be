"""`serve`: what a project's state and health say, answered to requests. Nothing can be changed from here."""

import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from deployment_system.deploy.health import Health, dependencies_of
from deployment_system.deploy.plan_documents import plan_document
from deployment_system.deploy.project import Project
from deployment_system.deploy.watching import WatchedState
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    ErrorCategory,
    ErrorCodes,
    ErrorContext,
    ErrorFilter,
    KnownSecrets,
    RollbackPlan,
)
from deployment_system.error_handling.loggers import logger_of
from deployment_system.monitoring import api_request as api
from deployment_system.monitoring.exposition import as_asked
from deployment_system.monitoring.http_server import Answer, HttpServer, Request
from deployment_system.monitoring.reading import dependency_family

SHORTEST_TOKEN = 16
LOOPBACK_NAMES = ("localhost",)

_FILTERS = ("category", "severity", "environment", "fingerprint", "command", "plan_id")
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "/": (),
    "/metrics": (),
    "/health/live": (),
    "/health/ready": (),
    "/api/errors": ("limit", "before", "code", "flow", "since", "until", *_FILTERS),
    "/api/plans": ("limit", "before"),
}
_WITHOUT_TOKEN = ("/health/live", "/health/ready")
"""Who watches over processes cannot show one: it hears whether it is well, and nothing more."""

_log = logger_of(__name__)


@dataclass(frozen=True)
class Service:
    """Answers. Threads may share it."""

    project: Project
    state: WatchedState
    health: Health
    token: str | None
    secrets: KnownSecrets

    def answer(self, request: Request) -> Answer:
        """The answer, whatever happens."""
        try:
            return self._answer(request)
        except api.Refused as refused:
            answer = api.error_answer(refused.status, [refused.error])
            if refused.status is HTTPStatus.UNAUTHORIZED:
                return Answer(
                    answer.status, answer.content, answer.media_type, {"WWW-Authenticate": "Bearer"}
                )
            return answer
        except DeploymentSystemError as error:
            return api.error_answer(HTTPStatus.SERVICE_UNAVAILABLE, [error])
        except Exception as error:  # noqa: BLE001 - the outermost boundary of a request
            _log.exception("a request could not be answered: %s", request.target)
            unforeseen = DeploymentSystemError(
                f"something went wrong that nobody foresaw: {type(error).__name__}",
                error_code=ErrorCodes.UNEXPECTED_ERROR,
                cause=error,
            )
            return api.error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, [unforeseen])

    def _answer(self, request: Request) -> Answer:
        authorized = self.token is None or api.shows_token(request.headers.get("authorization"), self.token)
        if not authorized and urlsplit(request.target).path not in _WITHOUT_TOKEN:
            raise api.unauthorized()
        if self.token is None and not _names_loopback(request.headers.get("host")):
            # A page in a browser of this machine may have given its own name our address.
            raise api.invalid("this answers only to who asks for localhost", HTTPStatus.FORBIDDEN)
        path, parameters = api.path_and_parameters(request.target, _PARAMETERS)
        answers: dict[str, Callable[[], Answer]] = {
            "/": lambda: api.json_answer(HTTPStatus.OK, {"paths": [*_PARAMETERS][1:]}),
            "/metrics": lambda: self._metrics(request),
            "/health/live": lambda: api.json_answer(HTTPStatus.OK, {"status": "alive"}),
            "/health/ready": lambda: self._ready(details=authorized),
            "/api/errors": lambda: self._errors(parameters),
            "/api/plans": lambda: self._plans(parameters),
        }
        return answers[path]()

    def _metrics(self, request: Request) -> Answer:
        families, error = self.state.families()
        if error is not None:
            _log.warning("the state cannot be read: %s", error.message)
        families.append(dependency_family(self.health.last_known()))
        content, media_type = as_asked(families, request.headers.get("accept"))
        return Answer(HTTPStatus.OK, content, media_type)

    def _ready(self, *, details: bool) -> Answer:
        conditions = self.health.conditions()
        well = all(condition.ok for condition in conditions)
        document: dict[str, Any] = {"status": "ready" if well else "not_ready"}
        if details:
            document["environment"] = self.project.environment_name
            document["dependencies"] = [condition.to_dict() for condition in conditions]
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return api.json_answer(status, self.secrets.hide_in(document))

    def _errors(self, parameters: Mapping[str, str]) -> Answer:
        limit = api.page_size(parameters)
        wanted = ErrorFilter(
            error_code=parameters.get("code"),
            flow_name=parameters.get("flow"),
            since=api.moment(parameters, "since"),
            until=api.moment(parameters, "until"),
            **{name: parameters[name] for name in _FILTERS if name in parameters},
        )
        store = self.state.store()
        found = list(store.errors.find(wanted, limit=limit, after=parameters.get("before"))) if store else []
        document = {
            "errors": [api.shown(error) for error in found],
            "total_errors": store.errors.count(wanted) if store else 0,
            "next": _next("/api/errors", parameters, found[-1]["error_id"] if len(found) == limit else None),
        }
        return api.json_answer(HTTPStatus.OK, self.secrets.hide_in(document))

    def _plans(self, parameters: Mapping[str, str]) -> Answer:
        limit = api.page_size(parameters)
        store = self.state.store()
        found = store.journal.newest(limit, before=parameters.get("before")) if store else []
        document = {
            "plans": [plan_document(RollbackPlan(store.journal, plan)) for plan in found] if store else [],
            "next": _next("/api/plans", parameters, found[-1].plan_id if len(found) == limit else None),
        }
        return api.json_answer(HTTPStatus.OK, self.secrets.hide_in(document))


def serve(
    project: Project,
    *,
    host: str,
    port: int,
    token: str | None,
    in_containers: bool,
    secrets: KnownSecrets,
    on_listening: Callable[[str], None],
) -> None:
    """Serves until a signal ends it. `on_listening` is told the URL. Raises SERVE_TOKEN_REQUIRED and
    SERVE_ADDRESS_UNUSABLE."""
    family, address = _resolved(host, port)
    if token is None and not ipaddress.ip_address(address).is_loopback:
        raise ConfigurationError(
            f"{host} can be reached from other machines, and no token is set",
            error_code=ErrorCodes.SERVE_TOKEN_REQUIRED,
            category=ErrorCategory.USAGE,
            context=ErrorContext(operation="serve", host=host),
        )
    with WatchedState(project) as state:
        health = Health(dependencies_of(project, state, in_containers=in_containers))
        service = Service(project, state, health, token, secrets)
        try:
            server = HttpServer((address, port), service.answer, api.refuse, family=family)
        except (OSError, OverflowError) as error:
            raise _unusable(host, port, error) from error
        shown = f"[{address}]" if family is socket.AF_INET6 else address
        on_listening(f"http://{shown}:{server.server_port}")
        server.run()


def read_token(file: Path | None, text: str | None, variable: str) -> str | None:
    """The token in a file, else the one of a variable; None: there is neither. Raises SERVE_TOKEN_INVALID."""
    if file is not None:
        try:
            text, where = file.read_text(encoding="utf-8"), os.fspath(file)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise _bad_token(f"the token in {file} cannot be read: {why}", error) from error
    elif text is not None:
        where = variable
    else:
        return None
    token = text.strip()
    if len(token) < SHORTEST_TOKEN:
        raise _bad_token(f"the token in {where} has {len(token)} characters: {SHORTEST_TOKEN} are needed")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise _bad_token(f"the token in {where} has characters that do not fit into a header")
    return token


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """The address that is meant, the first one of several."""
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE if not host else 0
        )
    except (OSError, UnicodeError) as error:
        raise _unusable(host, port, error) from error
    family, _, _, _, address = found[0]
    return family, str(address[0])


def _names_loopback(host: str | None) -> bool:
    """Whether a Host header names this machine; who sends none is no browser."""
    if not host:
        return True
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in LOOPBACK_NAMES


def _next(path: str, parameters: Mapping[str, str], last: str | None) -> str | None:
    """Where the next page is; None: this was the last one."""
    return None if last is None else f"{path}?{urlencode({**parameters, 'before': last})}"


def _unusable(host: str, port: int, error: Exception) -> DeploymentError:
    why = getattr(error, "strerror", None) or str(error)
    return DeploymentError(
        f"{host}:{port} cannot be listened on: {why}",
        error_code=ErrorCodes.SERVE_ADDRESS_UNUSABLE,
        category=ErrorCategory.NETWORK,
        context=ErrorContext(operation="serve", host=host, port=port),
        cause=error,
    )


def _bad_token(message: str, cause: Exception | None = None) -> ConfigurationError:
    return ConfigurationError(
        message, error_code=ErrorCodes.SERVE_TOKEN_INVALID, category=ErrorCategory.USAGE, cause=cause
    )
