"""Which deployments are declared for which flows: by the configuration, a prefect.yaml, or a Dockerfile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deployment_system.config import FlowSettings, PrefectDeployment, docker_option_errors, flow_settings
from deployment_system.config.problems import nearest
from deployment_system.deploy.flow_problems import Problems
from deployment_system.deploy.missing_flows import missing_flow
from deployment_system.deploy.project import Project
from deployment_system.discovery import Discovery, Flow, discover
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    ValidationError,
)
from deployment_system.error_handling.corrections import corrected

if TYPE_CHECKING:
    from deployment_system.deploy.images import DesiredImage, ImageDeclarations


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that is declared, with the flow that it is of."""

    flow: Flow
    settings: FlowSettings | None = None
    prefect: PrefectDeployment | None = None
    in_container: bool = False

    @property
    def label(self) -> str:
        return self.prefect.name if self.prefect else self.flow.name


class Images:
    """The images of those flows that have one. What reads Dockerfiles is imported for the first."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @cached_property
    def _declarations(self) -> "ImageDeclarations":
        from deployment_system.deploy.images import ImageDeclarations

        return ImageDeclarations(self._project)

    def wanted_by(self, flow: Flow, settings: FlowSettings) -> bool:
        """Whether a flow is to run in a container: where it says so, else where it has a Dockerfile."""
        if settings.types is not None:
            return "docker" in settings.types
        return settings.dockerfile is not None or self._declarations.has_dockerfile(flow, settings)

    def of(self, candidate: Candidate) -> tuple["DesiredImage | None", Sequence[DeploymentSystemError]]:
        """The image, None for a process; or what is wrong with it."""
        if not candidate.in_container or candidate.settings is None:
            return None, ()
        return self._declarations.of(candidate.flow, candidate.settings)

    @property
    def warnings(self) -> Sequence[DeploymentSystemError]:
        """What is worth knowing of them."""
        return self._declarations.warnings if "_declarations" in vars(self) else ()


def find_candidates(
    project: Project, found: Discovery, problems: Problems, images: Images, types: str
) -> tuple[list[Candidate], list[str], list[DeploymentSystemError]]:
    candidates = list(_from_prefect_yaml(project, found, problems))
    declared_elsewhere = {candidate.flow.entrypoint for candidate in candidates}
    left_out: list[str] = []
    warnings: list[DeploymentSystemError] = []
    for flow in found.flows:
        if flow.entrypoint in declared_elsewhere:
            continue
        if not project.deploys_discovered_flows:
            left_out.append(flow.name)
            continue
        settings = flow_settings(project.configuration, flow.name, project.environment_name)
        if settings.environments is not None and project.environment_name not in settings.environments:
            left_out.append(flow.name)
            continue
        if types in ("all", "python") and (settings.types is None or "python" in settings.types):
            candidates.append(Candidate(flow, settings=settings))
        if types in ("all", "docker") and images.wanted_by(flow, settings):
            candidates.append(Candidate(flow, settings=settings, in_container=True))
    warnings.extend(_rules_for_nothing(project, found))
    return candidates, left_out, warnings


def _from_prefect_yaml(project: Project, found: Discovery, problems: Problems) -> Iterator[Candidate]:
    if project.prefect_project is None:
        return
    problems.add_plain(
        error for error in project.prefect_project.errors if error.context.deployment_name is not None
    )
    by_entrypoint = {flow.entrypoint: flow for flow in found.flows}
    for declared in project.prefect_project.deployments:
        if unsupported := _unsupported_in_steps(declared):
            problems.add_plain(unsupported)
            continue
        entrypoint = normal_entrypoint(declared.entrypoint)
        flow = by_entrypoint.get(entrypoint)
        alone = None if flow else _scanned_on_its_own(project, entrypoint, problems)
        if alone is not None:
            flow = next((item for item in alone.flows if item.entrypoint == entrypoint), None)
        if flow is None:
            if not problems.explain(entrypoint.rpartition(":")[0], declared.name):
                seen = alone or found
                missing = missing_flow(
                    declared, entrypoint, project.root, seen.flows, seen.not_deployable, found.flows
                )
                problems.add_plain([missing])
            continue
        if declared.flow_name:
            flow = replace(flow, name=declared.flow_name)
        yield Candidate(flow, prefect=declared)


def _unsupported_in_steps(declared: PrefectDeployment) -> list[DeploymentSystemError]:
    """Never left out silently: an image would not be what its step asks for."""
    steps = (*declared.build_steps, *declared.push_steps)
    found = [error for step in steps for error in docker_option_errors(step)]
    return [error.with_context(deployment_name=declared.name) for error in found]


def normal_entrypoint(entrypoint: str) -> str:
    """`./flows/a.py:f` and `flows.a.f` as discovery writes them: `flows/a.py:f`."""
    file, colon, function = entrypoint.rpartition(":")
    if not colon:
        module, _, function = entrypoint.rpartition(".")
        file = module.replace(".", "/") + ".py"
    elif not file.endswith(".py"):
        file = file.replace(".", "/") + ".py"
    return f"{PurePosixPath(file)}:{function}"


def _scanned_on_its_own(project: Project, entrypoint: str, problems: Problems) -> Discovery | None:
    """The file of a flow outside what is scanned, which a prefect.yaml may name all the same."""
    file = entrypoint.rpartition(":")[0]
    if not (project.root / file).is_file():
        return None
    alone = discover(project.root, paths=[file])
    known = {_fault(error) for error in problems.errors}
    problems.add_plain(error for error in alone.errors if _fault(error) not in known)
    return alone


def _fault(error: DeploymentSystemError) -> tuple[str, str]:
    """The same for one fault of a file, whichever deployment it was told for: the message names the file."""
    return str(error.error_code), error.message


_MISSPELT = 0.75
"""How alike a name must be to that of a flow for which there is no rule."""


def _rules_for_nothing(project: Project, found: Discovery) -> Iterator[DeploymentSystemError]:
    """A rule that fits no flow is most likely a misspelt name."""
    names = {flow.name for flow in found.flows}
    for pattern in project.configuration.flows:
        if any(pattern == name or fnmatchcase(name, pattern) for name in names):
            continue
        document = project.configuration.document
        place = document.place(("flows", pattern), key=True) if document else ErrorContext()
        meant = nearest(pattern, names - set(project.configuration.flows), cutoff=_MISSPELT)
        hint = f": did you mean {meant!r}?" if meant else ""
        warning = ValidationError(
            f"the configuration speaks of flow {pattern!r}, and no flow that was found has that name{hint}",
            error_code=ErrorCodes.FLOW_NOT_FOUND,
            severity=ErrorSeverity.LOW,
            context=place,
        )
        yield corrected(warning, pattern, meant)
