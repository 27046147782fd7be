"""The options of a `build_docker_image` step that go to the engine, in the words of docker-py or of buildx,
as our builder carries them out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from deployment_system.config.build_steps import BuildStep, has_references
from deployment_system.config.docker_steps import BUILD_INPUTS
from deployment_system.config.problems import as_errors, dotted
from deployment_system.config.step_functions import DOCKER_BUILD, dotted_name
from deployment_system.config.value_types import FilledText, FilledTexts, Flag, Settings, Values, Whole
from deployment_system.error_handling import ConfigurationError, ErrorCodes


class _DockerPyOptions(Settings):
    path: FilledText = "."
    buildargs: Values = Field(default_factory=dict)
    labels: Values = Field(default_factory=dict)
    target: FilledText | None = None
    platform: FilledText | None = None
    network_mode: FilledText | None = None
    pull: Flag = True
    nocache: Flag = False
    timeout: Whole | None = None
    # What these ask for, our builder does anyway.
    rm: Flag = True
    forcerm: Flag = True
    gzip: Flag = False
    quiet: Flag = False


class _BuildxOptions(Settings):
    path: FilledText = "."
    build_args: Values = Field(default_factory=dict)
    labels: Values = Field(default_factory=dict)
    target: FilledText | None = None
    platforms: FilledTexts = ()
    network: FilledText | None = None
    pull: Flag = True
    cache: Flag = True


@dataclass(frozen=True, slots=True)
class DockerImageOptions:
    """What a step says of its build beside the names."""

    path: str = "."
    """The context, relative to the repository."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platform: str | None = None
    network: str | None = None
    pull: bool = True
    """Ask the registry for a newer base image, as Prefect does."""
    use_cache: bool = True
    idle_seconds: float | None = None


def docker_image_options(step: BuildStep) -> DockerImageOptions:
    """The options of a step whose references are all resolved. Raises ConfigurationError at its place."""
    for error in docker_option_errors(step):
        raise error
    given = _options(step.inputs)
    if _is_buildx(step):
        buildx = _BuildxOptions.model_validate(given)
        return DockerImageOptions(
            path=buildx.path,
            build_args=_texts(buildx.build_args),
            labels=_texts(buildx.labels),
            target=buildx.target,
            platform=next(iter(buildx.platforms), None),
            network=buildx.network,
            pull=buildx.pull,
            use_cache=buildx.cache,
        )
    classic = _DockerPyOptions.model_validate(given)
    return DockerImageOptions(
        path=classic.path,
        build_args=_texts(classic.buildargs),
        labels=_texts(classic.labels),
        target=classic.target,
        platform=classic.platform,
        network=classic.network_mode,
        pull=classic.pull,
        use_cache=not classic.nocache,
        idle_seconds=classic.timeout,
    )


def docker_option_errors(step: BuildStep) -> Iterator[ConfigurationError]:
    """What our builder cannot do of that, and values that are not what they must be; as far as they are
    known."""
    if dotted_name(step.function) not in DOCKER_BUILD or has_references(step.inputs.get("build_backend")):
        return
    model = _BuildxOptions if _is_buildx(step) else _DockerPyOptions
    options = _options(step.inputs)
    for key in options:
        if key not in model.model_fields:
            yield _not_supported(step, key)
    if len(options.get("platforms") or ()) > 1 and not has_references(options["platforms"]):
        yield _not_supported(step, "platforms", " for more than one")
    known = {
        key: value
        for key, value in options.items()
        if key in model.model_fields and not has_references(value)
    }
    try:
        model.model_validate(known)
    except ValidationError as found:
        yield from as_errors(found, step.document, known, model, below=step.path)


def _options(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in BUILD_INPUTS}


def _is_buildx(step: BuildStep) -> bool:
    return bool(step.inputs.get("build_backend") == "buildx")


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _not_supported(step: BuildStep, key: str, more: str = "") -> ConfigurationError:
    return step.document.error(
        f"{dotted((*step.path, key))} is not supported yet{more}",
        (*step.path, key),
        ErrorCodes.PREFECT_YAML_UNSUPPORTED,
        key=True,
        remediation=[f"Remove `{key}` from the step, or deploy with `prefect deploy` as before."],
    )
