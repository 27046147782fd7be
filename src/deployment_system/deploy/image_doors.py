"""The engine and the registries of a project, connected when they are first needed."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from deployment_system.deploy.project import Project
from deployment_system.error_handling import UndoHandler
from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.collected import RetryWatch

if TYPE_CHECKING:  # most commands need no Docker, and do not wait for its import
    from deployment_system.builders.build_log import OnLine
    from deployment_system.builders.build_request import Builder
    from deployment_system.builders.builder import DockerBuilder
    from deployment_system.builders.engine import DockerEngine
    from deployment_system.builders.registry import Registry
    from deployment_system.builders.registry_credentials import RegistryCredentials


class ImageDoors(Closing):
    """Use it in a `with` block, which closes the connections. Methods raise DockerError."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stack = ExitStack()
        self._engines: dict[str | None, DockerEngine] = {}
        self._registries: dict[str, Registry] = {}
        self._given: dict[str, RegistryCredentials] = {}

    def close(self) -> None:
        """Gives the connections up."""
        self._stack.close()

    def engine(self, url: str | None = None) -> "DockerEngine":
        """The engine at a URL, which a journal names; else the project's."""
        from deployment_system.builders.engine import DockerEngine

        url = url or self._project.environment.docker_host
        if url not in self._engines:
            self._engines[url] = self._stack.enter_context(DockerEngine(url, watch=self._watch("docker")))
        return self._engines[url]

    def registry(self, host: str) -> "Registry":
        """A registry, with the credentials that Docker has stored for it."""
        from deployment_system.builders.registry import Registry

        if host not in self._registries:
            registry = Registry(host, self.credentials(host), watch=self._watch("registry"))
            self._registries[host] = self._stack.enter_context(registry)
        return self._registries[host]

    def log_in(self, host: str, credentials: "RegistryCredentials") -> None:
        """Uses these for a registry from now on, rather than what Docker has stored."""
        self._given[host] = credentials
        self._registries.pop(host, None)

    def credentials(self, host: str) -> "RegistryCredentials | None":
        """What was given for a registry, else what Docker has stored for it."""
        if host in self._given:
            return self._given[host]
        from deployment_system.builders.registry_credentials import stored_credentials

        return stored_credentials(host)

    def builder(
        self,
        on_line: "OnLine | None" = None,
        log_folder: Path | None = None,
        builder: "Builder | None" = None,
    ) -> "DockerBuilder":
        """Builds with the project's engine, and with one of Docker's two builders where that is said."""
        from deployment_system.builders.builder import DockerBuilder

        return DockerBuilder(
            self.engine(),
            log_folder=log_folder,
            on_line=on_line,
            builder=builder,
            watch=self._watch("docker"),
        )

    def _watch(self, service: str) -> RetryWatch:
        return RetryWatch(self._project.collected, service, self._project.environment_name)

    def undo_handlers(self) -> dict[str, UndoHandler]:
        """What puts images and their names back."""
        from deployment_system.builders.undo import REGISTRY_TAG, TAG, RegistryTagUndo, TagUndo
        from deployment_system.builders.undo_image import IMAGE, ImageUndo

        return {
            IMAGE: ImageUndo(self.engine),
            TAG: TagUndo(self.engine),
            REGISTRY_TAG: RegistryTagUndo(self.registry),
        }
