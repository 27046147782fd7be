"""What `deploy` would do, as a value: declared against actual, field by field. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from deployment_system.api.stored_values import DEPLOYMENT_FIELDS, same_field
from deployment_system.deploy.deployments import (
    ActualDeployment,
    DesiredDeployment,
    Owner,
)
from deployment_system.deploy.planned_steps import PlannedStep, planned_steps
from deployment_system.deploy.schedules import DesiredSchedule, SchedulePair, comparable, pair_schedules
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
)
from deployment_system.error_handling.counted import counted

if TYPE_CHECKING:
    from deployment_system.deploy.image_plan import ImageChange


class Action(StrEnum):
    """What happens to a deployment."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One deployment's step from what is to what is declared."""

    action: Action
    name: str
    flow_name: str
    fields: Mapping[str, FieldChange]
    desired: DesiredDeployment | None = field(default=None, repr=False)
    actual: ActualDeployment | None = field(default=None, repr=False)
    schedules: tuple[SchedulePair, ...] = field(default=(), repr=False)
    kept_schedules: int = 0
    """Schedules of the server that nobody declared and that stay."""
    adopted: bool = False
    """It was made by somebody else, and becomes ours with this change."""

    @property
    def key(self) -> tuple[str, str]:
        """What the server knows the deployment by."""
        return (self.flow_name, self.name)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `plan` shows it."""
        return {
            "action": self.action.value,
            "resource": "deployment",
            "name": self.name,
            "flow": self.flow_name,
            "adopted": self.adopted,
            "fields": {
                name: {"before": change.before, "after": change.after} for name, change in self.fields.items()
            },
        }


@dataclass(frozen=True, slots=True)
class SkippedFlow:
    """A flow, or a declared deployment, that is invalid and therefore left out."""

    flow: str
    error: DeploymentSystemError

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"flow": self.flow, "error": self.error.to_dict()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What `deploy` with the same selection would do."""

    environment: str
    server_url: str
    changes: tuple[Change, ...]
    skipped: tuple[SkippedFlow, ...] = ()
    warnings: tuple[DeploymentSystemError, ...] = ()
    not_deployed: tuple[str, ...] = ()
    """Flows that were found and that no configuration asks to deploy."""
    images: "tuple[ImageChange, ...]" = ()
    """What the deployments start from: made before them."""
    removed_images: tuple[str, ...] = ()
    """Of `clean`: the names that images lose, and with the last of them the image goes."""

    @property
    def all_changes(self) -> "tuple[ImageChange | Change, ...]":
        """Images first, as they are made."""
        return (*self.images, *self.changes)

    @property
    def summary(self) -> dict[str, int]:
        """How many changes of each action, images included."""
        counted = Counter(change.action for change in self.all_changes)
        return {action.value: counted[action] for action in Action}

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that do something."""
        return tuple(change for change in self.changes if change.action is not Action.UNCHANGED)

    @property
    def effective_images(self) -> "tuple[ImageChange, ...]":
        """The images that have to be built, pushed or named anew."""
        return tuple(change for change in self.images if change.action is not Action.UNCHANGED)

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """The build and push steps of a prefect.yaml that run before the deployments are written."""
        return planned_steps(self.changes)

    @property
    def does_something(self) -> bool:
        """Whether there is anything to do. Only a step itself knows whether it does something."""
        return bool(self.effective or self.effective_images or self.steps or self.removed_images)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `plan` shows it."""
        return {
            "environment": self.environment,
            "server": self.server_url,
            "steps": [step.to_dict() for step in self.steps],
            "changes": [change.to_dict() for change in self.all_changes],
            "summary": self.summary,
            "skipped": [skipped.to_dict() for skipped in self.skipped],
            "warnings": [warning.to_dict() for warning in self.warnings],
            "not_deployed": list(self.not_deployed),
            "removed_images": list(self.removed_images),
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """What our last deployment declared and the server cannot tell."""

    schedules: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """By `flow/deployment`: the slugs that were declared, and whether each was declared active."""

    def declared_inactive(self, key: tuple[str, str]) -> frozenset[str]:
        """The slugs of one deployment whose schedules we switched off ourselves."""
        return frozenset(slug for slug, active in self._of(key).items() if not active)

    def declared(self, key: tuple[str, str]) -> frozenset[str]:
        """The slugs of one deployment that came from a declaration."""
        return frozenset(self._of(key))

    def _of(self, key: tuple[str, str]) -> Mapping[str, bool]:
        return self.schedules.get("/".join(key), {})


def plan_deployment(
    desired: DesiredDeployment, actual: ActualDeployment | None, owner: Owner, memory: Memory
) -> Change:
    """The change that makes one deployment as declared."""
    if actual is None:
        return _creation(desired, owner)
    owned = actual.is_owned_by(owner)
    pairs, kept = _schedule_pairs(desired, actual, owned=owned, memory=memory)
    fields: dict[str, FieldChange] = {}
    for name in DEPLOYMENT_FIELDS:
        if name in desired.fields and not same_field(name, desired.fields[name], actual.fields.get(name)):
            fields[name] = FieldChange(actual.fields.get(name), desired.fields[name])
    if desired.paused is not None and desired.paused != actual.paused:
        fields["paused"] = FieldChange(actual.paused, desired.paused)
    if any(not pair.in_sync for pair in pairs):
        fields["schedules"] = FieldChange(
            [comparable(pair.actual) for pair in pairs if pair.actual],
            [_after(pair.desired, left_paused=pair.left_paused) for pair in pairs if pair.desired],
        )
    if not owned:
        labels = owner.labels(desired.type)
        before = {name: actual.labels[name] for name in labels if name in actual.labels}
        fields["labels"] = FieldChange(before, labels)
    return Change(
        Action.UPDATE if fields else Action.UNCHANGED,
        desired.name,
        desired.flow_name,
        fields,
        desired,
        actual,
        pairs,
        len(kept),
        adopted=not owned,
    )


def plan_deletion(actual: ActualDeployment) -> Change:
    """The change that removes a deployment."""
    fields = {
        name: FieldChange(actual.fields[name], None)
        for name in DEPLOYMENT_FIELDS
        if actual.fields.get(name) not in (None, [], {})
    }
    if actual.schedules:
        fields["schedules"] = FieldChange([comparable(item) for item in actual.schedules], None)
    return Change(Action.DELETE, actual.name, actual.flow_name, fields, actual=actual)


def foreign_ownership(
    desired: DesiredDeployment, actual: ActualDeployment | None, owner: Owner
) -> DeploymentError | None:
    """The error for a deployment that another project, or another environment, says is its own."""
    if actual is None or actual.other_owner is None or actual.is_owned_by(owner):
        return None
    other = actual.other_owner
    return DeploymentError(
        f"deployment {desired.name!r} of flow {desired.flow_name!r} belongs to project {other.project!r}, "
        f"environment {other.environment!r}, on this server",
        error_code=ErrorCodes.DEPLOYMENT_OWNED_BY_ANOTHER_PROJECT,
        context=desired.place.extended(
            flow_name=desired.flow_name, deployment_name=desired.name, environment=owner.environment
        ),
    )


def schedule_warnings(change: Change) -> Iterable[DeploymentSystemError]:
    """What a person should know of a change's schedules."""
    context = ErrorContext(flow_name=change.flow_name, deployment_name=change.name)
    for pair in change.schedules:
        if pair.left_paused and pair.desired is not None:
            yield DeploymentError(
                f"schedule {pair.desired.slug!r} of {change.name!r} is paused on the server: it stays so",
                error_code=ErrorCodes.SCHEDULE_LEFT_PAUSED,
                severity=ErrorSeverity.LOW,
                context=context,
            )
    if change.kept_schedules:
        schedules = counted(change.kept_schedules, "schedule")
        stay = "it stays" if change.kept_schedules == 1 else "they stay"
        yield DeploymentError(
            f"{change.name!r} has {schedules} that nobody declared: {stay}",
            error_code=ErrorCodes.SCHEDULE_NOT_DECLARED,
            severity=ErrorSeverity.LOW,
            context=context,
        )


def removable(
    owned: Sequence[ActualDeployment],
    desired_keys: Collection[tuple[str, str]],
    protected_files: Collection[str],
) -> list[ActualDeployment]:
    """The owned deployments whose flow is gone. What lies in a protected file or folder stays: there,
    nothing could be read, so nobody knows whether the flow is gone."""
    return [
        deployment
        for deployment in owned
        if deployment.key not in desired_keys and not _lies_in(deployment.file, protected_files)
    ]


def _lies_in(file: str, places: Collection[str]) -> bool:
    return any(place in ("", ".") or file == place or file.startswith(f"{place}/") for place in places)


def _creation(desired: DesiredDeployment, owner: Owner) -> Change:
    fields = {
        name: FieldChange(None, desired.fields[name])
        for name in DEPLOYMENT_FIELDS
        if desired.fields.get(name) not in (None, [], {})
    }
    if desired.schedules:
        fields["schedules"] = FieldChange(None, [comparable(item) for item in desired.schedules])
    fields["labels"] = FieldChange(None, owner.labels(desired.type))
    pairs = tuple(SchedulePair(item, None) for item in desired.schedules)
    return Change(Action.CREATE, desired.name, desired.flow_name, fields, desired, schedules=pairs)


def _schedule_pairs(
    desired: DesiredDeployment, actual: ActualDeployment, *, owned: bool, memory: Memory
) -> tuple[tuple[SchedulePair, ...], tuple[Any, ...]]:
    if not desired.schedules_declared:
        # Nothing is said any more: what we declared before goes, what somebody else made stays.
        ours = memory.declared(desired.key) if owned else frozenset()
        gone = tuple(SchedulePair(None, item) for item in actual.schedules if item.slug in ours)
        return gone, tuple(item for item in actual.schedules if item.slug not in ours)
    return pair_schedules(
        desired.schedules,
        actual.schedules,
        owned=owned and not desired.removes_foreign_schedules,
        declared_inactive_before=memory.declared_inactive(desired.key),
    )


def _after(desired: DesiredSchedule, *, left_paused: bool) -> dict[str, Any]:
    shown = comparable(desired)
    if left_paused:
        shown["active"] = False
    return shown
