"""Plans and their results, for a person."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click

from deployment_system.cli.render.images import image_lines
from deployment_system.deploy.apply import Outcome
from deployment_system.deploy.plan import Action, Change, Plan
from deployment_system.deploy.planned_steps import PlannedStep
from deployment_system.deploy.result import DeployResult, Status
from deployment_system.error_handling.counted import counted

LONGEST_VALUE = 60
SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
}
DOING = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete"}
DONE = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}
_OF_REMOVED_IMAGES = {Status.DEPLOYED: "deleted", Status.ROLLBACK_INCOMPLETE: "delete: unknown"}


def plan_text(plan: Plan) -> str:
    """Every change with its fields, and a summary."""
    lines = [_step_line(step) for step in plan.steps]
    lines += [line for image in plan.images for line in image_lines(image)]
    lines += [line for change in plan.effective for line in _change_lines(change)]
    lines += [_removed_image(name) for name in plan.removed_images]
    if plan.not_deployed:
        lines.append(f"not deployed here: {', '.join(plan.not_deployed)}")
    lines.append(_summary(plan))
    return "\n".join(lines)


def result_text(result: DeployResult) -> str:
    """What was done with each change, and how it ended."""
    plan = result.plan
    if result.status is Status.PLANNED:
        return plan_text(plan) + "\nnothing was changed: this was a dry run"
    lines = [line for image in plan.images for line in image_lines(image)]
    for change in plan.effective:
        sign, colour = SIGNS[change.action]
        outcome = result.ledger.of(change)
        word = DONE[change.action] if outcome is Outcome.DONE else f"{DOING[change.action]}: {outcome.value}"
        link = result.urls.get(change.key)
        adopted = " (adopted: it was made by somebody else)" if change.adopted else ""
        lines.append(click.style(f"{sign} {change.name}", fg=colour) + f"  {word.replace('_', ' ')}{adopted}")
        if link and len(plan.effective) <= 10:
            lines.append(f"    {link}")
    became = _OF_REMOVED_IMAGES.get(result.status, "delete: rolled back")
    lines += [f"{_removed_image(name)}  {became}" for name in plan.removed_images]
    lines += [f"! {kept.message}" for kept in result.left_behind]
    lines.append(_ending(result))
    return "\n".join(lines)


def _removed_image(name: str) -> str:
    sign, colour = SIGNS[Action.DELETE]
    return click.style(f"{sign} image {name}", fg=colour)


def _ending(result: DeployResult) -> str:
    plan = result.plan
    skipped = _skipped(plan)
    if result.status is Status.UNCHANGED:
        count = len(plan.changes)
        return f"nothing to do in {plan.environment}: {counted(count, 'deployment')} as declared{skipped}"
    if result.status in (Status.DEPLOYED, Status.RECOVERED):
        parts = [f"{count} {DONE[action]}" for action, count in _counts(plan) if count]
        if plan.removed_images:
            parts.append(f"{counted(len(plan.removed_images), 'image name')} deleted")
        parts = parts or [f"{plan.summary['unchanged']} unchanged"]
        if plan.steps:
            parts.insert(0, f"{counted(len(plan.steps), 'step')} run")
        mended = "recovered, then " if result.status is Status.RECOVERED else ""
        return f"{plan.environment}: {mended}{', '.join(parts)}{skipped}, in {result.seconds:.1f} s"
    if result.status is Status.ROLLED_BACK:
        return f"{plan.environment}: failed; everything is as it was"
    if result.status is Status.INTERRUPTED:
        return f"{plan.environment}: interrupted; everything is as it was"
    return f"{plan.environment}: failed, and not everything could be put back: see above and the errors"


def _counts(plan: Plan) -> list[tuple[Action, int]]:
    return [(action, plan.summary[action.value]) for action in DONE]


def _skipped(plan: Plan) -> str:
    flows = {item.flow for item in plan.skipped}
    return f", {counted(len(flows), 'flow')} skipped" if flows else ""


def _step_line(planned: PlannedStep) -> str:
    step = planned.step
    names = ", ".join(planned.deployments[:3])
    more = f" and {len(planned.deployments) - 3} more" if len(planned.deployments) > 3 else ""
    return click.style(f"> {step.phase} step {step.name}", bold=True) + f"  for {names}{more}"


def _summary(plan: Plan) -> str:
    parts = [f"{count} to {DOING[action]}" for action, count in _counts(plan) if count]
    if plan.removed_images:
        parts.append(f"{counted(len(plan.removed_images), 'image name')} to delete")
    unchanged = plan.summary["unchanged"]
    if plan.steps:
        parts.insert(0, f"{counted(len(plan.steps), 'step')} to run")
    text = ", ".join([*parts, f"{unchanged} unchanged"]) if parts else f"nothing to do: {unchanged} unchanged"
    skipped = _skipped(plan)
    return f"{plan.environment}: {text}{skipped}"


def _change_lines(change: Change) -> Iterator[str]:
    sign, colour = SIGNS[change.action]
    adopted = "  (made by somebody else: is adopted)" if change.adopted else ""
    yield click.style(f"{sign} {change.name}", fg=colour, bold=True) + f"  flow {change.flow_name}{adopted}"
    if change.action is Action.DELETE:
        return
    for name, field_change in change.fields.items():
        if name == "schedules":
            yield from _schedule_lines(field_change.before or [], field_change.after or [])
        elif name == "parameter_openapi_schema":
            yield f"    {name}: {'set' if change.action is Action.CREATE else 'changed'}"
        elif change.action is Action.CREATE:
            yield f"    {name}: {_value(field_change.after)}"
        else:
            yield f"    {name}: {_value(field_change.before)} → {_value(field_change.after)}"


def _schedule_lines(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> Iterator[str]:
    was = {item["slug"]: item for item in before}
    will = {item["slug"]: item for item in after}
    for slug in dict.fromkeys((*was, *will)):
        if slug not in was:
            yield f"    schedule {slug}: + {schedule_words(will[slug])}"
        elif slug not in will:
            yield f"    schedule {slug}: - {schedule_words(was[slug])}"
        elif was[slug] != will[slug]:
            yield f"    schedule {slug}: {schedule_words(was[slug])} → {schedule_words(will[slug])}"


def schedule_words(schedule: Any) -> str:
    """A schedule in a few words."""
    timing = next((f"{kind} {schedule[kind]}" for kind in ("cron", "rrule") if schedule.get(kind)), None)
    text = timing or f"every {schedule.get('interval', 0):g} s"
    zone = f" {schedule['timezone']}" if schedule.get("timezone") else ""
    return text.replace("\n", " ") + zone + ("" if schedule.get("active", True) else " (paused)")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
