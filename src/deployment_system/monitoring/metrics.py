"""Every metric: name, kind, meaning and labels. Exposition, alert rules and dashboard are made from these.

Names follow the conventions of Prometheus: a prefix, base units, `_total` for what only grows. Each label has
a bounded set of values; what is not in it is counted under `other`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from deployment_system.error_handling import REGISTRY, CircuitState, ErrorCategory, ErrorSeverity
from deployment_system.error_handling import collected as kept
from deployment_system.error_handling.store import OperationStatus
from deployment_system.error_handling.store import measures as stored
from deployment_system.monitoring import names

PREFIX = "deployment_system_"
OTHER = "other"
NO_ENVIRONMENT = "none"
"""The environment of what happened before one was known."""

SERVICES = ("prefect", "docker", "registry")
DEPENDENCIES = ("state", *SERVICES)
COMMANDS = ("deploy", "clean", "build")
COMMAND_OUTCOMES = (
    *("deployed", "built", "unchanged", "invalid", "rolled_back", "rollback_incomplete"),
    *(names.LOCKED, names.INTERRUPTED, names.FAILED),
)
TRANSACTION_OUTCOMES = tuple(
    status.value
    for status in (
        OperationStatus.COMPLETED,
        OperationStatus.ROLLED_BACK,
        OperationStatus.FAILED,
        OperationStatus.CONFLICT,
    )
)
RECOVERY_OUTCOMES = ("recovered", "refused", "advice", "in_vain", "incomplete")
HOLDERS = DEPLOYER, PERSON = "deployer", "person"


class Kind(StrEnum):
    """What a monitoring system may do with a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` are its labels with their values; None: those that the configuration gives."""

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    measure: str | None = None
    """Under which name the state keeps it; None: it is looked up elsewhere."""
    always_shown: bool = False
    """Every combination of values is shown, with 0 where nothing happened: the first time is an increase."""


def _named(name: str) -> str:
    return PREFIX + name


_ENVIRONMENT: Mapping[str, tuple[str, ...] | None] = MappingProxyType({"environment": None})
_SERVICE: Mapping[str, tuple[str, ...] | None] = MappingProxyType({"service": SERVICES, **_ENVIRONMENT})
_PREFECT: Mapping[str, tuple[str, ...] | None] = MappingProxyType({"service": SERVICES[:1], **_ENVIRONMENT})
"""Only requests to a Prefect server share a budget and a circuit breaker."""
_CODES = tuple(code.value for code in REGISTRY)

ERRORS = Metric(
    _named("errors_total"),
    Kind.COUNTER,
    "Errors that were written into the error history, those that were forgotten since included.",
    {
        "category": tuple(ErrorCategory),
        "code": _CODES,
        "severity": tuple(ErrorSeverity),
        **_ENVIRONMENT,
    },
)
TRANSACTIONS = Metric(
    _named("transactions_total"),
    Kind.COUNTER,
    "Ends of transactions: completed, rolled back, or not put back as it failed or others had changed it.",
    {**_ENVIRONMENT, "outcome": TRANSACTION_OUTCOMES},
    stored.TRANSACTIONS,
    always_shown=True,
)
LAST_TRANSACTION = Metric(
    _named("transaction_last_end_timestamp_seconds"),
    Kind.GAUGE,
    "When a transaction last ended so, in seconds since 1970.",
    {**_ENVIRONMENT, "outcome": TRANSACTION_OUTCOMES},
    stored.LAST_TRANSACTION,
)
OPEN_TRANSACTIONS = Metric(
    _named("transactions_open"),
    Kind.GAUGE,
    "Transactions that a living process works on now.",
    _ENVIRONMENT,
    always_shown=True,
)
UNFINISHED_TRANSACTIONS = Metric(
    _named("transactions_unfinished"),
    Kind.GAUGE,
    "Transactions of processes that are gone, or that could not be put back: something is half done.",
    _ENVIRONMENT,
    always_shown=True,
)
LOCKS = Metric(
    _named("locks"),
    Kind.GAUGE,
    "Environments that nobody else can deploy to now, by who holds the lock.",
    {**_ENVIRONMENT, "holder": HOLDERS},
    always_shown=True,
)
ROLLBACK_DURATION = Metric(
    _named("rollback_duration_seconds"),
    Kind.HISTOGRAM,
    "How long it took to put back what a transaction had changed.",
    _ENVIRONMENT,
    stored.ROLLBACK_SECONDS,
    always_shown=True,
)
COMMANDS_RUN = Metric(
    _named("commands_total"),
    Kind.COUNTER,
    "Commands that were to change something, by how they ended.",
    {"command": COMMANDS, **_ENVIRONMENT, "outcome": COMMAND_OUTCOMES},
    names.COMMANDS,
    always_shown=True,
)
LAST_COMMAND = Metric(
    _named("command_last_end_timestamp_seconds"),
    Kind.GAUGE,
    "When a command last ended so, in seconds since 1970.",
    {"command": COMMANDS, **_ENVIRONMENT, "outcome": COMMAND_OUTCOMES},
    names.LAST_COMMAND,
)
COMMAND_DURATION = Metric(
    _named("command_duration_seconds"),
    Kind.HISTOGRAM,
    "How long a command took, without the time that a person took to answer.",
    {"command": COMMANDS, **_ENVIRONMENT},
    names.COMMAND_SECONDS,
    always_shown=True,
)
IMAGE_BUILD_DURATION = Metric(
    _named("image_build_duration_seconds"),
    Kind.HISTOGRAM,
    "How long the build of one image took.",
    _ENVIRONMENT,
    names.IMAGE_SECONDS,
    always_shown=True,
)
REQUESTS = Metric(
    _named("requests_total"),
    Kind.COUNTER,
    "Requests that were sent to a Prefect server, each attempt counted.",
    _PREFECT,
    kept.REQUESTS,
)
FAILED_ATTEMPTS = Metric(
    _named("failed_attempts_total"),
    Kind.COUNTER,
    "Attempts to reach a service that failed, by the code of the error.",
    {**_SERVICE, "code": _CODES},
    kept.FAILED_ATTEMPTS,
)
RETRIES = Metric(
    _named("retries_total"),
    Kind.COUNTER,
    "Attempts that followed a failed one.",
    _SERVICE,
    kept.RETRIES,
    always_shown=True,
)
RECOVERED_CALLS = Metric(
    _named("retried_calls_succeeded_total"),
    Kind.COUNTER,
    "Calls that succeeded after failed attempts.",
    _SERVICE,
    kept.RECOVERED_CALLS,
    always_shown=True,
)
GIVE_UPS = Metric(
    _named("give_ups_total"),
    Kind.COUNTER,
    "Calls that were given up: attempts or retry budget used up, or the circuit open.",
    {**_SERVICE, "reason": (kept.ATTEMPTS_USED_UP, kept.BUDGET_USED_UP, kept.CIRCUIT_OPEN)},
    kept.GIVE_UPS,
    always_shown=True,
)
CIRCUIT_CHANGES = Metric(
    _named("circuit_changes_total"),
    Kind.COUNTER,
    "How often a circuit breaker took a state.",
    {**_PREFECT, "state": tuple(CircuitState)},
    kept.CIRCUIT_CHANGES,
    always_shown=True,
)
CIRCUIT_STATE = Metric(
    _named("circuit_state"),
    Kind.GAUGE,
    "In which state the last run left the circuit: 0 closed, 1 half open, 2 open.",
    _PREFECT,
    kept.CIRCUIT,
)
BUDGET = Metric(
    _named("retry_budget_left_ratio"),
    Kind.GAUGE,
    "Which share of its retry budget the last run left.",
    _PREFECT,
    kept.BUDGET,
)
RECOVERIES = Metric(
    _named("recoveries_total"),
    Kind.COUNTER,
    "Recovery plans that were carried out, by what came of it.",
    {"plan": None, **_ENVIRONMENT, "outcome": RECOVERY_OUTCOMES},
    names.RECOVERIES,
)
FLOWS = Metric(
    _named("flows"),
    Kind.GAUGE,
    "Flows at the last look at the whole repository: found, and invalid among them.",
    {**_ENVIRONMENT, "state": names.FLOW_STATES},
    names.FLOWS,
)
DEPLOYMENTS = Metric(
    _named("deployments"),
    Kind.GAUGE,
    "Deployments when they were last compared with the server: as declared, or not.",
    {**_ENVIRONMENT, "state": names.SYNC_STATES},
    names.DEPLOYMENTS,
)
LAST_LOOK = Metric(
    _named("deployments_compared_timestamp_seconds"),
    Kind.GAUGE,
    "When deployments were last compared with the server, in seconds since 1970.",
    _ENVIRONMENT,
    names.LAST_LOOK,
)
STATE_UP = Metric(
    _named("state_up"),
    Kind.GAUGE,
    "Whether the state, from which the other metrics come, could be read.",
)
DEPENDENCY_UP = Metric(
    _named("dependency_up"),
    Kind.GAUGE,
    "Whether what deployments need answered when it was last asked. Only `serve` asks.",
    {"dependency": DEPENDENCIES},
)
INFO = Metric(
    _named("build_info"),
    Kind.GAUGE,
    "Always 1; the version of this program is a label.",
    {"version": None},
)

METRICS = (
    *(ERRORS, TRANSACTIONS, LAST_TRANSACTION, OPEN_TRANSACTIONS, UNFINISHED_TRANSACTIONS, LOCKS),
    *(ROLLBACK_DURATION, COMMANDS_RUN, LAST_COMMAND, COMMAND_DURATION, IMAGE_BUILD_DURATION),
    *(REQUESTS, FAILED_ATTEMPTS, RETRIES, RECOVERED_CALLS, GIVE_UPS, CIRCUIT_CHANGES, CIRCUIT_STATE, BUDGET),
    *(RECOVERIES, FLOWS, DEPLOYMENTS, LAST_LOOK, STATE_UP, DEPENDENCY_UP, INFO),
)
"""All of them, in the order in which they are shown."""
