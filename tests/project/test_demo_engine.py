"""Which Docker engine the demo takes, and that it ends the one that it started and no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError
from tests.docker_engine import ONCE, PrivateEngine, skip_without_private_engine

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FIND = "print(demo_containers.find_engine(folder, usual))"
STOP = "print(demo_containers.stop_engine(folder))"
NO_ENGINE = "unix:///no/such/docker.sock"


def demo(code: str, folder: Path, **environ: str) -> list[str]:
    """What a process of the demo prints, line by line."""
    kept = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    beginning = "import sys; from pathlib import Path; import demo_containers; folder = Path(sys.argv[1]); "
    finished = subprocess.run(
        [sys.executable, "-c", f"{beginning}usual = sys.argv[2]; {code}", str(folder), NO_ENGINE],
        cwd=SCRIPTS,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_an_engine_that_is_there_is_taken_and_called_by_its_address(
    running_engine: PrivateEngine, tmp_path: Path
) -> None:
    """Loudly: what runs there is the user's. It is not ended with the demo."""
    told, url = demo(FIND, tmp_path, DOCKER_HOST=running_engine.url)
    assert url == running_engine.url
    assert told == f"USING THE ENGINE THAT DOCKER_HOST NAMES: {running_engine.url}"
    assert demo(STOP, tmp_path) == ["False"]
    with running_engine.client() as client:
        client.ping()


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"PATH": "/nonexistent"}, f"no Docker engine answers at {NO_ENGINE}, and dockerd is not installed"),
        ({"DOCKER_HOST": NO_ENGINE}, "there is no such socket"),
        ({"DOCKER_HOST": "tcp://docker.example.com:2376"}, "would not find the server here"),
    ],
)
def test_without_an_engine_one_line_says_so_and_nothing_is_installed(
    tmp_path: Path, environ: dict[str, str], why: str
) -> None:
    """And the demo goes on."""
    told, url = demo(FIND, tmp_path, **environ)
    assert told.startswith("NO FLOW RUNS IN A CONTAINER HERE: ")
    assert why in told
    assert url == "None"
    assert list(tmp_path.iterdir()) == []


def test_the_demo_s_own_engine_is_found_again_and_ended(tmp_path: Path) -> None:
    """By another process than the one that started it; nothing of it stays."""
    skip_without_private_engine()
    told, url = demo(FIND, tmp_path)
    try:
        assert told == f"NO ENGINE OF THIS MACHINE RUNS: USING ONE OF THE DEMO'S OWN: {url}"
        assert demo(FIND, tmp_path) == [told, url]
    finally:
        ended = demo(STOP, tmp_path)
    assert ended == ["True"]
    with (
        DockerEngine(url, timeout_seconds=2, retry_policy=ONCE, environ={}) as client,
        pytest.raises(DockerError),
    ):
        client.ping()
    assert not Path(url.removeprefix("unix://")).parent.exists()
    assert demo(STOP, tmp_path) == ["False"]
