"""What an engine or a registry refuses for reasons of its own: each has its code, and the engine's words."""

from pathlib import Path

import docker
import pytest

from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError
from tests.docker_engine import BUSYBOX, private_registry

USED = "refused/used"


def test_an_image_that_a_container_uses_is_not_removed(engine: DockerEngine) -> None:
    """The engine says which container it is."""
    base = engine.call(lambda client: client.create_container(BUSYBOX, ["/bin/true"]))["Id"]
    engine.call(lambda client: client.commit(base, USED, "1", changes="LABEL refused=used"))
    container = engine.call(lambda client: client.create_container(f"{USED}:1", ["/bin/true"]))["Id"]
    try:
        with pytest.raises(DockerError) as caught:
            engine.remove(f"{USED}:1")
        assert caught.value.error_code == "DOCKER_IMAGE_IN_USE"
        assert container[:12] in caught.value.message
    finally:
        engine.remove_container(container)
        engine.remove_container(base)
        engine.remove(f"{USED}:1")


def test_what_the_engine_refuses_is_told_in_its_words(engine: DockerEngine) -> None:
    """With its status; nothing is known of it that would be a code of its own."""

    def too_little_memory(client: docker.APIClient) -> object:
        settings = client.create_host_config(mem_limit="1m")
        return client.create_container(BUSYBOX, ["/bin/true"], host_config=settings)

    with pytest.raises(DockerError) as caught:
        engine.call(too_little_memory)
    error = caught.value
    assert (error.error_code, error.context.extra["status"]) == ("DOCKER_ENGINE_ERROR", 400)
    assert "memory limit" in error.message


def test_a_registry_that_takes_nothing(engine: DockerEngine, tmp_path: Path) -> None:
    """One that is read only, as during maintenance: the push failed, and says so."""
    with private_registry(tmp_path / "registry", read_only=True) as registry:
        name = f"{registry.host}/refused:1"
        engine.tag(BUSYBOX, name)
        try:
            with pytest.raises(DockerError) as caught:
                engine.push(name)
        finally:
            engine.remove(name)
    assert caught.value.error_code == "DOCKER_PUSH_FAILED"
    assert f"{name} could not be pushed: " in caught.value.message
