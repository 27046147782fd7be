"""What came of a transaction, told to the Prefect server as events, so that automations can act on it.

One event is about the environment of the project, with the deployments, their flows and their work pools as
related resources. One more is about each deployment: an action that takes the deployment from the event
(`source: inferred`) takes the first one only, and must find the right one there.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from deployment_system.deploy.deployments import ENVIRONMENT_LABEL, PROJECT_LABEL, Owner
from deployment_system.error_handling import DeploymentSystemError, KnownSecrets

MOST_RELATED = 100
"""The most related resources that a Prefect server takes in an event
(PREFECT_SERVER_EVENTS_MAXIMUM_RELATED_RESOURCES)."""
MOST_ERRORS = 20
_ID, _NAME, _ROLE = "prefect.resource.id", "prefect.resource.name", "prefect.resource.role"

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class TouchedDeployment:
    """A deployment that a transaction was about."""

    name: str
    flow_name: str
    action: str = ""
    outcome: str = ""
    id: str | None = None
    """None: it is not on the server, and nobody knows what it was."""
    flow_id: str | None = None
    work_pool: str | None = None
    work_pool_id: str | None = None
    became: str = ""
    """`created`, `updated`, `deleted`, `rolled_back`, `rollback_incomplete` or `recovered`; empty: nothing
    was done."""


@dataclass(frozen=True)
class TransactionOutcome:
    """How a transaction ended."""

    owner: Owner
    command: str
    """`deploy`, `clean` or `recovery`."""
    status: str
    """`completed`, `rolled_back`, `rollback_incomplete` or `interrupted`; of a recovery plan `mended`."""
    plan_id: str
    deployments: Sequence[TouchedDeployment] = ()
    errors: Sequence[DeploymentSystemError] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Changes by their action."""

    @property
    def event_name(self) -> str:
        """Such as `deployment-system.deploy.completed`."""
        return f"deployment-system.{self.command}.{self.status}"


def events_of(outcome: TransactionOutcome, secrets: Iterable[str | None] = ()) -> list[dict[str, Any]]:
    """The event of the transaction, or as many as its related resources need, each with its number; then the
    events of the deployments. To be sent together."""
    known = KnownSecrets.of_environ(os.environ, secrets)
    pages = list(_pages(outcome))
    occurred = datetime.now(UTC).isoformat()
    return [
        {
            **_head(outcome.event_name, occurred),
            "resource": _environment(outcome, number),
            "related": [*related, _transaction(outcome.plan_id)],
            "payload": {
                "plan_id": outcome.plan_id,
                "command": outcome.command,
                "status": outcome.status,
                "project": outcome.owner.project,
                "environment": outcome.owner.environment,
                "changes": {action: count for action, count in outcome.counts.items() if count},
                "deployments": names,
                "errors": [_told(error, known) for error in outcome.errors[:MOST_ERRORS]],
                "page": number,
                "pages": len(pages),
            },
        }
        for number, (names, related) in enumerate(pages, start=1)
    ] + [
        {
            **_head(f"deployment-system.deployment.{each.became}", occurred),
            "resource": _deployment(each),
            "related": [
                {**_environment(outcome, 1), _ROLE: "environment"},
                *_of_deployment(each),
                _transaction(outcome.plan_id),
            ],
            "payload": {"plan_id": outcome.plan_id, "command": outcome.command, "status": outcome.status},
        }
        for each in outcome.deployments
        if each.id is not None and each.became
    ]


def _head(name: str, occurred: str) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred": occurred, "event": name}


def _environment(outcome: TransactionOutcome, page: int) -> Labels:
    owner = outcome.owner
    return {
        _ID: f"deployment-system.environment.{owner.project}.{owner.environment}",
        _NAME: f"{owner.project}/{owner.environment}",
        PROJECT_LABEL: owner.project,
        ENVIRONMENT_LABEL: owner.environment,
        "deployment-system.command": outcome.command,
        "deployment-system.status": outcome.status,
        # An automation that is to act once for each transaction asks for the first page.
        "deployment-system.page": str(page),
    }


def _transaction(plan_id: str) -> Labels:
    return {_ID: f"deployment-system.transaction.{plan_id}", _NAME: plan_id, _ROLE: "transaction"}


def _pages(outcome: TransactionOutcome) -> Iterator[tuple[list[str], list[Labels]]]:
    """Deployments with their flows and work pools, so many at once as an event may have."""
    names: list[str] = []
    related: dict[tuple[str, str], Labels] = {}
    for each in outcome.deployments:
        more = {(label[_ROLE], label[_ID]): label for label in _related(each)}
        if len(related | more) > MOST_RELATED - 1:  # the transaction is one as well
            yield names, list(related.values())
            names, related = [], {}
        names.append(f"{each.flow_name}/{each.name}")
        related |= more
    yield names, list(related.values())


def _related(each: TouchedDeployment) -> Iterator[Labels]:
    if each.id is not None:
        yield {**_deployment(each), _ROLE: "deployment"}
    yield from _of_deployment(each)


def _deployment(each: TouchedDeployment) -> Labels:
    return {
        _ID: f"prefect.deployment.{each.id}",
        _NAME: each.name,
        "deployment-system.action": each.action,
        "deployment-system.outcome": each.outcome,
    }


def _of_deployment(each: TouchedDeployment) -> Iterator[Labels]:
    if each.flow_id is not None:
        yield {_ID: f"prefect.flow.{each.flow_id}", _NAME: each.flow_name, _ROLE: "flow"}
    if each.work_pool_id is not None and each.work_pool is not None:
        yield {_ID: f"prefect.work-pool.{each.work_pool_id}", _NAME: each.work_pool, _ROLE: "work-pool"}


def _told(error: DeploymentSystemError, known: KnownSecrets) -> dict[str, str]:
    return {
        "error_code": str(error.error_code),
        "message": known.hide(error.message),
        "severity": error.severity.value,
        "fingerprint": error.fingerprint,
    }
