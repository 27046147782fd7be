"""Are the flows and what is declared of them right? As `validate`, without running any code."""

from dataclasses import dataclass

from deployment_system.deploy.assess import Options, assess
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DeploymentSystemError, ErrorCodes
from deployment_system.error_handling.counted import counted

_TOLD_ELSEWHERE = (ErrorCodes.STATE_UNUSABLE, ErrorCodes.STATE_FULL)
"""By the check of the state."""


@dataclass(frozen=True)
class Looked:
    """What files alone say of a repository."""

    message: str
    errors: tuple[DeploymentSystemError, ...] = ()
    hints: tuple[DeploymentSystemError, ...] = ()
    """What does not keep anything from being deployed."""
    in_containers: bool = False
    """Whether anything here is to run in a container: only then Docker is looked at."""


def look_at_flows(project: Project) -> Looked:
    """Never raises: what keeps everything from being read is an error like the others."""
    registry = project.environment.docker_registry is not None
    try:
        found = assess(project, options=Options(allow_import=False))
    except DeploymentSystemError as error:
        told = () if error.error_code in _TOLD_ELSEWHERE else (error,)
        return Looked("nothing could be read", told, in_containers=registry)
    return Looked(
        f"{len(found.flows)} found, {counted(len(found.desired), 'deployment')} declared",
        tuple(found.errors),
        tuple(warning for warning in found.warnings if warning not in project.warnings),
        registry or any(item.image is not None for item in found.desired),
    )
