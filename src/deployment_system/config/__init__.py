"""What the user wrote (deployment-config.yaml, prefect.yaml, environment variables) as frozen values."""

from deployment_system.config.build_steps import BuildStep
from deployment_system.config.docker_options import (
    DockerImageOptions,
    docker_image_options,
    docker_option_errors,
)
from deployment_system.config.docker_steps import (
    DockerImageBuild,
    DockerImagePush,
    docker_step,
    is_docker_step,
)
from deployment_system.config.flow_rules import (
    FlowSettings,
    Places,
    flow_settings,
    merged_image,
    merged_mappings,
)
from deployment_system.config.initial import INITIAL_CONFIGURATION, initial_configuration
from deployment_system.config.loading import (
    CONFIGURATION_FILE,
    LoadedConfiguration,
    find_configuration,
    load_configuration,
    scan_paths,
)
from deployment_system.config.models import (
    ConcurrencyLimit,
    Configuration,
    Environment,
    FlowRule,
    ImageSettings,
    ResourceLimits,
    Scan,
    Source,
    WorkPools,
)
from deployment_system.config.prefect_deployment import PrefectDeployment
from deployment_system.config.prefect_yaml import PrefectProject, load_prefect_yaml
from deployment_system.config.schedule import Schedule
from deployment_system.config.schema import configuration_schema
from deployment_system.config.server import ServerChoice, is_loopback, resolve_server, same_server
from deployment_system.config.step_outputs import filled_deployment, filled_step, with_outputs
from deployment_system.config.step_scope import OutputReference

__all__ = [
    "CONFIGURATION_FILE",
    "INITIAL_CONFIGURATION",
    "BuildStep",
    "ConcurrencyLimit",
    "Configuration",
    "DockerImageBuild",
    "DockerImageOptions",
    "DockerImagePush",
    "Environment",
    "FlowRule",
    "FlowSettings",
    "ImageSettings",
    "LoadedConfiguration",
    "OutputReference",
    "Places",
    "PrefectDeployment",
    "PrefectProject",
    "ResourceLimits",
    "Scan",
    "Schedule",
    "ServerChoice",
    "Source",
    "WorkPools",
    "configuration_schema",
    "docker_image_options",
    "docker_option_errors",
    "docker_step",
    "filled_deployment",
    "filled_step",
    "find_configuration",
    "flow_settings",
    "initial_configuration",
    "is_docker_step",
    "is_loopback",
    "load_configuration",
    "load_prefect_yaml",
    "merged_image",
    "merged_mappings",
    "resolve_server",
    "same_server",
    "scan_paths",
    "with_outputs",
]
