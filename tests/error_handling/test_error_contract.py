"""Every name, signature, default and value that the contract of the Python names promises for errors."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import deployment_system.error_handling as room
from deployment_system.error_handling import (
    REGISTRY,
    Confidence,
    ConfigurationError,
    DeploymentError,
    DeploymentSystemError,
    DockerError,
    ErrorCategory,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    FlowDiscoveryError,
    PrefectAPIError,
    RecoveryError,
    Remedy,
    RetryStrategy,
    ValidationError,
)

CHILDREN = {
    FlowDiscoveryError: ("FLOW_DISCOVERY_FAILED", "flow_discovery"),
    ValidationError: ("VALIDATION_FAILED", "validation"),
    ConfigurationError: ("CONFIG_INVALID_FORMAT", "configuration"),
    DockerError: ("DOCKER_BUILD_FAILED", "docker"),
    PrefectAPIError: ("PREFECT_API_ERROR", "prefect_api"),
    DeploymentError: ("DEPLOYMENT_FAILED", "deployment"),
    RecoveryError: ("RECOVERY_FAILED", "recovery"),
}
ALL_TYPES = [DeploymentSystemError, *CHILDREN]

PROMISED_CODES = [
    "FLOW_NOT_FOUND",
    "FLOW_SYNTAX_ERROR",
    "FLOW_MISSING_DEPENDENCIES",
    "FLOW_INVALID_STRUCTURE",
    "VALIDATION_FAILED",
    "DEPENDENCY_CONFLICT",
    "MISSING_REQUIREMENTS",
    "CONFIG_FILE_NOT_FOUND",
    "CONFIG_INVALID_FORMAT",
    "CONFIG_MISSING_REQUIRED_FIELD",
    "ENVIRONMENT_NOT_CONFIGURED",
    "DOCKER_BUILD_FAILED",
    "DOCKER_IMAGE_NOT_FOUND",
    "DOCKERFILE_NOT_FOUND",
    "DOCKER_DAEMON_UNAVAILABLE",
    "PREFECT_API_UNAVAILABLE",
    "PREFECT_AUTH_FAILED",
    "WORK_POOL_NOT_FOUND",
    "DEPLOYMENT_CREATE_FAILED",
    "DEPLOYMENT_UPDATE_FAILED",
    "DEPLOYMENT_ROLLBACK_FAILED",
    "DEPLOYMENT_CLEANUP_FAILED",
]

PROMISED_NAMES = [
    "DeploymentSystemError",
    "FlowDiscoveryError",
    "ValidationError",
    "ConfigurationError",
    "DockerError",
    "PrefectAPIError",
    "DeploymentError",
    "RecoveryError",
    "ErrorContext",
    "ErrorSeverity",
    "ErrorCategory",
    "ErrorCodes",
    "RetryStrategy",
    "RetryPolicy",
    "RetryPolicies",
    "RetryHandler",
    "with_retry",
    "with_async_retry",
    "format_user_error",
]


@pytest.mark.parametrize("name", PROMISED_NAMES)
def test_a_promised_name_is_exported(name: str) -> None:
    """By the room itself, and by `import *`. The reporter and the two managers come with later issues."""
    assert hasattr(room, name)
    assert name in room.__all__


@pytest.mark.parametrize("name", PROMISED_CODES)
def test_a_promised_code_equals_its_own_name(name: str) -> None:
    """So that records, options and comparisons with plain strings work."""
    assert ErrorCodes[name] == name
    assert str(ErrorCodes[name]) == name


@pytest.mark.parametrize("enumeration", [ErrorSeverity, ErrorCategory, RetryStrategy, Confidence])
def test_values_are_the_names_in_lower_case(enumeration: type) -> None:
    """`ErrorCategory.FLOW_DISCOVERY.value == "flow_discovery"`, and so everywhere."""
    members = enumeration.__members__  # type: ignore[attr-defined]
    assert [member.value for member in members.values()] == [name.lower() for name in members]


def test_severities_categories_and_strategies_are_those_promised() -> None:
    """Exactly, or at least, as the specification says."""
    assert list(ErrorSeverity.__members__) == ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    assert set(ErrorCategory) >= {
        *("flow_discovery", "validation", "configuration", "docker", "prefect_api"),
        *("deployment", "network", "filesystem", "recovery"),
    }
    assert set(RetryStrategy.__members__) == {
        *("FIXED_DELAY", "EXPONENTIAL_BACKOFF", "LINEAR_BACKOFF", "RANDOM_JITTER"),
    }


@pytest.mark.parametrize(("error_type", "usual"), CHILDREN.items(), ids=lambda item: str(item))
def test_a_child_needs_only_a_message(
    error_type: type[DeploymentSystemError], usual: tuple[str, str]
) -> None:
    """Its code and category are its own; severity, remedy and retryable come from the registry."""
    error = error_type("it broke")
    entry = REGISTRY[ErrorCodes(usual[0])]
    assert isinstance(error, DeploymentSystemError)
    assert (str(error), error.message, error.args) == ("it broke", "it broke", ("it broke",))
    assert (error.error_code, error.category) == usual
    assert (error.severity, error.retryable) == (entry.severity, entry.retryable)
    assert error.remediation == [remedy.text for remedy in entry.remedies]
    assert (error.context, error.cause) == (ErrorContext(), None)


def test_the_base_error_takes_its_category_from_its_code() -> None:
    """It has none of its own."""
    assert DeploymentSystemError("x").error_code == "UNEXPECTED_ERROR"
    error = DeploymentSystemError("x", error_code="DOCKER_BUILD_FAILED")
    assert error.category is ErrorCategory.DOCKER


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_everything_about_an_error_can_be_said(error_type: type[DeploymentSystemError]) -> None:
    """Each keyword of the contract is an attribute afterwards."""
    cause, context = OSError("disk"), ErrorContext("load")
    error = error_type(
        "x",
        error_code=ErrorCodes.WORK_POOL_NOT_FOUND,
        category=ErrorCategory.NETWORK,
        severity="critical",
        context=context,
        remediation="do this",
        cause=cause,
    )
    assert (error.error_code, error.category, error.severity) == (
        "WORK_POOL_NOT_FOUND",
        "network",
        "critical",
    )
    assert isinstance(error.severity, ErrorSeverity)
    assert (error.context, error.remediation, error.cause) == (context, ["do this"], cause)
    assert error.__cause__ is cause


def test_a_remedy_is_a_string_a_list_or_graded() -> None:
    """A bare string is advice."""
    both = DockerError("x", remediation=["one", Remedy("two", Confidence.CERTAIN)])
    assert both.remediation == ["one", "two"]
    assert [remedy.confidence for remedy in both.remedies] == [Confidence.ADVICE, Confidence.CERTAIN]
    assert DockerError("x", remediation=[]).remediation == []


def test_keywords_of_errors_cannot_be_given_by_place() -> None:
    """The contract has them behind a star, so that they may be re-ordered."""
    with pytest.raises(TypeError):
        DockerError("x", "DOCKER_BUILD_FAILED")  # type: ignore[call-arg]


def test_a_code_of_a_third_party_is_kept() -> None:
    """Without an entry: the class's category, medium, not retryable, no remedy."""
    error = DockerError("x", error_code="PODMAN_ODD")
    assert (error.error_code, error.category, error.severity) == ("PODMAN_ODD", "docker", "medium")
    assert (error.retryable, error.remediation) == (False, [])


