"""What there is in a Docker engine and in a registry, looked at directly, and a work pool for containers."""

from dataclasses import dataclass

import httpx

from deployment_system.builders.engine import DockerEngine, Image
from deployment_system.builders.image_names import CONTENT_LABEL
from tests.docker_engine import Registry

DOCKER_POOL = "test-docker-pool"

_VARIABLES = {
    "image": {"type": "string"},
    "image_pull_policy": {"enum": ["IfNotPresent", "Always", "Never"], "type": "string"},
    "networks": {"type": "array", "items": {"type": "string"}},
    "volumes": {"type": "array", "items": {"type": "string"}},
    "mem_limit": {"type": "string"},
    "container_create_kwargs": {"type": "object"},
    "env": {"type": "object", "additionalProperties": {"type": "string"}},
}
DOCKER_TEMPLATE = {
    "variables": {"type": "object", "properties": _VARIABLES},
    "job_configuration": {name: f"{{{{ {name} }}}}" for name in _VARIABLES},
}
"""Of a work pool of type docker: the variables that prefect-docker's has."""


@dataclass(frozen=True)
class Images:
    """What the engine has of one repository: names with ids, without those that keep old images."""

    engine: DockerEngine
    prefix: str

    def names(self) -> dict[str, str]:
        """Every name with the id of its image."""
        return {tag: image.id for image in self.all() for tag in image.tags if self.prefix in tag}

    def all(self) -> list[Image]:
        """Every image of the engine."""
        return self.engine.images()

    def everything(self) -> tuple[dict[str, str], set[str], set[str]]:
        """Names, images and containers of the whole engine, but for those that only keep an old image, and
        the layers of builds: they are the engine's cache, which a failed build leaves for the next try."""
        names = {tag: image.id for image in self.all() for tag in image.tags}
        own = {name: image for name, image in names.items() if not name.startswith("deployment-system-kept")}
        ids = {image.id for image in self.all() if image.tags or CONTENT_LABEL in image.labels}
        containers = self.engine.call(lambda client: client.containers(all=True))
        return own, ids, {container["Id"] for container in containers}


def registry_tags(registry: Registry, path: str) -> dict[str, str]:
    """The tags of an image in the registry, with their digests."""
    listed = httpx.get(f"http://{registry.host}/v2/{path}/tags/list", timeout=10).json().get("tags") or []
    kind = {"accept": "application/vnd.docker.distribution.manifest.v2+json"}
    return {
        tag: httpx.head(
            f"http://{registry.host}/v2/{path}/manifests/{tag}", headers=kind, timeout=10
        ).headers["docker-content-digest"]
        for tag in listed
    }
