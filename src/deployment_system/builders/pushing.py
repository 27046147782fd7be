"""One push: docker-py's call ends as if all were well whatever happens; the stream says how it was."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from deployment_system.builders import translate
from deployment_system.builders.image_names import DEFAULT_REGISTRY, ImageName
from deployment_system.builders.registry_credentials import RegistryCredentials
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext


class _Asked(Protocol):
    """The part of an engine that a push needs."""

    def asking(
        self, context: ErrorContext, *, timeout_seconds: float | None = None, building: bool = False
    ) -> AbstractContextManager[Any]:
        """A client of the engine."""
        ...


@dataclass(frozen=True, slots=True)
class Push:
    """What is pushed, and how long that may take."""

    wanted: ImageName
    credentials: RegistryCredentials | None
    on_line: Callable[[str], object] | None
    idle_seconds: float
    total_seconds: float | None

    def once(self, engine: _Asked) -> str:
        """Pushes; the digest in the registry. Raises DockerError."""
        auth = None if self.credentials is None else self.credentials.for_docker()
        deadline = None if self.total_seconds is None else time.monotonic() + self.total_seconds
        digest, retrying = None, False
        with engine.asking(self._context, timeout_seconds=self.idle_seconds) as client:
            for item in client.push(
                self.wanted.repository, tag=self.wanted.tag, stream=True, decode=True, auth_config=auth
            ):
                if "error" in item:
                    raise self._failed(str(item["error"]))
                self._show(item)
                retrying = translate.RETRYING in str(item.get("status"))
                digest = (item.get("aux") or {}).get("Digest") or digest
                if deadline is not None and time.monotonic() > deadline:
                    raise self._too_long(retrying)
        if digest is None:
            raise self._failed("the engine named no digest")
        return str(digest)

    @property
    def _context(self) -> ErrorContext:
        return ErrorContext(operation="push", image=str(self.wanted), registry=self.wanted.registry)

    def _show(self, item: Mapping[str, Any]) -> None:
        # Layers report their progress many times a second: only what begins and ends is of interest.
        if self.on_line is not None and item.get("status") and not item.get("progressDetail"):
            self.on_line(" ".join(filter(None, (item.get("id"), item["status"]))))

    def _failed(self, message: str) -> DockerError:
        subject = f"{self.wanted} could not be pushed"
        error = translate.message_error(message, self._context, ErrorCodes.DOCKER_PUSH_FAILED, subject)
        if error.error_code != ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED:
            return error
        return DockerError(
            f"{self._registry} does not let this account push {self.wanted}: {translate.one_line(message)}",
            error_code=ErrorCodes.DOCKER_PUSH_UNAUTHORIZED,
            context=self._context,
        )

    def _too_long(self, retrying: bool) -> DockerError:
        if retrying:
            message = f"{self._registry} broke the upload of {self.wanted} off"
            code = ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE
        else:
            message = f"the push of {self.wanted} took longer than {self.total_seconds:g} seconds"
            code = ErrorCodes.DOCKER_PUSH_FAILED
        return DockerError(message, error_code=code, context=self._context)

    @property
    def _registry(self) -> str:
        hub = self.wanted.registry == DEFAULT_REGISTRY
        return "Docker Hub" if hub else f"the registry {self.wanted.registry}"
