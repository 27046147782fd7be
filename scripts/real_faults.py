"""The faults that `scripts/compare_faults.py` makes, each on the same repository of three flows."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from tests.recording_proxy import Fault as OfTheWay
from tests.recording_proxy import RecordingProxy

SECONDS = 300.0
POOL = "shop-pool"
CLUSTER_POOL = "cluster-pool"
CREATE = "^/api/deployments/$"
"""The path that deployments are posted to."""
AS_NOBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root may read everything; without these two capabilities it may not."""
SMALL_DISK = "size=2m"

REFUSAL = '{"loc": ["body", "tags"], "msg": "Input should be a valid list"}'
"""As a server says that it does not take a deployment."""

FLOW = """\
from prefect import flow


@flow
def {name}(limit: int = 10):
    return limit
"""
PREFECT_YAML = """\
name: shop
pull:
- prefect.deployments.steps.set_working_directory:
    directory: /srv/shop
deployments:
- name: extract
  entrypoint: flows/extract.py:extract
  work_pool: {name: shop-pool}
- name: transform
  description: Sums up
  entrypoint: flows/transform.py:transform
  parameters: {limit: 10}
  schedules:
  - {cron: "0 5 * * *", timezone: Europe/London, slug: nightly}
  work_pool: {name: shop-pool, job_variables: {stream_output: true}}
- name: load
  entrypoint: flows/load.py:load
  work_pool: {name: shop-pool}
"""
NAMES = ("extract", "transform", "load")
CONFIGURED = """\
project: shop
deployment_name: "{flow}"
environments: {development: {work_pools: {python: cluster-pool}}}
"""


