"""Transactions as machines are shown them."""

from typing import Any

from deployment_system.deploy.transactions import left_behind
from deployment_system.error_handling import RollbackPlan


def plan_document(plan: RollbackPlan) -> dict[str, Any]:
    """As the JSON output of `recovery` shows it: without the states, which may hold secrets."""
    record = plan.record()
    return {
        "plan_id": plan.plan_id,
        "description": plan.description,
        "environment": (plan.scope or "").rpartition("/")[2] or record.facts.get("environment"),
        "status": record.status.value,
        "created_at": plan.created_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "owner": str(record.owner),
        "recovery": dict(record.facts) if "recovery" in record.facts else None,
        "error": record.error,
        "left_behind": [error.context.extra["image"] for error in left_behind(plan)],
        "operations": [
            {
                "operation_id": operation.operation_id,
                "operation_type": operation.operation_type,
                "description": operation.description,
                "status": operation.status.value,
                "error": operation.error,
            }
            for operation in plan.operations
        ],
    }
