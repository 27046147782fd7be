"""What a step of a recovery plan does: named actions, which the doors register.

Each says what it needs and what it will change before it changes anything, makes its change inside a
transaction, so that it can be undone, and looks afterwards whether the trouble is gone.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deployment_system.error_handling.error_codes import Confidence, ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.rollback_manager import RollbackManager

Settings = Mapping[str, Any]
SettingTypes = Mapping[str, type | tuple[type, ...]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an action would do, for a person to agree to."""

    text: str
    diff: str = ""
    """Of a file that would be changed, as `diff -u` shows it."""

    @property
    def version(self) -> str:
        """Another one when the world has changed since somebody agreed."""
        return hashlib.sha256(json.dumps([self.text, self.diff]).encode()).hexdigest()[:16]


class RecoveryAction(ABC):
    """One way to mend something. Methods raise DeploymentSystemError."""

    name: ClassVar[str]
    """What plans call it."""
    changes: ClassVar[str]
    """What it changes, in a few words, for the table of the documentation."""
    checks: ClassVar[str]
    """How it looks whether that has helped."""
    confidence: ClassVar[Confidence] = Confidence.PROBABLE
    """How sure it is; CERTAIN only where it changes nothing that is the user's."""
    known_settings: ClassVar[SettingTypes] = {}
    """What a plan may say to it, with the types of the values."""

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """What is missing for it to be done here; None: nothing."""
        return None

    @abstractmethod
    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """What it would do. Changes nothing."""

    @abstractmethod
    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """Does it, with everything that can be undone written down in the open transaction before; what was
        done, in a sentence."""

    @abstractmethod
    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """Looks at the world: what is still wrong; None: it has helped."""


class RecoveryActions:
    """Actions by name."""

    def __init__(self, actions: Iterable[RecoveryAction] = ()) -> None:
        self._actions = {action.name: action for action in actions}

    def register(self, action: RecoveryAction) -> None:
        """Adds one; another of its name is replaced."""
        self._actions[action.name] = action

    def __contains__(self, name: str) -> bool:
        return name in self._actions

    def __iter__(self) -> Iterator[RecoveryAction]:
        return iter(self._actions.values())

    def get(self, name: str) -> RecoveryAction:
        """The action of that name. Raises RECOVERY_ACTION_UNKNOWN."""
        if name not in self._actions:
            known = ", ".join(sorted(self._actions)) or "none"
            raise RecoveryError(
                f"there is no recovery action {name!r} here; there are: {known}",
                error_code=ErrorCodes.RECOVERY_ACTION_UNKNOWN,
                context=ErrorContext(operation="recover", action=name),
            )
        return self._actions[name]
