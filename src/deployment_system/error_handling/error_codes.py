"""The words of the registry: what a code, a category, a severity and a remedy are.

A code that was once released is never given another meaning. What each means stands in
`code_registry`.
"""

from dataclasses import dataclass
from enum import StrEnum, auto


class ErrorSeverity(StrEnum):
    """How much an error hurts: LOW is a hint, CRITICAL stops the whole system from working."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ErrorCategory(StrEnum):
    """Which part of the system an error belongs to."""

    FLOW_DISCOVERY = "flow_discovery"
    VALIDATION = "validation"
    CONFIGURATION = "configuration"
    DOCKER = "docker"
    PREFECT_API = "prefect_api"
    DEPLOYMENT = "deployment"
    NETWORK = "network"
    FILESYSTEM = "filesystem"
    RECOVERY = "recovery"
    USAGE = "usage"
    INTERNAL = "internal"


class Confidence(StrEnum):
    """How sure a remedy is, graded as rustc grades its suggestions."""

    CERTAIN = "certain"
    """May be applied by a machine."""
    PROBABLE = "probable"
    """Usually right: ask first."""
    NEEDS_INPUT = "needs_input"
    """Right once a person has filled in a value."""
    ADVICE = "advice"
    """Words only; a person decides what to do."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that the person who sees the error can do."""

    text: str
    confidence: Confidence = Confidence.ADVICE


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What is known of a code before it happens."""

    code: "ErrorCodes"
    title: str
    category: ErrorCategory
    severity: ErrorSeverity
    retryable: bool
    explanation: str
    remedies: tuple[Remedy, ...]
    example: str


class ErrorCodes(StrEnum):
    """Stable names of what can go wrong; each member equals its own name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    # discovery
    FLOW_DISCOVERY_FAILED = auto()
    FLOW_NOT_FOUND = auto()
    FLOW_SYNTAX_ERROR = auto()
    FLOW_MISSING_DEPENDENCIES = auto()
    FLOW_INVALID_STRUCTURE = auto()
    FLOW_NAME_DUPLICATE = auto()
    FLOW_FILE_UNREADABLE = auto()
    FLOW_FILE_TOO_LARGE = auto()
    FLOW_FILE_ENCODING_INVALID = auto()
    FLOW_FILE_TOO_COMPLEX = auto()
    FLOW_LEGACY_PREFECT = auto()
    FLOW_IMPORT_FAILED = auto()
    FLOW_IMPORT_TIMEOUT = auto()
    SCAN_PATH_NOT_FOUND = auto()
    # validation
    VALIDATION_FAILED = auto()
    DEPENDENCY_CONFLICT = auto()
    DEPENDENCY_NOT_DECLARED = auto()
    MISSING_REQUIREMENTS = auto()
    REQUIREMENTS_INVALID = auto()
    SCHEDULE_INVALID = auto()
    TIMEZONE_INVALID = auto()
    PARAMETER_UNKNOWN = auto()
    PARAMETER_MISSING = auto()
    PARAMETER_INVALID = auto()
    PARAMETER_SCHEMA_INCOMPLETE = auto()
    JOB_VARIABLES_INVALID = auto()
    DEPLOYMENT_NAME_INVALID = auto()
    DEPLOYMENT_NAME_DUPLICATE = auto()
    # configuration
    CONFIG_FILE_NOT_FOUND = auto()
    CONFIG_FILE_UNREADABLE = auto()
    CONFIG_FILE_EXISTS = auto()
    CONFIG_TOO_LARGE = auto()
    CONFIG_INVALID_FORMAT = auto()
    CONFIG_MISSING_REQUIRED_FIELD = auto()
    CONFIG_UNKNOWN_KEY = auto()
    CONFIG_INVALID_VALUE = auto()
    CONFIG_VARIABLE_NOT_SET = auto()
    ENVIRONMENT_NOT_CONFIGURED = auto()
    SERVER_URL_INVALID = auto()
    SERVER_URL_DIFFERS = auto()
    PREFECT_YAML_UNSUPPORTED = auto()
    # build and push steps of a prefect.yaml
    BUILD_STEP_INVALID = auto()
    BUILD_STEP_OUTPUT_UNKNOWN = auto()
    BUILD_STEP_OUTPUT_INVALID = auto()
    BUILD_STEP_UNAVAILABLE = auto()
    BUILD_STEP_FAILED = auto()
    BUILD_STEP_TIMEOUT = auto()
    # docker
    DOCKER_BUILD_FAILED = auto()
    DOCKER_IMAGE_NOT_FOUND = auto()
    DOCKERFILE_NOT_FOUND = auto()
    DOCKER_DAEMON_UNAVAILABLE = auto()
    DOCKERFILE_INVALID = auto()
    DOCKER_COPY_SOURCE_MISSING = auto()
    DOCKER_CONTEXT_UNREADABLE = auto()
    DOCKER_CONTEXT_CHANGED = auto()
    DOCKER_BASE_IMAGE_NOT_FOUND = auto()
    DOCKER_BUILD_INTERRUPTED = auto()
    DOCKER_BUILD_TIMEOUT = auto()
    DOCKER_BUILDKIT_REQUIRED = auto()
    DOCKER_DAEMON_TIMEOUT = auto()
    DOCKER_PERMISSION_DENIED = auto()
    DOCKER_ENGINE_ERROR = auto()
    DOCKER_SETTINGS_INVALID = auto()
    DOCKER_DISK_FULL = auto()
    DOCKER_OUT_OF_MEMORY = auto()
    DOCKER_TAG_INVALID = auto()
    DOCKER_IMAGE_IN_USE = auto()
    DOCKER_IMAGE_LEFT_BEHIND = auto()
    DOCKER_REGISTRY_UNAVAILABLE = auto()
    DOCKER_REGISTRY_UNAUTHORIZED = auto()
    DOCKER_REGISTRY_REFUSED = auto()
    DOCKER_PUSH_UNAUTHORIZED = auto()
    DOCKER_PUSH_FAILED = auto()
    DOCKER_PREFLIGHT_FAILED = auto()
    # Prefect
    PREFECT_API_ERROR = auto()
    PREFECT_API_UNAVAILABLE = auto()
    PREFECT_API_TIMEOUT = auto()
    PREFECT_AUTH_FAILED = auto()
    PREFECT_RATE_LIMITED = auto()
    PREFECT_REQUEST_REJECTED = auto()
    PREFECT_OBJECT_NOT_FOUND = auto()
    CIRCUIT_OPEN = auto()
    PREFECT_SERVER_TOO_OLD = auto()
    PREFECT_SERVER_INCOMPATIBLE = auto()
    WORK_POOL_NOT_FOUND = auto()
    WORK_POOL_TYPE_MISMATCH = auto()
    WORK_POOL_NOT_READY = auto()
    LOCAL_SERVER_START_FAILED = auto()
    LOCAL_PORT_IN_USE = auto()
    # deployment
    DEPLOYMENT_FAILED = auto()
    DEPLOYMENT_CREATE_FAILED = auto()
    DEPLOYMENT_UPDATE_FAILED = auto()
    DEPLOYMENT_DELETE_FAILED = auto()
    DEPLOYMENT_VERIFICATION_FAILED = auto()
    DEPLOYMENT_ROLLBACK_FAILED = auto()
    DEPLOYMENT_CLEANUP_FAILED = auto()
    DEPLOYMENT_OWNED_BY_ANOTHER_PROJECT = auto()
    DEPLOYMENT_STILL_USED = auto()
    DEPLOYMENT_INTERRUPTED = auto()
    NOTHING_TO_DEPLOY = auto()
    LOCAL_SOURCE_ON_REMOTE_SERVER = auto()
    SCHEDULE_LEFT_PAUSED = auto()
    SCHEDULE_NOT_DECLARED = auto()
    CONFIRMATION_REQUIRED = auto()
    PLAN_FILE_INVALID = auto()
    DEPLOYMENT_CONTENT_REFUSED = auto()
    PLAN_OUTDATED = auto()
    # state and files
    STATE_UNUSABLE = auto()
    STATE_DAMAGED = auto()
    STATE_FULL = auto()
    STATE_BUSY = auto()
    STATE_TOO_NEW = auto()
    STATE_NOT_KEPT = auto()
    CACHE_DAMAGED = auto()
    OUTPUT_NOT_WRITTEN = auto()
    # transactions
    LOCK_HELD = auto()
    LOCK_LOST = auto()
    PLAN_NOT_FOUND = auto()
    PLAN_UNFINISHED = auto()
    TRANSACTION_MISUSED = auto()
    UNDO_CONFLICT = auto()
    UNDO_FAILED = auto()
    UNDO_NOT_VERIFIED = auto()
    UNDO_HANDLER_UNKNOWN = auto()
    # monitoring
    METRICS_NOT_PUSHED = auto()
    METRICS_EXTRA_MISSING = auto()
    SERVE_TOKEN_REQUIRED = auto()
    SERVE_TOKEN_INVALID = auto()
    SERVE_ADDRESS_UNUSABLE = auto()
    REQUEST_INVALID = auto()
    REQUEST_UNAUTHORIZED = auto()
    # telling what happened
    NOTIFICATION_FAILED = auto()
    NOTIFICATION_URL_INVALID = auto()
    NOTIFICATION_ROUTE_UNKNOWN = auto()
    CONFIG_SECRET_IN_FILE = auto()
    PREFECT_EVENT_NOT_SENT = auto()
    # seeing it
    UI_NOT_SERVED = auto()
    UI_API_URL_DIFFERS = auto()
    DEPLOYMENT_NOT_VISIBLE = auto()
    # the command itself
    USAGE_INVALID = auto()
    ERROR_CODE_UNKNOWN = auto()
    ERROR_NOT_FOUND = auto()
    RECOVERY_FAILED = auto()
    RECOVERY_ACTION_UNKNOWN = auto()
    RECOVERY_LIMIT_REACHED = auto()
    RECOVERY_TOO_BROAD = auto()
    UNEXPECTED_ERROR = auto()
