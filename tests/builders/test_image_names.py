"""Names of images: made of anything, and always such as Docker takes."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.image_names import (
    as_tag,
    content_tag,
    parse_image_name,
    repository_name,
)
from deployment_system.error_handling import DockerError
from tests.docker_engine import BUSYBOX

# The grammar of distribution/reference, written out once more and otherwise.
PATH_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]*)[a-z0-9]+)*"
ALLOWED_AT_FIRST = set(string.ascii_letters + string.digits + "_")
NAME = re.compile(rf"(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?{PATH_COMPONENT}(?:/{PATH_COMPONENT})*")


@pytest.mark.parametrize(
    ("prefix", "project", "dockerfile", "name"),
    [
        (None, "my-flows", "Dockerfile", "my-flows"),
        (None, "My Flows!", "Dockerfile", "my-flows"),
        (None, "p", "etl/Dockerfile", "p/etl"),
        (None, "p", "flows/load.Dockerfile", "p/flows/load"),
        (None, "p", "docker/Dockerfile.gpu", "p/docker/gpu"),
        ("127.0.0.1:5000", "p", "Dockerfile", "127.0.0.1:5000/p"),
        ("registry.example/team/", "P", "./A_B/Dockerfile", "registry.example/team/p/a_b"),
        (None, "localhost", "a/Dockerfile", "localhost-a"),
        (None, "a.b", "c/Dockerfile", "a.b-c"),
        (None, "...", "Dockerfile", "image"),
        (None, "Übung", "Dockerfile", "bung"),
        (None, "a__b--c..d", "Dockerfile", "a-b-c-d"),
        (None, "f" * 64, "Dockerfile", f"{'f' * 60}"),
    ],
)
def test_a_repository_is_called_after_project_and_dockerfile(
    prefix: str | None, project: str, dockerfile: str, name: str
) -> None:
    """So that two Dockerfiles of a project do not overwrite each other's images."""
    assert repository_name(prefix, project, dockerfile) == name


@given(project=st.text(max_size=300), dockerfile=st.text(max_size=120))
def test_any_words_make_a_name_that_docker_takes(project: str, dockerfile: str) -> None:
    """Held against the grammar; and reading it gives it back."""
    name = repository_name(None, project, dockerfile.replace("\0", ""))
    assert NAME.fullmatch(name)
    assert name == name.lower()
    parsed = parse_image_name(f"{name}:{content_tag('ab' * 32)}")
    assert parsed.registry == "docker.io"
    assert str(parsed) == f"{name}:{content_tag('ab' * 32)}"


@given(st.text(max_size=300))
def test_any_version_makes_a_tag_or_an_error(text: str) -> None:
    """Never something that Docker refuses later."""
    if text.strip("".join(set(text) - ALLOWED_AT_FIRST)):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", as_tag(text))
    else:
        with pytest.raises(DockerError):
            as_tag(text)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Upper:1",
        "a b",
        "a:",
        "a:-x",
        "a:" + "x" * 129,
        "-a",
        "a//b",
        "a/",
        "https://x/y",
        "a@sha256:12",
        "x" * 256,
        "f" * 64,
        "host:port/a",
    ],
)
def test_what_is_no_name_is_refused_as_docker_refuses_it(engine: DockerEngine, name: str) -> None:
    """With the reason; the engine agrees."""
    with pytest.raises(DockerError) as caught:
        parse_image_name(name)
    assert caught.value.error_code == "DOCKER_TAG_INVALID"
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
    with pytest.raises(DockerError):
        engine.call(lambda client: client.tag(BUSYBOX, repository, tag or " "))


@pytest.mark.parametrize(
    "name", ["a", "a:1", "a.b/c", "localhost/a:1", "127.0.0.1:5000/a/b_c:V.1-x", "a--b__c/d.e"]
)
def test_what_is_a_name_is_taken_by_docker(engine: DockerEngine, name: str) -> None:
    """The engine agrees."""
    parsed = parse_image_name(name)
    engine.call(lambda client: client.tag(BUSYBOX, parsed.repository, parsed.tag or "latest"))
    image = engine.image(name)
    assert image is not None
    assert f"{parsed.repository}:{parsed.tag or 'latest'}" in image.tags
