"""One number for everything that an image is made of: the same content, the same hash, on any machine."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from deployment_system.builders.build_context import BuildContext, ContextFile
from deployment_system.builders.content_cache import ContentCache
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

FORMAT = b"deployment-system image content 1\n"
"""A change of what is hashed or sent must change it: another content, another tag."""

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What makes another image of the same files."""

    build_args: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platform: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those that are part of the content; the labels that name the content itself are added later."""
    base_images: Mapping[str, str] = field(default_factory=dict)
    """What the images after FROM are at the moment (ids or digests), where a moved base should build anew."""


@dataclass(frozen=True, slots=True)
class ImageContent:
    """A context whose files were read."""

    context: BuildContext
    options: BuildOptions
    content: str
    """The hash, 64 hexadecimal digits."""
    digests: Mapping[str, str]
    """Of each file, SHA-256 in hexadecimal digits: what is sent later must be the same."""
    warnings: tuple[DockerError, ...] = ()


def hash_content(
    context: BuildContext,
    options: BuildOptions | None = None,
    *,
    cache_folder: Path | None = None,
    read_before: ImageContent | None = None,
) -> ImageContent:
    """Reads the files of a context and gives its hash.

    In the hash: names, executable bits, targets of links and content of what .dockerignore leaves, the
    Dockerfile's text, and the options. Not in it: times, owners, and where the repository lies. With a
    `cache_folder`, files that did not change since they were last read are not read again; and none is where
    the very files were `read_before` for another Dockerfile. Raises DOCKER_CONTEXT_UNREADABLE and
    DOCKER_CONTEXT_CHANGED.
    """
    options = options or BuildOptions()
    warnings: tuple[DockerError, ...] = ()
    if read_before is not None and read_before.context.files is context.files:
        digests = read_before.digests
    else:
        cache = ContentCache(cache_folder, context.folder)
        digests = _digests(context, cache)
        cache.save()
        warnings = tuple(cache.warnings)
    whole = hashlib.sha256(FORMAT)
    whole.update(_described(context, options))
    whole.update(os.fsencode("".join(_records(context.files, digests))))
    return ImageContent(context, options, whole.hexdigest(), digests, warnings)


def _described(context: BuildContext, options: BuildOptions) -> bytes:
    facts = {
        "dockerfile": context.dockerfile.text,
        "build_args": dict(options.build_args),
        "target": options.target,
        "platform": options.platform,
        "labels": dict(options.labels),
        "base_images": dict(options.base_images),
    }
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS) + b"\n"


def _records(files: Iterable[ContextFile], digests: Mapping[str, str]) -> Iterable[str]:
    """One record a name, of which none can be read as another: no name holds a zero byte."""
    for file in files:
        if file.kind == "file":
            what = f"{'x' if file.executable else 'f'}{digests[file.name]}"
        else:
            what = f"l{file.target}" if file.kind == "link" else "d"
        yield f"{file.name}\0{what}\0"


def _digests(context: BuildContext, cache: ContentCache) -> dict[str, str]:
    digests = {}
    prefix = f"{context.folder}/"
    for file in context.files:
        if file.kind == "file":
            digest = cache.get(file)
            if digest is None:
                digest = _digest(prefix, file)
                cache.put(file, digest)
            digests[file.name] = digest
    return digests


def _digest(prefix: str, file: ContextFile) -> str:
    try:
        if file.size > CHUNK_BYTES:
            with open(prefix + file.name, "rb", buffering=0) as stream:  # noqa: PTH123 - as below
                return hashlib.file_digest(stream, "sha256").hexdigest()
        handle = os.open(prefix + file.name, os.O_RDONLY)  # a third of what a file object takes
        try:
            content = os.read(handle, file.size + 1)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise changed(file.name) from error
    except OSError as error:
        raise DockerError(
            f"{file.name} cannot be read: {error.strerror or error}",
            error_code=ErrorCodes.DOCKER_CONTEXT_UNREADABLE,
            context=ErrorContext(file_path=file.name, operation="build"),
            cause=error,
        ) from error
    if len(content) != file.size:
        raise changed(file.name)
    return hashlib.sha256(content).hexdigest()


def changed(name: str) -> DockerError:
    """The error for a file that is not what it was a moment ago."""
    return DockerError(
        f"{name} changed while it was read",
        error_code=ErrorCodes.DOCKER_CONTEXT_CHANGED,
        context=ErrorContext(file_path=name, operation="build"),
    )
