"""Which steps of a prefect.yaml `deploy` would run. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployment_system.config import BuildStep
    from deployment_system.deploy.plan import Change


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step, and the deployments that it runs for."""

    step: "BuildStep"
    deployments: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `plan` shows it: inputs as they are written, outputs not filled in."""
        place = self.step.place
        return {
            "phase": self.step.phase,
            "name": self.step.name,
            "function": self.step.function,
            "inputs": self.step.written_inputs,
            "file": place.file_path,
            "line": place.line_number,
            "deployments": list(self.deployments),
        }


def planned_steps(changes: "Iterable[Change]") -> tuple[PlannedStep, ...]:
    """The steps of all these deployments; one that several have from the top of the file, once."""
    found: dict[tuple[str | int, ...], PlannedStep] = {}
    for change in changes:
        for step in change.desired.steps if change.desired is not None else ():
            there = found.get(step.path)
            names = (*(there.deployments if there else ()), change.name)
            found[step.path] = PlannedStep(step, names)
    return tuple(found.values())
