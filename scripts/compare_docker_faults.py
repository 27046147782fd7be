"""Writes docs/docker-faults.md: each Docker fault in our words and in those of `prefect deploy`, with the
steps of prefect-docker, from real runs of both on a Docker engine and registries of their own.

    python scripts/compare_docker_faults.py               all of it, on a server of its own; needs root
    python scripts/compare_docker_faults.py --server URL ROW...   only these rows, printed
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from deployment_system.error_handling import DockerError  # noqa: E402 (the tests' engines need the line above)
from tests.conftest import free_port  # noqa: E402
from tests.docker_engine import (  # noqa: E402
    BUSYBOX,
    PrivateEngine,
    Registry,
    import_busybox,
    private_engine,
    private_registry,
)
from tests.prefect_servers import PrefectProcess  # noqa: E402

FILE = PROJECT / "docs" / "docker-faults.md"
POOL = "docker-faults"
SECONDS = 300.0
BIN = Path(sys.executable).parent
FLOW = "from prefect import flow\n\n\n@flow\ndef load():\n    return 1\n"
GOOD = f"FROM {BUSYBOX}\nWORKDIR /app\nCOPY load.py .\n"
NOBODY = 65534
STEP_FAILED = "StepExecutionError"
_EXCEPTION = re.compile(r"[\w.]+(Error|Exception|NotFound): ")
SMALL_DISK = "size=24m"
TOO_MUCH = 40 * 2**20
HEADER = """\
# What each Docker fault looks like

Made by `scripts/compare_docker_faults.py` from real runs on one engine ({engine}) with private registries:
each fault once with `deployment-cli deploy`, and once with `prefect deploy --all` and the steps
`build_docker_image` and `push_docker_image` of prefect-docker {prefect_docker}. Ours names file and line
where there is one, and `deployment-cli explain CODE` says what to do. Of Prefect's output the last exception
but for the one that names the step is shown, with the number of lines that it stands among. Addresses and
folders are replaced. The last row pushes with our engine client alone: `deploy` only pushes what it built.

| fault | `deployment-cli deploy` | `prefect deploy` |
| --- | --- | --- |
"""


@dataclass(frozen=True)
class Place:
    """Where both contenders run."""

    server_url: str
    engine: PrivateEngine
    registry: Registry
    closed_registry: Registry
    """Wants credentials."""
    folder: Path


@dataclass(frozen=True)
class Fault:
    """One way to go wrong. `{registry}` and `{closed}` in texts are replaced by their addresses."""

    name: str
    dockerfile: str | None = GOOD
    registry: str = ""
    """What images are pushed to."""
    named_dockerfile: str = "Dockerfile"
    environ: Mapping[str, str] = field(default_factory=dict)
    run: "Callable[[Place, Fault, list[str], Path], subprocess.CompletedProcess[str]] | None" = None
    """Runs a command under the fault; without one it is simply run."""
    builds: bool = True
    """Whether Prefect builds before it pushes."""


def run_command(
    place: Place, fault: Fault, command: list[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Runs a contender to its end."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environ_of(place, fault),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )


def environ_of(place: Place, fault: Fault) -> dict[str, str]:
    """Of a contender: no credentials, the private engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DOCKER_"))}
    own = {
        "DOCKER_HOST": place.engine.url,
        "DOCKER_CONFIG": str(place.folder / "docker-config"),
        "PREFECT_HOME": str(place.folder / "prefect-home"),
        "PREFECT_API_URL": place.server_url,
        "PREFECT_CLI_COLORS": "false",
        "COLUMNS": "1000",
        "NO_COLOR": "1",
    }
    return {**kept, **own, **fault.environ}


