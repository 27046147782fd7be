"""What the demo needs to run a flow in a container: an engine, and an image to start from.

The engine is the one of this machine. Where none answers but Docker is installed, the demo starts one of its
own, which touches nothing of the machine's, and ends it with `make demo-down`. Nothing is ever installed.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from deployment_system.api import local_processes  # noqa: E402 (the tests' engines need the line above)
from deployment_system.builders.engine import DEFAULT_URL, DockerEngine  # noqa: E402
from deployment_system.deploy.images import default_base_image  # noqa: E402
from deployment_system.error_handling import DockerError, RetryPolicy  # noqa: E402
from tests.conftest import free_port  # noqa: E402
from tests.docker_engine import PrivateEngine  # noqa: E402
from tests.docker_python_image import PYTHON_IMAGE, import_python  # noqa: E402

ENGINE = "engine"
NAMED_BY_USER = "DOCKER_HOST"
ANSWER_SECONDS = 5.0
PULL_SECONDS = 600.0
START_SECONDS = 60.0
ONCE = RetryPolicy(max_attempts=1)


def find_engine(folder: Path, usual: str = DEFAULT_URL) -> str | None:
    """The URL of an engine on this machine, `usual` if DOCKER_HOST names none; None, with the reason in one
    line: there is none. `folder` keeps what is known of one that the demo has started."""
    named = os.environ.get(NAMED_BY_USER)
    url = named or usual
    if not url.startswith("unix://"):
        return _without(f"{NAMED_BY_USER} leads to {url}, whose containers would not find the server here")
    if (why := _trouble(url)) is None:
        print(f"USING THE ENGINE {'THAT DOCKER_HOST NAMES' if named else 'OF THIS MACHINE'}: {url}")
        return url
    if named:
        return _without(f"{NAMED_BY_USER} leads to {url}: {why}")
    missing = [program for program in ("dockerd", "ip") if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        hindrance = f"{missing[0]} is not installed" if missing else "only root may start one"
        return _without(f"no Docker engine answers at {url}, and {hindrance}")
    return _own_engine(folder)


def base_image(url: str) -> str | None:
    """The name of an image of the engine that has Prefect: Prefect's own, or else one that is made of this
    machine's Python; None, with the reason in one line: there is none."""
    wanted = default_base_image()
    with DockerEngine(url, timeout_seconds=PULL_SECONDS, retry_policy=ONCE) as engine:
        if engine.image(wanted) is not None:
            return wanted
        if engine.image(PYTHON_IMAGE) is not None:
            return PYTHON_IMAGE
        print(f"pulling {wanted} …", flush=True)
        try:
            repository, _, tag = wanted.partition(":")
            engine.call(lambda client: client.pull(repository, tag=tag))
        except DockerError as error:
            print(f"it cannot be pulled: {error.message}")
    # What goes wrong late is only said in the answer's text.
    with DockerEngine(url, retry_policy=ONCE) as engine:
        if engine.image(wanted) is not None:
            return wanted
    if sys.platform != "linux" or not Path("/bin/busybox").exists():
        return _without(f"{wanted} cannot be pulled, and only Linux with /bin/busybox can do without it")
    print(f"making {PYTHON_IMAGE} of this machine's own Python and Prefect instead …", flush=True)
    return import_python(url)


def stop_engine(folder: Path) -> bool:
    """Ends the engine that the demo started, with all that is in it; whether there was one."""
    place = folder / "engine-place.json"
    if not place.exists():
        return False
    running = local_processes.known(ENGINE, folder)
    if running is not None:
        local_processes.stop(running, folder)
    noted = json.loads(place.read_text())
    PrivateEngine(Path(noted["folder"]), noted["number"]).end()
    place.unlink()
    return running is not None


def _own_engine(folder: Path) -> str:
    place = folder / "engine-place.json"
    if local_processes.known(ENGINE, folder) is not None:
        noted = json.loads(place.read_text())
        engine = PrivateEngine(Path(noted["folder"]), noted["number"])
    else:
        stop_engine(folder)  # of what is left where it was killed
        # Not below the repository: the path of a socket may have 107 characters.
        engine = PrivateEngine(Path(tempfile.mkdtemp(prefix="demo-dockerd-")), free_port())
        place.write_text(json.dumps({"folder": str(engine.folder), "number": engine.number}))
        engine.make_bridge()
        local_processes.start(ENGINE, engine.command, os.environ, folder)
    deadline = time.monotonic() + START_SECONDS
    while (why := _trouble(engine.url)) is not None:
        if time.monotonic() > deadline or local_processes.known(ENGINE, folder) is None:
            sys.exit(f"demo: the engine did not start: {why}\n{local_processes.log_end(ENGINE, folder)}")
        time.sleep(0.2)
    print(f"NO ENGINE OF THIS MACHINE RUNS: USING ONE OF THE DEMO'S OWN: {engine.url}")
    return engine.url


def _trouble(url: str) -> str | None:
    """Why an engine does not answer; None: it does."""
    with DockerEngine(url, timeout_seconds=ANSWER_SECONDS, retry_policy=ONCE) as engine:
        try:
            engine.ping()
        except DockerError as error:
            return error.message
    return None


def _without(why: str) -> None:
    print(f"NO FLOW RUNS IN A CONTAINER HERE: {why}", flush=True)
