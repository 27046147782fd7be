"""What is to be built, how it went, and by which builder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from deployment_system.builders.content_hash import ImageContent
from deployment_system.builders.image_names import CONTENT_LABEL

BUILD_IDLE_SECONDS = 600.0
"""A command of a Dockerfile that prints nothing for so long hangs; pip and compilers say something sooner."""


class Builder(StrEnum):
    """Docker's two."""

    CLASSIC = "classic"
    BUILDKIT = "buildkit"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that a build may read, and that stays in no layer. Never shown."""

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One image."""

    content: ImageContent
    tags: tuple[str, ...] = ()
    """`REPOSITORY:TAG`, given to the image when it is built."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Beside those that are part of the content and the content's own."""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """By the id that `RUN --mount=type=secret,id=…` names."""
    network: str | None = None
    """Of the commands while building: `host`, `none`, or the engine's default."""
    pull: bool = False
    """Ask the registry for a newer base image, also where there is one here."""
    use_cache: bool = True
    idle_seconds: float = BUILD_IDLE_SECONDS
    """How long the build may say nothing."""
    total_seconds: float | None = None
    """How long it may take in all."""

    @property
    def name(self) -> str:
        """What people know the image by: its first name, or else the beginning of its content's hash."""
        return self.tags[0] if self.tags else self.content.content[:12]

    @property
    def all_labels(self) -> dict[str, str]:
        """Every label that the image gets."""
        return {**self.content.options.labels, **self.labels, CONTENT_LABEL: self.content.content}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """An image that was built, or was there already."""

    image_id: str
    tags: tuple[str, ...]
    content: str
    builder: Builder | None
    """None: an image of this content was there, and nothing was built."""
    log_file: Path | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BuilderChoice:
    """Which builder is used, in words why, and the docker command that BuildKit needs."""

    builder: Builder
    reason: str
    command: str | None = None