@dataclass
class Scene:
    """One contender in a fresh copy of the repository, on an empty server."""

    proxy: RecordingProxy
    """The way to the server."""
    server_url: str
    authenticated_url: str
    """Of a server that wants a password."""
    folder: Path
    command: list[str]
    environ: dict[str, str]
    ours: bool
    process: "subprocess.Popen[str] | None" = None
    afterwards: str = ""
    """What else is to be told about the server."""

    def run(self) -> "subprocess.CompletedProcess[str]":
        """The contender to its end."""
        process = self.process = self.start()
        output, errors = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(self.command, process.returncode, output, errors)

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """The contender, or another command in its place."""
        return subprocess.Popen(
            command or self.command,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the server itself, which is busy now and then."""
        deadline = time.monotonic() + SECONDS
        while True:
            answer = httpx.request(method, f"{self.server_url}{path}", json=body, timeout=60)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                break
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def stored(self) -> dict[str, dict[str, Any]]:
        """The deployments on the server by name."""
        return {item["name"]: item for item in self.ask("POST", "/deployments/filter", {})}


@dataclass(frozen=True)
class Fault:
    """One way to go wrong."""

    name: str
    edits: tuple[tuple[str, str, str | bytes | None], ...] = ()
    """File, text, and what is put in its place; without a text, the whole file, where None removes it."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """`{root}`: the server without `/api`; `{authenticated}`: one that wants a password."""
    around: Callable[[Scene], AbstractContextManager[object]] = nullcontext
    """What surrounds the run."""
    prefix: tuple[str, ...] = ()
    """A command that runs the contender."""
    configured: str | None = None
    """A deployment-config.yaml that is ours alone, and takes the place of the prefect.yaml."""


def write_repository(folder: Path, fault: Fault, *, ours: bool) -> None:
    """The repository with the fault in it."""
    (folder / "flows").mkdir()
    for name in NAMES:
        (folder / "flows" / f"{name}.py").write_text(FLOW.format(name=name))
    (folder / "prefect.yaml").write_text(PREFECT_YAML)
    for file, old, new in fault.edits:
        change(folder / file, old, new)
    if fault.configured is not None and ours:
        (folder / "prefect.yaml").unlink()
        (folder / "deployment-config.yaml").write_text(fault.configured)


def change(file: Path, old: str, new: str | bytes | None) -> None:
    """Replaces text of a file, or all of it. What is not there cannot be replaced."""
    if new is None:
        file.unlink()
    elif isinstance(new, bytes):
        file.write_bytes(new)
    elif old:
        before = file.read_text()
        if old not in before:
            sys.exit(f"{old!r} is not in {file.name}")
        file.write_text(before.replace(old, new, 1))
    else:
        file.write_text(new)


# -- what surrounds a run -------------------------------------------------------------------------------


@contextmanager
def old_server(scene: Scene) -> Iterator[None]:
    """The server says that it is of version 2."""
    scene.proxy.faults.append(OfTheWay("GET", "/admin/version", status=200, body='"2.20.3"'))
    yield


@contextmanager
def one_is_refused(scene: Scene) -> Iterator[None]:
    """The second deployment is answered with 422."""
    body = f'{{"exception_message": "Invalid request received.", "exception_detail": [{REFUSAL}]}}'
    scene.proxy.faults.append(OfTheWay("POST", CREATE, status=422, body=body, after=1, times=1))
    yield


@contextmanager
def always_fails(scene: Scene) -> Iterator[None]:
    """From the second deployment on the server fails."""
    scene.proxy.faults.append(OfTheWay("POST", CREATE, status=500, after=1))
    yield


@contextmanager
def busy(scene: Scene) -> Iterator[None]:
    """The second deployment is answered with 503, once."""
    scene.proxy.faults.append(OfTheWay("POST", CREATE, status=503, after=1, times=1))
    yield


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """The contender is killed when it sends the second deployment; then what each offers is run."""

    def kill() -> None:
        if scene.process is not None:
            scene.process.kill()

    scene.proxy.faults.append(OfTheWay("POST", CREATE, drop_before=True, then=kill, after=1, times=1))
    yield
    scene.proxy.forget()
    if scene.ours:
        there = told(scene.stored())
        scene.start(scene.command[0], "recovery", "execute", "--auto-execute").communicate(timeout=SECONDS)
        scene.afterwards = f"{there}; after `recovery execute`: {told(scene.stored())}"


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """The repository lies on a disk without a free byte."""
    saved = scene.folder.with_name(f"{scene.folder.name}-saved")
    shutil.copytree(scene.folder, saved)
    mount = ["mount", "-t", "tmpfs", "-o", SMALL_DISK, "none", str(scene.folder)]
    subprocess.run(mount, check=True)
    try:
        shutil.copytree(saved, scene.folder, dirs_exist_ok=True)
        with (scene.folder / "large.bin").open("wb", buffering=0) as large:
            try:
                while True:
                    large.write(bytes(4096))
            except OSError:
                pass  # full, as it should be
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(scene.folder)], check=True)


@contextmanager
def another_deploys(scene: Scene) -> Iterator[None]:
    """Another deployer has sent its first deployment and waits for the answer."""
    begun, done = Event(), Event()

    def hold() -> None:
        begun.set()
        done.wait(SECONDS)

    scene.proxy.faults.append(OfTheWay("POST", CREATE, then=hold, times=1))
    other = scene.start()
    if not begun.wait(SECONDS):
        sys.exit(f"the other deployer did not begin:\n{other.communicate()}")
    try:
        yield
    finally:
        done.set()
        other.communicate(timeout=SECONDS)


@contextmanager
def paused_by_hand(scene: Scene) -> Iterator[None]:
    """Deployed once, its schedule paused in the UI, and another description written."""
    scene.run()
    deployment = scene.stored()["transform"]
    (schedule,) = deployment["schedules"]
    scene.ask("PATCH", f"/deployments/{deployment['id']}/schedules/{schedule['id']}", {"active": False})
    change(scene.folder / "prefect.yaml", "Sums up", "Sums up everything")
    yield
    (schedule,) = scene.stored()["transform"]["schedules"]
    state = "active again" if schedule["active"] else "still paused"
    scene.afterwards = f"{told(scene.stored())}; the schedule is {state}"


def told(stored: Mapping[str, Any]) -> str:
    """Deployments in a few words."""
    names = [name for name in NAMES if name in stored] + sorted(set(stored) - set(NAMES))
    return ", ".join(names) or "nothing"


def _yaml(old: str, new: str) -> tuple[tuple[str, str, str], ...]:
    return (("prefect.yaml", old, new),)


def _transform(old: str, new: str | bytes | None) -> tuple[tuple[str, str, str | bytes | None], ...]:
    return (("flows/transform.py", old, new),)


_LIMIT = "parameters: {limit: 10}"
_CRON = '{cron: "0 5 * * *", timezone: Europe/London, slug: nightly}'
_ENTRYPOINT = "flows/transform.py:transform"
_VARIABLES = "stream_output: true"
_METHOD = "from prefect import flow\n\n\nclass Shop:\n    @flow\n    def transform(self):\n        return 1\n"

FAULTS = (
    # The server.
    Fault("the server is down", environ={"PREFECT_API_URL": "http://127.0.0.1:9/api"}),
    Fault("the URL lacks `/api`", environ={"PREFECT_API_URL": "{root}"}),
    Fault("the URL is none", environ={"PREFECT_API_URL": "server.example/api"}),
    Fault("the server wants a password", environ={"PREFECT_API_URL": "{authenticated}"}),
    Fault(
        "the password is wrong",
        environ={"PREFECT_API_URL": "{authenticated}", "PREFECT_API_AUTH_STRING": "shop:wrong"},
    ),
    Fault("the server is too old", around=old_server),
    Fault("there is no such work pool", _yaml("name: shop-pool, job", "name: shop-pol, job")),
    Fault(
        "the work pool is of another type",
        (("prefect.yaml", "name: shop-pool, job", f"name: {CLUSTER_POOL}, job"),),
        configured=CONFIGURED,
    ),
    Fault(
        "no work pool is named",
        _yaml("  work_pool: {name: shop-pool, job_variables: {stream_output: true}}\n", ""),
    ),
    # The flows.
    Fault("a syntax error", _transform("def transform(", "def transform((")),
    Fault(
        "an import that does not exist",
        _transform("", "import no_such_package\n" + FLOW.format(name="transform")),
    ),
    Fault("the function of the entrypoint is missing", _transform("def transform", "def transfrom")),
    Fault("the function is no flow", _transform("@flow\n", "")),
    Fault("the flow is a method", _transform("", _METHOD)),
    Fault("the file of the entrypoint is missing", _transform("", None)),
    Fault(
        "the file cannot be read",
        around=lambda scene: _unreadable(scene.folder / "flows" / "transform.py"),
        prefix=AS_NOBODY,
    ),
    Fault(
        "the file is not UTF-8",
        _transform("", FLOW.format(name="transform").encode() + b'NAME = "\xe9t\xe9"\n'),
    ),
    Fault("the entrypoint names no function", _yaml(_ENTRYPOINT, "flows/transform.py")),
    Fault(
        "two flows of one name (transform and load)",
        (("flows/load.py", "@flow\n", '@flow(name="transform")\n'),),
    ),
    # The declarations.
    Fault(
        "two deployments of one name",
        _yaml(
            "name: load\n  entrypoint: flows/load.py:load", f"name: transform\n  entrypoint: {_ENTRYPOINT}"
        ),
    ),
    Fault("a deployment without a name", _yaml("- name: transform\n  description", "- description")),
    Fault("a name with a slash", _yaml("name: transform", "name: shop/transform")),
    Fault("a cron that is none", _yaml("0 5 * * *", "0 25 * * *")),
    Fault("a time zone that is none", _yaml("Europe/London", "Europe/Londn")),
    Fault("cron and interval at once", _yaml("slug: nightly", "interval: 3600")),
    Fault("a parameter of a wrong type", _yaml(_LIMIT, "parameters: {limit: many}")),
    Fault("an unknown parameter", _yaml(_LIMIT, "parameters: {limt: 10}")),
    Fault(
        "a parameter that nobody gives",
        (*_transform("limit: int = 10", "limit: int"), *_yaml(f"  {_LIMIT}\n", "")),
    ),
    Fault("a job variable against the pool's schema", _yaml(_VARIABLES, "stream_output: sometimes")),
    Fault("an unknown job variable", _yaml(_VARIABLES, "steam_output: true")),
    Fault("broken YAML", _yaml(_CRON, _CRON[:-1])),
    Fault("an unknown key", _yaml("  schedules:", "  shedules:")),
    Fault("tags that are one text", _yaml("  description: Sums up", "  tags: nightly")),
    Fault("an environment variable that is not set", _yaml("Sums up", '"{{ $SHOP_STAGE }}"')),
    Fault("a reference to an output that no step gives", _yaml("Sums up", '"{{ build-image.image }}"')),
    Fault("a step that does not exist", _yaml("set_working_directory", "set_workin_directory")),
    Fault("there is no prefect.yaml", (("prefect.yaml", "", None),)),
    # What happens meanwhile.
    Fault("the disk is full", around=full_disk),
    Fault("another deployer is at work", around=another_deploys),
    Fault("the server refuses the second of three", around=one_is_refused),
    Fault("the server fails from the second on", around=always_fails),
    Fault("the server is busy once", around=busy),
    Fault("killed at the second of three", around=killed),
    Fault("a schedule was paused by hand, and the description changes", around=paused_by_hand),
    Fault("the same with a schedule that has no slug", _yaml(", slug: nightly", ""), around=paused_by_hand),
)


@contextmanager
def _unreadable(file: Path) -> Iterator[None]:
    file.chmod(0)
    os.chown(file, 65534, 65534)
    yield