def test_the_context_takes_what_is_promised() -> None:
    """In that order, all optional, and anything else by name."""
    named = list(inspect.signature(ErrorContext).parameters)
    assert named == [
        *("flow_name", "deployment_name", "environment", "file_path", "line_number", "column", "operation"),
        "extra",
    ]
    context = ErrorContext("load", "nightly", "staging", Path("flows/a.py"), 3, 7, "deploy", image="x:1")
    assert context.to_dict() == {
        "flow_name": "load",
        "deployment_name": "nightly",
        "environment": "staging",
        "file_path": "flows/a.py",
        "line_number": 3,
        "column": 7,
        "operation": "deploy",
        "image": "x:1",
    }
    assert ErrorContext.from_dict(context.to_dict()) == context
    assert hash(ErrorContext.from_dict(context.to_dict())) == hash(context)
    assert "line_number=3" in repr(context)
    assert ErrorContext().to_dict() == {}


def test_a_context_cannot_be_changed() -> None:
    """Neither its fields, nor the extra ones, nor through what it was made of or gives away."""
    mine = ["a"]
    context = ErrorContext("load", flows=mine)
    with pytest.raises(AttributeError, match="immutable"):
        context.flow_name = "other"
    with pytest.raises(AttributeError, match="immutable"):
        del context.flow_name
    with pytest.raises(TypeError):
        context.extra["flows"] = []  # type: ignore[index]
    mine.append("b")
    context.to_dict()["flows"].append("c")
    assert context.to_dict()["flows"] == ["a"]


def test_context_is_added_on_the_way_up_and_never_lost() -> None:
    """The place nearest to the fault knows best; the error stays the same object, with its traceback."""

    def inner() -> None:
        raise DockerError("x", context=ErrorContext(file_path="Dockerfile", image="a:1"))

    def outer() -> None:
        try:
            inner()
        except DockerError as error:
            raise error.with_context(flow_name="load", file_path="other", image="b:2") from None

    with pytest.raises(DockerError) as caught:
        outer()
    assert caught.value.context.to_dict() == {"flow_name": "load", "file_path": "Dockerfile", "image": "a:1"}
    assert [entry.name for entry in caught.traceback][-1] == "inner"


def test_the_room_imports_neither_prefect_nor_docker() -> None:
    """Other projects can use it alone. In a process of its own, where nothing else was imported."""
    check = (
        "import sys, deployment_system.error_handling;"
        "print([name for name in ('prefect', 'docker', 'httpx', 'click', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
