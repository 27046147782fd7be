"""What names of a module stand for, as far as its text says."""

import ast
from dataclasses import dataclass

FLOW_DECORATORS = frozenset({"prefect.flow", "prefect.flows.flow", "prefect.main.flow"})
FLOW_CLASSES = frozenset({"prefect.Flow", "prefect.flows.Flow", "prefect.main.Flow"})
PARTIALS = frozenset({"functools.partial"})

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Reference:
    """Something imported, by its dotted name."""

    dotted: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string that the text determines."""

    value: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of this module."""

    node: FunctionNode


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
        """As Prefect names it; None where only running the code would tell."""
        if not self.options.name_known:
            return None
        if self.options.name is not None:
            return self.options.name
        if self.node is None:
            return None
        # prefect.flows.Flow.__init__: the function's name, with dashes.
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class WithOptions:
    """`some_flow.with_options`, to be called."""

    flow: FlowValue


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else."""


UNKNOWN = Unknown()

Value = Reference | Text | Function | FlowMaker | FlowValue | WithOptions | Unknown
