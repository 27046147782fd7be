"""What is known of Prefect's own step functions before they run: their inputs and their outputs.

Read from the signatures and results of Prefect 3.8.8 (`prefect/deployments/steps/`) and of
prefect-docker 0.7.4 (`prefect_docker/deployments/steps.py`). Of any other function nothing is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from deployment_system.config.problems import nearest

PREFECTS_OWN = "prefect.deployments.steps."

DOCKER_BUILD = frozenset(
    {
        "prefect_docker.deployments.steps.build_docker_image",
        "prefect_docker.projects.steps.build_docker_image",
    }
)
"""Today's name, and the one of prefect-docker before 0.4."""
DOCKER_PUSH = frozenset(
    {
        "prefect_docker.deployments.steps.push_docker_image",
        "prefect_docker.projects.steps.push_docker_image",
    }
)


class OutputKind(Enum):
    """What can be taken of an output."""

    TEXT = auto()
    LIST = auto()


@dataclass(frozen=True, slots=True)
class StepFunction:
    """A function that a step can name."""

    outputs: Mapping[str, OutputKind]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes_any_input: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all inputs."""
        return (*self.required, *self.optional)


_CAPTURED = {"stdout": OutputKind.TEXT, "stderr": OutputKind.TEXT}
_FOLDER = {"directory": OutputKind.TEXT}
_PUSHED = {
    "image_name": OutputKind.TEXT,
    "tag": OutputKind.TEXT,
    "image": OutputKind.TEXT,
    "additional_tags": OutputKind.LIST,
}
_BUILT = {**_PUSHED, "image_id": OutputKind.TEXT}

_SHELL = StepFunction(
    _CAPTURED, ("script",), ("directory", "env", "stream_output", "expand_env_vars", "shell")
)
_PIP = StepFunction(_CAPTURED, (), ("directory", "requirements_file", "stream_output"))
_CHANGE_FOLDER = StepFunction(_FOLDER, ("directory",))
_CLONE = StepFunction(
    _FOLDER,
    ("repository",),
    (
        "branch",
        "commit_sha",
        "include_submodules",
        "access_token",
        "credentials",
        "directories",
        "clone_directory_name",
    ),
)
_FROM_STORAGE = StepFunction(_FOLDER, ("url",), takes_any_input=True)
_FROM_BLOCK = StepFunction(_FOLDER, ("block_document_name", "block_type_slug"))

_KNOWN: Mapping[str, StepFunction] = {
    f"{PREFECTS_OWN}run_shell_script": _SHELL,
    f"{PREFECTS_OWN}utility.run_shell_script": _SHELL,
    f"{PREFECTS_OWN}pip_install_requirements": _PIP,
    f"{PREFECTS_OWN}utility.pip_install_requirements": _PIP,
    f"{PREFECTS_OWN}set_working_directory": _CHANGE_FOLDER,
    f"{PREFECTS_OWN}pull.set_working_directory": _CHANGE_FOLDER,
    f"{PREFECTS_OWN}git_clone": _CLONE,
    f"{PREFECTS_OWN}pull.git_clone": _CLONE,
    f"{PREFECTS_OWN}pull.agit_clone": _CLONE,
    f"{PREFECTS_OWN}pull_from_remote_storage": _FROM_STORAGE,
    f"{PREFECTS_OWN}pull.pull_from_remote_storage": _FROM_STORAGE,
    f"{PREFECTS_OWN}pull_with_block": _FROM_BLOCK,
    f"{PREFECTS_OWN}pull.pull_with_block": _FROM_BLOCK,
    # Their inputs are checked by docker_steps, where more than the names is known.
    **{name: StepFunction(_BUILT, takes_any_input=True) for name in DOCKER_BUILD},
    **{name: StepFunction(_PUSHED, takes_any_input=True) for name in DOCKER_PUSH},
}


def known_function(name: str) -> StepFunction | None:
    """What is known of the function; `module:function` is the same as `module.function`."""
    return _KNOWN.get(dotted_name(name))


def dotted_name(name: str) -> str:
    """The name as most files write it. A path to a script (`steps/make.py:build`) stays as it is."""
    return name if ".py:" in name else name.replace(":", ".")


def short_name(name: str) -> str:
    """The function alone, without its module."""
    return name.replace(":", ".").rpartition(".")[2]


def nearest_function(name: str) -> str | None:
    """The known function that a name most likely means."""
    return nearest(name, _KNOWN, cutoff=0.8)
