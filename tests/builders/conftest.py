"""A private engine for the session, and registries."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.content_hash import BuildOptions, hash_content
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.engine import DockerEngine
from tests.docker_engine import (
    ONCE,
    PrivateEngine,
    Registry,
    import_busybox,
    private_engine,
    private_registry,
)
from tests.docker_python_image import import_python

MakeRequest = Callable[..., BuildRequest]


@pytest.fixture(scope="session")
def running_engine() -> Iterator[PrivateEngine]:
    """An engine with a base image, `busybox:test`, which no test may stop."""
    with private_engine() as engine:
        import_busybox(engine)
        yield engine


@pytest.fixture(scope="session")
def engine(running_engine: PrivateEngine) -> Iterator[DockerEngine]:
    """A client of the running engine."""
    with running_engine.client() as client:
        yield client


@pytest.fixture
def breakable_engine() -> Iterator[PrivateEngine]:
    """An engine with the base image, for a test that kills it."""
    with private_engine() as engine:
        import_busybox(engine)
        yield engine


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that anybody may write to, and that deletes."""
    with private_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def registry_with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants credentials, and that does not delete."""
    folder = tmp_path_factory.mktemp("registry-with-password")
    with private_registry(folder, with_password=True, deleting=False) as running:
        yield running


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


@pytest.fixture(scope="session")
def python_image(running_engine: PrivateEngine) -> str:
    """An image of the running engine with Python and Prefect."""
    return import_python(running_engine)
