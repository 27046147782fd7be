"""The lock of an environment, taken on purpose by a person: nobody deploys until it is given back."""

from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import lock_name, scope_of
from deployment_system.error_handling.store import Lock, Owner, Store
from deployment_system.error_handling.store.failures import lock_held


def take_lock(project: Project, store: Store, reason: str) -> Lock:
    """Takes the environment's lock until it is released. Raises LOCK_HELD where somebody has it."""
    return store.locks.acquire(lock_name(scope_of(project)), Owner.current(), reason, manual=True)


def release_lock(project: Project, store: Store, *, force: bool) -> Lock | None:
    """Gives the environment's lock back, whoever took it; what it was, None where there is none. That of a
    deployment that runs is taken away only by `force`; else raises LOCK_HELD."""
    name = lock_name(scope_of(project))
    held = store.locks.holder(name)
    if held is None:
        return None
    if not (held.manual or force or store.locks.is_gone(held)):
        raise lock_held(name, held.owner, held.acquired_at, held.purpose, held.manual)
    return store.locks.release_by_force(name)


def current_lock(project: Project, store: Store) -> Lock | None:
    """Who has the environment's lock and is not gone."""
    held = store.locks.holder(lock_name(scope_of(project)))
    return None if held is None or store.locks.is_gone(held) else held
