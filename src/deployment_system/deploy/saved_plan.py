"""A plan in a file: reviewed by somebody, then done exactly so, or refused.

The file holds the changes and not the way to make them: `deploy --plan` plans anew and compares, so
that what is applied is always made from the world as it is.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment_system.deploy.containers import IMAGE_VARIABLE
from deployment_system.deploy.plan import Change, Plan
from deployment_system.deploy.planning import Selection
from deployment_system.deploy.schedules import comparable
from deployment_system.error_handling import DeploymentError, ErrorCodes, ErrorContext, ValidationError

FORMAT = 1
LARGEST_FILE_BYTES = 64 * 1024 * 1024


def save_plan(file: Path, plan: Plan, selection: Selection, project: str) -> None:
    """Writes the plan; only its owner can read it, as parameters may be secret. Raises
    OUTPUT_NOT_WRITTEN."""
    content = {"format": FORMAT, **_identity(plan, selection, project)}
    try:
        _write_whole(file, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")
    except OSError as error:
        raise DeploymentError(
            f"the plan cannot be written to {file}: {error.strerror or error}",
            error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
            context=ErrorContext(file_path=file),
            cause=error,
        ) from error


def read_selection(file: Path) -> tuple[Selection, Mapping[str, Any]]:
    """The selection that a saved plan was made with, and the whole content. Raises PLAN_FILE_INVALID."""
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise _invalid(file, f"is larger than {LARGEST_FILE_BYTES} bytes")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(file, f"cannot be read: {error.strerror or error}", error) from error
    except (ValueError, RecursionError) as error:
        raise _invalid(file, f"is not JSON: {error}", error) from error
    if not isinstance(content, dict) or not isinstance(content.get("selection"), dict):
        raise _invalid(file, "is not a plan that `deployment-cli plan --out` wrote")
    if content.get("format") != FORMAT:
        raise _invalid(file, f"has format {content.get('format')!r}; this version reads format {FORMAT}")
    said = content["selection"]
    try:
        return Selection(str(said["types"]), tuple(map(str, said["only"])), bool(said["prune"])), content
    except (KeyError, TypeError) as error:
        raise _invalid(file, "is not a plan that `deployment-cli plan --out` wrote", error) from error


def check_still_true(
    file: Path, saved: Mapping[str, Any], plan: Plan, selection: Selection, project: str
) -> None:
    """Raises PLAN_OUTDATED, naming what differs, unless planning anew gives the very same changes."""
    now = json.loads(json.dumps(_identity(plan, selection, project), default=str))
    differing = [name for name in now if name != "changes" and now[name] != saved.get(name)]
    differing += _differing_changes(saved.get("changes", []), now["changes"])
    if differing:
        raise _outdated(f"{file.name} was made", differing, ErrorContext(file_path=file))


def check_same(plan: Plan, anew: Plan) -> None:
    """Raises PLAN_OUTDATED, naming what differs, unless both have the very same changes of deployments. Under
    which digest an image is known is told only once it was pushed: that makes no difference."""
    before, now = ([_comparable(change) for change in each.changes] for each in (plan, anew))
    if differing := _differing_changes(before, now):
        raise _outdated("it was looked at", differing, ErrorContext(environment=plan.environment))


def _comparable(change: Change) -> dict[str, Any]:
    """Of a deployment whose steps have run meanwhile only what the server has: they decide what becomes of
    it."""
    if change.desired is None or not change.desired.steps:
        return _but_for_its_image(change)
    actual = change.actual
    there = None if actual is None else {"fields": actual.fields, "paused": actual.paused}
    schedules = None if actual is None else [comparable(item) for item in actual.schedules]
    return {"flow": change.flow_name, "name": change.name, "there": there, "schedules": schedules}


def _but_for_its_image(change: Change) -> dict[str, Any]:
    shown = change.to_dict()
    variables = change.fields.get("job_variables")
    if variables is None or change.desired is None or change.desired.image is None:
        return shown
    before, after = (_without_image(side) for side in (variables.before, variables.after))
    fields = {name: value for name, value in shown["fields"].items() if name != "job_variables"}
    if before != after:
        fields["job_variables"] = {"before": before, "after": after}
    # Without any other field it may turn out that the image is the one that was there.
    return {**shown, "action": shown["action"] if fields else None, "fields": fields}


def _without_image(variables: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (variables or {}).items() if name != IMAGE_VARIABLE}


def _outdated(since: str, differing: list[str], place: ErrorContext) -> ValidationError:
    shown = ", ".join(differing[:5]) + (f" and {len(differing) - 5} more" if len(differing) > 5 else "")
    return ValidationError(
        f"the world has changed since {since}: {shown}",
        error_code=ErrorCodes.PLAN_OUTDATED,
        context=place.extended(differing=differing),
    )


def _identity(plan: Plan, selection: Selection, project: str) -> dict[str, Any]:
    return {
        "project": project,
        "environment": plan.environment,
        "server": plan.server_url,
        "selection": selection.to_dict(),
        "steps": [step.to_dict() for step in plan.steps],
        "changes": [change.to_dict() for change in plan.all_changes],
    }


def _differing_changes(before: Any, now: list[dict[str, Any]]) -> list[str]:
    saved = {_name(item): item for item in before} if isinstance(before, list) else {}
    current = {_name(item): item for item in now}
    return sorted(name for name in saved.keys() | current.keys() if saved.get(name) != current.get(name))


def _name(change: Any) -> str:
    return f"{change.get('flow')}/{change.get('name')}" if isinstance(change, dict) else str(change)


def _invalid(file: Path, what: str, cause: Exception | None = None) -> ValidationError:
    return ValidationError(
        f"the plan file {file} {what}",
        error_code=ErrorCodes.PLAN_FILE_INVALID,
        context=ErrorContext(file_path=file),
        cause=cause,
    )


def _write_whole(file: Path, text: str) -> None:
    """Writes the file so that a reader, and a crash, sees the old content or the new, never a part; only
    its owner can read it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
