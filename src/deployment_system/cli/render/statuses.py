"""The status of deployments, for a person: at most 80 columns, but for the links."""

from deployment_system.cli.render.plans import schedule_words
from deployment_system.deploy.status import DeploymentStatus, StatusReport

NAME_WIDTH = 44


def status_text(report: StatusReport) -> str:
    """A few short lines a deployment, and a summary."""
    lines: list[str] = []
    for item in report.deployments:
        sign = "✓" if item.in_sync and item.ready else "✗"
        lines.append(f"{sign} {item.name:<{NAME_WIDTH}} {_sync(item)}, {_health(item)}")
        if item.deployed:
            schedules = [schedule_words(schedule) for schedule in item.schedules] or ["on demand"]
            lines.append(f"    pool {item.work_pool} · {schedules[0]}")
            lines.extend(f"    {' ' * len(f'pool {item.work_pool}')} · {words}" for words in schedules[1:])
            lines.append(f"    {item.url}")
    drifted = sum(not item.in_sync for item in report.deployments)
    not_ready = sum(not item.ready for item in report.deployments)
    lines.append(
        f"{report.environment}: {len(report.deployments)} deployment(s), {drifted} not as declared, "
        f"{not_ready} without a worker"
    )
    return "\n".join(lines)


def _sync(item: DeploymentStatus) -> str:
    if not item.deployed:
        return "not deployed"
    return "as declared" if item.in_sync else f"differs: {', '.join(item.differs)}"


def _health(item: DeploymentStatus) -> str:
    if item.paused:
        return "paused"
    return "ready" if item.ready else "no worker polls"
