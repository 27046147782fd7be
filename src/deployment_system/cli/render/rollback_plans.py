"""Transactions, for a person and for machines."""

from collections.abc import Sequence
from typing import Any

from deployment_system.error_handling import RollbackPlan


def plan_document(plan: RollbackPlan) -> dict[str, Any]:
    """As the JSON output of `recovery` shows it: without the states, which may hold secrets."""
    return {
        "plan_id": plan.plan_id,
        "description": plan.description,
        "environment": (plan.scope or "").rpartition("/")[2] or None,
        "status": plan.status.value,
        "created_at": plan.created_at.isoformat(),
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


def plans_text(plans: Sequence[RollbackPlan]) -> str:
    """A line each."""
    if not plans:
        return "no transaction is remembered"
    return "\n".join(_line(plan) for plan in plans)


def plan_details(plan: RollbackPlan) -> str:
    """The plan with its operations, in the order in which they were begun."""
    lines = [_line(plan)]
    for operation in plan.operations:
        lines.append(f"  {operation.status.value:<12} {operation.description}")
        if operation.error:
            lines.append(f"      {operation.error.get('message')}")
    return "\n".join(lines)


def _line(plan: RollbackPlan) -> str:
    return f"{plan.plan_id}  {plan.status.value:<12} {plan.created_at:%Y-%m-%d %H:%M:%S}  {plan.description}"
