"""Reads a module's statements in their order: which names are flows in the end, and which flows no
worker could load."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from deployment_system.discovery.evaluate import decorated, evaluate
from deployment_system.discovery.flow import Import, NotDeployable, Parameter
from deployment_system.discovery.module_values import (
    FLOW_CLASSES,
    FLOW_DECORATORS,
    UNKNOWN,
    FlowValue,
    FunctionNode,
    Reference,
    Value,
)

_STAR_NAMES = {"prefect": ("flow", "Flow"), "prefect.flows": ("flow", "Flow")}

NESTED = "it is defined inside a function: move it to the top level of the file"
METHOD = "it is a method: a worker loads flows by a name at the top level of a file"
SCRIPT_ONLY = 'it is defined under `if __name__ == "__main__":`, which a worker does not run'


@dataclass
class ModuleReading:
    """What a module's text says, statement by statement."""

    file: str
    names: dict[str, Value] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    """Names bound by import, to their dotted origins."""
    imports: list[Import] = field(default_factory=list)
    not_deployable: list[NotDeployable] = field(default_factory=list)
    legacy: list[tuple[int, str]] = field(default_factory=list)
    """Lines where Prefect 1 is used, with what was seen there."""

    def flows(self) -> Iterator[tuple[str, FlowValue]]:
        """The names that are flows when the module has been loaded; one flow of several names once."""
        seen: set[tuple[int | None, str | None]] = set()
        for name, value in self.names.items():
            if isinstance(value, FlowValue):
                identity = (id(value.node) if value.node else None, value.name)
                if value.node is None or identity not in seen:
                    seen.add(identity)
                    yield name, value


def read_module(tree: ast.Module, file: str) -> ModuleReading:
    """Reads the whole module."""
    reading = ModuleReading(file)
    _Reader(reading).block(tree.body)
    return reading


