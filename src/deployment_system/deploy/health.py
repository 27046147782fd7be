"""Does what deployments need answer? Asked side by side, each with a deadline, and not asked again while it
has not answered yet."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployment_system.builders.image_names import parse_image_name
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.project import Project
from deployment_system.deploy.watching import WatchedState
from deployment_system.error_handling import DeploymentError, DeploymentSystemError, ErrorCodes, ErrorContext

DEADLINE_SECONDS = 3.0
"""How long one look waits for an answer."""
FRESH_SECONDS = 5.0
"""How long an answer counts: whoever looks more often must not wear down what is looked at."""
SERVER_SECONDS = 2.5


@dataclass(frozen=True)
class Dependency:
    """What is asked, and how. `ask` gives words on what answered, and raises why nothing did."""

    name: str
    ask: Callable[[], str]
    too_late: ErrorCodes


@dataclass(frozen=True, slots=True)
class Condition:
    """What was last known of a dependency."""

    name: str
    ok: bool
    message: str
    seconds: float
    """How long the answer took, or was waited for."""
    error: DeploymentSystemError | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "ok": self.ok,
            "message": self.message,
            "error_code": str(self.error.error_code) if self.error else None,
            "remediation": self.error.remediation if self.error else [],
            "seconds": round(self.seconds, 3),
        }


class Health:
    """The conditions of some dependencies. Threads may share it."""

    def __init__(
        self,
        dependencies: Sequence[Dependency],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = [_Watched(each, clock) for each in dependencies]
        self._deadline = deadline_seconds
        self._fresh = fresh_seconds
        self._clock = clock

    def conditions(self) -> list[Condition]:
        """How they are now; waits for answers, no longer than the deadline."""
        for each in self._watched:
            each.ask_again(self._fresh)
        end = self._clock() + self._deadline
        return [each.condition(end) for each in self._watched]

    def last_known(self) -> Mapping[str, bool]:
        """How they were when they were last asked, without waiting; who was never asked is left out. Asks
        again for the next time."""
        for each in self._watched:
            each.ask_again(self._fresh)
        return {each.dependency.name: each.last.ok for each in self._watched if each.last is not None}


class _Watched:
    """One dependency, with at most one question on its way."""

    def __init__(self, dependency: Dependency, clock: Callable[[], float]) -> None:
        self.dependency = dependency
        self.last: Condition | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._answered.set()
        self._asked_at = -float("inf")
        self._answered_at = -float("inf")

    def ask_again(self, fresh_seconds: float) -> None:
        """Begins to ask, where that was not done just now and nobody waits for an answer."""
        with self._lock:
            if not self._answered.is_set() or self._clock() - self._answered_at < fresh_seconds:
                return
            self._answered.clear()
            self._asked_at = self._clock()
        # Of no importance at the end of the process: it must not wait for what does not answer.
        threading.Thread(target=self._ask, name=f"ask {self.dependency.name}", daemon=True).start()

    def condition(self, end: float) -> Condition:
        """The answer; after `end`, that there was none."""
        if self._answered.wait(max(0.0, end - self._clock())) and self.last is not None:
            return self.last
        waited = self._clock() - self._asked_at
        error = DeploymentError(
            f"{self.dependency.name} has not answered for {waited:.1f} s",
            error_code=self.dependency.too_late,
            context=ErrorContext(operation=f"ask {self.dependency.name}"),
        )
        self.last = Condition(self.dependency.name, False, error.message, waited, error)
        return self.last

    def _ask(self) -> None:
        began = self._clock()
        name = self.dependency.name
        try:
            message = self.dependency.ask()
            found = Condition(name, True, message, self._clock() - began)
        except DeploymentSystemError as error:
            found = Condition(name, False, error.message, self._clock() - began, error)
        except Exception as error:  # noqa: BLE001 - a thread of its own: else nobody would ever hear of it
            unforeseen = DeploymentSystemError(
                f"{name} could not be asked: {type(error).__name__}: {error}",
                error_code=ErrorCodes.UNEXPECTED_ERROR,
                cause=error,
            )
            found = Condition(name, False, unforeseen.message, self._clock() - began, unforeseen)
        with self._lock:
            self.last, self._answered_at = found, self._clock()
            self._answered.set()


def dependencies_of(project: Project, state: WatchedState, *, in_containers: bool) -> list[Dependency]:
    """What deployments of this project need: state and server always, engine and registry where images are
    built or pushed."""
    needed = [
        Dependency("state", lambda: _state(state), ErrorCodes.STATE_BUSY),
        Dependency("prefect", lambda: _server(project), ErrorCodes.PREFECT_API_TIMEOUT),
    ]
    if in_containers:
        needed.append(Dependency("docker", lambda: _engine(project), ErrorCodes.DOCKER_DAEMON_TIMEOUT))
    if project.environment.docker_registry is not None:
        unavailable = ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE
        needed.append(Dependency("registry", lambda: _registry(project), unavailable))
    return needed


def _state(state: WatchedState) -> str:
    store = state.store()
    if store is None:
        return "nothing was ever kept"
    store.locks.all()
    return "can be read"


def _server(project: Project) -> str:
    with project.connect_once(SERVER_SECONDS) as server:
        return f"{server.url} answers, version {server.version()}"


def _engine(project: Project) -> str:
    with ImageDoors(project) as doors:
        engine = doors.engine()
        engine.ping()
        return f"{engine.url} answers"


def _registry(project: Project) -> str:
    host = parse_image_name(f"{str(project.environment.docker_registry).rstrip('/')}/any").registry
    with ImageDoors(project) as doors:
        doors.registry(host).ping()
    return f"{host} answers, and takes the credentials"
