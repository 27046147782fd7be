"""Replaces the variables in a whole document, and says which are missing where they are needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployment_system.config.channel_urls import is_channel_url
from deployment_system.config.problems import dotted
from deployment_system.config.variables import (
    Substitution,
    UnresolvedText,
    has_reference,
    near_variable,
    substitute,
)
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes
from deployment_system.error_handling.corrections import corrected


@dataclass(frozen=True, slots=True)
class Substituted:
    """The document's data with its variables replaced."""

    data: dict[str, Any]
    environment_name: str
    errors: tuple[ConfigurationError, ...]


def substitute_all(
    document: YamlDocument,
    data: Mapping[str, Any],
    environ: Mapping[str, str],
    active: Callable[[Any], str],
) -> Substituted:
    """Replaces the variables of every text. `active` names the active environment from the (replaced)
    default_environment: in the parts of other environments, variables need not be set."""
    work = _Substitution(document, environ)
    default = work.replaced(data.get("default_environment"), ("default_environment",))
    work.active = active(None if isinstance(default, UnresolvedText) else default)
    work.errors.clear()
    result = work.replaced(dict(data), ())
    return Substituted(result, work.active, tuple(work.errors))


class _Substitution:
    """One walk through a document."""

    def __init__(self, document: YamlDocument, environ: Mapping[str, str]) -> None:
        self.document = document
        self.environ = environ
        self.active: str | None = None
        self.errors: list[ConfigurationError] = []

    def replaced(self, value: Any, path: Where) -> Any:
        if isinstance(value, dict):
            return {key: self.replaced(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.replaced(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or not has_reference(value):
            return value
        made = substitute(value, self.environ, plain=path in self.document.plain)
        self._note_problems(made, value, path)
        return made.text

    def _note_problems(self, made: Substitution, source: str, path: Where) -> None:
        for reference in made.malformed:
            self.errors.append(
                self.document.error(
                    f"{dotted(path)} has {reference!r}, which is no reference to a variable",
                    path,
                    ErrorCodes.CONFIG_INVALID_VALUE,
                    remediation=["Write ${NAME} or ${NAME:-default}, or $${ where ${ itself is meant."],
                )
            )
        if self._other_environment(path) or is_channel_url(path):
            return
        for name in made.missing:
            self.errors.append(self._not_set(name, path))

    def _not_set(self, name: str, path: Where) -> ConfigurationError:
        meant = near_variable(name, self.environ)
        hint = f": did you mean {meant}?" if meant else ""
        error = self.document.error(
            f"{dotted(path)} needs the environment variable {name}, which is not set{hint}",
            path,
            ErrorCodes.CONFIG_VARIABLE_NOT_SET,
            remediation=[
                f"Set it: export {name}=…",
                f"Or give it a default in the file: ${{{name}:-default}}.",
            ],
        )
        error.with_context(variable=name)
        return corrected(error, f"${{{name}}}", f"${{{meant}}}" if meant else None)

    def _other_environment(self, path: Where) -> bool:
        """Whether the path lies in a part of an environment that is not the active one."""
        if len(path) > 1 and path[0] == "environments":
            return path[1] != self.active
        return len(path) > len(("flows", "name", "overrides")) and (
            path[0] == "flows" and path[2] == "overrides" and path[3] != self.active
        )
