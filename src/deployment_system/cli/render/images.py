"""Images, for a person."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from deployment_system.deploy.plan import Action

if TYPE_CHECKING:
    from deployment_system.deploy.building import BuildReport
    from deployment_system.deploy.image_plan import ImageChange

_SIGNS = {Action.CREATE: ("+", "green"), Action.UPDATE: ("~", "yellow")}


def image_lines(change: "ImageChange") -> Iterator[str]:
    """What becomes of an image, in a line and some more."""
    if change.action is Action.UNCHANGED:
        return
    sign, colour = _SIGNS[change.action]
    if change.action is Action.CREATE:
        what = f"built from {change.image.dockerfile.name}" + (", pushed" if change.image.is_pushed else "")
    else:
        what = "named anew"
    yield click.style(f"{sign} image {change.name}", fg=colour, bold=True) + f"  {what}"
    for name in change.misplaced:
        yield f"    also {name}"


def build_text(report: "BuildReport", *, details: bool) -> str:
    """What was built; with `details`, generated Dockerfiles too."""
    lines = [line for change in report.changes for line in image_lines(change)]
    if details:
        for change in report.changes:
            dockerfile = change.image.dockerfile
            if dockerfile.path is None:
                lines += ["", f"{dockerfile.name} of {change.name}:", *_indented(dockerfile.text)]
    made = sum(change.action is not Action.UNCHANGED for change in report.changes)
    unchanged = len(report.changes) - made
    word = "to build" if report.status == "planned" else "built"
    lines.append(f"{report.environment}: {made} {word}, {unchanged} unchanged, in {report.seconds:.1f} s")
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.rstrip().splitlines()]
