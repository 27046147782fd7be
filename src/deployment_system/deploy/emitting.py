"""Sends the events of a transaction to its server: after it is over, once, and whatever comes of that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.undo import DEPLOYMENT
from deployment_system.deploy.apply import Applier, Ledger, Outcome
from deployment_system.deploy.deployments import Owner
from deployment_system.deploy.outcome_events import TouchedDeployment, TransactionOutcome, events_of
from deployment_system.deploy.plan import Action, Change, Plan
from deployment_system.deploy.project import Project
from deployment_system.deploy.result import Status
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
    RetryPolicies,
    RollbackPlan,
)
from deployment_system.error_handling.loggers import logger_of

TIMEOUT_SECONDS = 5.0
"""How long the server may take: the command has done what it was for."""
_RETRY = replace(RetryPolicies.NETWORK_RETRY, max_attempts=3, base_delay=0.05, deadline=TIMEOUT_SECONDS)

_STATUSES = {
    Status.DEPLOYED: "completed",
    Status.ROLLED_BACK: "rolled_back",
    Status.ROLLBACK_INCOMPLETE: "rollback_incomplete",
    Status.INTERRUPTED: "interrupted",
}

_log = logger_of(__name__)


def emit_outcome(
    project: Project,
    applier: Applier,
    plan: Plan,
    plan_id: str,
    status: Status,
    errors: Sequence[DeploymentSystemError],
    command: str,
) -> list[DeploymentSystemError]:
    """Tells the server how a deployment ended; what kept it from being told."""
    if not project.configuration.prefect_events or not plan.effective:
        return []
    outcome = TransactionOutcome(
        project.owner,
        command,
        _STATUSES[status],
        plan_id,
        [_touched(change, applier, applier.ledger) for change in plan.effective],
        errors,
        plan.summary,
    )
    return _emit(project, project.server.url, outcome)


def emit_recovery(project: Project, plan: RollbackPlan, *, complete: bool) -> list[DeploymentSystemError]:
    """Tells the server that an earlier transaction was put back, or could not be."""
    if not project.configuration.prefect_events:
        return []
    # The plan's own environment: whoever puts it back may be in another one.
    named, _, environment = (plan.scope or "").rpartition("/")
    owner = Owner(named, environment) if named else project.owner
    names: dict[tuple[str, str], str] = {}
    url = project.server.url
    for operation in plan.operations:
        if operation.kind == DEPLOYMENT:
            names[operation.reference["flow"], operation.reference["deployment"]] = operation.operation_type
            url = operation.reference["server"]
    if not names:
        return []
    try:
        with _server(project, url) as server:
            stored = server.deployments_named(list(names))
    except PrefectAPIError as error:
        _log.info("the deployments of %s cannot be looked up: %s", plan.plan_id, error.message)
        stored = {}
    outcome = TransactionOutcome(
        owner,
        "recovery",
        "completed" if complete else "rollback_incomplete",
        plan.plan_id,
        [
            TouchedDeployment(
                name,
                flow,
                operation_type,
                "rolled_back" if complete else "not_rolled_back",
                became="rolled_back" if complete else "rollback_incomplete",
                **_ids(stored.get((flow, name))),
            )
            for (flow, name), operation_type in names.items()
        ],
    )
    return _emit(project, url, outcome)


def emit_mended(
    project: Project, error: DeploymentSystemError, plan_id: str | None
) -> list[DeploymentSystemError]:
    """Tells the server that the trouble of an error is gone: a recovery plan has mended it. Nothing is told
    of one that was about no deployment."""
    flow, name = error.context.flow_name, error.context.deployment_name
    if not project.configuration.prefect_events or flow is None or name is None:
        return []
    try:
        with _server(project, project.server.url) as server:
            stored = server.deployment_named(flow, name)
    except PrefectAPIError as trouble:
        _log.info("deployment %s cannot be looked up: %s", name, trouble.message)
        stored = None
    touched = TouchedDeployment(name, flow, "recover", "done", became="recovered", **_ids(stored))
    outcome = TransactionOutcome(
        project.owner, "recovery", "mended", plan_id or error.fingerprint, [touched], [error]
    )
    return _emit(project, project.server.url, outcome)


def _ids(stored: Mapping[str, object] | None) -> dict[str, str | None]:
    if stored is None:
        return {}
    return {"id": str(stored["id"]), "flow_id": str(stored["flow_id"])}


def _touched(change: Change, applier: Applier, ledger: Ledger) -> TouchedDeployment:
    fields = change.desired.fields if change.desired else change.actual.fields if change.actual else {}
    pool = fields.get("work_pool_name")
    made = applier.deployment_ids.get(change.key)
    flow_of_actual = change.actual.raw.get("flow_id") if change.actual else None
    return TouchedDeployment(
        change.name,
        change.flow_name,
        change.action.value,
        ledger.of(change).value,
        made or (change.actual.id if change.actual else None),
        applier.flow_ids.get(change.flow_name) or flow_of_actual,
        pool,
        applier.pool_ids.get(pool or ""),
        _became(change.action, ledger.of(change)),
    )


def _became(action: Action, outcome: Outcome) -> str:
    if outcome is Outcome.DONE:
        return f"{action.value}d"
    if outcome in (Outcome.NOT_STARTED, Outcome.FAILED):
        return ""
    return "rolled_back" if outcome is Outcome.ROLLED_BACK else "rollback_incomplete"


def _emit(project: Project, url: str, outcome: TransactionOutcome) -> list[DeploymentSystemError]:
    secrets = (project.server.api_key, project.server.auth_string)
    try:
        with _server(project, url) as server:
            server.emit_events(events_of(outcome, secrets))
    except PrefectAPIError as error:
        _log.warning("the event %s could not be sent: %s", outcome.event_name, error.message)
        return [_not_sent(outcome, error)]
    except (KeyboardInterrupt, SystemExit):
        # What the command was for is done and will be told: whoever is in a hurry gets that.
        _log.warning("the event %s was not sent: interrupted", outcome.event_name)
    return []


def _server(project: Project, url: str) -> PrefectServer:
    # Not the one of the deployment: its breaker may be open by now, and its patience is longer.
    return project.connect_to(url, timeout_seconds=TIMEOUT_SECONDS, retry_policy=_RETRY)


def _not_sent(outcome: TransactionOutcome, error: PrefectAPIError) -> PrefectAPIError:
    return PrefectAPIError(
        f"the event {outcome.event_name} could not be sent: {error.message}",
        error_code=ErrorCodes.PREFECT_EVENT_NOT_SENT,
        context=ErrorContext(
            environment=outcome.owner.environment, operation="emit an event", plan_id=outcome.plan_id
        ),
        cause=error,
    )
