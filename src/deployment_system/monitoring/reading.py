"""Reads the metrics from a state: a command that ends at once and a server that stays read the same."""

from collections.abc import Iterable, Mapping

from deployment_system import __version__
from deployment_system.error_handling.store import Lock, PlanRecord, Store
from deployment_system.error_handling.store.measures import of_scope
from deployment_system.monitoring import metrics
from deployment_system.monitoring.names import LOCK_OF_DEPLOYER
from deployment_system.monitoring.samples import Bounds, Family, counted, of_measures

Numbers = list[tuple[Mapping[str, str], float]]
"""Numbers with their labels, not bounded yet."""


def read_families(store: Store | None, bounds: Bounds) -> list[Family]:
    """Every metric that the state can tell, in the order of `METRICS`; None: nothing was ever kept. Raises
    RecoveryError with the store's codes."""
    measures = store.measures.all() if store else []
    running, abandoned = _unfinished(store)
    looked_up: dict[str, Numbers] = {
        metrics.ERRORS.name: _errors(store),
        metrics.OPEN_TRANSACTIONS.name: _one_each(running),
        metrics.UNFINISHED_TRANSACTIONS.name: _one_each(abandoned),
        metrics.LOCKS.name: _held(store),
        metrics.STATE_UP.name: [({}, 1.0)],
        metrics.INFO.name: [({"version": __version__}, 1.0)],
    }
    return [
        of_measures(metric, measures, bounds)
        if metric.measure
        else counted(metric, looked_up[metric.name], bounds)
        for metric in metrics.METRICS
        if metric.measure or metric.name in looked_up
    ]


def families_without_state() -> list[Family]:
    """What can be told while the state cannot be read."""
    return [
        Family(metrics.STATE_UP, {(): 0.0}),
        Family(metrics.INFO, {(__version__,): 1.0}),
    ]


def dependency_family(answers: Mapping[str, bool]) -> Family:
    """Whether each dependency answered."""
    return Family(metrics.DEPENDENCY_UP, {(name,): float(up) for name, up in answers.items()})


def _errors(store: Store | None) -> Numbers:
    return [
        (
            {
                "category": each.category,
                "code": each.error_code,
                "severity": each.severity,
                "environment": each.environment or "",
            },
            float(each.count),
        )
        for each in (store.measures.errors() if store else [])
    ]


def _unfinished(store: Store | None) -> tuple[list[PlanRecord], list[PlanRecord]]:
    """The plans that somebody works on, and those that nobody does."""
    plans = store.journal.unfinished() if store else []
    running = [plan for plan in plans if store and store.journal.runner(plan.plan_id) is not None]
    ids = {plan.plan_id for plan in running}
    return running, [plan for plan in plans if plan.plan_id not in ids]


def _one_each(plans: Iterable[PlanRecord]) -> Numbers:
    return [(of_scope(plan.scope), 1.0) for plan in plans]


def _held(store: Store | None) -> Numbers:
    locks = [lock for lock in store.locks.all() if lock.name.startswith(LOCK_OF_DEPLOYER)] if store else []
    return [(_of_lock(lock), 1.0) for lock in locks if store and not store.locks.is_gone(lock)]


def _of_lock(lock: Lock) -> dict[str, str]:
    holder = metrics.PERSON if lock.manual else metrics.DEPLOYER
    return {**of_scope(lock.name.removeprefix(LOCK_OF_DEPLOYER)), "holder": holder}
