"""What our last deployment declared and the server cannot tell, kept with the state: so whoever shares the
state shares the memory."""

from collections.abc import Sequence
from dataclasses import replace

from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.plan import Memory
from deployment_system.deploy.project import Project
from deployment_system.deploy.transactions import scope_of
from deployment_system.error_handling.store import Note, Store, open_store

DECLARED = "declared"
"""The note on the schedules that the last deployment declared."""


def read_memory(project: Project, store: Store | None = None) -> Memory:
    """The memory of the active environment. Raises the store's errors."""
    if store is not None:
        return Memory(store.notes.get(scope_of(project), DECLARED) or {})
    if not project.has_state:
        return Memory()
    with open_store(project.state_target) as opened:
        return read_memory(project, opened)


def note_of(project: Project, desired: Sequence[DesiredDeployment], before: Memory) -> Note:
    """What is to be remembered once these deployments are made."""
    return Note(scope_of(project), DECLARED, dict(remembered(desired, before).schedules))


def remembered(planned: Sequence[DesiredDeployment], before: Memory) -> Memory:
    """The memory after these deployments were made."""
    declared = dict(before.schedules)
    for item in planned:
        key = "/".join(item.key)
        declared.pop(key, None)
        if item.schedules:
            declared[key] = {schedule.slug: schedule.active for schedule in item.schedules}
    return replace(before, schedules=declared)
