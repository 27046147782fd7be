"""An engine that is absent, forbidden, hanging, dying or full: each told apart, and no wait without end."""

import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.engine import DockerEngine
from deployment_system.error_handling import DockerError, RetryPolicy
from tests.builders.conftest import MakeRequest
from tests.docker_engine import BUSYBOX, ONCE, PrivateEngine, import_busybox, private_engine

STEP = "--now--"
WAITING = f"FROM {BUSYBOX}\nRUN echo {STEP}; sleep 300\n"


def quick_client(url: str, timeout_seconds: float = 3.0) -> DockerEngine:
    """A client without patience."""
    return DockerEngine(url, timeout_seconds=timeout_seconds, retry_policy=ONCE, environ={})


def error_of(call: Callable[[], object]) -> DockerError:
    """The error that a call raises."""
    with pytest.raises(DockerError) as caught:
        call()
    return caught.value


def when_building(act: Callable[[], object]) -> Callable[[str], None]:
    """Acts once, in another thread, when the command prints its line (and not when the step is named)."""
    done = threading.Event()

    def on_line(line: str) -> None:
        if line.strip() == STEP and not done.is_set():
            done.set()
            threading.Thread(target=act).start()

    return on_line


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may do everything: for this test the process is nobody."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_no_socket(tmp_path: Path) -> None:
    """Docker is not running: it may be in a moment, so it is tried again."""
    error = error_of(quick_client(f"unix://{tmp_path}/docker.sock").info)
    assert (error.error_code, error.retryable) == ("DOCKER_DAEMON_UNAVAILABLE", True)
    assert "no such socket" in error.message


def test_a_socket_that_nobody_listens_on(tmp_path: Path) -> None:
    """As a killed daemon leaves it."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    error = error_of(quick_client(f"unix://{path}").ping)
    assert error.error_code == "DOCKER_DAEMON_UNAVAILABLE"
    assert "nothing listens" in error.message


def test_a_socket_that_this_user_may_not_use(running_engine: PrivateEngine) -> None:
    """The remedy is another than for a daemon that is not there."""
    socket_file = running_engine.folder / "docker.sock"
    running_engine.folder.chmod(running_engine.folder.stat().st_mode | stat.S_IXOTH)
    assert not socket_file.stat().st_mode & stat.S_IWOTH
    with ordinary_user():
        error = error_of(quick_client(running_engine.url).ping)
    assert (error.error_code, error.retryable) == ("DOCKER_PERMISSION_DENIED", False)


@pytest.mark.parametrize("url", ["what://where", "tcp://", "unix://"])
def test_an_address_that_is_none(url: str) -> None:
    """Of DOCKER_HOST, mostly."""
    error = error_of(DockerEngine(environ={"DOCKER_HOST": url}, retry_policy=ONCE, timeout_seconds=2).ping)
    assert error.error_code in {"DOCKER_SETTINGS_INVALID", "DOCKER_DAEMON_UNAVAILABLE"}
    assert url in error.message


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    """The message names them."""
    environ = {
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    error = error_of(DockerEngine(environ=environ, retry_policy=ONCE).ping)
    assert error.error_code == "DOCKER_SETTINGS_INVALID"


@pytest.mark.parametrize("moment", ["before", "in the middle"])
def test_a_daemon_that_hangs(
    breakable_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path, moment: str
) -> None:
    """docker-py's own build would wait for ever."""
    client = quick_client(breakable_engine.url)

    def stop() -> None:
        breakable_engine.signal(signal.SIGSTOP)

    if moment == "before":
        client.ping()
        stop()
        assert error_of(client.ping).error_code == "DOCKER_DAEMON_TIMEOUT"
    builder = DockerBuilder(
        client, on_line=when_building(stop), log_folder=tmp_path / "logs", retry_policy=ONCE
    )
    error = error_of(lambda: builder.build(make_request(WAITING, idle_seconds=3.0)))
    assert (error.error_code, error.retryable) == ("DOCKER_DAEMON_TIMEOUT", False)
    if moment == "in the middle":
        assert error.context.line_number == 2


def test_a_command_that_hangs_is_told_from_a_daemon_that_does(
    builder: DockerBuilder, engine: DockerEngine, make_request: MakeRequest
) -> None:
    """And its container is gone: the engine ends a build whose client went away."""
    before = {item["Id"] for item in engine.call(lambda client: client.containers(all=True))}
    error = error_of(lambda: builder.build(make_request(WAITING, idle_seconds=2.0)))
    assert (error.error_code, error.context.line_number) == ("DOCKER_BUILD_TIMEOUT", 2)
    assert STEP in error.context.extra["log_tail"]
    after = {item["Id"] for item in engine.call(lambda client: client.containers(all=True))}
    assert after == before


