"""What can be wrong with the work pool that a deployment names, and with what it is told."""

from collections.abc import Iterable, Mapping
from typing import Any

from deployment_system.config.models import WorkPools
from deployment_system.config.problems import nearest
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.error_handling import (
    Confidence,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
    Remedy,
    ValidationError,
)
from deployment_system.validation import check_job_variables


def missing_pool(name: str, known: Iterable[str], needed_type: str, context: ErrorContext) -> PrefectAPIError:
    """The error for a pool that the server does not have. `known`: those that it has."""
    others = sorted(known)
    meant = nearest(name, others)
    remedies = [
        Remedy(f"`prefect work-pool create --type {needed_type} {name}`", Confidence.PROBABLE),
        Remedy(
            "Or name another one: `work_pools:` of the environment, `work_pool:` of the flow or of the "
            "deployment in prefect.yaml.",
            Confidence.NEEDS_INPUT,
        ),
    ]
    default = " (taken where none is named)" if name in (WorkPools().python, WorkPools().docker) else ""
    has = f"; the server has {', '.join(others) or 'none'}"
    hint = f": did you mean {meant!r}?" if meant else has
    return PrefectAPIError(
        f"there is no work pool {name!r} on the server{default}{hint}",
        error_code=ErrorCodes.WORK_POOL_NOT_FOUND,
        context=context.extended(work_pool=name, work_pool_type=needed_type, known_work_pools=others),
        remediation=remedies[::-1] if meant else remedies,
    )


def wrong_pool_type(pool: Mapping[str, Any], needed: str, context: ErrorContext) -> PrefectAPIError:
    """The error for a pool whose workers could not run the deployment. `needed`: what they would have to
    be, in words."""
    return PrefectAPIError(
        f"work pool {pool['name']!r} is of type {pool['type']!r}; {needed}",
        error_code=ErrorCodes.WORK_POOL_TYPE_MISMATCH,
        context=context.extended(work_pool=pool["name"]),
    )


def job_variable_problems(
    item: DesiredDeployment, environment: str, pool: Mapping[str, Any]
) -> tuple[ValidationError, ...]:
    """What the pool would not take, or would ignore."""

    def place_of(variable: str) -> ErrorContext:
        names = (f"work_pool.job_variables.{variable}", f"job_variables.{variable}")
        return place_in(item, environment, *names)

    return check_job_variables(
        item.fields["job_variables"], pool["base_job_template"], place_in(item, environment), place_of
    )


def place_in(item: DesiredDeployment, environment: str, *settings: str) -> ErrorContext:
    """Where the first of these settings that stands anywhere does, with what it is about."""
    return item.place_of(*settings).extended(
        flow_name=item.flow_name, deployment_name=item.name, environment=environment
    )
