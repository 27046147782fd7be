"""What discovery finds: flows and findings, as frozen values.

The small ones are tuples: a large repository has ten thousands of them, read from the cache in each run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deployment_system.error_handling import FlowDiscoveryError


class Parameter(NamedTuple):
    """One parameter of a flow's function, as its source text says it."""

    name: str
    kind: str
    """`positional_only`, `positional_or_keyword`, `keyword_only`, `var_positional` or `var_keyword`."""
    annotation: str | None = None
    """The annotation's source text."""
    default: str | None = None
    """The default's source text; None where the parameter is required (or collects the rest)."""

    @property
    def required(self) -> bool:
        """Whether a run cannot start without a value for it."""
        return self.default is None and not self.kind.startswith("var_")

    def to_dict(self) -> dict[str, Any]:
        """The parameter as JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "annotation": self.annotation,
            "default": self.default,
            "required": self.required,
        }


class Import(NamedTuple):
    """One import statement's module, anywhere in a file."""

    module: str
    """Dotted and absolute where the file's place says it; a relative import keeps its leading dots."""
    line: int
    column: int
    optional: bool = False
    """Its failure is provided for: inside `try` with an `ImportError` handler, or only for type checkers."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A deployable flow."""

    name: str
    file: str
    """Relative to the folder that was scanned, with `/`."""
    line: int
    """Of the decorator or the assignment that makes the flow; counts from 1."""
    function: str
    """The module-level name that the flow is bound to."""
    parameters: tuple[Parameter, ...] = ()
    imports: tuple[Import, ...] = ()
    """All imports of the flow's file."""
    docstring: str | None = None
    description: str | None = None
    """What the decorator says, else None."""
    bindings: Mapping[str, str] = field(default_factory=dict)
    """Names that the file binds at module level by import -> dotted origin (`Optional` ->
    `typing.Optional`, `dt` -> `datetime`): what is needed to read annotations and defaults."""
    digest: str = ""
    """SHA-256 of the file's bytes, hexadecimal."""
    signature_known: bool = True
    """False: the function stands in another file, or is made at run time, and `parameters` is empty."""

    @property
    def entrypoint(self) -> str:
        """As Prefect wants it: `path/to/file.py:function`."""
        return f"{self.file}:{self.function}"

    def to_dict(self) -> dict[str, Any]:
        """The flow as the JSON output of `discover` shows it."""
        return {
            "name": self.name,
            "file": self.file,
            "line": self.line,
            "function": self.function,
            "entrypoint": self.entrypoint,
            "parameters": [parameter.to_dict() for parameter in self.parameters],
            "imports": sorted({imported.module for imported in self.imports}),
        }


@dataclass(frozen=True, slots=True)
class NotDeployable:
    """A flow that no worker could load by an entrypoint: nested in a function, or a method."""

    name: str
    file: str
    line: int
    function: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "file": self.file,
            "line": self.line,
            "function": self.function,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Discovery:
    """All that a scan found."""

    flows: tuple[Flow, ...]
    not_deployable: tuple[NotDeployable, ...]
    errors: tuple[FlowDiscoveryError, ...]
    """One for each file or flow that cannot be used; the others are not affected."""
    files_scanned: int
    seconds: float
    warnings: tuple[FlowDiscoveryError, ...] = ()
