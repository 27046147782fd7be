"""From source text to flows and findings. Static: the user's code is never imported."""

from deployment_system.discovery.flow import Discovery, Flow, Import, NotDeployable, Parameter
from deployment_system.discovery.scan import discover

__all__ = ["Discovery", "Flow", "Import", "NotDeployable", "Parameter", "discover"]
