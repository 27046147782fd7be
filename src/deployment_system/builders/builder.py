"""Building images: checked before, named by their content, with a log of each."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from deployment_system.builders.build_log import BuildLog, OnLine
from deployment_system.builders.build_request import Builder, BuilderChoice, BuildRequest, BuildResult
from deployment_system.builders.builder_choice import (
    BuildKitCommand,
    choose_builder,
    find_buildkit_command,
)
from deployment_system.builders.buildkit_builder import build_with_buildkit
from deployment_system.builders.classic_builder import build_classic
from deployment_system.builders.context_check import problems_of
from deployment_system.builders.dockerfile import Dockerfile
from deployment_system.builders.engine import DockerEngine, EngineInfo, Image, tagged
from deployment_system.builders.image_names import CONTENT_LABEL
from deployment_system.builders.kept_images import keep_before_move
from deployment_system.error_handling import (
    DockerError,
    ErrorCodes,
    RetryPolicies,
    RetryPolicy,
)
from deployment_system.error_handling.collected import RetryWatch, watched_handler

_AWAY = (ErrorCodes.DOCKER_DAEMON_UNAVAILABLE, ErrorCodes.DOCKER_DAEMON_TIMEOUT)


class DockerBuilder:
    """Builds with one engine. `log_folder` gets a file for each build; `on_line` each line while it comes;
    `docker_command` is the one for BuildKit, else the PATH is searched. Methods raise DockerError."""

    def __init__(
        self,
        engine: DockerEngine,
        *,
        log_folder: Path | None = None,
        on_line: OnLine | None = None,
        docker_command: str | None = None,
        builder: Builder | None = None,
        retry_policy: RetryPolicy = RetryPolicies.DOCKER_RETRY,
        watch: RetryWatch | None = None,
    ) -> None:
        self.engine = engine
        self._log_folder = log_folder
        self._on_line = on_line
        self._docker_command = docker_command
        self._wanted = builder
        self._retry = watched_handler(retry_policy, watch)

    @cached_property
    def engine_info(self) -> EngineInfo:
        """What the engine is; asked once."""
        return self.engine.info()

    @cached_property
    def buildkit_command(self) -> BuildKitCommand:
        """The docker command that has BuildKit, or why there is none; looked for once."""
        return find_buildkit_command(self._docker_command)

    def choice(self, dockerfile: Dockerfile | None = None, secrets: tuple[str, ...] = ()) -> BuilderChoice:
        """Which builder is used for this, and why."""
        return choose_builder(self.engine_info, self.buildkit_command, dockerfile, secrets, self._wanted)

    def built(self, content: str) -> Image | None:
        """The image of this content that the engine has already; of several, one that has a name."""
        images = self.engine.images({CONTENT_LABEL: content})
        return max(images, key=lambda image: len(image.tags), default=None)

    def build(
        self, request: BuildRequest, *, before_tag: Callable[[str, str], object] | None = None
    ) -> BuildResult:
        """Builds an image and gives it its names; nothing is built where the engine has an image of this
        content and the cache may be used. What is wrong with the Dockerfile is raised before anything.

        Names move last. Before each, `before_tag(name, image_id)` is called, and the image that loses the
        name is kept. Where the engine went away it is built again, as the retry policy says; a command that
        failed is not repeated.
        """
        began = time.monotonic()
        names = [str(tagged(name)) for name in request.tags]
        options = request.content.options
        for problem in problems_of(request.content.context, options.build_args, options.target):
            raise problem
        there = self.built(request.content.content) if request.use_cache else None
        builder, log_file = None, None
        if there is not None:
            image_id = there.id
        else:
            choice = self.choice(request.content.context.dockerfile, tuple(request.secrets))
            builder = choice.builder
            image_id, log_file = self._build_until_built(request, choice)
        for name in names:
            self.move_tag(name, image_id, before_tag)
        seconds = time.monotonic() - began
        return BuildResult(image_id, tuple(names), request.content.content, builder, log_file, seconds)

    def move_tag(
        self, name: str, image_id: str, before_tag: Callable[[str, str], object] | None = None
    ) -> None:
        """Gives an image a name, and keeps the image that had it."""
        if before_tag is not None:
            before_tag(name, image_id)
        keep_before_move(self.engine, name, image_id)
        self.engine.tag(image_id, name)

    def _build_until_built(self, request: BuildRequest, choice: BuilderChoice) -> tuple[str, Path | None]:
        """Builds, again where the engine went away. Where it stays away, the error is that of the build which
        it left: that nothing listens any more is only what came of it."""
        left: list[DockerError] = []

        def build() -> tuple[str, Path | None]:
            try:
                return self._build_once(request, choice)
            except DockerError as error:
                if error.error_code == ErrorCodes.DOCKER_BUILD_INTERRUPTED:
                    left.append(error)
                raise

        try:
            return self._retry.retry(build)
        except DockerError as error:
            if not left or error.error_code not in _AWAY:
                raise
            raise DockerError(
                f"{left[-1].message}; it has not come back",
                error_code=ErrorCodes.DOCKER_BUILD_INTERRUPTED,
                context=left[-1].context.extended(attempts=error.context.extra.get("attempts")),
            ) from error

    def _build_once(self, request: BuildRequest, choice: BuilderChoice) -> tuple[str, Path | None]:
        hidden = [secret.value for secret in request.secrets.values()]
        with BuildLog(self._log_folder, request.name, on_line=self._on_line, hidden=hidden) as log:
            if choice.builder is Builder.BUILDKIT and choice.command is not None:
                image_id = build_with_buildkit(self.engine, request, log, choice.command)
            else:
                image_id = build_classic(self.engine, request, log)
            return image_id, log.file
