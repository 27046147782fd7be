"""A private Docker engine for the session, and registries: started when the first test asks for them."""

from collections.abc import Iterator

import pytest

from deployment_system.builders.engine import DockerEngine
from tests.docker_engine import (
    PrivateEngine,
    Registry,
    import_busybox,
    private_engine,
    private_registry,
)
from tests.docker_python_image import import_python


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


@pytest.fixture(scope="session")
def python_image(running_engine: PrivateEngine) -> str:
    """An image of the running engine with Python and Prefect."""
    return import_python(running_engine.url)
