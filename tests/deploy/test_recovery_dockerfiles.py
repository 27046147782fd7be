"""Recovery of Dockerfiles: corrected on a real engine, or left as they were."""

from pathlib import Path

import pytest

from deployment_system.builders.dockerfile import parse_dockerfile
from deployment_system.builders.engine import DockerEngine
from deployment_system.deploy.recovery.dockerfile_fixes import near_image, with_instruction, with_word
from tests.deploy.conftest import Workspace
from tests.deploy.container_shop import DOCKERFILE, made_shop
from tests.deploy.test_recovery_docker import assert_recovered, mended
from tests.docker_engine import BUSYBOX, PrivateEngine, Registry


@pytest.fixture
def shop(workspace: Workspace, running_engine: PrivateEngine) -> Workspace:
    """A flow in a container."""
    return made_shop(workspace, running_engine)


def dockerfile(workspace: Workspace) -> Path:
    """The one of the repository."""
    return workspace.root / "Dockerfile"


def named_in_configuration(workspace: Workspace, name: str) -> Path:
    """The flow names its Dockerfile; the configuration."""
    file = workspace.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("types: [docker]", f"types: [docker], dockerfile: {name}"))
    return file


@pytest.mark.recovers("DOCKERFILE_INVALID", plan="dockerfile-misspelled")
def test_an_instruction_with_a_wrong_letter_is_corrected(shop: Workspace) -> None:
    """Shown as a diff; nothing else of the file changes."""
    right = DOCKERFILE.replace("WORKDIR", "workdir") + "run echo \\\n  one\n"
    dockerfile(shop).write_text(right.replace("run", "  rnu"))
    result = mended(shop)
    assert_recovered(result, "dockerfile-misspelled")
    assert dockerfile(shop).read_text() == right.replace("run", "  RUN")
    assert "+  RUN echo" in result.document["recoveries"][0]["steps"][0]["diff"]


@pytest.mark.recovers("DOCKER_COPY_SOURCE_MISSING", plan="dockerfile-misspelled")
def test_a_file_that_is_copied_by_nearly_its_name(shop: Workspace) -> None:
    """The name of the file that is there, in the instruction that names another."""
    shop.write("requirements.txt", "prefect\n")
    right = DOCKERFILE + "COPY \\\n  requirements.txt \\\n  ./\n"
    dockerfile(shop).write_text(right.replace("requirements.txt", "requirement.txt"))
    assert "did you mean requirements.txt?" in shop.deploy().document["errors"][0]["message"]
    assert_recovered(mended(shop), "dockerfile-misspelled")
    assert dockerfile(shop).read_text() == right


@pytest.mark.recovers_in_vain("DOCKER_COPY_SOURCE_MISSING", plan="dockerfile-misspelled")
@pytest.mark.recovers_in_vain("DOCKERFILE_INVALID", plan="dockerfile-misspelled")
@pytest.mark.parametrize(
    "line", ["COPY nothing-like-it ./", "BREW coffee", "COPY flow flow flow", "COPY flows/lod.py flows/x"]
)
def test_what_only_a_person_knows_is_left_alone(shop: Workspace, line: str) -> None:
    """Nothing is like it, or it stands there twice, or the file that was meant is left out: the file stays as
    it was."""
    shop.write(".dockerignore", ".prefect-home\n.deployment-system\ndeployment-config.yaml\nflows/load.py\n")
    wrong = DOCKERFILE.replace("COPY flows flows\n", f"{line}\n")
    dockerfile(shop).write_text(wrong)
    result = mended(shop)
    assert result.status == 3, result.output
    assert dockerfile(shop).read_text() == wrong
    assert "by hand: " in shop.run("deploy", "--recover", "auto").errors


def test_two_mistakes_side_by_side_are_both_corrected(shop: Workspace) -> None:
    """The second diff is another one once the first is made."""
    right = DOCKERFILE + "RUN echo one\nCOPY flows/load.py ./\n"
    dockerfile(shop).write_text(right.replace("RUN", "RNU").replace("load.py", "laod.py"))
    result = mended(shop)
    assert_recovered(result, "dockerfile-misspelled")
    assert len(result.document["recoveries"]) == 2
    assert dockerfile(shop).read_text() == right


def test_a_mistake_that_is_left_is_told_after_the_other_is_mended(shop: Workspace) -> None:
    """What was mended stays; the deployment fails with what only a person can mend."""
    dockerfile(shop).write_text(DOCKERFILE + "RNU echo one\nCOPY nothing-like-it ./\n")
    result = mended(shop)
    assert (result.status, result.codes[0]) == (3, "DOCKER_COPY_SOURCE_MISSING"), result.output
    assert "RUN echo one" in dockerfile(shop).read_text()


