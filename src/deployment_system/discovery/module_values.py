"""What names of a module stand for, as far as its text says."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

FLOW_DECORATORS = frozenset({"prefect.flow", "prefect.flows.flow", "prefect.main.flow"})
FLOW_CLASSES = frozenset({"prefect.Flow", "prefect.flows.Flow", "prefect.main.Flow"})
PARTIALS = frozenset({"functools.partial"})
WRAPS = frozenset({"functools.wraps"})
DICT = "builtins.dict"
NO_FLOW_ANY_MORE = frozenset(
    {"functools.cache", "functools.lru_cache", "functools.singledispatch"}
    | {"contextlib.contextmanager", "contextlib.asynccontextmanager"}
    | {"prefect.task", "prefect.tasks.task", "prefect.main.task"}
)
"""Decorators that make something else of a flow."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Reference:
    """Something imported (or built in), by its dotted name."""

    dotted: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string that the text determines."""

    value: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """None."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of this module."""

    node: FunctionNode
    names: "Mapping[str, Value]" = field(compare=False, repr=False)
    """What it sees around it."""


@dataclass(frozen=True, slots=True)
class Wraps:
    """`functools.wraps(original)`: what it decorates takes the original's name and signature."""

    original: "Value"


@dataclass(frozen=True, slots=True)
class Unpackable:
    """A dictionary of options."""

    name: "Value | None"
    """What stands in it under `name`; None: nothing."""


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """What a flow is made with."""

    name: str | None = None
    name_known: bool = True
    """False: a name is given that only running the code would tell."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class FlowMaker:
    """`flow(...)` before it got its function."""

    options: FlowOptions


@dataclass(frozen=True, slots=True)
class FlowValue:
    """A flow."""

    node: FunctionNode | None
    """Its function, where it stands in this file."""
    options: FlowOptions
    line: int

    @property
    def name(self) -> str | None:
        """As Prefect names it (prefect.flows.Flow.__init__); None where only running the code would tell."""
        if not self.options.name_known:
            return None
        if self.options.name:
            return self.options.name
        if self.node is None:
            return None
        return "unknown-lambda" if isinstance(self.node, ast.Lambda) else self.node.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class LegacyFlow:
    """A flow of Prefect 1: made of a name, not of a function."""


@dataclass(frozen=True, slots=True)
class WithOptions:
    """`some_flow.with_options`, to be called."""

    flow: FlowValue


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else."""


UNKNOWN = Unknown()
NOTHING = Nothing()

Value = (
    Reference
    | Text
    | Nothing
    | Function
    | Wraps
    | Unpackable
    | FlowMaker
    | FlowValue
    | LegacyFlow
    | WithOptions
    | Unknown
)


def as_maker(value: Value) -> FlowMaker | None:
    """The value as something that makes a function a flow."""
    if isinstance(value, FlowMaker):
        return value
    if isinstance(value, Reference) and value.dotted in FLOW_DECORATORS:
        return FlowMaker(FlowOptions())
    return None
