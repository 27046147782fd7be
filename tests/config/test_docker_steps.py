"""The steps of prefect_docker: recognised, checked before anything runs, and made into orders."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deployment_system.config import (
    BuildStep,
    DockerImageBuild,
    DockerImagePush,
    docker_step,
    filled_step,
    is_docker_step,
    load_prefect_yaml,
    with_outputs,
)
from deployment_system.error_handling import ConfigurationError

BUILD = "prefect_docker.deployments.steps.build_docker_image"
PUSH = "prefect_docker.deployments.steps.push_docker_image"


def read(folder: Path, steps: str, phase: str = "build") -> tuple[list[BuildStep], list[ConfigurationError]]:
    """The steps of a file, and what is wrong with them."""
    text = f"{phase}:\n{steps}deployments: [{{name: a, entrypoint: flows.py:load}}]\n"
    (folder / "prefect.yaml").write_text(text)
    found = load_prefect_yaml(folder, environ={"REGISTRY": "registry.example:5000/team"})
    assert found is not None
    return [step for item in found.deployments for step in (*item.build_steps, *item.push_steps)], list(
        found.errors
    )


def order(folder: Path, inputs: str, function: str = BUILD) -> DockerImageBuild | DockerImagePush:
    """What one valid step asks for."""
    [step], errors = read(folder, f"  - {function}: {inputs}\n")
    assert errors == []
    return docker_step(step)


@pytest.mark.parametrize(
    ("function", "is_docker"),
    [
        (BUILD, True),
        (PUSH, True),
        ("prefect_docker.projects.steps.build_docker_image", True),
        ("prefect_docker.projects.steps.push_docker_image", True),
        ("prefect_docker.deployments.steps:build_docker_image", True),
        ("prefect.deployments.steps.run_shell_script", False),
        ("my.steps.build_docker_image", False),
    ],
)
def test_docker_steps_are_known_by_their_function(function: str, is_docker: bool) -> None:
    """Also by the names of former versions; everything else is Prefect's to run."""
    assert is_docker_step(function) is is_docker


def test_a_build_step_is_an_order(tmp_path: Path) -> None:
    """With what prefect_docker takes for what is not said, and all else for the engine."""
    assert order(tmp_path, "{image_name: r/app, requires: prefect-docker, id: x}") == DockerImageBuild(
        "r/app"
    )
    everything = (
        '{image_name: "{{ $REGISTRY }}/app", tag: v1, additional_tags: [latest, "1.2"],\n'
        "      dockerfile: auto, ignore_cache: true, persist_dockerfile: true, dockerfile_output_path: D,\n"
        "      platform: linux/amd64, buildargs: {A: b}, pull: false}"
    )
    made = order(tmp_path, everything)
    assert made == DockerImageBuild(
        image_name="registry.example:5000/team/app",
        tag="v1",
        additional_tags=("latest", "1.2"),
        dockerfile="auto",
        ignore_cache=True,
        persist_dockerfile=True,
        dockerfile_output_path="D",
        build_options={"platform": "linux/amd64", "buildargs": {"A": "b"}, "pull": False},
    )
    assert isinstance(made, DockerImageBuild)
    assert made.makes_dockerfile
    assert order(tmp_path, "{image_name: r/app, build_backend: buildx, secrets: [x]}") == DockerImageBuild(
        "r/app", build_backend="buildx", build_options={"secrets": ["x"]}
    )


def test_a_push_step_is_an_order(tmp_path: Path) -> None:
    """Whose credentials are not shown."""
    made = order(tmp_path, "{image_name: r/app, tag: v1, credentials: {username: u, password: hush}}", PUSH)
    assert made == DockerImagePush("r/app", "v1", credentials={"username": "u", "password": "hush"})
    assert "hush" not in repr(made)


class Bad(NamedTuple):
    """Inputs that are wrong, and what must be said of them."""

    inputs: str
    code: str
    says: str
    function: str = BUILD


