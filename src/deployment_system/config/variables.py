"""`${VAR}` in the values of deployment-config.yaml.

`${NAME}` is the variable's value, `${NAME:-default}` the default where the variable is unset or
empty, `$$` a literal `$`. A `$` before anything else stands for itself. The result is not searched
again, so a value may contain `${`.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_REFERENCE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?")


class VariableText(str):
    """Text that came (in part) from environment variables. Its content is never shown, as it may be
    a secret; its variables' names are."""

    __slots__ = ("plain", "source", "variables")

    source: str
    """As the file has it, `${NAME}` and all."""
    variables: tuple[str, ...]
    plain: bool
    """Written without quotes: its result is read as a YAML scalar where any type is allowed."""

    def __new__(cls, text: str, *, source: str, variables: tuple[str, ...], plain: bool = False) -> Self:
        made = super().__new__(cls, text)
        made.source = source
        made.variables = variables
        made.plain = plain
        return made

    @property
    def described(self) -> str:
        """How messages name it."""
        kind = "environment variable" if len(self.variables) == 1 else "environment variables"
        return f"the value of the {kind} {', '.join(self.variables)}"


class UnresolvedText(str):
    """Text of an environment that is not active, whose variables are not set: left as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Substitution:
    """What became of one text."""

    text: str
    missing: tuple[str, ...] = ()
    """Variables that are not set and have no default."""
    malformed: tuple[str, ...] = ()
    """References that cannot be read, such as `${1X}` or `${` without an end."""


def substitute(text: str, environ: Mapping[str, str], *, plain: bool = False) -> Substitution:
    """Replaces the references in `text`; the result is a `VariableText` where there were any."""
    missing: list[str] = []
    malformed: list[str] = []
    used: list[str] = []

    def value_of(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, default = found[1], found[2]
        if name is None:
            malformed.append(found[0])
            return found[0]
        used.append(name)
        value = environ.get(name)
        if value or (value is not None and default is None):
            return value
        if default is None:
            missing.append(name)
            return found[0]
        return str(default)

    replaced = _REFERENCE.sub(value_of, text)
    if not used:
        return Substitution(replaced, malformed=tuple(malformed))
    if missing:
        return Substitution(UnresolvedText(text), tuple(dict.fromkeys(missing)), tuple(malformed))
    names = tuple(dict.fromkeys(used))
    return Substitution(
        VariableText(replaced, source=text, variables=names, plain=plain), malformed=tuple(malformed)
    )


def has_reference(text: str) -> bool:
    """Whether substitution would change anything."""
    return "$" in text and _REFERENCE.search(text) is not None


_SAME_NAME = 0.9
"""How alike two names of variables must be: one letter of ten. `PROD1_URL` is not meant by `PROD2_URL`."""


def near_variable(name: str, environ: Mapping[str, str]) -> str | None:
    """The variable that is set and was probably meant; names that differ in a digit are another thing."""
    digits = re.sub(r"\D", "", name)
    known = [other for other, value in environ.items() if value and re.sub(r"\D", "", other) == digits]
    found = difflib.get_close_matches(name, known, n=1, cutoff=_SAME_NAME)
    return found[0] if found else None


def shown(value: Any) -> str:
    """A value as an error message may name it: what came from a variable is named by the variable."""
    if isinstance(value, VariableText):
        return value.described
    text = repr(value) if isinstance(value, str) else _yaml_word(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


_LONGEST_SHOWN = 60
_WORDS = {None: "null", True: "true", False: "false"}


def _yaml_word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)
