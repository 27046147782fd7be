"""The images that a repository's flows run in: declared by Dockerfiles, named by what is in them."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from deployment_system.builders.build_context import BuildContext, read_build_context
from deployment_system.builders.build_request import BuildRequest, Secret
from deployment_system.builders.content_hash import BuildOptions, ImageContent, hash_content
from deployment_system.builders.context_check import problems_of
from deployment_system.builders.dockerfile import Dockerfile
from deployment_system.builders.dockerfile_generation import generate_dockerfile
from deployment_system.builders.dockerfile_places import find_dockerfile, read_dockerfile
from deployment_system.builders.image_names import (
    as_tag,
    content_tag,
    image_labels,
    repository_name,
)
from deployment_system.config import FlowSettings, ImageSettings, merged_image
from deployment_system.deploy.project import Project
from deployment_system.discovery import Flow
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentSystemError,
    DockerError,
    ErrorCodes,
    ErrorContext,
)

GENERATED = "Dockerfile"
"""What a generated Dockerfile counts as when its image is named."""


@dataclass(frozen=True, slots=True)
class DesiredImage:
    """An image that one or more deployments need."""

    repository: str
    """With the registry, without a tag."""
    content: ImageContent = field(repr=False)
    tags: tuple[str, ...] = ()
    """Beside the one of its content: the environment's, versions."""
    labels: Mapping[str, str] = field(default_factory=dict)
    settings: ImageSettings = field(default_factory=ImageSettings, repr=False)
    is_pushed: bool = False

    @property
    def name(self) -> str:
        """`REPOSITORY:TAG` by its content: another content, another name."""
        return f"{self.repository}:{content_tag(self.content.content)}"

    @property
    def further_names(self) -> tuple[str, ...]:
        """The names that move from image to image."""
        return tuple(f"{self.repository}:{tag}" for tag in self.tags)

    @property
    def dockerfile(self) -> Dockerfile:
        """What it is built from."""
        return self.content.context.dockerfile


class ImageDeclarations:
    """Finds the image of each flow. A context that several flows share is read once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._contexts: dict[tuple[Path, str, str], BuildContext] = {}
        self._contents: dict[tuple[Path, str, str, str], ImageContent] = {}
        self.warnings: list[DeploymentSystemError] = []

    def has_dockerfile(self, flow: Flow, settings: FlowSettings) -> bool:
        """Whether a flow brings a Dockerfile, or says that it does."""
        if settings.dockerfile is not None:
            return True
        return find_dockerfile(self._project.root, Path(flow.file)) is not None

    def of(
        self, flow: Flow, settings: FlowSettings
    ) -> tuple[DesiredImage | None, list[DeploymentSystemError]]:
        """The flow's image, or everything that is wrong with its Dockerfile and context."""
        wanted = merged_image(self._project.environment.image, settings.image)
        try:
            dockerfile = self._dockerfile(flow, settings, wanted)
            context = self._context(wanted, dockerfile)
            problems = problems_of(context, wanted.build_args, wanted.target)
            if problems:
                return None, list(problems)
            content = self._content(context, wanted)
            return self._image(content, settings, wanted), []
        except (DockerError, ConfigurationError) as error:
            return None, [error]

    def _dockerfile(self, flow: Flow, settings: FlowSettings, wanted: ImageSettings) -> Dockerfile:
        root = self._project.root
        path = find_dockerfile(root, Path(flow.file), settings.dockerfile)
        if path is None:
            return generate_dockerfile(root, wanted.base or default_base_image())
        return read_dockerfile(path, root)

    def _context(self, wanted: ImageSettings, dockerfile: Dockerfile) -> BuildContext:
        folder = self._project.root / (wanted.context or ".")
        key = (folder, dockerfile.name, dockerfile.text)
        if key not in self._contexts:
            self._contexts[key] = self._looked_at(folder, dockerfile) or read_build_context(
                folder, dockerfile
            )
        return self._contexts[key]

    def _looked_at(self, folder: Path, dockerfile: Dockerfile) -> BuildContext | None:
        """The folder as it was found for another Dockerfile: many of them, and a walk through a large folder
        for each, would take longer than all else here."""
        same_folder = (known for known in self._contexts.values() if known.folder == folder.absolute())
        return next(filter(None, (known.for_dockerfile(dockerfile) for known in same_folder)), None)

    def _content(self, context: BuildContext, wanted: ImageSettings) -> ImageContent:
        options = BuildOptions(wanted.build_args, wanted.target, wanted.platform)
        key = (context.folder, context.dockerfile.name, context.dockerfile.text, repr(options))
        if key not in self._contents:
            self._project.state.make()
            read = (content for content in self._contents.values() if content.context.files is context.files)
            content = hash_content(
                context,
                options,
                cache_folder=self._project.state.image_cache,
                read_before=next(read, None),
            )
            self.warnings.extend(content.warnings)
            self._contents[key] = content
        return self._contents[key]

    def _image(self, content: ImageContent, settings: FlowSettings, wanted: ImageSettings) -> DesiredImage:
        project = self._project
        dockerfile = content.context.dockerfile
        place = dockerfile.name if dockerfile.path is not None else GENERATED
        registry = project.environment.docker_registry
        versions = (settings.version,) if settings.version else ()
        return DesiredImage(
            repository=repository_name(registry, project.owner.project, place),
            content=content,
            tags=tuple(as_tag(text) for text in (project.environment_name, *versions)),
            labels=image_labels(project.owner.project, content.content, dockerfile.name),
            settings=wanted,
            is_pushed=registry is not None,
        )


def default_base_image() -> str:
    """What a generated Dockerfile starts from: Prefect's own image, of the version and Python that are used
    here."""
    return f"prefecthq/prefect:{version('prefect')}-python{sys.version_info.major}.{sys.version_info.minor}"


def together(images: Iterable[DesiredImage]) -> list[DesiredImage]:
    """Each image once, with the tags of all who want it."""
    by_name: dict[str, DesiredImage] = {}
    for image in images:
        there = by_name.get(image.name, image)
        tags = tuple(dict.fromkeys((*there.tags, *image.tags)))
        by_name[image.name] = DesiredImage(
            there.repository, there.content, tags, there.labels, there.settings, there.is_pushed
        )
    return list(by_name.values())


def build_request(image: DesiredImage, root: Path) -> BuildRequest:
    """What the builder is asked for. Raises CONFIG_VARIABLE_NOT_SET and CONFIG_FILE_NOT_FOUND for a secret
    that is not there."""
    return BuildRequest(
        content=image.content,
        tags=(image.name, *image.further_names),
        labels=image.labels,
        secrets=dict(_secrets(image, root)),
        network=image.settings.network,
    )


def _secrets(image: DesiredImage, root: Path) -> Iterator[tuple[str, Secret]]:
    for name, source in image.settings.secrets.items():
        context = ErrorContext(operation="build", secret=name)
        if source.env is not None:
            value = os.environ.get(source.env)
            if value is None:
                raise ConfigurationError(
                    f"the secret {name!r} of a build comes from the variable {source.env}, which is not set",
                    error_code=ErrorCodes.CONFIG_VARIABLE_NOT_SET,
                    context=context,
                )
        else:
            file = root / str(source.file)
            try:
                value = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"the secret {name!r} of a build cannot be read from {source.file}: {error}",
                    error_code=ErrorCodes.CONFIG_FILE_NOT_FOUND,
                    context=context.extended(file_path=source.file),
                    cause=error,
                ) from error
        yield name, Secret(value)
