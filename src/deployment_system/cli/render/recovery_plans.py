"""Recovery plans for a person and for a program."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent
from typing import Any

import click

from deployment_system.error_handling.recovery_actions import RecoveryAction, RecoveryActions
from deployment_system.error_handling.recovery_manager import Recovery
from deployment_system.error_handling.recovery_plans import RecoveryPlan


def plan_document(plan: RecoveryPlan) -> dict[str, Any]:
    """As the JSON output of `recovery plans` shows it."""
    return {
        "name": plan.name,
        "codes": list(plan.codes),
        "strategy": plan.strategy.value,
        "description": plan.description,
        "when": dict(plan.when),
        "steps": [
            {"action": step.action, "with": dict(step.settings), "confidence": step.confidence.value}
            for step in plan.steps
        ],
        "guidance": list(plan.guidance),
    }


def action_document(action: RecoveryAction) -> dict[str, Any]:
    """An action that plans can use."""
    return {
        "name": action.name,
        "changes": action.changes,
        "checks": action.checks,
        "confidence": action.confidence.value,
        "settings": sorted(action.known_settings),
    }


def plans_text(plans: Iterable[RecoveryPlan], actions: Sequence[RecoveryAction]) -> str:
    """A line or two for each."""
    lines = ["plans, of which the first that fits is taken:"]
    for plan in plans:
        lines.append(f"  {plan.name}  ({plan.strategy.value})  {plan.description}")
        lines.append(f"      for {', '.join(plan.codes)}")
    lines.append("actions that plans can use:")
    for action in actions:
        settings = f"  with {', '.join(sorted(action.known_settings))}" if action.known_settings else ""
        lines.append(f"  {action.name}{settings}")
        lines.append(f"      changes: {action.changes}; checks: {action.checks}")
    return "\n".join(lines)


def plan_text(plan: RecoveryPlan, actions: RecoveryActions) -> str:
    """All of one plan."""
    lines = [f"{plan.name}: {plan.description}  ({plan.strategy.value})", f"for {', '.join(plan.codes)}"]
    lines += [f"only where {name} is {value!r}" for name, value in plan.when.items()]
    for number, step in enumerate(plan.steps, start=1):
        action = actions.get(step.action)
        said = "".join(f" {name}={value!r}" for name, value in step.settings.items())
        lines.append(f"{number}. {step.action}{said}  ({step.confidence.value})")
        lines.append(f"   changes: {action.changes}; checks: {action.checks}")
    lines += [f"or by hand: {line}" for line in plan.guidance]
    return "\n".join(lines)


def recovery_text(recovery: Recovery) -> str:
    """What would be done, and what came of it."""
    took = "" if recovery.seconds is None else f" in {recovery.seconds:.2f} s"
    lines = [f"{recovery.plan.description}: {recovery.outcome.value.replace('_', ' ')}{took}"]
    for each in recovery.steps:
        lines.append(f"  {each.proposal.text if each.proposal else f'{each.step.action}: {each.missing}'}")
        if each.proposal and each.proposal.diff:
            lines.append(indent(coloured_diff(each.proposal.diff), "    ").rstrip())
    lines += [f"  {message}" for message in recovery.messages]
    if not recovery.steps:
        lines += [f"  {line}" for line in recovery.plan.guidance]
    return "\n".join(lines)


def audit_text(entries: Sequence[Mapping[str, Any]]) -> str:
    """Who changed what, when and why; a few lines each."""
    if not entries:
        return "no recovery has changed anything yet"
    lines = []
    for entry in entries:
        took = "" if entry.get("seconds") is None else f" in {entry['seconds']:.2f} s"
        outcome = f"{str(entry['outcome']).replace('_', ' ')}{took}"
        lines.append(f"{entry['begun_at'][:19]}  {entry['plan']}  {outcome}  ({entry['transaction']})")
        lines.append(f"  by {entry['who']}; agreed to by {entry['agreed_by']}")
        lines.append(f"  in {entry['environment'] or 'no environment'}, because of {entry['error_code']}")
        lines.append(f"      {entry['message']}")
        for change in entry.get("changes", ()):
            lines.append(f"  {change['status']:<12} {change['description']}")
            lines += [f"      {name}: {change[name]}" for name in ("before", "after")]
        lines += [indent(coloured_diff(step["diff"]), "    ") for step in entry["steps"] if step["diff"]]
    return "\n".join(lines)


def coloured_diff(diff: str) -> str:
    """As a person is used to it."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "\n".join(click.style(line, fg=colours.get(line[:1])) for line in diff.splitlines())
