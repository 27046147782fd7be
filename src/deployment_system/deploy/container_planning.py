"""Container deployments, once server, engine and registry are known: which image, in which words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deployment_system.deploy.containers import container_variables
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.image_plan import ImageChange, plan_images
from deployment_system.deploy.images import together
from deployment_system.deploy.project import Project


def with_images(
    project: Project, desired: Sequence[DesiredDeployment], work_pools: Mapping[str, Mapping[str, Any]]
) -> tuple[list[DesiredDeployment], list[ImageChange]]:
    """The deployments with what their work pools are told about their containers, and what becomes of the
    images. Raises DockerError where engine or registry cannot be asked."""
    with ImageDoors(project) as doors:
        changes = plan_images(together(item.image for item in desired if item.image is not None), doors)
    references = {change.name: change.reference for change in changes}
    return [
        item if item.image is None else _in_container(project, item, references[item.image.name], work_pools)
        for item in desired
    ], changes


def _in_container(
    project: Project,
    item: DesiredDeployment,
    reference: str,
    work_pools: Mapping[str, Mapping[str, Any]],
) -> DesiredDeployment:
    variables = container_variables(
        work_pools[item.fields["work_pool_name"]],
        reference,
        project.environment,
        item.fields["job_variables"],
    )
    return replace(item, fields={**item.fields, "job_variables": variables})
