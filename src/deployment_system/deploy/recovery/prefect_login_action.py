"""A login that the server takes, and that stands under another name than Prefect reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment_system.api.prefect_server import Credentials
from deployment_system.config.server import (
    BASIC_AUTHENTICATION_VARIABLE,
    KEY_VARIABLE,
    profiles_file,
    resolve_server,
)
from deployment_system.deploy.recovery.changed_files import read_text
from deployment_system.deploy.recovery.prefect_logins import SERVER_VARIABLE, RightLogin, right_login, takes
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
    UndoFunction,
)
from deployment_system.error_handling.recovery_actions import Proposal, Settings
from deployment_system.error_handling.written_file import write_whole

UNDO_RENAME = "recovery.profile_setting"
"""The undo handler's name. It knows names alone, and no secret."""


@dataclass(frozen=True)
class UsePrefectLogin(ServerAction):
    """Gives a setting of the Prefect profile the name under which the server takes it: a password in
    PREFECT_API_KEY, or what the server itself is told. What stands in the shell, only its owner can change:
    the words say how."""

    environ: Mapping[str, str]

    name = "use_prefect_login"
    changes = "the name of a setting in Prefect's profiles.toml, never its value"
    checks = "the server takes the login"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        found = right_login(self.project, self.environ)
        if found is None:
            return (
                f"the server {self.project.server.url} takes none of the logins that the shell and the "
                "active Prefect profile have for it: `prefect cloud login`, or ask who runs the server"
            )
        return self._only_by_hand(found)

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        found = self._right()
        doing = "have" if found.known.variable == SERVER_VARIABLE else "rename"
        also = " as well" if doing == "have" else ""
        return Proposal(
            f"{doing} {found.known.variable} of {found.known.place} as {found.variable}{also}, in "
            f"{profiles_file(self.environ)}: under that name the server takes it"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        found, file = self._right(), profiles_file(self.environ)
        keep = found.known.variable == SERVER_VARIABLE
        data = {
            "handler": UNDO_RENAME,
            "file": str(file),
            "profile": found.known.profile,
            "variable": found.variable,
            "was": None if keep else found.known.variable,
        }
        transaction.add_rollback_operation(OperationType.CUSTOM, f"name a setting {found.variable}", data)
        text = renamed(
            read_text(file), str(found.known.profile), found.known.variable, found.variable, keep=keep
        )
        write_whole(file.resolve(), [text])
        return f"{found.known.variable} of {found.known.place} is {found.variable} now"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. The profile is read anew."""
        project = self.project
        chosen = resolve_server(project.environment, self.environ)
        taken = takes(project.server.url, Credentials(chosen.api_key, chosen.auth_string))
        return None if taken else f"the server {project.server.url} does not take it"

    def _only_by_hand(self, found: RightLogin) -> str | None:
        """What only the user can do, with a command that does not show the secret; None: it can be done."""
        known, url = found.known, self.project.server.url
        in_the_way = [
            name for name in (KEY_VARIABLE, BASIC_AUTHENTICATION_VARIABLE) if self.environ.get(name)
        ]
        if self.project.environment.prefect_api_key:
            return (
                f"{known.variable} of {known.place} opens the server {url} as {found.variable}, and "
                "`prefect_api_key` of the configuration is taken instead: take that away"
            )
        if known.profile is None:
            export = "" if found.is_called_right else f'export {found.variable}="${known.variable}"'
            unset = [name for name in in_the_way if name != found.variable]
            command = "; ".join(filter(None, [export, f"unset {' '.join(unset)}" if unset else ""]))
            return f"{known.variable} of the shell opens the server {url} as {found.variable}: `{command}`"
        if in_the_way:
            return (
                f"{known.variable} of {known.place} opens the server {url} as {found.variable}, and what the "
                f"shell has is taken instead: `unset {' '.join(in_the_way)}`"
            )
        if found.is_called_right:
            return f"`{KEY_VARIABLE}` of {known.place} is taken instead of its {found.variable}: take it away"
        _, count = _setting(read_text(profiles_file(self.environ)), known.profile, known.variable)
        return None if count == 1 else f"{known.variable} does not stand once in {known.place}"

    def _right(self) -> RightLogin:
        found = right_login(self.project, self.environ)
        if found is None or self._only_by_hand(found) is not None:
            raise RecoveryError(
                "the login that was found is not there any more",
                error_code=ErrorCodes.RECOVERY_FAILED,
                context=ErrorContext(operation="recover"),
            )
        return found


def renamed(text: str, profile: str, was: str, variable: str, *, keep: bool = False) -> str:
    """The profiles with a setting of one of them under another name; `keep`: under both. Pure."""
    lines = text.splitlines(keepends=True)
    place, _ = _setting(text, profile, was)
    if place is None:
        return text
    line = lines[place].replace(was, variable, 1)
    ended = lines[place] if lines[place].endswith("\n") else lines[place] + "\n"
    lines[place : place + 1] = [ended, line] if keep else [line]
    return "".join(lines)


def undo_rename() -> UndoFunction:
    """What gives a setting its old name again, or takes the second one away."""

    def back(data: Mapping[str, Any]) -> None:
        file = Path(data["file"])
        text = read_text(file)
        place, count = _setting(text, data["profile"], data["variable"])
        if place is None or count != 1:
            return
        if data["was"]:
            text = renamed(text, data["profile"], data["variable"], data["was"])
        else:
            lines = text.splitlines(keepends=True)
            text = "".join([*lines[:place], *lines[place + 1 :]])
        write_whole(file.resolve(), [text])

    return UndoFunction(back)


def _setting(text: str, profile: str, variable: str) -> tuple[int | None, int]:
    """The line of a setting of a profile, from 0, and how many there are."""
    section = re.compile(rf"\s*\[\s*profiles\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*\]\s*(#.*)?")
    setting = re.compile(rf"\s*{re.escape(variable)}\s*=")
    inside, found = False, []
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith("["):
            inside = section.fullmatch(line) is not None
        elif inside and setting.match(line):
            found.append(number)
    return (found[0] if found else None), len(found)