def parameters_of(node: FunctionNode) -> tuple[Parameter, ...]:
    """The parameters of a function, as its text says them."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    found = []
    for index, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        kind = "positional_only" if index < len(arguments.posonlyargs) else "positional_or_keyword"
        found.append(_parameter(argument, kind, default))
    if arguments.vararg:
        found.append(_parameter(arguments.vararg, "var_positional", None))
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_parameter(argument, "keyword_only", keyword_default))
    if arguments.kwarg:
        found.append(_parameter(arguments.kwarg, "var_keyword", None))
    return tuple(found)


def docstring_of(node: FunctionNode) -> str | None:
    """The docstring as `inspect.getdoc` gives it."""
    if isinstance(node, ast.Lambda):
        return None
    text = ast.get_docstring(node, clean=False)
    return None if text is None else inspect.cleandoc(text)


def _parameter(argument: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
    return Parameter(
        argument.arg,
        kind,
        ast.unparse(argument.annotation) if argument.annotation else None,
        ast.unparse(default) if default else None,
    )


class _Reader:
    def __init__(self, reading: ModuleReading) -> None:
        self._reading = reading
        self._names = reading.names
        self._optional = False
        self._script_only = False

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            value = decorated(node, self._names)
            self._bind(node.name, value)
            self._inside(node.body, NESTED)
        elif isinstance(node, ast.ClassDef):
            self._names[node.name] = UNKNOWN
            self._inside(node.body, METHOD)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._names.pop(target.id, None)
        else:
            self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        if isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.Try | ast.TryStar):
            self._try(node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            self._notice_prefect_1(node)
            self.block(node.body)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self.block(node.body)
            self.block(node.orelse)

    def _if(self, node: ast.If) -> None:
        if _is_script_guard(node.test):
            kept, self._script_only = self._script_only, True
            names = dict(self._names)
            self.block(node.body)
            self._names.clear()
            self._names.update(names)
            self._script_only = kept
            self.block(node.orelse)
        elif _is_type_checking(node.test, self._names):
            names = dict(self._names)
            self._optionally(node.body)
            self._names.clear()
            self._names.update({**dict(self._names), **names})
            self.block(node.orelse)
        else:
            # Which branch runs is not known: what both bind, the first one binds.
            self.block(node.orelse)
            self.block(node.body)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        forgiving = any(_forgives_imports(handler) for handler in node.handlers)
        for handler in node.handlers:
            self._optionally(handler.body) if forgiving else self.block(handler.body)
        if forgiving:
            self._optionally(node.body)
        else:
            self.block(node.body)
        self.block(node.orelse)
        self.block(node.finalbody)

    def _optionally(self, body: Sequence[ast.stmt]) -> None:
        kept, self._optional = self._optional, True
        self.block(body)
        self._optional = kept

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, evaluate(value, self._names))
        elif isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            if len(values) == len(target.elts):
                for one, its_value in zip(target.elts, values, strict=True):
                    self._assign(one, its_value)
            else:
                for one in target.elts:
                    if isinstance(one, ast.Name):
                        self._names[one.id] = UNKNOWN

    def _bind(self, name: str, value: Value) -> None:
        if self._script_only and isinstance(value, FlowValue):
            self._note(value, name, SCRIPT_ONLY)
        # Re-inserted, so that the order of names is that of their last binding.
        self._names.pop(name, None)
        self._names[name] = value
        self._reading.bindings.pop(name, None)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        place = (node.lineno, node.col_offset + 1, self._optional)
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._reading.imports.append(Import(alias.name, *place))
                shown = alias.asname or alias.name.partition(".")[0]
                origin = alias.name if alias.asname else shown
                self._names[shown] = Reference(origin)
                self._reading.bindings[shown] = origin
            return
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            # `from package import module` may name a module too: both are worth looking for.
            self._reading.imports.append(Import(module, *place))
            if alias.name == "*":
                for name in _STAR_NAMES.get(module, ()):
                    self._names[name] = Reference(f"{module}.{name}")
                continue
            origin = f"{module}{'' if module.endswith('.') else '.'}{alias.name}"
            self._names[alias.asname or alias.name] = Reference(origin)
            self._reading.bindings[alias.asname or alias.name] = origin

    # -- inside functions and classes, where flows cannot be loaded from -------------------------

    def _inside(self, body: Sequence[ast.stmt], reason: str) -> None:
        """Statements of a function or a class: their imports fail at run time, and flows made there
        cannot be loaded. Names are looked up as the module has them now."""
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import_inside(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                value = decorated(node, self._names) if node.decorator_list else UNKNOWN
                if isinstance(value, FlowValue):
                    self._note(value, node.name, reason)
                self._inside(node.body, NESTED)
            elif isinstance(node, ast.ClassDef):
                self._inside(node.body, METHOD)
            elif isinstance(node, ast.Try | ast.TryStar):
                self._inside_try(node, reason)
            else:
                for inner in _inner_blocks(node):
                    self._inside(inner, reason)

    def _inside_try(self, node: ast.Try | ast.TryStar, reason: str) -> None:
        kept = self._optional
        self._optional = kept or any(_forgives_imports(handler) for handler in node.handlers)
        self._inside(node.body, reason)
        for handler in node.handlers:
            self._inside(handler.body, reason)
        self._optional = kept
        self._inside(node.orelse, reason)
        self._inside(node.finalbody, reason)

    def _import_inside(self, node: ast.Import | ast.ImportFrom) -> None:
        """Its names are bound in the function only; where the module does not know them, they help to
        recognise flows nested there."""
        names, bindings = dict(self._names), dict(self._reading.bindings)
        self._import(node)
        found = dict(self._names)
        self._names.clear()
        self._names.update({**{name: found[name] for name in found if _is_prefect(found[name])}, **names})
        self._reading.bindings.clear()
        self._reading.bindings.update(bindings)

    def _note(self, value: FlowValue, function: str, reason: str) -> None:
        self._reading.not_deployable.append(
            NotDeployable(value.name or function, self._reading.file, value.line, function, reason)
        )

    def _notice_prefect_1(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call):
                target = evaluate(call.func, self._names)
                if isinstance(target, Reference) and target.dotted in FLOW_CLASSES:
                    self._reading.legacy.append((node.lineno, "with Flow(...)"))


def _is_prefect(value: Value) -> bool:
    return isinstance(value, Reference) and (
        value.dotted in FLOW_DECORATORS or value.dotted in ("prefect", "prefect.flows")
    )


def _inner_blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if block:
            yield block
    for case in getattr(node, "cases", ()):
        yield case.body


def _is_script_guard(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, test.comparators[0]]
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return named and main


def _is_type_checking(test: ast.expr, names: dict[str, Value]) -> bool:
    value = evaluate(test, names)
    if isinstance(value, Reference):
        return value.dotted in ("typing.TYPE_CHECKING", "typing_extensions.TYPE_CHECKING")
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _forgives_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    forgiving = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    return any(isinstance(kind, ast.Name) and kind.id in forgiving for kind in kinds)
