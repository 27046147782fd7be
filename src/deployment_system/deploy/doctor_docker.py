"""What `doctor` asks of Docker: does an engine answer, with which builder, and does the registry."""

from collections.abc import Iterator

from deployment_system.builders.image_names import parse_image_name
from deployment_system.deploy.doctor import Check
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DockerError


def docker_checks(project: Project) -> Iterator[Check]:
    """One check after the other; what cannot be known without an engine is left out."""
    with ImageDoors(project) as doors:
        yield from _engine(doors)
        registry = project.environment.docker_registry
        if registry is not None:
            yield _registry(doors, registry)


def _engine(doors: ImageDoors) -> Iterator[Check]:
    try:
        info = doors.engine().info()
        yield Check("Docker", f"{info.url} answers, version {info.version} ({info.storage_driver})")
        choice = doors.builder().choice()
        yield Check("Docker builder", f"{choice.builder}: {choice.reason}")
    except DockerError as error:
        yield Check("Docker", error.message, error)


def _registry(doors: ImageDoors, prefix: str) -> Check:
    try:
        host = parse_image_name(f"{prefix.rstrip('/')}/any").registry
        doors.registry(host).ping()
    except DockerError as error:
        return Check("Docker registry", error.message, error)
    return Check("Docker registry", f"{host} answers, and takes the credentials")
