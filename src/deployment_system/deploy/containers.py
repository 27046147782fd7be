"""What a work pool is told about a container: the image, and what the environment says of its surroundings.
Pure."""

import re
from collections.abc import Mapping
from typing import Any

from deployment_system.config import Environment, merged_mappings

IMAGE_VARIABLE = "image"
DOCKER_POOL_TYPE = "docker"

_UNITS = {
    # Lower case as Docker means it, upper case as Kubernetes does.
    "": 1,
    "b": 1,
    "B": 1,
    "k": 2**10,
    "m": 2**20,
    "g": 2**30,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_MEMORY = re.compile(r"([0-9.]+)([A-Za-z]*)")
_NANO = 1_000_000_000


def takes_images(work_pool: Mapping[str, Any]) -> bool:
    """Whether runs of the pool start in a container: its template has a variable for the image."""
    return IMAGE_VARIABLE in _variables(work_pool)


def container_variables(
    work_pool: Mapping[str, Any], image: str, environment: Environment, said: Mapping[str, Any]
) -> dict[str, Any]:
    """The job variables of a container deployment: what was said of it and of its environment, over what the
    settings for containers mean in the words of the pool. Pools of other types than Docker are told the image
    and when to pull it; the rest, they have words of their own for."""
    made: dict[str, Any] = {IMAGE_VARIABLE: image, "image_pull_policy": environment.image_pull_policy}
    if work_pool["type"] == DOCKER_POOL_TYPE:
        made |= _docker_variables(environment)
    known = _variables(work_pool)
    return merged_mappings({name: value for name, value in made.items() if name in known}, said)


def memory_bytes(text: str) -> int:
    """`512Mi` and `1G` in bytes. Raises ValueError for what the configuration would not have taken."""
    found = _MEMORY.fullmatch(text)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is no amount of memory")
    return int(float(found[1]) * _UNITS[found[2]])


def _docker_variables(environment: Environment) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    if environment.networks:
        variables["networks"] = list(environment.networks)
    if environment.volumes:
        variables["volumes"] = list(environment.volumes)
    limits = environment.resource_limits
    if limits.memory is not None:
        variables["mem_limit"] = f"{memory_bytes(limits.memory)}b"
    if limits.cpu is not None:
        variables["container_create_kwargs"] = {"nano_cpus": round(limits.cpu * _NANO)}
    return variables


def _variables(work_pool: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = (work_pool.get("base_job_template") or {}).get("variables") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    return properties
