"""Flows and configuration to errors and warnings; nothing here changes anything."""

from deployment_system.validation.dependencies import DependencyReport, check_dependencies, pins_of
from deployment_system.validation.installed import Installed
from deployment_system.validation.job_variables import check_job_variables
from deployment_system.validation.names import check_deployment_name, check_flow_names
from deployment_system.validation.parameter_schema import SchemaResult, parameter_schemas
from deployment_system.validation.parameter_values import check_parameters, check_required
from deployment_system.validation.schedules import check_schedule

__all__ = [
    "DependencyReport",
    "Installed",
    "SchemaResult",
    "check_dependencies",
    "check_deployment_name",
    "check_flow_names",
    "check_job_variables",
    "check_parameters",
    "check_required",
    "check_schedule",
    "parameter_schemas",
    "pins_of",
]
