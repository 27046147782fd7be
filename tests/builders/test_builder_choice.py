"""Which builder is used and why; and what only BuildKit can do: secrets that stay in no layer."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest

from deployment_system.builders.build_request import Builder, BuilderChoice, Secret
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.builder_choice import BuildKitCommand, choose_builder, find_buildkit_command
from deployment_system.builders.content_hash import BuildOptions
from deployment_system.builders.dockerfile import parse_dockerfile
from deployment_system.builders.engine import DockerEngine, EngineInfo
from deployment_system.error_handling import DockerError
from tests.builders.conftest import MakeRequest
from tests.builders.test_engine_trouble import STEP, WAITING, error_of
from tests.docker_engine import BUSYBOX, ONCE, PrivateEngine

FROM = f"FROM {BUSYBOX}\n"
OLD = EngineInfo("unix:///x", "20.10.24", "1.41", "linux", "x86_64", "overlay2", prefers_buildkit=False)
NEW = EngineInfo("unix:///x", "28.0.0", "1.48", "linux", "x86_64", "overlay2", prefers_buildkit=True)
ANCIENT = EngineInfo("unix:///x", "18.06", "1.38", "linux", "x86_64", "overlay2", prefers_buildkit=False)
HAS = BuildKitCommand("/usr/bin/docker", "the docker command 20.10 has BuildKit built in")
LACKS = BuildKitCommand(None, "the docker command 28.2 has no buildx plugin")
PLAIN = parse_dockerfile("FROM a\nRUN x\n", "Dockerfile")
MOUNT = parse_dockerfile("FROM a\nRUN --mount=type=secret,id=x y\n", "Dockerfile")
HERE = parse_dockerfile("FROM a\nRUN <<EOF\nx\nEOF\n", "Dockerfile")


@pytest.fixture
def buildkit(engine: DockerEngine, tmp_path: Path) -> DockerBuilder:
    """Builds with BuildKit, where a docker command here can."""
    if find_buildkit_command().path is None:
        pytest.skip("no docker command here has BuildKit")
    return DockerBuilder(engine, log_folder=tmp_path / "logs", builder=Builder.BUILDKIT, retry_policy=ONCE)


@pytest.mark.parametrize(
    ("engine_info", "command", "dockerfile", "secrets", "wanted", "chosen", "why"),
    [
        (OLD, HAS, PLAIN, (), None, Builder.CLASSIC, "builds so by default"),
        (NEW, HAS, PLAIN, (), None, Builder.BUILDKIT, "builds so by default"),
        (NEW, LACKS, PLAIN, (), None, Builder.CLASSIC, "no buildx plugin"),
        (OLD, HAS, MOUNT, (), None, Builder.BUILDKIT, "RUN --mount needs it"),
        (OLD, HAS, HERE, (), None, Builder.BUILDKIT, "RUN <<EOF needs it"),
        (OLD, HAS, PLAIN, ("pip",), None, Builder.BUILDKIT, "the secret 'pip' needs it"),
        (NEW, HAS, PLAIN, (), Builder.CLASSIC, Builder.CLASSIC, "asked for"),
        (OLD, HAS, PLAIN, (), Builder.BUILDKIT, Builder.BUILDKIT, "setting"),
    ],
)
def test_the_builder_is_chosen_for_a_reason(
    engine_info: EngineInfo,
    command: BuildKitCommand,
    dockerfile: object,
    secrets: tuple[str, ...],
    wanted: Builder | None,
    chosen: Builder,
    why: str,
) -> None:
    """What is needed first, then what the engine prefers."""
    choice = choose_builder(engine_info, command, dockerfile, secrets, wanted)  # type: ignore[arg-type]
    assert isinstance(choice, BuilderChoice)
    assert choice.builder is chosen
    assert why in choice.reason


@pytest.mark.parametrize(
    ("engine_info", "command", "secrets", "wanted", "why"),
    [
        (NEW, LACKS, ("pip",), None, "no buildx plugin"),
        (ANCIENT, HAS, ("pip",), None, "18.06 has no BuildKit"),
        (NEW, HAS, ("pip",), Builder.CLASSIC, "classic builder was asked for"),
    ],
)
def test_a_secret_without_buildkit_is_an_error(
    engine_info: EngineInfo,
    command: BuildKitCommand,
    secrets: tuple[str, ...],
    wanted: Builder | None,
    why: str,
) -> None:
    """It never becomes a build argument, which would stay in the image."""
    with pytest.raises(DockerError) as caught:
        choose_builder(engine_info, command, PLAIN, secrets, wanted)
    assert caught.value.error_code == "DOCKER_BUILDKIT_REQUIRED"
    assert why in caught.value.message


def test_the_docker_commands_on_the_path_are_asked(tmp_path: Path) -> None:
    """The first that can, wherever it stands; and none, with the reason of each."""
    for version, plugin in (("28.2.2", "exit 1"), ("20.10.24+dfsg1", "exit 1"), ("29.0.1", "echo buildx")):
        folder = tmp_path / version
        folder.mkdir()
        script = (
            f'#!/bin/sh\n[ "$1" = buildx ] && {{ {plugin}; exit; }}\necho Docker version {version}, build x\n'
        )
        (folder / "docker").write_text(script)
        (folder / "docker").chmod(0o755)
    first, second, third = (str(tmp_path / version) for version in ("28.2.2", "20.10.24+dfsg1", "29.0.1"))
    assert find_buildkit_command(environ={"PATH": f"{first}:{second}:{third}"}).path == f"{second}/docker"
    assert find_buildkit_command(environ={"PATH": f"{first}:{third}"}).path == f"{third}/docker"
    alone = find_buildkit_command(environ={"PATH": first})
    assert (alone.path, alone.reason) == (None, "the docker command 28.2 has no buildx plugin")
    assert find_buildkit_command(environ={"PATH": str(tmp_path)}).path is None


def test_a_secret_is_there_while_building_and_nowhere_after(
    buildkit: DockerBuilder, engine: DockerEngine, make_request: MakeRequest
) -> None:
    """Neither in a layer, nor in the history, nor in the log, also where a command prints it."""
    value = f"s3cr3t-{os.getpid()}-value"
    dockerfile = (
        f"{FROM}RUN --mount=type=secret,id=pip cat /run/secrets/pip && wc -c < /run/secrets/pip > /size\n"
        "RUN cat /size && ls /run/secrets 2>&1 || true\n"
    )
    request = make_request(dockerfile, tags=("secret:1",), secrets={"pip": Secret(value)}, use_cache=False)
    result = buildkit.build(request)
    assert result.builder is Builder.BUILDKIT
    assert value not in repr(request)
    assert result.log_file is not None
    log = result.log_file.read_text()
    assert re.search(rf"(?m)\b{len(value)}$", log)
    assert value not in log
    saved = engine.call(lambda client: b"".join(client.get_image("secret:1")))
    assert value.encode() not in saved


def test_arguments_target_and_labels_reach_buildkit(
    buildkit: DockerBuilder, engine: DockerEngine, make_request: MakeRequest
) -> None:
    """As they reach the classic builder."""
    dockerfile = f"{FROM.strip()} AS first\nARG WHO=nobody\nRUN echo for-$WHO\nFROM first\nRUN exit 9\n"
    options = BuildOptions(build_args={"WHO": "us"}, target="first", labels={"team": "data"})
    for builder in (buildkit, DockerBuilder(engine, retry_policy=ONCE)):
        made = builder.build(make_request(dockerfile, options=options, tags=("options:1",), use_cache=False))
        image = engine.image(made.image_id)
        assert image is not None
        assert image.labels["team"] == "data"
        history = engine.call(lambda client: client.history("options:1"))
        assert any("for-$WHO" in str(layer) for layer in history)


@pytest.mark.parametrize(
    ("dockerfile", "code", "line"),
    [
        (f"{FROM}RUN true\nRUN echo last words; exit 7\n", "DOCKER_BUILD_FAILED", 3),
        (
            f"{FROM.strip()} AS one\nRUN true\nFROM one AS two\nRUN true\nRUN sh -c 'exit 3'; exit $?\n",
            "DOCKER_BUILD_FAILED",
            5,
        ),
        (f"{FROM}COPY nofile$X.txt /\n", "DOCKER_COPY_SOURCE_MISSING", 2),
        (f"{FROM}COPY --what=3 Dockerfile /\n", "DOCKERFILE_INVALID", 2),
        ("FROM 127.0.0.1:1/unreachable:1\nRUN true\n", "DOCKER_REGISTRY_UNAVAILABLE", None),
        (f"{FROM}RUN sh -c 'kill -9 $$'; exit $?\n", "DOCKER_OUT_OF_MEMORY", 2),
    ],
)
def test_a_failure_of_buildkit_names_the_line(
    buildkit: DockerBuilder, make_request: MakeRequest, dockerfile: str, code: str, line: int | None
) -> None:
    """It has only words for it; the place is counted."""
    error = error_of(lambda: buildkit.build(make_request(dockerfile)))
    assert (error.error_code, error.context.line_number) == (code, line), error.message


def test_buildkit_on_an_engine_that_hangs_or_dies(
    breakable_engine: PrivateEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    """The docker command is ended, and the engine's own state is what is told."""
    if find_buildkit_command().path is None:
        pytest.skip("no docker command here has BuildKit")
    client = DockerEngine(breakable_engine.url, timeout_seconds=3.0, retry_policy=ONCE, environ={})

    def builder(act: object) -> DockerBuilder:
        done = threading.Event()

        def on_line(line: str) -> None:
            if re.search(rf"^#\d+ [\d.]+ {STEP}$", line) and not done.is_set():
                done.set()
                threading.Thread(target=act).start()  # type: ignore[arg-type]

        return DockerBuilder(client, on_line=on_line, builder=Builder.BUILDKIT, retry_policy=ONCE)

    error = error_of(lambda: builder(lambda: None).build(make_request(WAITING, idle_seconds=3.0)))
    assert (error.error_code, error.context.line_number) == ("DOCKER_BUILD_TIMEOUT", 2)
    stop = builder(lambda: breakable_engine.signal(signal.SIGSTOP))
    error = error_of(lambda: stop.build(make_request(WAITING, idle_seconds=5.0)))
    assert error.error_code == "DOCKER_DAEMON_TIMEOUT"
    breakable_engine.signal(signal.SIGCONT)
    error = error_of(lambda: builder(breakable_engine.kill).build(make_request(WAITING)))
    assert (error.error_code, error.retryable) == ("DOCKER_BUILD_INTERRUPTED", True)
