"""Real Docker engines and registries for the tests: private ones, which they start and end themselves.

A private engine has its own data, socket and bridge, and touches neither iptables nor an engine that is
running. (`--bridge=none` would delete the docker0 of the other.) Where none can be had, the tests that need
one are skipped, loudly.
"""

import functools
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import httpx
import pytest

from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError, RetryPolicy
from tests.conftest import free_port

PROJECT = Path(__file__).resolve().parent.parent
CACHE = PROJECT / ".test-cache"
START_SECONDS = 60.0
ONCE = RetryPolicy(max_attempts=1)
PROGRAMS = {"dockerd": "docker.io", "docker-registry": "docker-registry", "ip": "iproute2"}
BUSYBOX = "busybox:test"
USER, PASSWORD = "deployer", "tell-nobody-4711"  # of a registry that lives as long as the tests


@functools.cache
def missing_programs() -> list[str]:
    """Debian's packages of what is missing here, after an attempt to install them where we may."""

    def missing() -> list[str]:
        packages = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
        return packages if Path("/bin/busybox").exists() else [*packages, "busybox-static"]

    if missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            [str(PROJECT / "scripts" / "apt-install"), *missing(), "iptables"],
            check=False,
            capture_output=True,
        )
    return missing()


def skip_without_private_engine() -> None:
    """Skips, and says why, where no private engine can be started."""
    if os.geteuid() != 0:
        why = "a private Docker engine needs root"
    elif missing_programs():
        why = f"these packages are missing: {' '.join(missing_programs())}"
    else:
        return
    warnings.warn(f"tests of Docker are SKIPPED: {why}", stacklevel=2)
    pytest.skip(why)


@dataclass
class PrivateEngine:
    """A dockerd of our own. It can be killed, stopped and started again."""

    folder: Path
    number: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def bridge(self) -> str:
        """Its network interface."""
        return f"dst{self.number}"

    def client(self, timeout_seconds: float = 30.0) -> DockerEngine:
        """A client that tries once."""
        return DockerEngine(self.url, timeout_seconds=timeout_seconds, retry_policy=ONCE, environ={})

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [
            "dockerd",
            *(f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec"),
            *(f"--pidfile={self.folder}/dockerd.pid", f"--host={self.url}"),
            *(f"--bridge={self.bridge}", "--iptables=false", "--ip-forward=false", "--ip-masq=false"),
            *self.options,
        ]

    def make_bridge(self) -> None:
        """Its network interface, where there is none of that name yet."""
        if subprocess.run(["ip", "link", "show", self.bridge], capture_output=True).returncode != 0:
            address = f"198.18.{self.number % 256}.1/24"  # a range that is set aside for tests
            for command in (
                f"link add {self.bridge} type bridge",
                f"addr add {address} dev {self.bridge}",
                f"link set {self.bridge} up",
            ):
                subprocess.run(["ip", *command.split()], check=True, capture_output=True)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.make_bridge()
        with (self.folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.wait_until_answering()

    def wait_until_answering(self) -> None:
        """Returns when it answers. Fails the test when it ends instead."""
        deadline = time.monotonic() + START_SECONDS
        with self.client(2.0) as client:
            while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
                try:
                    client.ping()
                except DockerError:
                    time.sleep(0.05)
                else:
                    return
        pytest.fail(f"dockerd did not start:\n{(self.folder / 'dockerd.log').read_text()[-3000:]}")

    def signal(self, number: signal.Signals) -> None:
        """Sends the daemon itself a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a crash: the daemon is gone, its containerd and containers with it, its files stay."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        for process in self._left_processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for name in ("docker.sock", "dockerd.pid", "exec/containerd/containerd.pid"):
            (self.folder / name).unlink(missing_ok=True)
        self._unmount()

    def end(self) -> None:
        """Ends it in order and removes everything that it made."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        for process in self._left_processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._unmount()
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _left_processes(self) -> list[int]:
        """Those whose command names our folder: containerd and its shims, which outlive a killed daemon; and
        what runs in their containers."""
        ours, parents = [], {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes()
                    parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
                name = os.fsdecode(command.split(b"\0")[0]).rsplit("/", 1)[-1]
                if os.fsencode(f"{self.folder}/exec") in command and name.startswith("containerd"):
                    ours.append(int(entry.name))
        return [*ours, *(child for child, parent in parents.items() if parent in ours)]

    def _unmount(self) -> None:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        below = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{self.folder}/")]
        for mount in reversed(below):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


@contextmanager
def private_engine(*options: str) -> Iterator[PrivateEngine]:
    """A running engine with nothing in it."""
    skip_without_private_engine()
    # Not below pytest's folder: the path of a socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
    engine = PrivateEngine(folder, free_port(), options)
    try:
        engine.start()
        yield engine
    finally:
        engine.end()


def busybox_rootfs() -> bytes:
    """An archive of the smallest system that runs commands: static busybox under all its names."""
    names = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in sorted(set(names.split()) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, "busybox", 0o777
            tar.addfile(link)
        for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("root", 0o700)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        users = b"root:x:0:0:root:/root:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(users)
        tar.addfile(entry, io.BytesIO(users))
    return archive.getvalue()


def import_busybox(engine: PrivateEngine) -> None:
    """Gives an engine its base image, without any registry."""
    with engine.client() as client:
        client.call(
            lambda api: api.import_image_from_data(
                busybox_rootfs(), repository="busybox", tag="test", changes=["CMD sh"]
            )
        )


@dataclass(frozen=True)
class Registry:
    """A registry of our own."""

    host: str
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def repository(self, name: str) -> str:
        """The name of a repository in it."""
        return f"{self.host}/{name}"


@contextmanager
def private_registry(
    folder: Path,
    *,
    with_password: bool = False,
    deleting: bool = True,
    read_only: bool = False,
    port: int | None = None,
) -> Iterator[Registry]:
    """A running registry on the loopback interface, which engines reach without certificates."""
    skip_without_private_engine()
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = [
        "version: 0.1",
        "log: {level: warn}",
        "storage:",
        f"  filesystem: {{rootdirectory: {folder}/data}}",
        f"  delete: {{enabled: {str(deleting).lower()}}}",
        f"  maintenance: {{readonly: {{enabled: {str(read_only).lower()}}}}}",
        f"http: {{addr: '127.0.0.1:{port}'}}",
    ]
    if with_password:
        line = f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"
        (folder / "htpasswd").write_text(line)
        settings.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
    (folder / "registry.yml").write_text("\n".join(settings) + "\n")
    with (folder / "registry.log").open("ab") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "registry.yml")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_registry(port, process, folder)
        yield Registry(f"127.0.0.1:{port}", folder, process)
    finally:
        process.kill()
        process.wait()


def _wait_for_registry(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/v2/", timeout=2)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the registry did not start:\n{(folder / 'registry.log').read_text()[-3000:]}")
