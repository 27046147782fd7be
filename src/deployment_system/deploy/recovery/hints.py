"""Why plans cannot be carried out here: often that is what a person has to know."""

from deployment_system.error_handling import DeploymentSystemError
from deployment_system.error_handling.recovery_manager import RecoveryManager
from deployment_system.error_handling.recovery_plans import plans_for


def hints(manager: RecoveryManager, error: DeploymentSystemError) -> list[str]:
    """For each plan that is for this error and cannot act here, what is missing. Changes nothing."""
    plans = [plan for plan in plans_for(error, manager.plans) if plan.steps]
    names = {plan.name for plan in plans}
    found = [manager.propose(error, without=names - {plan.name}) for plan in plans]
    return list(
        dict.fromkeys(
            step.missing for recovery in found for step in recovery.steps if step.missing is not None
        )
    )
