"""What is deployed: its drift from the source, its schedules, its health, and where to see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.deploy.assess import Assessment, Options, assess
from deployment_system.deploy.deployments import ActualDeployment, DesiredDeployment
from deployment_system.deploy.links import ui_url
from deployment_system.deploy.measuring import tell_deployments, write_collected
from deployment_system.deploy.memory import read_memory
from deployment_system.deploy.plan import Action, plan_deployment
from deployment_system.deploy.planning import Observed, observe, owned_by
from deployment_system.deploy.pool_health import WorkPoolHealth, read_pool_health
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.runs import RunHealth, read_run_health
from deployment_system.deploy.schedules import comparable
from deployment_system.deploy.visibility import UiView, look_at_ui, not_visible
from deployment_system.error_handling import DeploymentSystemError, DockerError

READY = "READY"
IMAGE_ABSENT = "its image is not there"
IMAGE_UNKNOWN = "its image cannot be looked for"


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One deployment, declared or deployed or both."""

    name: str
    flow: str
    type: str
    deployed: bool
    in_sync: bool
    differs: tuple[str, ...]
    """Fields that are not as declared."""
    paused: bool
    schedules: tuple[Mapping[str, Any], ...]
    work_pool: str | None
    ready: bool
    """A worker polls its queue (the server's own judgement)."""
    url: str | None
    runs: RunHealth = field(default_factory=RunHealth)
    """Runs in trouble in the last day."""
    id: str | None = None
    visible: bool | None = False
    """Whether the UI shows it; None: nobody can tell from here."""

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `status` shows it."""
        return {
            "name": self.name,
            "flow": self.flow,
            "type": self.type,
            "deployed": self.deployed,
            "in_sync": self.in_sync,
            "differs": list(self.differs),
            "paused": self.paused,
            "schedules": [dict(schedule) for schedule in self.schedules],
            "work_pool": self.work_pool,
            "ready": self.ready,
            "url": self.url,
            "runs": self.runs.to_dict(),
            "visible": self.visible,
        }


@dataclass(frozen=True)
class StatusReport:
    """All deployments of a project in one environment."""

    environment: str
    server_url: str
    deployments: tuple[DeploymentStatus, ...]
    errors: tuple[DeploymentSystemError, ...]
    """What makes flows invalid."""
    warnings: tuple[DeploymentSystemError, ...]
    work_pools: tuple[WorkPoolHealth, ...] = ()
    """Those that the deployments go to."""
    ui: UiView | None = None

    @property
    def healthy(self) -> bool:
        """Everything is as declared, somebody would run it, the last run did not crash, no work pool is
        paused, and the UI hides nothing."""
        deployments = all(item.in_sync and item.ready and not item.runs.broken for item in self.deployments)
        return deployments and not any(pool.paused for pool in self.work_pools) and not self._hidden

    @property
    def _hidden(self) -> bool:
        return self.ui is not None and bool(self.ui.hidden)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `status` shows it."""
        return {
            "environment": self.environment,
            "server": self.server_url,
            "healthy": self.healthy,
            "deployments": [item.to_dict() for item in self.deployments],
            "work_pools": [pool.to_dict() for pool in self.work_pools],
            "ui": self.ui.to_dict() if self.ui else None,
            "errors": [error.to_dict() for error in self.errors],
            "warnings": [warning.to_dict() for warning in self.warnings],
        }


def read_status(
    project: Project, options: Options | None = None, *, progress: Progress = no_progress
) -> StatusReport:
    """Compares the repository with the server; changes nothing."""
    assessment = assess(project, options=options, progress=progress)
    with project.connect() as server:
        names = sorted({item.flow_name for item in assessment.desired})
        observed = observe(server, names, project.owner, progress)
        shown = _shown(project, assessment, observed)
        runs = _run_health(server, shown)
        ui = look_at_ui(project, server, list(shown))
        pools = read_pool_health(server, _pools_of(assessment, shown), observed.work_pools)
    memory = read_memory(project)
    desired, remarks, trouble = _with_images(project, assessment.desired, observed)
    rows = []
    for item in desired:
        actual = observed.deployments.get(item.key)
        change = plan_deployment(item, actual, project.owner, memory)
        # What the steps of a prefect.yaml give is known only when they have run.
        differs = tuple(name for name in change.fields if name not in item.fields_from_steps)
        if (remark := remarks.get(item.key)) and (remark == IMAGE_UNKNOWN or not differs):
            differs = (remark,)
        in_sync = actual is not None and not differs
        rows.append(_row(project, item, actual, in_sync, differs if actual else ()))
    declared = {item.key for item in assessment.desired}
    rows.extend(
        _leftover(project, actual, assessment)
        for actual in owned_by(project.owner, observed)
        if actual.key not in declared
    )
    tell_deployments(project, sum(row.in_sync for row in rows), sum(not row.in_sync for row in rows))
    write_collected(project)
    seen = [
        replace(row, runs=runs.get((row.flow, row.name), RunHealth()), visible=ui.shows(row.id))
        for row in sorted(rows, key=lambda row: (row.flow, row.name))
    ]
    hidden = () if ui.problems else not_visible(ui, [(row.name, row.id) for row in seen])
    return StatusReport(
        project.environment_name,
        project.server.url,
        tuple(seen),
        (*assessment.errors, *hidden),
        (*assessment.warnings, *trouble, *ui.problems),
        pools,
        ui,
    )