VALUE = "CONFIG_INVALID_VALUE"
BAD = {
    "no name": Bad("{tag: x}", "CONFIG_MISSING_REQUIRED_FIELD", "image_name is missing"),
    "an empty name": Bad("{image_name: ''}", VALUE, "is no name of an image"),
    "a name with blanks": Bad("{image_name: my app}", VALUE, "is no name of an image"),
    "a name in upper case": Bad("{image_name: r/App}", VALUE, "lower case"),
    "a name with a tag": Bad("{image_name: 'h:5000/r/app:v1'}", VALUE, "has a tag in it"),
    "a name with a digest": Bad("{image_name: 'r/app@sha256:0'}", VALUE, "has a digest in it"),
    "a tag that is a number": Bad("{image_name: a, tag: 1.10}", VALUE, 'Write it in quotes: "1.10".'),
    "a tag with a blank": Bad("{image_name: a, tag: 'v 1'}", VALUE, "is no tag"),
    "an empty tag": Bad("{image_name: a, tag: ''}", VALUE, "is no tag"),
    "tags as text": Bad("{image_name: a, additional_tags: x}", VALUE, "a list, as in"),
    "a wrong one of several tags": Bad(
        "{image_name: a, additional_tags: [a, ':']}", VALUE, "additional_tags[1] is ':'"
    ),
    "another backend": Bad("{image_name: a, build_backend: kaniko}", VALUE, "docker-py or buildx"),
    "a misspelt option": Bad("{image_name: a, platfrom: x}", "CONFIG_UNKNOWN_KEY", "'platform'"),
    "an option of the build in a push": Bad(
        "{image_name: a, dockerfile: x}", "CONFIG_UNKNOWN_KEY", "unknown key 'dockerfile'", PUSH
    ),
    "credentials as text": Bad("{image_name: a, credentials: hush}", VALUE, "a mapping", PUSH),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_wrong_input_is_an_error_at_its_line(bad: Bad, tmp_path: Path) -> None:
    """Before anything is built."""
    steps, errors = read(tmp_path, f"  - {bad.function}: {bad.inputs}\n")
    assert steps == []
    [error] = errors
    assert (str(error.error_code), error.context.line_number) == (bad.code, 2)
    assert bad.says in " ".join([error.message, *error.remediation])
    assert "hush" not in f"{error.to_dict()}"


@pytest.mark.parametrize(
    ("output", "says"),
    [("", "is no tag"), ("v 1", "is no tag"), (5, "must be text"), (["v1"], "must be text")],
)
def test_an_input_that_a_step_gives_is_checked_when_it_has_run(
    output: Any, says: str, tmp_path: Path
) -> None:
    """An empty tag would be built as the time of day, which nobody asked for."""
    [make, build], errors = read(
        tmp_path, f'  - a.make: {{id: m}}\n  - {BUILD}: {{image_name: r/app, tag: "{{{{ m.tag }}}}"}}\n'
    )
    assert errors == []
    with pytest.raises(ConfigurationError, match="is not resolved yet"):
        docker_step(build)
    assert docker_step(filled_step(build, with_outputs({}, make, {"tag": "v1"}))) == DockerImageBuild(
        "r/app", "v1"
    )
    with pytest.raises(ConfigurationError, match=says) as caught:
        docker_step(filled_step(build, with_outputs({}, make, {"tag": output})))
    assert caught.value.context.line_number == 3


def test_credentials_from_a_block_are_looked_up_first(tmp_path: Path) -> None:
    """The step says so; without that it is no order yet, rather than one without credentials."""
    block = "{{ prefect.blocks.docker-registry-credentials.dev }}"
    [step, other], errors = read(
        tmp_path,
        f'  - {PUSH}: {{image_name: r/app, credentials: "{block}"}}\n  - {PUSH}: {{image_name: r/app}}\n',
        "push",
    )
    assert errors == []
    assert (step.looks_up, other.looks_up) == (True, False)
    with pytest.raises(ConfigurationError, match="credentials is not resolved yet"):
        docker_step(step)
