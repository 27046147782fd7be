"""Whether a flow can be started from its image, tried in a real container with a real Prefect."""

from collections.abc import Callable

import pytest

from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.preflight import (
    PREFLIGHT_LABEL,
    PreflightResult,
    check_flow_in_image,
    remove_left_preflights,
)
from deployment_system.error_handling import DockerError
from tests.builders.conftest import MakeRequest
from tests.docker_engine import BUSYBOX

FLOW = "from prefect import flow\n\n@flow(name='Load')\ndef load():\n    pass\n"
FILES = {
    "flows/good.py": f"from flows.helper import VALUE\n{FLOW}print('printed while importing', VALUE)\n",
    "flows/helper.py": "VALUE = 1\n",
    "flows/missing.py": f"import no_such_package_here\n{FLOW}",
    "flows/broken.py": f"{FLOW}raise ValueError('told by the flow')\n",
    "flows/exits.py": f"{FLOW}import os\nos._exit(0)\n",
    "flows/hangs.py": f"{FLOW}import time\ntime.sleep(600)\n",
}

Check = Callable[..., PreflightResult]


@pytest.fixture
def check(
    builder: DockerBuilder, engine: DockerEngine, python_image: str, make_request: MakeRequest
) -> Check:
    """Checks a flow of a repository that was built into an image."""
    result = builder.build(
        make_request(f"FROM {python_image}\nWORKDIR /app\nCOPY . .\n", FILES, tags=("preflight:1",))
    )

    def run(entrypoint: str, **more: float) -> PreflightResult:
        before = {item["Id"] for item in engine.call(lambda client: client.containers(all=True))}
        try:
            return check_flow_in_image(engine, result.tags[0], entrypoint, **more)
        finally:
            after = {item["Id"] for item in engine.call(lambda client: client.containers(all=True))}
            assert after == before

    return run


def test_a_flow_that_can_be_imported(check: Check) -> None:
    """Relative to the image's working directory; its name comes from inside."""
    assert check("flows/good.py:load").flow_name == "Load"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("missing", "ModuleNotFoundError: No module named 'no_such_package_here'"),
        ("broken", "ValueError: told by the flow"),
        ("exits", "ended its process"),
    ],
)
def test_a_flow_that_cannot_is_told_with_the_words_of_the_import(check: Check, file: str, words: str) -> None:
    """Whatever the exit status; the container is gone in any case."""
    with pytest.raises(DockerError) as caught:
        check(f"flows/{file}.py:load")
    assert caught.value.error_code == "DOCKER_PREFLIGHT_FAILED"
    assert words in caught.value.message


def test_an_import_that_never_ends_is_ended(check: Check) -> None:
    """After the time limit."""
    with pytest.raises(DockerError) as caught:
        check("flows/hangs.py:load", timeout_seconds=8.0)
    assert caught.value.error_code == "DOCKER_PREFLIGHT_FAILED"
    assert "longer than 8 seconds" in caught.value.message


def test_an_image_without_python_and_one_that_is_not_there(engine: DockerEngine) -> None:
    """Told apart."""
    with pytest.raises(DockerError) as without:
        check_flow_in_image(engine, BUSYBOX, "flows/a.py:a")
    assert without.value.error_code == "DOCKER_PREFLIGHT_FAILED"
    assert "no Python" in without.value.message
    with pytest.raises(DockerError) as missing:
        check_flow_in_image(engine, "never-built:1", "flows/a.py:a")
    assert missing.value.error_code == "DOCKER_IMAGE_NOT_FOUND"


def test_a_container_whose_process_was_killed_is_removed_later(engine: DockerEngine) -> None:
    """It is known by its label."""
    left = engine.call(
        lambda client: client.create_container(BUSYBOX, "true", labels={PREFLIGHT_LABEL: "1"})
    )["Id"]
    assert remove_left_preflights(engine) == [left]
    assert remove_left_preflights(engine) == []
