"""Remedies at the image registry: waited for, and opened with the login of another name that it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from deployment_system.builders.image_names import parse_image_name
from deployment_system.builders.registry import Registry
from deployment_system.builders.registry_credentials import stored_credentials
from deployment_system.deploy.recovery.docker_actions import DockerAction
from deployment_system.deploy.recovery.dockerfile_actions import dockerfile_of
from deployment_system.deploy.recovery.registry_logins import (
    UNDO_LOGIN,
    docker_settings_file,
    logins,
    same_registry,
    use_login_for,
)
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    DockerError,
    ErrorCodes,
    OperationType,
    RetryPolicy,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, Settings, SettingTypes

WAIT_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.5
LOOK_SECONDS = 5.0

_ONCE = RetryPolicy(max_attempts=1)


@dataclass(frozen=True)
class RegistryAction(DockerAction):
    """What both need: to know which registry is meant."""

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        return None if self.host(error) else "the error does not say which registry it is about"

    def host(self, error: DeploymentSystemError) -> str:
        """The registry that an error is about: of a push, of a base image, else that of the environment."""
        known = error.context.extra
        prefix = self.project.environment.docker_registry
        if registry := known.get("registry"):
            return str(registry)
        if isinstance(image := known.get("image"), str):
            return parse_image_name(image).registry
        if error.context.line_number is not None:
            dockerfile = dockerfile_of(self.project, error)
            bases = () if isinstance(dockerfile, str) else dockerfile.base_images
            named = [image for image, at in bases if at == error.context.line_number and "$" not in image]
            return parse_image_name(named[0]).registry if named else ""
        return parse_image_name(f"{prefix.rstrip('/')}/any").registry if prefix else ""

    def trouble(self, host: str, login: str | None = None) -> DockerError | None:
        """What the registry itself says, asked once with the login that Docker has for it, or with that of
        another name; None: it answers, and takes it."""
        credentials = stored_credentials(login or host, environ=self.environ)
        with Registry(host, credentials, timeout_seconds=LOOK_SECONDS, retry_policy=_ONCE) as registry:
            try:
                registry.ping()
            except DockerError as error:
                return error
        return None


@dataclass(frozen=True)
class WaitForRegistry(RegistryAction):
    """A registry that restarts, or a network that comes back."""

    sleep: Callable[[float], None] = time.sleep

    name = "wait_for_registry"
    changes = "nothing"
    checks = "the registry answers"
    confidence = Confidence.CERTAIN
    known_settings: ClassVar[SettingTypes] = {"seconds": (int, float)}

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        return Proposal(f"wait up to {_seconds(settings):.0f} s for the registry {self.host(error)}")

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`. Returns when the registry answers, or the time is over."""
        host, began = self.host(error), time.monotonic()
        while self._away(host) and time.monotonic() - began < _seconds(settings):
            self.sleep(ASK_AGAIN_SECONDS)
        return f"waited {time.monotonic() - began:.0f} s for the registry {host}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. One that wants another login is there."""
        return self._away(self.host(error))

    def _away(self, host: str) -> str | None:
        trouble = self.trouble(host)
        away = trouble is not None and trouble.error_code == ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE
        return trouble.message if away and trouble is not None else None


@dataclass(frozen=True)
class UseRegistryLogin(RegistryAction):
    """`docker login` was done for another spelling of the same registry: `localhost:5000` for
    `127.0.0.1:5000`. The registry is asked with it before it is proposed."""

    name = "use_registry_login"
    changes = "Docker's config.json: the login is used for this name of the registry as well"
    checks = "the registry takes it"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        host, file = self.host(error), docker_settings_file(self.environ)
        if self._known(host) is not None:
            return None
        there = logins(file)
        config = f"DOCKER_CONFIG={file.parent} " if self.environ.get("DOCKER_CONFIG") else ""
        command = f"`{config}docker login {host}`"
        if any(same_registry(name, host) for name in there):
            return f"the registry {host} does not take the login that {file} has for it: {command} anew"
        others = f"it has those of {', '.join(sorted(there))}" if there else "it has none at all"
        return f"{file} has no login for the registry {host}, {others}: {command}"

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        host, file = self.host(error), docker_settings_file(self.environ)
        return Proposal(
            f"use the login that {file} has for {self._known(host)} for {host} as well: the registry takes it"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        host, file = self.host(error), docker_settings_file(self.environ)
        known = self._known(host)
        if known is None:
            return f"there is no login for {host} any more"
        data = {"handler": UNDO_LOGIN, "file": str(file), "registry": host}
        transaction.add_rollback_operation(OperationType.CUSTOM, f"use a login for {host}", data)
        use_login_for(file, known, host)
        return f"{file} has the login of {known} for {host} as well"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        trouble = self.trouble(self.host(error))
        return None if trouble is None else trouble.message

    def _known(self, host: str) -> str | None:
        """The first other name of the same registry whose login it takes."""
        names = logins(docker_settings_file(self.environ))
        others = (name for name in names if name != host and same_registry(name, host))
        return next((name for name in others if self.trouble(host, name) is None), None)


def _seconds(settings: Settings) -> float:
    return float(settings.get("seconds", WAIT_SECONDS))
