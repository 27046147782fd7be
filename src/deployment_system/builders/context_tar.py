"""The build context as the tar archive that an engine reads: always the same bytes for the same content.

It streams: no more than a piece of one file is in memory.
"""

import hashlib
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

from deployment_system.builders.build_context import IGNORE_FILE, BuildContext, ContextFile
from deployment_system.builders.content_hash import CHUNK_BYTES, ImageContent, changed
from deployment_system.builders.ignore_rules import joined, plain_pattern

SENT_DOCKERFILE = ".deployment-system.Dockerfile"
"""The name under which a Dockerfile is sent that is not in the context. The engine takes it out again."""

TIME = 315532800
"""1980-01-01: one time for all files, the first that ZIP archives know."""

_FILE_MODE, _EXECUTABLE_MODE, _LINK_MODE = 0o644, 0o755, 0o777


def sent_dockerfile_name(context: BuildContext) -> str:
    """What the engine must be told that the Dockerfile is called."""
    return context.dockerfile_name or SENT_DOCKERFILE


def stream_tar(content: ImageContent) -> Iterator[bytes]:
    """The archive, piece by piece. Raises DOCKER_CONTEXT_CHANGED where a file is no longer what was hashed;
    the engine, which then gets only a part, builds nothing."""
    context = content.context
    extra = _extra_files(context)
    for file in context.files:
        if file.name not in extra:
            yield from _member(content, file)
    for name, text in extra.items():
        yield _header(ContextFile(name, "file", False, len(text), 0, 0, 0))
        yield _padded(text)
    yield bytes(tarfile.RECORDSIZE)


def _extra_files(context: BuildContext) -> dict[str, bytes]:
    """A Dockerfile that is not among the files is sent beside them, and an ignore file with it, by which the
    engine removes both before it copies anything; a .dockerignore that belongs to the context stays."""
    if context.dockerfile_name is not None:
        return {}
    ignored = f"{SENT_DOCKERFILE}\n"
    if any(file.name == IGNORE_FILE for file in context.files):
        own = (context.folder / IGNORE_FILE).read_text(encoding="utf-8", errors="surrogateescape")
        ignored = f"{own.rstrip()}\n{ignored}"
    else:
        ignored += f"{IGNORE_FILE}\n"
    return {
        IGNORE_FILE: ignored.encode("utf-8", "surrogateescape"),
        SENT_DOCKERFILE: context.dockerfile.text.encode(),
    }


def buildkit_ignore_file(context: BuildContext) -> str:
    """The ignore file by which BuildKit, which walks the folder itself, sends the same files.

    Older ones do not look into a folder that is left out unless an exception names what is there: so what an
    exception with stars brings back from such a folder is named.
    """
    folders = {file.name for file in context.files if file.kind == "folder"}
    brought_back = (
        f"!{plain_pattern(file.name)}"
        for file in context.files
        if "/" in file.name and posixpath.dirname(file.name) not in folders
    )
    return joined((*context.patterns, *brought_back))


def _member(content: ImageContent, file: ContextFile) -> Iterator[bytes]:
    yield _header(file)
    if file.kind != "file":
        return
    digest, sent = hashlib.sha256(), 0
    for piece in _pieces(content.context.folder / file.name, file):
        digest.update(piece)
        sent += len(piece)
        if sent > file.size:
            raise changed(file.name)
        yield piece
    if sent != file.size or digest.hexdigest() != content.digests[file.name]:
        raise changed(file.name)
    yield bytes(-file.size % tarfile.BLOCKSIZE)


def _pieces(path: Path, file: ContextFile) -> Iterator[bytes]:
    # Translated here: whoever sends takes an OSError for one of the connection to the engine.
    try:
        with path.open("rb") as stream:
            while piece := stream.read(CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise changed(file.name) from error


def _header(file: ContextFile) -> bytes:
    info = tarfile.TarInfo(file.name)
    info.mtime, info.uid, info.gid, info.uname, info.gname = TIME, 0, 0, "", ""
    match file.kind:
        case "folder":
            info.type, info.mode = tarfile.DIRTYPE, _EXECUTABLE_MODE
        case "link":
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, _LINK_MODE, file.target
        case "file":
            info.mode = _EXECUTABLE_MODE if file.executable else _FILE_MODE
            info.size = file.size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % tarfile.BLOCKSIZE)
