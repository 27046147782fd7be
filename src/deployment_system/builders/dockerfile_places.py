"""Which Dockerfile a flow has: the one that is named, or the nearest above it."""

from difflib import get_close_matches
from pathlib import Path

from deployment_system.builders.dockerfile import Dockerfile, parse_dockerfile
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

DOCKERFILE = "Dockerfile"


def find_dockerfile(repository: Path, flow_file: Path, named: str | None = None) -> Path | None:
    """The Dockerfile of a flow; None: it has none, and one may be generated.

    `named` is what the configuration says, relative to the repository. Else `STEM.Dockerfile` beside the
    flow's file, or `Dockerfile` in the folder of the flow or the nearest one above it, up to the
    repository's root. Raises DOCKERFILE_NOT_FOUND where the named one is not there.
    """
    root = repository.absolute()
    flow = root / flow_file
    if named is not None:
        path = root / named
        if not path.is_file():
            of_flow = str(flow.relative_to(root)) if flow.is_relative_to(root) else str(flow)
            raise _not_found(named, of_flow, _nearest(root, named))
        return path
    own = flow.with_name(f"{flow.stem}.{DOCKERFILE}")
    folders = [folder for folder in flow.parents if folder == root or folder.is_relative_to(root)]
    candidates = [own, *(folder / DOCKERFILE for folder in folders)]
    return next((path for path in candidates if path.is_file()), None)


def read_dockerfile(path: Path, repository: Path) -> Dockerfile:
    """The Dockerfile in its parts, called by its path from the repository. Raises DOCKERFILE_NOT_FOUND, and
    DOCKERFILE_INVALID where it cannot be read as text."""
    absolute = path.absolute()
    root = repository.absolute()
    name = absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)
    try:
        text = absolute.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise _not_found(name) from None
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error), error) from error
    except UnicodeDecodeError as error:
        raise _unreadable(name, "it is not UTF-8 text", error) from error
    return parse_dockerfile(text, name, str(absolute))


def _nearest(root: Path, named: str) -> str | None:
    """The Dockerfile of the repository that was probably meant, at its root or one folder below: what lies
    deeper is not looked for in a large repository."""
    patterns = (f"{folder}{name}" for folder in ("", "*/") for name in (f"{DOCKERFILE}*", f"*.{DOCKERFILE}"))
    known = {
        file.relative_to(root).as_posix()
        for pattern in patterns
        for file in root.glob(pattern)
        if file.is_file()
    }
    return next(iter(get_close_matches(named, sorted(known), n=1)), None)


def _not_found(name: str, flow: str | None = None, near: str | None = None) -> DockerError:
    of_flow = f" (named for the flow in {flow})" if flow else ""
    meant = f"; did you mean {near}?" if near else ""
    context = ErrorContext(file_path=name, operation="build")
    return DockerError(
        f"there is no Dockerfile at {name}{of_flow}{meant}",
        error_code=ErrorCodes.DOCKERFILE_NOT_FOUND,
        context=context.extended(near=near) if near else context,
    )


def _unreadable(name: str, why: str, cause: Exception) -> DockerError:
    return DockerError(
        f"the Dockerfile {name} cannot be read: {why}",
        error_code=ErrorCodes.DOCKERFILE_INVALID,
        context=ErrorContext(file_path=name, operation="build"),
        cause=cause,
    )