@pytest.mark.recovers("DOCKERFILE_NOT_FOUND", plan="dockerfile-name-wrong")
def test_a_dockerfile_that_is_named_wrongly(shop: Workspace) -> None:
    """The configuration names the one that is there."""
    shop.write("docker/load.Dockerfile", DOCKERFILE)
    file = named_in_configuration(shop, "docker/laod.Dockerfile")
    before = file.read_text()
    result = mended(shop)
    assert_recovered(result, "dockerfile-name-wrong")
    assert file.read_text() == before.replace("laod", "load")


@pytest.mark.recovers_in_vain("DOCKERFILE_NOT_FOUND", plan="dockerfile-name-wrong")
@pytest.mark.recovers_in_vain("DOCKERFILE_NOT_FOUND", plan="dockerfile-missing")
def test_a_dockerfile_that_is_not_there_and_has_no_place(shop: Workspace) -> None:
    """Nothing has nearly its name, and its folder is missing: nothing is written."""
    dockerfile(shop).unlink()
    before = named_in_configuration(shop, "no/such/Containerfile").read_text()
    result = mended(shop)
    assert (result.status, result.codes[0]) == (3, "DOCKERFILE_NOT_FOUND"), result.output
    assert (shop.root / "deployment-config.yaml").read_text() == before
    assert not (shop.root / "no").exists()


@pytest.mark.recovers("DOCKERFILE_NOT_FOUND", plan="dockerfile-missing")
def test_a_dockerfile_that_is_not_there_is_written(shop: Workspace) -> None:
    """As `build --eject` would, from the declared dependencies, for the base image of the environment."""
    dockerfile(shop).unlink()
    named_in_configuration(shop, "Containerfile")
    file = shop.root / "deployment-config.yaml"
    base = f"image: {{base: '{BUSYBOX}'}}\n    default_tags"
    file.write_text(file.read_text().replace("default_tags", base))
    result = mended(shop)
    assert_recovered(result, "dockerfile-missing")
    assert f"FROM {BUSYBOX}" in (shop.root / "Containerfile").read_text()


@pytest.mark.recovers("DOCKER_BASE_IMAGE_NOT_FOUND", plan="base-image-misspelled")
def test_a_base_image_with_nearly_the_name_of_one_that_is_there(
    shop: Workspace, engine: DockerEngine, registry: Registry
) -> None:
    """The registry has no such tag, and the engine a similar one."""
    right = registry.repository(f"{shop.prefix}:stable")
    engine.tag(BUSYBOX, right)
    text = DOCKERFILE.replace(BUSYBOX, right)
    dockerfile(shop).write_text(text.replace(":stable", ":stabel"))
    try:
        assert shop.deploy().codes == ["DOCKER_BASE_IMAGE_NOT_FOUND"]
        assert_recovered(mended(shop), "base-image-misspelled")
    finally:
        engine.remove(right)
    assert dockerfile(shop).read_text() == text


@pytest.mark.recovers_in_vain("DOCKER_BASE_IMAGE_NOT_FOUND", plan="base-image-misspelled")
def test_another_version_is_not_what_was_meant(
    shop: Workspace, engine: DockerEngine, registry: Registry
) -> None:
    """Python 3.12 instead of 3.13 may break everything: a person decides."""
    near = registry.repository(f"{shop.prefix}:3.12")
    engine.tag(BUSYBOX, near)
    wrong = DOCKERFILE.replace(BUSYBOX, near.replace("3.12", "3.13"))
    dockerfile(shop).write_text(wrong)
    try:
        result = mended(shop)
    finally:
        engine.remove(near)
    assert (result.status, result.codes) == (1, ["DOCKER_BASE_IMAGE_NOT_FOUND"]), result.output
    assert dockerfile(shop).read_text() == wrong


def test_words_of_a_dockerfile_are_replaced_alone() -> None:
    """Never a part of another word, never one of two."""
    read = parse_dockerfile("FROM a\nCOPY one one.txt /x/\nCOPY two two /x/\nrnu x\n", "Dockerfile")
    assert with_word(read, 2, "one", "1") == "FROM a\nCOPY 1 one.txt /x/\nCOPY two two /x/\nrnu x\n"
    assert with_word(read, 3, "two", "2") is None
    assert with_word(read, 2, "two", "2") is None
    assert with_instruction(read, 4, "RUN") == "FROM a\nCOPY one one.txt /x/\nCOPY two two /x/\nRUN x\n"
    assert with_instruction(read, 9, "RUN") is None


def test_images_that_are_alike() -> None:
    """By name, never by version."""
    known = ["python:3.12-slim", "busybox:latest", "registry.example/team/base:1"]
    assert near_image("pyhton:3.12-slim", known) == "python:3.12-slim"
    assert near_image("python:3.11-slim", known) is None
    assert near_image("bussybox", known) == "busybox:latest"
    assert near_image("busybox", known) is None
    assert near_image("something", known) is None