def engine_killed(
    place: Place, fault: Fault, command: list[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Kills the engine while a command of the Dockerfile runs, and starts it again afterwards."""
    with place.engine.client() as client:
        before = len(client.call(lambda api: api.containers()))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ_of(place, fault),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        deadline = time.monotonic() + SECONDS
        while len(client.call(lambda api: api.containers())) <= before:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"no build was seen:\n{process.communicate()}")
            time.sleep(0.05)
    place.engine.kill()
    output, errors = process.communicate(timeout=SECONDS)
    place.engine.start()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def permission_denied(
    place: Place, fault: Fault, command: list[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """The socket belongs to somebody else, and root may no longer open what it does not own."""
    socket = place.engine.folder / "docker.sock"
    owner, mode = socket.stat().st_uid, socket.stat().st_mode
    os.chown(socket, NOBODY, -1)
    socket.chmod(0o600)
    try:
        without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        return run_command(place, fault, [*without, *command], folder)
    finally:
        os.chown(socket, owner, -1)
        socket.chmod(mode)


def disk_full(
    place: Place, fault: Fault, command: list[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """An engine with hardly any room, and a context with a file that does not fit."""
    (folder / "large.bin").write_bytes(os.urandom(TOO_MUCH))
    own = Path(tempfile.mkdtemp(prefix="dockerd-"))
    (own / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", SMALL_DISK, "none", str(own / "data")], check=True)
    small = PrivateEngine(own, free_port())
    try:
        small.start()
        import_busybox(small)
        there = Place(place.server_url, small, place.registry, place.closed_registry, place.folder)
        return run_command(there, fault, command, folder)
    finally:
        small.end()


FAULTS = (
    Fault("a command of the Dockerfile fails", GOOD + "RUN echo on the way && exit 7\n"),
    Fault("the Dockerfile is not there", None, named_dockerfile="docker/load.Dockerfile"),
    Fault("an instruction is misspelt", GOOD + "RUNN echo\n"),
    Fault("there is no FROM", "WORKDIR /app\nCOPY load.py .\n"),
    Fault("the base image is not in its registry", "FROM {registry}/no-such-image:1\nCOPY load.py .\n"),
    Fault("the registry of the base image is away", "FROM 127.0.0.1:1/python:3\nCOPY load.py .\n"),
    Fault("COPY of a file that is not there", GOOD + "COPY requirements.txt .\n"),
    Fault("a name that no image may have", registry="registry.example.com/Team"),
    Fault("no engine", environ={"DOCKER_HOST": "unix:///no/such/docker.sock"}),
    Fault("the engine's socket may not be opened", run=permission_denied),
    Fault("the engine is killed during the build", GOOD + "RUN sleep 60\n", run=engine_killed),
    Fault("the disk is full", GOOD + "COPY large.bin .\n", run=disk_full),
    Fault("push without credentials", registry="{closed}/team"),
    Fault("push to a registry that is away", registry="127.0.0.1:1/team"),
    Fault("push of an image that is not there", registry="{registry}/team", builds=False),
)


def ours(place: Place, fault: Fault) -> str:
    """What we say: code and message, with the place."""
    if not fault.builds:
        return _pushed_by_hand(place, fault)
    folder = _written(place, fault, "ours")
    lines = ["project: shop", "environments:", "  development:", f"    prefect_api_url: {place.server_url}"]
    lines += [f"    work_pools: {{docker: {POOL}}}"]
    if fault.registry:
        lines += [f"    docker_registry: {_filled(fault.registry, place)}"]
    lines += ["flows:", "  load:", "    types: [docker]"]
    if fault.named_dockerfile != "Dockerfile":
        lines += [f"    dockerfile: {fault.named_dockerfile}"]
    (folder / "deployment-config.yaml").write_text("\n".join(lines) + "\n")
    command = [str(BIN / "deployment-cli"), "deploy", "--strict", "-o", "json"]
    finished = (fault.run or run_command)(place, fault, command, folder)
    document = json.loads(finished.stdout)
    error = document["errors"][0]
    where = error["context"].get("file_path")
    line = error["context"].get("line_number")
    at = f" ({where}:{line})" if where and line else ""
    return f"`{error['error_code']}` {error['message']}{at}"


def _pushed_by_hand(place: Place, fault: Fault) -> str:
    """Our command pushes what it has built, so the fault needs its engine alone."""
    with place.engine.client() as client:
        try:
            client.push(f"{_filled(fault.registry, place)}/shop:1", None)
        except DockerError as error:
            return f"`{error.error_code}` {error.message}"
    sys.exit("an image that is not there was pushed")


def prefects(place: Place, fault: Fault) -> str:
    """What Prefect says last, and how much it said."""
    folder = _written(place, fault, "prefect")
    prefix = f"{_filled(fault.registry, place)}/" if fault.registry else ""
    steps = "prefect_docker.deployments.steps"
    image = {"image_name": f"{prefix}shop", "tag": "1"}
    # Without `pull: false` it asks Docker Hub for the engine's own base image, and every row is that fault.
    options = {"id": "made", "dockerfile": fault.named_dockerfile, "pull": False}
    build = {f"{steps}.build_docker_image": {**options, **image}}
    push = {f"{steps}.push_docker_image": image}
    deployment = {
        "name": "load",
        "entrypoint": "load.py:load",
        "work_pool": {"name": POOL},
        "build": [build] if fault.builds else [],
        "push": [push] if fault.registry else [],
        "pull": [],
    }
    (folder / "prefect.yaml").write_text(json.dumps({"name": "shop", "deployments": [deployment]}))
    command = [str(BIN / "prefect"), "--no-prompt", "deploy", "--all"]
    finished = (fault.run or run_command)(place, fault, command, folder)
    lines = [line.strip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
    if finished.returncode == 0:
        return f"exit 0: `{lines[-1]}`"
    told = [line for line in lines if _EXCEPTION.match(line) and STEP_FAILED not in line] or lines[-1:]
    return f"`{told[-1]}` (among {len(lines)} lines)"


def _written(place: Place, fault: Fault, contender: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{contender}-", dir=place.folder))
    (folder / "load.py").write_text(FLOW)
    (folder / ".dockerignore").write_text(".deployment-system\n")
    if fault.dockerfile is not None:
        (folder / "Dockerfile").write_text(_filled(fault.dockerfile, place))
    return folder


def _filled(text: str, place: Place) -> str:
    return text.replace("{registry}", place.registry.host).replace("{closed}", place.closed_registry.host)


def _cell(text: str, place: Place) -> str:
    """Without what differs from run to run and from machine to machine."""
    for real, shown in (
        (place.registry.host, "registry.example:5000"),
        (place.closed_registry.host, "registry.example:5001"),
        (str(place.engine.folder), "…"),
        (str(place.folder), "…"),
        (str(PROJECT), "…"),
    ):
        text = text.replace(real, shown)
    text = re.sub(r"/tmp/[\w-]+", "…", text)  # noqa: S108 (recognised, not written to)
    text = re.sub(r"\b(ours|prefect)-\w{8}/", "", text)
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


@contextmanager
def _place(server_url: str | None) -> Iterator[Place]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="docker-faults-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if server_url is None:
            server = PrefectProcess(folder, free_port())
            stack.callback(server.stop)
            server.start()
            server.wait_until_healthy()
            server_url = server.url
        body = {"name": POOL, "type": "docker", "base_job_template": _template()}
        httpx.post(f"{server_url}/work_pools/", json=body, timeout=60)
        engine = stack.enter_context(private_engine())
        import_busybox(engine)
        registry = stack.enter_context(private_registry(folder / "registry"))
        closed = stack.enter_context(private_registry(folder / "closed", with_password=True))
        yield Place(server_url, engine, registry, closed, folder)


def _template() -> dict[str, object]:
    variables = {"image": {"type": "string"}}
    return {
        "variables": {"type": "object", "properties": variables},
        "job_configuration": {"image": "{{ image }}"},
    }


def main() -> None:
    """Runs every fault with both, and writes the table; or prints the rows that are named."""
    parser = argparse.ArgumentParser(description="Docker faults in our words and in Prefect's.")
    parser.add_argument("--server", help="API URL of a running server")
    parser.add_argument("rows", nargs="*", help="parts of the names of faults")
    wanted = parser.parse_args()
    faults = [fault for fault in FAULTS if not wanted.rows or any(row in fault.name for row in wanted.rows)]
    with _place(wanted.server) as place:
        with place.engine.client() as client:
            engine = f"Docker {client.info().version}"
        text = HEADER.format(engine=engine, prefect_docker=_version("prefect-docker"))
        for fault in faults:
            cells = (fault.name, ours(place, fault), prefects(place, fault))
            row = f"| {' | '.join(_cell(cell, place) for cell in cells)} |"
            print(row, flush=True)
            text += f"{row}\n"
    if not wanted.rows:
        FILE.write_text(text, encoding="utf-8")


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


if __name__ == "__main__":
    main()
