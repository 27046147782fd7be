"""What the text of a flow's file makes certain: which function the flow is made of, and what the names in
its signature stand for.

Prefect reads the signature of the function as the loaded module has it. Between the text and that lie
decorators, names that are bound twice, imports behind conditions. Where any of them could make a
difference, nothing is certain.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployment_system.discovery import Flow

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SignatureText:
    """How to read the annotations of one flow's function."""

    origins: Mapping[str, str] = field(default_factory=dict)
    """Names that are certainly bound by one import before the function -> dotted origin."""
    bound: frozenset[str] = frozenset()
    """All names that the module binds in any way: none of them is a builtin."""
    postponed: bool = False
    """Annotations are kept as texts (`from __future__ import annotations`)."""


class FileText:
    """One file of flows, parsed once."""

    def __init__(self, file: Path) -> None:
        try:
            source = file.read_bytes()
            tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            # Discovery could read it: it has changed since, and importing it says what is wrong now.
            source, tree = b"", ast.Module([], [])
        self._body = tree.body
        self._bound = Counter(_bound_names(tree.body))
        if b"global" in source:
            for node in ast.walk(tree):
                if isinstance(node, ast.Global):
                    self._bound.update(node.names)
        self._functions = {node.name: node for node in tree.body if isinstance(node, FunctionNode)}
        self._imports = dict(_imports(tree.body))
        self._postponed = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in tree.body
        )

    def signature_of(self, flow: Flow) -> SignatureText | None:
        """How to read the flow's signature; None where the text does not tell which one it will have."""
        node = self._function_of(flow)
        if node is None or self._bound["*"] or _names_of(node) != {item.name for item in flow.parameters}:
            return None
        origins = {
            name: origin
            for name, (origin, line) in self._imports.items()
            if self._bound[name] == 1 and line < node.lineno
        }
        return SignatureText(origins, frozenset(self._bound), self._postponed)

    def _function_of(self, flow: Flow) -> FunctionNode | None:
        """The function that the flow is made of, if nothing else than Prefect's decorator touches it."""
        if self._bound[flow.function] != 1:
            return None
        defined = self._functions.get(flow.function)
        if defined is not None:
            return defined if len(defined.decorator_list) == 1 else None
        wrapped = next(filter(None, (_wrapped_name(node, flow.function) for node in self._body)), None)
        function = None if wrapped is None else self._functions.get(wrapped)
        if function is None or function.decorator_list or self._bound[function.name] != 1:
            return None
        return function


def _names_of(node: FunctionNode) -> set[str]:
    """The names of a function's parameters."""
    found = node.args
    positional = [*found.posonlyargs, *found.args, *found.kwonlyargs]
    return {item.arg for item in [*positional, *filter(None, (found.vararg, found.kwarg))]}


def _wrapped_name(node: ast.stmt, name: str) -> str | None:
    """`fn` in `name = flow(fn)` and `name = flow(...)(fn)`."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Name) or target.id != name or not isinstance(value, ast.Call):
        return None
    return value.args[0].id if value.args and isinstance(value.args[0], ast.Name) else None


def _imports(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Imports that certainly run: those at the top level itself."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                shown = alias.asname or alias.name.partition(".")[0]
                yield shown, (alias.name if alias.asname else shown, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, (f"{node.module}.{alias.name}", node.lineno)


def _bound_names(body: list[ast.stmt]) -> Iterator[str]:
    """Every name that statements outside of functions and classes bind, or write into, once for each
    time; `*` for a star import."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        yield from _bound_by(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            pending.extend(node.decorator_list)
        elif not isinstance(node, ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        if not isinstance(node.ctx, ast.Load):
            yield _root(node)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _root(node: ast.expr) -> str:
    """`a` of `a`, `a.b` and `a.b[0]`: who writes into a name's value changes what it stands for."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
