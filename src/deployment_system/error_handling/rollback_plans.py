"""Plans as a program sees them: live views of what the journal says."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from deployment_system.error_handling.error_types import RecoveryError
from deployment_system.error_handling.store.journal import Journal
from deployment_system.error_handling.store.records import OperationRecord, OperationStatus, PlanRecord

__all__ = ["OperationStatus", "OperationType", "RollbackPlan", "RollbackPlans"]


class OperationType(StrEnum):
    """What an operation does, for people; how it is undone says its handler."""

    DEPLOYMENT_CREATE = "deployment_create"
    DEPLOYMENT_UPDATE = "deployment_update"
    DEPLOYMENT_DELETE = "deployment_delete"
    FLOW_CREATE = "flow_create"
    WORK_POOL_CREATE = "work_pool_create"
    WORK_POOL_UPDATE = "work_pool_update"
    WORK_QUEUE_CREATE = "work_queue_create"
    DOCKER_IMAGE_BUILD = "docker_image_build"
    DOCKER_IMAGE_TAG = "docker_image_tag"
    DOCKER_IMAGE_PUSH = "docker_image_push"
    DOCKER_IMAGE_REMOVE = "docker_image_remove"
    CONFIG_UPDATE = "config_update"
    FILE_CREATE = "file_create"
    FILE_MODIFY = "file_modify"
    FILE_DELETE = "file_delete"
    CUSTOM = "custom"


class RollbackPlan:
    """One transaction. What can change is read from the journal each time that it is asked for."""

    def __init__(self, journal: Journal, record: PlanRecord) -> None:
        self._journal = journal
        self._record = record

    @property
    def plan_id(self) -> str:
        """Its name, such as `rollback_20251002_110652_ab12cd34`."""
        return self._record.plan_id

    @property
    def description(self) -> str:
        """What the transaction is for."""
        return self._record.description

    @property
    def scope(self) -> str | None:
        """The environment, or whatever else only one transaction may be about."""
        return self._record.scope

    @property
    def created_at(self) -> datetime:
        """When it was begun, in UTC."""
        return self._record.created_at

    @property
    def status(self) -> OperationStatus:
        """What became of it."""
        return self.record().status

    @property
    def operations(self) -> list[OperationRecord]:
        """In the order in which they were begun."""
        return self._journal.operations(self.plan_id)

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The first error, as `DeploymentSystemError.to_dict` gives it."""
        return self.record().error

    def record(self) -> PlanRecord:
        """Everything that the journal says of it now. Raises PLAN_NOT_FOUND after it was cleaned up."""
        return self._journal.plan(self.plan_id)

    def __repr__(self) -> str:
        return f"<RollbackPlan {self.plan_id}: {self.description}>"


class RollbackPlans(Mapping[str, RollbackPlan]):
    """All plans of a store by their id, the oldest first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getitem__(self, plan_id: str) -> RollbackPlan:
        try:
            return RollbackPlan(self._journal, self._journal.plan(plan_id))
        except RecoveryError as error:
            if error.error_code == "PLAN_NOT_FOUND":
                raise KeyError(plan_id) from error
            raise

    def __iter__(self) -> Iterator[str]:
        return (plan.plan_id for plan in self._journal.plans())

    def __len__(self) -> int:
        return len(self._journal.plans())
