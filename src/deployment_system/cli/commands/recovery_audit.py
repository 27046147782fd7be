"""`recovery audit`: everything that recoveries have changed."""

from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result
from deployment_system.cli.recovering import place_here
from deployment_system.cli.render.recovery_plans import audit_text
from deployment_system.error_handling import RollbackManager
from deployment_system.error_handling.recovery_audit import RecoveryAudit

FORGOTTEN = "forgotten"
"""Of a transaction that is too old to be taken back; the entry stays."""


@click.command("audit")
@click.option("--limit", type=click.IntRange(1), default=50, help="How many.  [default: 50]")
@common_options
@click.pass_obj
def recovery_audit(invocation: Invocation, /, limit: int, **values: Any) -> int:
    """Show who mended what, when, why, and how it was before and after; the newest first."""
    take_common(invocation, values)
    with place_here(invocation).transactions() as manager:
        entries = [
            entry | {"transaction": _transaction(manager, entry["plan_id"])}
            for entry in RecoveryAudit(manager.store).entries()[:limit]
        ]
    write_result(invocation, {"recoveries": entries}, audit_text(entries))
    return 0


def _transaction(manager: RollbackManager, plan_id: str) -> str:
    """How it stands now: it may have been taken back since."""
    plan = manager.rollback_plans.get(plan_id)
    return FORGOTTEN if plan is None else plan.status.value
