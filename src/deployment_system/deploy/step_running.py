"""The build and push steps of a prefect.yaml: run inside the transaction, and what they give is put into the
deployments, from which the plan is then made anew."""

import json
import os
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployment_system.builders.prefect_steps import StepRunner
from deployment_system.config import (
    BuildStep,
    PrefectDeployment,
    filled_deployment,
    filled_step,
    is_docker_step,
    with_outputs,
)
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.image_journal import ImageJournal
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.step_images import StepImages
from deployment_system.error_handling import RollbackManager

_LOG_IN_VARIABLES = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")

OnLine = Callable[[str], object]
Beginning = tuple[tuple[str, str], ...]
"""The steps of a deployment up to one of them: functions with their inputs."""


def run_steps(
    project: Project,
    waiting: Collection[PrefectDeployment],
    journal: RollbackManager,
    *,
    progress: Progress = no_progress,
    on_line: OnLine | None = None,
) -> Project:
    """Runs the steps of these deployments; the project with their outputs in its deployments.

    Raises DeploymentSystemError where a step fails or an output is not there.
    """
    prefect_project = project.prefect_project
    if prefect_project is None:
        return project
    wanted = {id(deployment) for deployment in waiting}
    with ExitStack() as stack:
        doors = stack.enter_context(ImageDoors(project))
        images = StepImages(project, doors, ImageJournal(doors, journal), on_line)
        runner = stack.enter_context(_runner(project, on_line))
        total = sum(len(each.build_steps) + len(each.push_steps) for each in waiting)
        run = StepRun(images, runner, progress, total)
        deployments = tuple(
            run.filled(each) if id(each) in wanted else each for each in prefect_project.deployments
        )
        if run.has_made_images:
            images.journal.release_what_nobody_needs()
    return replace(project, prefect_project=replace(prefect_project, deployments=deployments))


@dataclass
class StepRun:
    """One run of the steps of several deployments.

    Where deployments begin with the same steps, these run once. A step after different ones runs again:
    what it finds, such as the working directory, may be another.
    """

    images: StepImages
    runner: StepRunner
    progress: Progress = no_progress
    total: int = 0
    has_made_images: bool = False
    _done: int = 0
    _given: dict[Beginning, dict[str, Any]] = field(default_factory=dict)

    def filled(self, deployment: PrefectDeployment) -> PrefectDeployment:
        """The deployment with what its build steps and then its push steps give."""
        outputs: dict[str, Any] = {}
        beginning: Beginning = ()
        for step in (*deployment.build_steps, *deployment.push_steps):
            self.progress("steps", self._done, self.total, step.name)
            known = filled_step(step, outputs)
            beginning = (*beginning, (known.function, json.dumps(known.inputs, sort_keys=True, default=str)))
            if beginning not in self._given:
                self._given[beginning] = self._run(known)
            outputs = dict(with_outputs(outputs, step, self._given[beginning]))
            self._done += 1
        self.progress("steps", self._done, self.total, "")
        return filled_deployment(deployment, outputs)

    def _run(self, step: BuildStep) -> dict[str, Any]:
        if not is_docker_step(step.function):
            return self.runner.run(step)
        if step.looks_up:
            step = replace(step, inputs=self.runner.looked_up(step))
        self.has_made_images = True
        return self.images.run(step)


def _runner(project: Project, on_line: OnLine | None) -> StepRunner:
    def hear(line: str) -> None:
        if on_line is not None:
            on_line(line)

    return StepRunner(
        project.root, environ=_environ(project), on_line=hear, log_file=_log_file(project.state.build_logs)
    )


def _environ(project: Project) -> dict[str, str]:
    """The user's, with the server that is deployed to, and what logs in there and nowhere else."""
    server = project.server
    environ = {name: value for name, value in os.environ.items() if name not in _LOG_IN_VARIABLES}
    known = zip(_LOG_IN_VARIABLES, (server.api_key, server.auth_string), strict=True)
    return {
        **environ,
        "PREFECT_API_URL": server.url,
        **{name: value for name, value in known if value is not None},
    }


def _log_file(folder: Path) -> Path:
    return folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}-steps.log"
