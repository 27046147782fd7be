"""The registry of everything that can go wrong: one table, from which everything about a code is made.

`explain`, the reference under docs/errors/ and the recovery plans read this table; nothing else
repeats what stands here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from deployment_system.error_handling.codes_configuration import CONFIGURATION_ENTRIES
from deployment_system.error_handling.codes_deployment import DEPLOYMENT_ENTRIES
from deployment_system.error_handling.codes_discovery import DISCOVERY_ENTRIES
from deployment_system.error_handling.codes_docker import DOCKER_ENTRIES
from deployment_system.error_handling.codes_images import IMAGE_ENTRIES
from deployment_system.error_handling.codes_monitoring import MONITORING_ENTRIES
from deployment_system.error_handling.codes_notifications import NOTIFICATION_ENTRIES
from deployment_system.error_handling.codes_servers import SERVER_ENTRIES
from deployment_system.error_handling.codes_steps import STEP_ENTRIES
from deployment_system.error_handling.codes_system import SYSTEM_ENTRIES
from deployment_system.error_handling.codes_transactions import TRANSACTION_ENTRIES
from deployment_system.error_handling.codes_validation import VALIDATION_ENTRIES
from deployment_system.error_handling.error_codes import CodeEntry, ErrorCodes

REGISTRY: Mapping[ErrorCodes, CodeEntry] = MappingProxyType(
    {
        entry.code: entry
        for entry in (
            *DISCOVERY_ENTRIES,
            *VALIDATION_ENTRIES,
            *CONFIGURATION_ENTRIES,
            *STEP_ENTRIES,
            *SERVER_ENTRIES,
            *DOCKER_ENTRIES,
            *IMAGE_ENTRIES,
            *DEPLOYMENT_ENTRIES,
            *SYSTEM_ENTRIES,
            *TRANSACTION_ENTRIES,
            *MONITORING_ENTRIES,
            *NOTIFICATION_ENTRIES,
        )
    }
)
