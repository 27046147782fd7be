"""Builders on the private engine of the session, and an engine to be broken."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.content_hash import BuildOptions, hash_content
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.engine import DockerEngine
from tests.docker_engine import ONCE, PrivateEngine, import_busybox, private_engine

MakeRequest = Callable[..., BuildRequest]


@pytest.fixture
def breakable_engine() -> Iterator[PrivateEngine]:
    """An engine with the base image, for a test that kills it."""
    with private_engine() as engine:
        import_busybox(engine)
        yield engine


@pytest.fixture
def builder(engine: DockerEngine, tmp_path: Path) -> DockerBuilder:
    """Builds with the running engine, each thing once."""
    return DockerBuilder(engine, log_folder=tmp_path / "logs", retry_policy=ONCE)


@pytest.fixture
def make_request(tmp_path: Path) -> MakeRequest:
    """Makes a request to build a Dockerfile with some files; short waits."""

    def make(
        dockerfile: str,
        files: Mapping[str, str] | None = None,
        *,
        options: BuildOptions | None = None,
        **more: object,
    ) -> BuildRequest:
        folder = tmp_path / "repository"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        context = read_build_context(folder, read_dockerfile(folder / "Dockerfile", folder))
        arguments: dict[str, object] = {"idle_seconds": 60.0, **more}
        return BuildRequest(hash_content(context, options), **arguments)  # type: ignore[arg-type]

    return make
