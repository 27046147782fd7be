"""Several images in one deployment: side by side within a bound, and what all share is built once."""

import re
import threading
from pathlib import Path

import pytest

from deployment_system.builders.engine import DockerEngine
from tests.deploy.conftest import Workspace
from tests.deploy.container_shop import made_shop, wait_until
from tests.docker_engine import BUSYBOX, PrivateEngine

FLOWS = 5
SHARED = f"FROM {BUSYBOX}\nRUN echo shared > /shared && head -c 16 /dev/urandom >> /shared\n"


@pytest.fixture
def shop(workspace: Workspace, running_engine: PrivateEngine) -> Workspace:
    """A repository for as many images as are written into it."""
    shop = made_shop(workspace, running_engine)
    (shop.root / "Dockerfile").unlink()
    (shop.root / "flows" / "load.py").unlink()
    return shop


def write_images(shop: Workspace, beginning: str, command: str) -> None:
    """Flows with an image each: what they begin with, a layer of their own, and a command."""
    for number in range(FLOWS):
        shop.write_flow(f"flow-{number}")
        own = f"LABEL number={number}\n"
        shop.write(f"flows/flow_{number}.Dockerfile", f"{beginning}{own}COPY flows flows\nRUN {command}\n")


class MostAtOnce:
    """Watches how many containers an engine runs: while building, each is a command of a Dockerfile."""

    def __init__(self, engine: DockerEngine) -> None:
        self.most = 0
        self._engine = engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "MostAtOnce":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.most = max(self.most, len(self._engine.call(lambda client: client.containers())))
            self._ended.wait(0.05)


@pytest.mark.parametrize(("command", "bound"), [("deploy", 2), ("build", 3)])
def test_builds_run_side_by_side_within_the_bound(
    shop: Workspace, engine: DockerEngine, command: str, bound: int
) -> None:
    """As many as `--concurrency` says, and never more."""
    wait_until(lambda: not engine.call(lambda client: client.containers()))
    write_images(shop, f"FROM {BUSYBOX}\n", f"sleep 3 # {command} {bound}")
    with MostAtOnce(engine) as containers:
        made = shop.run(command, "--concurrency", str(bound), "-ojson")
    assert made.status == 0, made.output + made.errors
    assert containers.most == bound
    shop.leave_nothing()


def test_what_all_images_begin_with_is_built_once(shop: Workspace, engine: DockerEngine) -> None:
    """The first one builds it alone; the others, side by side, find its layers."""
    write_images(shop, SHARED.replace("shared >", f"{shop.prefix} >"), "true")
    made = shop.run("build", "-ojson")
    assert made.status == 0, made.output + made.errors
    logs = [file.read_text() for file in Path(shop.root, ".deployment-system", "builds").iterdir()]
    assert len(logs) == FLOWS
    of_the_shared = [re.findall(r"Step 2/.*?(?=Step 3/)", log, re.DOTALL) for log in logs]
    built = [step for (step,) in of_the_shared if "Using cache" not in step]
    assert len(built) == 1, of_the_shared
    found = [
        engine.call(lambda client, name=change["name"]: client.inspect_image(name))
        for change in made.document["changes"]
    ]
    assert len({layers[1] for layers in (image["RootFS"]["Layers"] for image in found)}) == 1
