"""The status of deployments, for a person: at most 80 columns, but for the links."""

from textwrap import wrap

from deployment_system.cli.render.plans import schedule_words
from deployment_system.deploy.pool_health import WorkPoolHealth
from deployment_system.deploy.runs import RunHealth
from deployment_system.deploy.status import DeploymentStatus, StatusReport
from deployment_system.error_handling.counted import counted

NAME_WIDTH = 44
WIDTH = 74


def status_text(report: StatusReport) -> str:
    """A few short lines a deployment, and a summary."""
    lines: list[str] = []
    for item in report.deployments:
        sign = "✓" if item.in_sync and item.ready and not item.runs.broken else "✗"
        lines.append(f"{sign} {item.name:<{NAME_WIDTH}} {_sync(item)}, {_health(item)}")
        if item.deployed:
            schedules = [schedule_words(schedule) for schedule in item.schedules] or ["on demand"]
            lines.append(f"    pool {item.work_pool} · {schedules[0]}")
            lines.extend(f"    {' ' * len(f'pool {item.work_pool}')} · {words}" for words in schedules[1:])
            lines.append(f"    {item.url}")
            lines += [f"    {line}" for line in _runs(item.runs)]
    lines += [line for pool in report.work_pools for line in _pool(pool)]
    drifted = sum(not item.in_sync for item in report.deployments)
    not_ready = sum(not item.ready for item in report.deployments)
    crashed = sum(item.runs.broken for item in report.deployments)
    lines.append(
        f"{report.environment}: {counted(len(report.deployments), 'deployment')}, {drifted} not as declared, "
        f"{not_ready} without a worker" + (f", {crashed} with a crashed last run" if crashed else "")
    )
    return "\n".join(lines)


def _runs(runs: RunHealth) -> list[str]:
    """What there is to say of the last day's runs."""
    counts = [
        f"{count} {word}"
        for count, word in ((runs.crashed, "crashed"), (runs.failed, "failed"), (runs.late, "late"))
        if count
    ]
    if not counts:
        return []
    lines = [f"runs of the last day: {', '.join(counts)}"]
    if (newest := runs.newest) and newest["state"] != "COMPLETED":
        said = f"the last one, {newest['name']}, {newest['state'].lower()}: {newest['message']}"
        lines += wrap(said, WIDTH, subsequent_indent="  ")
        if newest["reason"]:
            lines += wrap(newest["reason"], WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines.append(newest["url"])
    elif newest:
        lines[0] += f"; the last one, {newest['name']}, completed"
    return lines


def _pool(pool: WorkPoolHealth) -> list[str]:
    """A work pool, and where its workers are seen."""
    sign = "✓" if pool.takes_work else "✗"
    if not pool.exists:
        return [f"{sign} work pool {pool.name}: there is none of that name"]
    said = ["paused"] if pool.paused else []
    if pool.needs_workers:
        said.append(f"{pool.workers_online} worker(s) online")
        if pool.last_heartbeat and not pool.workers_online:
            said.append(f"last heard of {pool.last_heartbeat[:19].replace('T', ' ')} UTC")
    return [f"{sign} work pool {pool.name} ({pool.type}): {', '.join(said) or 'ready'}", f"    {pool.url}"]


def _sync(item: DeploymentStatus) -> str:
    if not item.deployed:
        return "not deployed"
    return "as declared" if item.in_sync else f"differs: {', '.join(item.differs)}"


def _health(item: DeploymentStatus) -> str:
    if item.paused:
        return "paused"
    return "ready" if item.ready else "no worker polls"
