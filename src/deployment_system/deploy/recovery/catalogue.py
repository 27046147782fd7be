"""The recovery plans of a repository: the user's own, then those of the package; and who runs them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from deployment_system.config.problems import nearest
from deployment_system.config.recovery_file import (
    RECOVERY_FILE,
    DeclaredPlan,
    DeclaredStep,
    LoadedPlans,
    load_recovery_file,
    load_recovery_text,
)
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovery.command_action import RunCommand
from deployment_system.deploy.recovery.configuration_actions import configuration_actions
from deployment_system.deploy.recovery.corrections import correcting_actions
from deployment_system.deploy.recovery.docker_actions import docker_actions
from deployment_system.deploy.recovery.docker_space import FreeDockerSpace
from deployment_system.deploy.recovery.dockerfile_actions import dockerfile_actions
from deployment_system.deploy.recovery.fastapi_actions import fastapi_actions
from deployment_system.deploy.recovery.file_actions import file_actions
from deployment_system.deploy.recovery.place import RecoveryPlace
from deployment_system.deploy.recovery.prefect_login_action import UsePrefectLogin
from deployment_system.deploy.recovery.registry_actions import UseRegistryLogin, WaitForRegistry
from deployment_system.deploy.recovery.requirement_actions import requirement_actions
from deployment_system.deploy.recovery.server_actions import server_actions
from deployment_system.deploy.recovery.server_url import CorrectServerUrl
from deployment_system.deploy.recovery.worker_action import StartWorker
from deployment_system.error_handling import (
    ConfigurationError,
    DeploymentSystemError,
    ErrorCodes,
    RollbackManager,
)
from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.recovery_actions import RecoveryActions
from deployment_system.error_handling.recovery_limits import RecoveryLimits
from deployment_system.error_handling.recovery_manager import RecoveryManager
from deployment_system.error_handling.recovery_plans import RecoveryPlan, RecoveryStep, strategy_of


@dataclass(frozen=True)
class Catalogue:
    """Actions, and the plans that use them."""

    actions: RecoveryActions
    plans: tuple[RecoveryPlan, ...]
    own_file: Path | None = None
    """Where the user's own plans stand; None: there are none."""
    limits: RecoveryLimits = field(default_factory=RecoveryLimits)
    environment: str | None = None

    def manager(self, rollback_manager: RollbackManager | None = None) -> RecoveryManager:
        """Who carries the plans out."""
        return RecoveryManager(
            rollback_manager=rollback_manager,
            actions=self.actions,
            plans=self.plans,
            limits=self.limits,
            environment=self.environment,
        )


def open_catalogue(
    root: Path,
    environ: Mapping[str, str],
    project: Project | None = None,
    place: RecoveryPlace | None = None,
) -> Catalogue:
    """What holds in the repository at `root`. Without a project, because its configuration is what is wrong,
    only what needs none. `place`: what the command was told, by default that folder alone. Raises
    `ProblemsFound` for a file of the user's that is wrong."""
    place = place or RecoveryPlace(root, environ)
    actions = RecoveryActions(
        [
            *file_actions(place),
            *correcting_actions(place),
            *configuration_actions(place),
            *requirement_actions(place),
            *server_actions(project, environ),
            CorrectServerUrl(project),
            UsePrefectLogin(project, environ),
            StartWorker(project, environ),
            *fastapi_actions(project, environ),
            *docker_actions(project, environ),
            FreeDockerSpace(project, environ),
            *dockerfile_actions(project, environ),
            WaitForRegistry(project, environ),
            UseRegistryLogin(project, environ),
            RunCommand(root),
        ]
    )
    environment = project.environment_name if project is not None else None
    shipped = load_recovery_text(
        files("deployment_system.deploy.recovery").joinpath("plans.yaml").read_text("utf-8"),
        shown_as="plans.yaml",
    )
    own_file = root / RECOVERY_FILE if (root / RECOVERY_FILE).exists() else None
    own = LoadedPlans({}, (), shipped.document)
    if own_file is not None:
        own = load_recovery_file(own_file, shown_as=RECOVERY_FILE)
    problems = [problem for loaded in (own, shipped) for problem in _problems(loaded, actions)]
    if problems:
        raise ProblemsFound(problems, EXIT_INVALID, "invalid")
    kept = {name: plan for name, plan in shipped.plans.items() if name not in own.plans}
    declared = [*own.plans.items(), *kept.items()]
    return Catalogue(
        actions,
        tuple(
            _plan(name, plan, actions)
            for name, plan in declared
            if not plan.environments or environment in plan.environments
        ),
        own_file,
        RecoveryLimits(**own.limits.model_dump()),
        environment,
    )


def _problems(loaded: LoadedPlans, known: RecoveryActions) -> Iterator[DeploymentSystemError]:
    """What is wrong in a file, each with its line."""
    yield from loaded.errors
    codes = {code.lower() for code in REGISTRY}
    for name, plan in loaded.plans.items():
        for index, code in enumerate(plan.codes):
            if code.lower() not in codes or code != code.upper():
                near = nearest(code, codes)
                meant = f"; did you mean {near.upper()!r}?" if near else ""
                yield _wrong(loaded, name, ("for", index), f"there is no error code {code!r}{meant}")
        for index, step in enumerate(plan.steps):
            yield from _problems_of_step(loaded, name, index, step, known)


def _problems_of_step(
    loaded: LoadedPlans, plan: str, index: int, step: DeclaredStep, known: RecoveryActions
) -> Iterator[ConfigurationError]:
    names = {action.name for action in known}
    if step.action not in names:
        said = f"there is no recovery action {step.action!r}{_meant(step.action, names)}"
        yield _wrong(loaded, plan, ("steps", index, "action"), said)
        return
    action = known.get(step.action)
    for key, value in step.settings.items():
        where = ("steps", index, "with", key)
        if key not in action.known_settings:
            said = f"the action {step.action!r} has no setting {key!r}{_meant(key, action.known_settings)}"
            yield _wrong(loaded, plan, where, said)
        elif not isinstance(value, action.known_settings[key]):
            said = f"{key!r} of the action {step.action!r} cannot be {value!r}"
            yield _wrong(loaded, plan, where, said)


def _meant(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def _wrong(loaded: LoadedPlans, plan: str, where: tuple[str | int, ...], said: str) -> ConfigurationError:
    return ConfigurationError(
        f"recovery plan {plan!r}: {said}",
        error_code=ErrorCodes.CONFIG_INVALID_VALUE,
        context=loaded.place(plan, *where),
    )


def _plan(name: str, declared: DeclaredPlan, known: RecoveryActions) -> RecoveryPlan:
    steps = tuple(
        RecoveryStep(step.action, step.settings, step.confidence or known.get(step.action).confidence)
        for step in declared.steps
    )
    return RecoveryPlan(
        name=name,
        codes=tuple(declared.codes),
        description=declared.description,
        steps=steps,
        guidance=tuple(declared.guidance),
        strategy=strategy_of(steps),
        when=declared.when,
    )
