"""Transactions, for a person and for machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from deployment_system.deploy.plan_documents import plan_document
from deployment_system.error_handling import RollbackPlan
from deployment_system.error_handling.undo_preview import Preview, Verdict

_WOULD = {
    Verdict.RESTORE: "would be put back",
    Verdict.NOTHING: "is as before",
    Verdict.UNLESS_NEEDED: "unless others need it:",
    Verdict.CONFLICT: "would be left alone",
    Verdict.FAIL: "cannot be looked at",
}


def previewed_document(plan: RollbackPlan, previews: Sequence[Preview]) -> dict[str, Any]:
    """As `plan_document`, and with each operation what rolling it back would do."""
    verdicts = {each.operation.operation_id: each for each in previews}
    document = plan_document(plan)
    for shown in document["operations"]:
        found = verdicts[shown["operation_id"]]
        shown |= {"would": found.verdict.value, "error": found.error or shown["error"]}
    return document


def preview_text(plans: Sequence[RollbackPlan], previews: Mapping[str, Sequence[Preview]]) -> str:
    """Each plan with what rolling it back would do, last operation first."""
    lines = []
    for plan in plans:
        lines.append(_line(plan))
        for each in previews[plan.plan_id]:
            lines.append(f"  {_WOULD[each.verdict]:<22} {each.operation.description}")
            if each.error:
                lines.append(f"      {each.error.get('message')}")
    return "\n".join(lines)


def plans_text(plans: Sequence[RollbackPlan]) -> str:
    """A line each."""
    if not plans:
        return "no transaction is remembered"
    return "\n".join(_line(plan) for plan in plans)


def plan_details(plan: RollbackPlan) -> str:
    """The plan with its operations, in the order in which they were begun."""
    record = plan.record()
    lines = [_line(plan), f"  begun by {record.owner}"]
    if "recovery" in record.facts:
        lines.append(f"  a recovery by the plan {record.facts['recovery']}; see `recovery audit`")
    if record.error:
        lines.append(f"  failed: {record.error.get('message')}")
    for operation in plan.operations:
        lines.append(f"  {operation.status.value:<12} {operation.description}")
        if operation.error:
            lines.append(f"      {operation.error.get('message')}")
            lines.extend(_differences(operation.error))
    return "\n".join(lines)


def _differences(error: Mapping[str, Any]) -> list[str]:
    """What a conflict found instead of what it expected, where it may be told."""
    differs = error.get("context", {}).get("differs") or {}
    return [
        f"        {name}: expected {pair['expected']!r}, found {pair['found']!r}"
        for name, pair in differs.items()
        if pair
    ]


def _line(plan: RollbackPlan) -> str:
    return f"{plan.plan_id}  {plan.status.value:<12} {plan.created_at:%Y-%m-%d %H:%M:%S}  {plan.description}"
