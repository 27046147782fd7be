"""The steps of prefect_docker, which are not run by Prefect but mapped to our own builder."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError

from deployment_system.config.build_steps import BuildStep, has_references
from deployment_system.config.problems import as_errors, dotted, unknown_key
from deployment_system.config.step_functions import DOCKER_BUILD, DOCKER_PUSH, dotted_name
from deployment_system.config.value_types import AsList, FilledText, Settings, Values, problem, settled
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes

BuildBackend = Literal["docker-py", "buildx"]

AUTO = "auto"
"""`dockerfile: auto`: no Dockerfile is there, one is made for the build."""

# The grammar of the distribution project's reference package, as the engine itself reads names.
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE_NAME = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

_ENGINE_OPTIONS = (
    "buildargs",
    "cache_from",
    "container_limits",
    "extra_hosts",
    "forcerm",
    "gzip",
    "isolation",
    "labels",
    "network_mode",
    "nocache",
    "path",
    "platform",
    "pull",
    "quiet",
    "rm",
    "shmsize",
    "squash",
    "target",
    "timeout",
    "use_config_proxy",
)
"""What docker-py 7 takes for a build and a YAML file can say."""


@dataclass(frozen=True, slots=True)
class DockerImageBuild:
    """A `build_docker_image` step, resolved and checked."""

    image_name: str
    """With registry and repository, without a tag."""
    tag: str | None = None
    """None: the time of the build, as Prefect writes it."""
    additional_tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    ignore_cache: bool = False
    persist_dockerfile: bool = False
    """Keep the Dockerfile that was made for `dockerfile: auto`."""
    dockerfile_output_path: str = "Dockerfile.generated"
    build_backend: BuildBackend = "docker-py"
    build_options: Mapping[str, Any] = field(default_factory=dict)
    """Everything else, handed on as it is: path, buildargs, platform, target, labels, pull, …"""

    @property
    def makes_dockerfile(self) -> bool:
        """Whether there is no Dockerfile and one is made."""
        return self.dockerfile == AUTO


@dataclass(frozen=True, slots=True)
class DockerImagePush:
    """A `push_docker_image` step, resolved and checked."""

    image_name: str
    tag: str | None = None
    additional_tags: tuple[str, ...] = ()
    credentials: Mapping[str, Any] | None = field(default=None, repr=False)
    """username, password, registry_url, reauth."""
    ignore_cache: bool = False
    build_backend: BuildBackend = "docker-py"


def _image_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    last = value.rpartition("/")[2]
    if ":" in last or "@" in last:
        has = "digest" if "@" in last else "tag"
        raise problem(f"has a {has} in it", remedy="Write the name alone, and the tag under `tag:`.")
    if not _IMAGE_NAME.fullmatch(value):
        raise problem("is no name of an image: lower case, digits, and . _ - / between them")
    return str(value)


def _tag(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _TAG.fullmatch(value):
        raise problem("is no tag: at most 128 letters, digits, and _ . - (which no tag begins with)")
    return str(value)


_ImageName = Annotated[str, BeforeValidator(_image_name)]
_Tag = Annotated[str, BeforeValidator(_tag)]


class _DockerInputs(Settings):
    image_name: _ImageName
    tag: _Tag | None = None
    additional_tags: Annotated[tuple[_Tag, ...], AsList] = ()
    ignore_cache: bool = False
    build_backend: BuildBackend = "docker-py"


class _BuildInputs(_DockerInputs):
    dockerfile: FilledText = "Dockerfile"
    persist_dockerfile: bool = False
    dockerfile_output_path: FilledText = "Dockerfile.generated"


class _PushInputs(_DockerInputs):
    credentials: Values | None = None


BUILD_INPUTS = frozenset(_BuildInputs.model_fields)
"""What a build step takes itself; everything else is an option of the engine."""


def is_docker_step(function: str) -> bool:
    """Whether a step of that function is mapped to our builder."""
    return dotted_name(function) in DOCKER_BUILD | DOCKER_PUSH


def docker_input_errors(
    function: str, inputs: Mapping[str, Any], document: YamlDocument, path: Where
) -> list[ConfigurationError]:
    """What is wrong with the inputs of a Docker step, as far as they are known before the steps run."""
    name = dotted_name(function)
    if name in DOCKER_BUILD:
        own = {key: value for key, value in inputs.items() if key in _BuildInputs.model_fields}
        errors = _errors_of(_BuildInputs, own, document, path)
        return [*errors, *_option_errors(inputs, document, path)]
    if name in DOCKER_PUSH:
        return _errors_of(_PushInputs, inputs, document, path)
    return []


def docker_step(step: BuildStep) -> DockerImageBuild | DockerImagePush:
    """The order for our builder, of a Docker step whose references are all resolved.

    Raises ConfigurationError, at its place, where an input is not what it must be or not resolved.
    """
    for key, value in step.inputs.items():
        if has_references(value):
            raise step.document.error(
                f"{dotted((*step.path, key))} is not resolved yet",
                (*step.path, key),
                ErrorCodes.BUILD_STEP_INVALID,
            )
    errors = docker_input_errors(step.function, step.inputs, step.document, step.path)
    if errors:
        raise errors[0]
    if dotted_name(step.function) in DOCKER_PUSH:
        return DockerImagePush(**_PushInputs.model_validate(dict(step.inputs)).model_dump())
    own = {key: value for key, value in step.inputs.items() if key in _BuildInputs.model_fields}
    options = {key: settled(value) for key, value in step.inputs.items() if key not in own}
    return DockerImageBuild(**_BuildInputs.model_validate(own).model_dump(), build_options=options)


def _errors_of(
    model: type[_DockerInputs], inputs: Mapping[str, Any], document: YamlDocument, path: Where
) -> list[ConfigurationError]:
    """Only what is resolved is looked at; what is not counts as said."""
    known = {key: value for key, value in inputs.items() if not has_references(value)}
    if "image_name" in inputs and "image_name" not in known:
        known["image_name"] = "unresolved"
    try:
        model.model_validate(known)
    except ValidationError as found:
        return as_errors(found, document, known, model, below=path, also_known=("id", "requires"))
    return []


def _option_errors(
    inputs: Mapping[str, Any], document: YamlDocument, path: Where
) -> Iterator[ConfigurationError]:
    """docker-py refuses options that it does not know; those of buildx are not listed here."""
    if inputs.get("build_backend") == "buildx" or has_references(inputs.get("build_backend")):
        return
    known = (*_BuildInputs.model_fields, *_ENGINE_OPTIONS)
    for key in inputs:
        if key not in known:
            yield unknown_key(document, (*path, key), (*known, "id", "requires"))
