"""Names of images: how they are made from a project's words, and what Docker allows. Pure."""

import posixpath
import re
from dataclasses import dataclass

from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

HASH_DIGITS = 16
"""Of the content hash in a tag: among a million builds, two share 64 bits once in thirty million projects."""

LABEL_PREFIX = "deployment-system."
PROJECT_LABEL = LABEL_PREFIX + "project"
CONTENT_LABEL = LABEL_PREFIX + "content"
DOCKERFILE_LABEL = LABEL_PREFIX + "dockerfile"

LONGEST_TAG = 128
LONGEST_REPOSITORY = 255
"""Characters of a repository's name without the registry, by Docker's reference grammar."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")

DEFAULT_REGISTRY = "docker.io"
_OFFICIAL = "library/"


@dataclass(frozen=True, slots=True)
class ImageName:
    """A name in its parts, as Docker reads it."""

    registry: str
    """Host and port; `docker.io` where none is named."""
    path: str
    """The repository within the registry."""
    tag: str | None = None
    digest: str | None = None

    @property
    def repository(self) -> str:
        """The name without tag and digest, as people write it."""
        if self.registry != DEFAULT_REGISTRY:
            return f"{self.registry}/{self.path}"
        return self.path.removeprefix(_OFFICIAL)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.repository + tag + (f"@{self.digest}" if self.digest else "")


def parse_image_name(text: str) -> ImageName:
    """Reads `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. Raises DOCKER_TAG_INVALID."""
    name, _, digest = text.partition("@")
    if "@" in text and not _DIGEST.fullmatch(digest):
        raise _invalid(text, f"{digest!r} is not a digest")
    registry, path = _registry_and_path(name)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _invalid(text, f"{tag!r} is not a tag")
    if not _PATH.fullmatch(path):
        upper = (
            "upper-case letters are not allowed in " if path != path.lower() else "no repository is called "
        )
        raise _invalid(text, f"{upper}{path!r}")
    if not re.fullmatch(_DOMAIN, registry):
        raise _invalid(text, f"{registry!r} is not the address of a registry")
    if len(path) > LONGEST_REPOSITORY:
        raise _invalid(text, f"it is longer than {LONGEST_REPOSITORY} characters")
    if registry == DEFAULT_REGISTRY and "/" not in path:
        if not colon and not digest and _IMAGE_ID.fullmatch(path):
            raise _invalid(text, "64 hexadecimal digits are the id of an image")
        path = _OFFICIAL + path
    return ImageName(registry, path, tag or None, digest or None)


def repository_name(registry_prefix: str | None, project: str, dockerfile: str) -> str:
    """The repository of the images that a project builds from one Dockerfile.

    `registry_prefix` is a registry, with or without a path (`registry.example:5000/team`); `dockerfile` is
    its path from the repository's root. `Dockerfile` at the root is the project's own name;
    `etl/Dockerfile` is PROJECT/etl; `flows/load.Dockerfile` is PROJECT/flows/load. Raises
    DOCKER_TAG_INVALID for a prefix that is none.
    """
    words = [project, *_words_of(dockerfile)]
    parts = [component for word in words if (component := _as_component(word))]
    path = "/".join(parts) or "image"
    name = f"{registry_prefix.strip('/')}/{path}" if registry_prefix else path
    if not registry_prefix and _registry_and_path(name)[0] != DEFAULT_REGISTRY:
        # A project called `localhost` or `a.b` with a folder below it would be read as a registry.
        name = name.replace("/", "-")
    elif not registry_prefix and "/" not in name and _IMAGE_ID.fullmatch(name):
        name = f"image-{name}"
    parse_image_name(name)
    return name


def content_tag(content: str) -> str:
    """The tag that says what is in an image, from its content hash in hexadecimal digits."""
    return content[:HASH_DIGITS]


def as_tag(text: str) -> str:
    """A version or an environment as a tag: what Docker does not allow becomes `-`. Raises
    DOCKER_TAG_INVALID where nothing is left."""
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip(".-")[:LONGEST_TAG]
    if not tag:
        raise _invalid(text, "nothing in it can be part of a tag")
    return tag


def image_labels(project: str, content: str, dockerfile: str) -> dict[str, str]:
    """What every image says of itself. The content hash is the whole one."""
    return {PROJECT_LABEL: project, CONTENT_LABEL: content, DOCKERFILE_LABEL: dockerfile}


def _words_of(dockerfile: str) -> list[str]:
    folder, file = posixpath.split(posixpath.normpath(dockerfile).lstrip("/"))
    stem = file.removesuffix("Dockerfile").removesuffix(".").removeprefix("Dockerfile").lstrip(".")
    return [part for part in (*folder.split("/"), stem) if part not in {"", ".", ".."}]


def _as_component(word: str) -> str:
    """A word as a part of a repository's name: lower case, each run of anything else a single hyphen."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", word.lower())
    separated = re.sub(r"[._-]*-[._-]*|\.[._]+|_[._]*\.[._]*|_{2,}", "-", plain)
    return separated.strip("._-")[:60].strip("._-")


def _registry_and_path(name: str) -> tuple[str, str]:
    """As Docker tells them apart: a first part with a dot or a colon, `localhost`, or upper case."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return ("docker.io" if first == "index.docker.io" else first), rest
    return DEFAULT_REGISTRY, name


def _invalid(text: str, why: str) -> DockerError:
    return DockerError(
        f"{text!r} is not a name for an image: {why}",
        error_code=ErrorCodes.DOCKER_TAG_INVALID,
        context=ErrorContext(image=text),
    )
