"""The Docker engine: connect, look, tag, remove, push. Every call has a timeout and raises DockerError.

docker-py's low-level client, because its comfortable one hides what went wrong in a build or a push.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import docker
import docker.utils

from deployment_system.builders import translate
from deployment_system.builders.image_names import ImageName, parse_image_name
from deployment_system.builders.pushing import Push
from deployment_system.builders.registry_credentials import RegistryCredentials
from deployment_system.error_handling import (
    DockerError,
    ErrorCodes,
    ErrorContext,
    RetryPolicies,
    RetryPolicy,
)
from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.collected import RetryWatch, watched_handler

DEFAULT_TIMEOUT_SECONDS = 30.0
PUSH_IDLE_SECONDS = 300.0
"""A registry may take long over a large layer while the engine reports nothing."""

DEFAULT_URL = "unix:///var/run/docker.sock"

NOT_FOUND = 404

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself."""

    url: str
    version: str
    api_version: str
    operating_system: str
    architecture: str
    storage_driver: str
    prefers_buildkit: bool
    """Whether it builds with BuildKit unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in an engine."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    digests: tuple[str, ...] = ()
    """As `REPOSITORY@DIGEST`, of registries that have it."""


class DockerEngine(Closing):
    """An engine. Connects at the first call. Close it, or use it in a `with` block.

    `url` is `unix://…`, `tcp://…` or `ssh://…`; without it DOCKER_HOST, or the socket of this machine. What
    may pass by itself is tried again by the policy. Every method raises DockerError.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retry_policy: RetryPolicy = RetryPolicies.DOCKER_RETRY,
        watch: RetryWatch | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self.url = url or self._environ.get("DOCKER_HOST") or DEFAULT_URL
        self.timeout_seconds = timeout_seconds
        self._retry = watched_handler(retry_policy, watch)
        self._turn = threading.Lock()
        self._client: docker.APIClient | None = None

    def close(self) -> None:
        """Gives the connections up."""
        with self._turn:
            if self._client is not None:
                self._client.close()
                self._client = None

    # --- the engine itself

    def ping(self) -> None:
        """Returns if the engine answers, after one attempt."""
        with self.asking(ErrorContext(operation="ask the engine")) as client:
            client.ping()

    def info(self) -> EngineInfo:
        """What the engine is."""

        def ask(client: docker.APIClient) -> EngineInfo:
            version, info = client.version(), client.info()
            # docker-py gives the body of a ping, and which builder is preferred stands in its header.
            answer = client.get(f"{client.base_url}/_ping", timeout=self.timeout_seconds)
            return EngineInfo(
                self.url,
                version["Version"],
                version["ApiVersion"],
                info["OSType"],
                info["Architecture"],
                info["Driver"],
                answer.headers.get("Builder-Version") == "2",
            )

        return self.call(ask, operation="ask the engine")

    # --- images

    def image(self, name: str) -> Image | None:
        """The image of that name or id; None: there is none."""
        try:
            # types-docker leaves this one out
            inspected = self.call(lambda client: client.inspect_image(name), image=name)  # type: ignore[no-untyped-call]
        except DockerError as error:
            if error.error_code == ErrorCodes.DOCKER_IMAGE_NOT_FOUND:
                return None
            raise
        return _image(inspected)

    def images(self, labels: Mapping[str, str | None] | None = None) -> list[Image]:
        """The images that have these labels, with these values where they are not None."""
        wanted = [name if value is None else f"{name}={value}" for name, value in (labels or {}).items()]
        listed = self.call(lambda client: client.images(filters={"label": wanted} if wanted else None))
        return [
            Image(
                item["Id"],
                tuple(tag for tag in item.get("RepoTags") or () if tag != "<none>:<none>"),
                item.get("Labels") or {},
                tuple(digest for digest in item.get("RepoDigests") or () if digest != "<none>@<none>"),
            )
            for item in listed
        ]

    def is_used(self, image_id: str) -> bool:
        """Whether a container, running or not, is of this image."""
        found = self.call(lambda client: client.containers(all=True, filters={"ancestor": image_id}))
        return any(container.get("ImageID") == image_id for container in found)

    def tag(self, image: str, name: str) -> None:
        """Gives an image a further name, `REPOSITORY:TAG`; another image loses it."""
        wanted = tagged(name)
        self.call(
            lambda client: client.tag(image, wanted.repository, wanted.tag), image=image, operation="tag"
        )

    def remove(self, name: str, *, force: bool = False) -> None:
        """Takes a name from an image, and the image away with its last name. None there: nothing to do.
        Raises DOCKER_IMAGE_IN_USE where a container uses it."""
        try:
            self.call(
                lambda client: client.remove_image(name, force=force), image=name, operation="remove image"
            )
        except DockerError as error:
            if error.error_code != ErrorCodes.DOCKER_IMAGE_NOT_FOUND:
                raise

    def push(
        self,
        name: str,
        credentials: RegistryCredentials | None = None,
        *,
        on_line: Callable[[str], object] | None = None,
        idle_seconds: float = PUSH_IDLE_SECONDS,
        total_seconds: float | None = None,
    ) -> str:
        """Brings `REPOSITORY:TAG` to its registry; the digest it has there. Raises DOCKER_PUSH_UNAUTHORIZED,
        DOCKER_REGISTRY_UNAVAILABLE, DOCKER_IMAGE_NOT_FOUND and DOCKER_PUSH_FAILED: never nothing.

        An engine tries a broken upload again by itself, for most of a minute; `total_seconds` ends that.
        """
        push = Push(tagged(name), credentials, on_line, idle_seconds, total_seconds)
        return self._retry.retry(push.once, self)

    def remove_container(self, container: str) -> None:
        """Removes a container, running or not. None there: nothing to do."""
        try:
            self.call(
                lambda client: client.remove_container(container, force=True, v=True),
                container=container,
                operation="remove container",
            )
        except DockerError as error:
            if error.context.extra.get("status") != NOT_FOUND:
                raise

    # --- for the other parts of this door

    def call(
        self, ask: Callable[[docker.APIClient], Result], *, operation: str = "ask the engine", **facts: Any
    ) -> Result:
        """Calls the engine, again where that can help: only what may be repeated safely."""

        def once() -> Result:
            with self.asking(ErrorContext(operation=operation, **facts)) as client:
                return ask(client)

        return self._retry.retry(once)

    @contextmanager
    def asking(
        self, context: ErrorContext, *, timeout_seconds: float | None = None, building: bool = False
    ) -> Iterator[docker.APIClient]:
        """A client, for calls whose errors are translated. With `timeout_seconds` it is one for these calls
        alone, which may be silent for so long."""
        with translate.translated(self.url, self.timeout_seconds, context):
            client = self._connected()
        if timeout_seconds is None:
            with translate.translated(self.url, self.timeout_seconds, context):
                yield client
            return
        with translate.translated(self.url, timeout_seconds, context, building=building):
            own = self._new_client(timeout_seconds, client.api_version)
            try:
                yield own
            finally:
                own.close()

    def _connected(self) -> docker.APIClient:
        with self._turn:
            if self._client is None:
                self._client = self._new_client(self.timeout_seconds, "auto")
            return self._client

    def _new_client(self, timeout_seconds: float, version: str) -> docker.APIClient:
        settings = docker.utils.kwargs_from_env(environment=dict(self._environ))
        settings["base_url"] = self.url
        timeout: Any = timeout_seconds  # annotated as whole seconds; requests takes any number
        return docker.APIClient(version=version, timeout=timeout, **settings)


def tagged(name: str) -> ImageName:
    """A name with a tag. Raises DOCKER_TAG_INVALID where it has none."""
    parsed = parse_image_name(name)
    if parsed.tag is None or parsed.digest is not None:
        raise DockerError(
            f"{name!r} is not REPOSITORY:TAG",
            error_code=ErrorCodes.DOCKER_TAG_INVALID,
            context=ErrorContext(image=name),
        )
    return parsed


def _image(inspected: Mapping[str, Any]) -> Image:
    return Image(
        inspected["Id"],
        tuple(inspected.get("RepoTags") or ()),
        (inspected.get("Config") or {}).get("Labels") or {},
        tuple(inspected.get("RepoDigests") or ()),
    )