def test_a_build_may_take_only_so_long_in_all(builder: DockerBuilder, make_request: MakeRequest) -> None:
    """Also one that prints all the time."""
    endless = f"FROM {BUSYBOX}\nRUN while true; do echo more; sleep 0.1; done\n"
    error = error_of(lambda: builder.build(make_request(endless, total_seconds=2.0)))
    assert error.error_code == "DOCKER_BUILD_TIMEOUT"
    assert "longer than 2 seconds" in error.message


def test_a_daemon_that_dies_in_the_middle_of_a_build(
    breakable_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    """It may come back, and building again is safe: then it succeeds."""
    gone = threading.Event()

    def kill() -> None:
        breakable_engine.kill()
        gone.set()

    client = quick_client(breakable_engine.url)
    request = make_request(WAITING, tags=("killed:1",))
    builder = DockerBuilder(
        client, on_line=when_building(kill), log_folder=tmp_path / "logs", retry_policy=ONCE
    )
    error = error_of(lambda: builder.build(request))
    assert (error.error_code, error.retryable) == ("DOCKER_BUILD_INTERRUPTED", True)
    assert f"went away during the build of killed:1, at step 2 of 2: RUN echo {STEP}" in error.message
    assert error.context.line_number == 2
    assert error.context.extra["log_tail"][-1] == STEP
    assert error_of(client.ping).error_code == "DOCKER_DAEMON_UNAVAILABLE"
    assert gone.wait(60)  # what is killed after the daemon must not be what is started next
    breakable_engine.start()
    assert client.image("killed:1") is None
    builder.build(make_request(f"FROM {BUSYBOX}\nRUN echo better\n", tags=("killed:1",)))
    assert client.image("killed:1") is not None


def test_a_daemon_that_stays_away_is_told_as_the_build_that_it_left(
    breakable_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    """The attempts after it find no socket: that is what came of it, and not what happened."""
    builder = DockerBuilder(
        quick_client(breakable_engine.url),
        on_line=when_building(breakable_engine.kill),
        log_folder=tmp_path / "logs",
        retry_policy=RetryPolicy(max_attempts=3, base_delay=0.5, max_delay=1.0),
    )
    error = error_of(lambda: builder.build(make_request(WAITING, tags=("left:1",))))
    assert error.error_code == "DOCKER_BUILD_INTERRUPTED"
    assert "during the build of left:1, at step 2 of 2: RUN" in error.message
    assert error.message.endswith("it has not come back")
    assert (error.context.file_path, error.context.line_number) == ("Dockerfile", 2)
    assert error.context.extra["attempts"] == 3
    assert STEP in Path(error.context.extra["log_file"]).read_text()
    assert any("no such socket" in cause for cause in error.cause_descriptions())
    assert any("run the same command again" in text for text in error.remediation)


def test_a_daemon_that_is_restarted_in_the_middle_of_a_build(
    breakable_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    """The retry policy builds again, and nobody notices."""
    restarted = threading.Event()

    def restart() -> None:
        breakable_engine.kill()
        breakable_engine.start()
        restarted.set()

    dockerfile = f"FROM {BUSYBOX}\nRUN echo {STEP}; sleep 4\n"
    policy = RetryPolicy(max_attempts=6, base_delay=1.0, max_delay=2.0)
    builder = DockerBuilder(
        quick_client(breakable_engine.url),
        on_line=when_building(restart),
        log_folder=tmp_path / "logs",
        retry_policy=policy,
    )
    result = builder.build(make_request(dockerfile, tags=("restarted:1",)))
    assert restarted.is_set()
    assert len(list((tmp_path / "logs").iterdir())) >= 2
    assert quick_client(breakable_engine.url).image("restarted:1") is not None
    assert result.tags == ("restarted:1",)


@pytest.fixture(scope="module")
def small_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """An engine whose disk holds 40 MB."""

    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], check=True)
    try:
        with private_engine(f"--data-root={disk}/data") as engine:
            import_busybox(engine)
            yield engine
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_full(small_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path) -> None:
    """While the context is taken, and in a command."""
    builder = DockerBuilder(
        quick_client(small_engine.url, 30), log_folder=tmp_path / "logs", retry_policy=ONCE
    )

    def request(dockerfile: str, size: int) -> BuildRequest:
        return make_request(f"FROM {BUSYBOX}\n{dockerfile}", {"big": "x" * size})

    large = 60 * 1024 * 1024
    error = error_of(lambda: builder.build(request("COPY big /big\n", large)))
    assert error.error_code == "DOCKER_DISK_FULL"
    error = error_of(lambda: builder.build(request("RUN dd if=/dev/zero of=/big bs=1M count=60\n", 1)))
    assert (error.error_code, error.context.line_number) == ("DOCKER_DISK_FULL", 2)