def _shown(project: Project, assessment: Assessment, observed: Observed) -> dict[str, ActualDeployment]:
    """By id: what is declared and deployed, and what is ours and no longer declared."""
    declared = [observed.deployments.get(item.key) for item in assessment.desired]
    return {item.id: item for item in (*declared, *owned_by(project.owner, observed)) if item is not None}


def _pools_of(assessment: Assessment, shown: Mapping[str, ActualDeployment]) -> list[str]:
    """The work pools that deployments go to, or are to go to."""
    fields = [*(item.fields for item in assessment.desired), *(item.fields for item in shown.values())]
    return [each["work_pool_name"] for each in fields if each.get("work_pool_name")]


def _run_health(
    server: PrefectServer, shown: Mapping[str, ActualDeployment]
) -> dict[tuple[str, str], RunHealth]:
    """How the runs went."""
    found = read_run_health(server, {each: item.type for each, item in shown.items()})
    return {shown[each].key: health for each, health in found.items()}


def _with_images(
    project: Project, desired: Sequence[DesiredDeployment], observed: Observed
) -> tuple[list[DesiredDeployment], dict[tuple[str, str], str], list[DeploymentSystemError]]:
    """The deployments with what their work pools are told of their images, what is to be said of images that
    are not there, and why engine or registry could not be asked."""
    pools = observed.work_pools
    in_containers = [item for item in desired if item.image and item.fields["work_pool_name"] in pools]
    if not in_containers:
        return list(desired), {}, []
    from deployment_system.deploy.container_planning import with_images

    try:
        completed, images = with_images(project, in_containers, pools)
    except DockerError as error:
        return list(desired), {item.key: IMAGE_UNKNOWN for item in in_containers}, [error]
    absent = {change.name for change in images if change.action is Action.CREATE}
    remarks = {item.key: IMAGE_ABSENT for item in completed if item.image and item.image.name in absent}
    by_key = {item.key: item for item in completed}
    return [by_key.get(item.key, item) for item in desired], remarks, []


def _row(
    project: Project,
    desired: DesiredDeployment,
    actual: ActualDeployment | None,
    in_sync: bool,
    differs: tuple[str, ...],
) -> DeploymentStatus:
    if actual is None:
        pool = desired.fields["work_pool_name"]
        return DeploymentStatus(
            desired.name, desired.flow_name, desired.type, False, False, (), False, (), pool, False, None
        )
    return _of_actual(project, actual, desired.type, in_sync, differs)


def _leftover(project: Project, actual: ActualDeployment, assessment: Assessment) -> DeploymentStatus:
    """A deployment of ours that nothing declares: its flow is gone, or is invalid now."""
    invalid = actual.flow_name in assessment.invalid_flows or actual.file in assessment.unreadable
    return _of_actual(
        project,
        actual,
        actual.type,
        False,
        ("its flow is invalid",) if invalid else ("not declared any more",),
    )


def _of_actual(
    project: Project, actual: ActualDeployment, deployment_type: str, in_sync: bool, differs: tuple[str, ...]
) -> DeploymentStatus:
    return DeploymentStatus(
        name=actual.name,
        flow=actual.flow_name,
        type=deployment_type,
        deployed=True,
        in_sync=in_sync,
        differs=differs,
        paused=actual.paused,
        schedules=tuple(comparable(item) for item in actual.schedules),
        work_pool=actual.fields.get("work_pool_name"),
        ready=actual.status == READY,
        url=ui_url(project.server.url, actual.id),
        id=actual.id,
    )
