"""What an image is built of, and what is said of a build that fails, by the real engine."""

import json
from pathlib import Path

import pytest

from deployment_system.builders.build_request import Builder
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.image_names import CONTENT_LABEL
from deployment_system.error_handling import DockerError
from tests.builders.conftest import MakeRequest
from tests.docker_engine import BUSYBOX, Registry

FROM = f"FROM {BUSYBOX}\n"


def containers(engine: DockerEngine) -> list[str]:
    """Every container that the engine has, running or not."""
    return [item["Id"] for item in engine.call(lambda client: client.containers(all=True))]


def test_an_image_is_built_named_and_labelled(
    builder: DockerBuilder, engine: DockerEngine, make_request: MakeRequest
) -> None:
    """And its log is complete, in a file that only its owner reads."""
    request = make_request(
        f"{FROM}COPY a /a\nRUN echo built-$(cat /a)\n", {"a": "x"}, tags=("named:1", "named:2")
    )
    result = builder.build(request)
    image = engine.image("named:1")
    assert image is not None
    assert image.id == result.image_id
    assert set(image.tags) == {"named:1", "named:2"}
    assert image.labels[CONTENT_LABEL] == request.content.content
    assert result.builder is Builder.CLASSIC
    assert result.log_file is not None
    assert "built-x" in result.log_file.read_text()
    assert result.log_file.stat().st_mode & 0o077 == 0


def test_the_same_content_is_not_built_again(builder: DockerBuilder, make_request: MakeRequest) -> None:
    """It only gets the names that it lacks."""
    first = builder.build(make_request(f"{FROM}COPY a /a\n", {"a": "same"}, tags=("again:1",)))
    again = builder.build(make_request(f"{FROM}COPY a /a\n", {"a": "same"}, tags=("again:2",)))
    assert (again.image_id, again.builder) == (first.image_id, None)
    other = builder.build(make_request(f"{FROM}COPY a /a\n", {"a": "other"}, tags=("again:2",)))
    assert other.image_id != first.image_id


@pytest.mark.parametrize(
    ("dockerfile", "code", "line", "words"),
    [
        ("RUN echo one\nRUN echo last words && exit 7\n", "DOCKER_BUILD_FAILED", 3, "exit status 7"),
        ("# comment\nRUN true && \\\n  nosuchcommand\n", "DOCKER_BUILD_FAILED", 3, "exit status 127"),
        ('RUN ["/nosuch"]\n', "DOCKER_BUILD_FAILED", 2, "no such file"),
        ("USER nobody-here\nRUN id\n", "DOCKER_BUILD_FAILED", 3, "unable to find user"),
        ("WORKDIR\n", "DOCKERFILE_INVALID", 2, "WORKDIR needs an argument"),
        ("RUNN x\n", "DOCKERFILE_INVALID", 2, "did you mean RUN?"),
        ("COPY --what=3 Dockerfile /\n", "DOCKERFILE_INVALID", 2, "flag: what"),
        ("EXPOSE what\n", "DOCKER_BUILD_FAILED", 2, "Invalid containerPort"),
        ("COPY nofile.txt /\n", "DOCKER_COPY_SOURCE_MISSING", 2, "nofile.txt"),
        ("COPY $NAME.txt /\n", "DOCKER_COPY_SOURCE_MISSING", 2, ".txt"),
        ("RUN --mount=type=secret,id=x cat /run/secrets/x\n", "DOCKER_BUILDKIT_REQUIRED", 2, "RUN --mount"),
        ("RUN sh -c 'kill -9 $$'; exit $?\n", "DOCKER_OUT_OF_MEMORY", 2, "exit status 137"),
        ("FROM Upper/Case\n", "DOCKERFILE_INVALID", 2, "must be lowercase"),
    ],
)
def test_a_build_that_fails_names_the_line(
    engine: DockerEngine,
    tmp_path: Path,
    make_request: MakeRequest,
    dockerfile: str,
    code: str,
    line: int,
    words: str,
) -> None:
    """With what went wrong, and leaves no container behind."""
    builder = DockerBuilder(engine, log_folder=tmp_path / "logs", docker_command="/bin/false")
    before = containers(engine)
    with pytest.raises(DockerError) as caught:
        builder.build(make_request(FROM + dockerfile, tags=("fails:1",)))
    error = caught.value
    assert (error.error_code, error.context.line_number, error.context.file_path) == (
        code,
        line,
        "Dockerfile",
    )
    assert words in error.message
    assert not error.retryable
    assert containers(engine) == before
    assert engine.image("fails:1") is None
    json.dumps(error.to_dict())


def test_the_end_of_the_log_is_in_the_error_and_all_of_it_in_the_file(
    builder: DockerBuilder, make_request: MakeRequest
) -> None:
    """Twenty lines; without the colours that the engine gives to what goes to standard error."""
    script = "for i in $(seq 100); do echo line-$i >&2; done; exit 3"
    with pytest.raises(DockerError) as caught:
        builder.build(make_request(f"{FROM}RUN {script}\n"))
    facts = caught.value.context.extra
    assert len(facts["log_tail"]) == 20
    assert "line-100" in facts["log_tail"]
    assert facts["exit_status"] == 3
    log = Path(facts["log_file"]).read_text()
    assert "line-1\n" in log
    assert "\x1b" not in log


@pytest.mark.parametrize(
    ("base", "code", "retryable"),
    [
        ("{registry}/nothing:1", "DOCKER_BASE_IMAGE_NOT_FOUND", False),
        ("{with_password}/private:1", "DOCKER_REGISTRY_UNAUTHORIZED", False),
        ("127.0.0.1:1/unreachable:1", "DOCKER_REGISTRY_UNAVAILABLE", True),
        ("no-such-registry.invalid/unreachable:1", "DOCKER_REGISTRY_UNAVAILABLE", True),
    ],
)
def test_a_base_image_that_is_missing_is_told_from_a_registry_that_is(
    builder: DockerBuilder,
    make_request: MakeRequest,
    registry: Registry,
    registry_with_password: Registry,
    base: str,
    code: str,
    retryable: bool,
) -> None:
    """Only the second can pass by itself."""
    name = base.format(registry=registry.host, with_password=registry_with_password.host)
    with pytest.raises(DockerError) as caught:
        builder.build(make_request(f"ARG X=1\nFROM {name}\n"))
    error = caught.value
    assert (error.error_code, error.context.line_number, error.retryable) == (code, 2, retryable)
    assert name in error.message
