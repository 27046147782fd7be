"""Reads a module's statements in their order: which names are flows in the end, and which flows no
worker could load."""

import ast
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from deployment_system.discovery.branches import Condition, either, forgives_imports, is_prefect, judged
from deployment_system.discovery.depth import room_for_depth
from deployment_system.discovery.evaluate import Reach, decorated, evaluate
from deployment_system.discovery.flow import Import, NotDeployable
from deployment_system.discovery.module_values import (
    UNKNOWN,
    FlowValue,
    LegacyFlow,
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
    legacy: dict[int, str] = field(default_factory=dict)
    """Lines where Prefect 1 is used, with what was seen there."""

    def flows(self) -> Iterator[tuple[str, FlowValue]]:
        """The names that are flows when the module has been loaded, by line; a flow of several names once."""
        found = [(name, value) for name, value in self.names.items() if isinstance(value, FlowValue)]
        seen: set[tuple[int | None, str | None]] = set()
        for name, value in sorted(found, key=lambda item: item[1].line):
            identity = (id(value.node) if value.node else None, value.name)
            if value.node is None or identity not in seen:
                seen.add(identity)
                yield name, value


@room_for_depth()
def read_module(tree: ast.Module, file: str, content: bytes) -> ModuleReading:
    """Reads the whole module. `content` is the text that the tree was parsed from."""
    reading = ModuleReading(file)
    _Reader(reading, _telling_lines(content)).module(tree)
    return reading


_TELLING = (b"import", b"@", b"Flow")
"""Without one of these, the inside of a function or a class says nothing that matters here."""


def _telling_lines(content: bytes) -> list[int] | None:
    """The lines that hold one of these, so that most functions need not be gone through; None where
    lines may end otherwise than usual."""
    if b"\r" in content:
        return None
    found = sorted(position for word in _TELLING for position in _positions(content, word))
    lines, line, before = [], 1, 0
    for position in found:
        line += content.count(b"\n", before, position)
        before = position
        lines.append(line)
    return lines


def _positions(content: bytes, word: bytes) -> Iterator[int]:
    position = content.find(word)
    while position >= 0:
        yield position
        position = content.find(word, position + len(word))


class _Reader:
    def __init__(self, reading: ModuleReading, telling_lines: list[int] | None) -> None:
        self._telling_lines = telling_lines
        self._reading = reading
        self._names = reading.names
        self._reach = Reach()
        self._optional = False
        self._script_only = False
        self._out_of_reach: list[tuple[NotDeployable, int]] = []
        """Flows made where no worker finds them, each with the `id` of what makes it."""

    def module(self, tree: ast.Module) -> None:
        self.block(tree.body)
        # A factory's flow is not out of reach where a name of the module holds what the factory made.
        self._reading.not_deployable.extend(
            item for item, maker in self._out_of_reach if maker not in self._reach.made
        )

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._bind(node.name, decorated(node, self._names, self._reach), node.lineno)
            self._inside_function(node)
        elif isinstance(node, ast.ClassDef):
            self._bind(node.name, UNKNOWN, node.lineno)
            self._inside_class(node)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                for name in _names_in(target, ast.Del):
                    self._names.pop(name, None)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
            self._simple(node)
        else:
            self._compound(node)

    def _simple(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name):
                self._assign(node.target, ast.BinOp(node.target, node.op, node.value))
        else:
            self._walrus(node.value)

    def _compound(self, node: ast.stmt) -> None:
        if isinstance(node, ast.If):
            self._walrus(node.test)
            self._if(node)
        elif isinstance(node, ast.Try | ast.TryStar):
            self._try(node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            self._notice_prefect_1(node)
            for item in node.items:
                self._forget(item.optional_vars)
            self.block(node.body)
        elif isinstance(node, ast.For | ast.AsyncFor):
            self._forget(node.target)
            self.block([*node.body, *node.orelse])
        elif isinstance(node, ast.While):
            self._walrus(node.test)
            self.block([*node.body, *node.orelse])
        elif isinstance(node, ast.Match):
            self._branches([*(case.body for case in node.cases), []])

    def _if(self, node: ast.If) -> None:
        condition, body, otherwise = judged(node, self._names)
        if condition is Condition.OPEN:
            self._branches([body, otherwise])
        elif condition is Condition.ALWAYS:
            self.block(body)
        else:
            before = dict(self._names)
            if condition is Condition.SCRIPT_ONLY:
                kept, self._script_only = self._script_only, True
                self.block(body)
                self._script_only = kept
            elif condition is Condition.TYPES_ONLY:
                self._optionally(body)
            self._restore(before)
            self.block(otherwise)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        forgiving = any(forgives_imports(handler) for handler in node.handlers)
        before = dict(self._names)
        self._optionally(node.body) if forgiving else self.block(node.body)
        self.block(node.orelse)
        ends = [dict(self._names)]
        for handler in node.handlers:
            self._restore(before)
            self._optionally(handler.body) if forgiving else self.block(handler.body)
            if handler.name:
                self._names.pop(handler.name, None)
            ends.append(dict(self._names))
        self._join(ends)
        self.block(node.finalbody)

    def _branches(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        before = dict(self._names)
        ends = []
        for body in bodies:
            self._restore(before)
            self.block(body)
            ends.append(dict(self._names))
        self._join(ends)

    def _join(self, ends: Sequence[dict[str, Value]]) -> None:
        self._restore({name: either([end.get(name) for end in ends]) for end in ends for name in end})

    def _restore(self, names: dict[str, Value]) -> None:
        """In place: functions see the module's names through this very dictionary."""
        self._names.clear()
        self._names.update(names)

    def _optionally(self, body: Sequence[ast.stmt]) -> None:
        kept, self._optional = self._optional, True
        self.block(body)
        self._optional = kept

    def _value(self, node: ast.expr) -> Value:
        return evaluate(node, self._names, self._reach)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, self._value(value), target.lineno)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            # A dictionary of options that is changed is not what it was.
            self._names[target.value.id] = UNKNOWN
        elif isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            starred = any(isinstance(one, ast.Starred) for one in (*target.elts, *values))
            if len(values) == len(target.elts) and not starred:
                for one, its_value in zip(target.elts, values, strict=True):
                    self._assign(one, its_value)
            else:
                self._forget(target)

    def _walrus(self, node: ast.expr) -> None:
        if isinstance(node, ast.NamedExpr):
            self._assign(node.target, node.value)

    def _forget(self, target: ast.expr | None) -> None:
        """Names bound to what only running the code would tell."""
        for name in _names_in(target, ast.Store) if target is not None else ():
            self._bind(name, UNKNOWN, 0)

    def _bind(self, name: str, value: Value, line: int) -> None:
        if isinstance(value, LegacyFlow):
            self._reading.legacy.setdefault(line, "Flow(...)")
        if self._script_only and isinstance(value, FlowValue):
            self._note(value, name, SCRIPT_ONLY, id(value))
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

    def _inside_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Parameters hide the module's names."""
        if not self._says_something(node):
            return
        arguments = node.args
        declared = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        hidden = {one.arg: self._names[one.arg] for one in declared if one.arg in self._names}
        self._names.update(dict.fromkeys(hidden, UNKNOWN))
        self._inside(node.body, NESTED)
        self._names.update(hidden)

    def _inside_class(self, node: ast.ClassDef) -> None:
        if self._says_something(node):
            self._inside(node.body, METHOD)

    def _says_something(self, node: ast.stmt) -> bool:
        if self._telling_lines is None:
            return True
        after = bisect_left(self._telling_lines, node.lineno)
        return after < len(self._telling_lines) and self._telling_lines[after] <= (node.end_lineno or 0)

    def _inside(self, body: Sequence[ast.stmt], reason: str) -> None:
        """Statements of a function or a class: their imports fail at run time, and flows made there
        cannot be loaded. Names are looked up as the module has them now."""
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import_inside(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.decorator_list:
                    self._note(decorated(node, self._names, self._reach), node.name, reason, id(node))
                self._inside_function(node)
            elif isinstance(node, ast.ClassDef):
                self._inside_class(node)
            elif isinstance(node, ast.Try | ast.TryStar):
                self._inside_try(node, reason)
            else:
                if isinstance(node, ast.With | ast.AsyncWith):
                    self._notice_prefect_1(node)
                for inner in _inner_blocks(node):
                    self._inside(inner, reason)

    def _inside_try(self, node: ast.Try | ast.TryStar, reason: str) -> None:
        kept = self._optional
        self._optional = kept or any(forgives_imports(handler) for handler in node.handlers)
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
        self._restore({**{name: found[name] for name in found if is_prefect(found[name])}, **names})
        self._reading.bindings.clear()
        self._reading.bindings.update(bindings)

    def _note(self, value: Value, function: str, reason: str, maker: int) -> None:
        if isinstance(value, FlowValue):
            item = NotDeployable(value.name or function, self._reading.file, value.line, function, reason)
            self._out_of_reach.append((item, maker))

    def _notice_prefect_1(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            if isinstance(self._value(item.context_expr), LegacyFlow):
                self._reading.legacy.setdefault(node.lineno, "with Flow(...)")


def _names_in(target: ast.expr, context: type[ast.expr_context]) -> Iterator[str]:
    for part in ast.walk(target):
        if isinstance(part, ast.Name) and isinstance(part.ctx, context):
            yield part.id


def _inner_blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if block:
            yield block
    for case in getattr(node, "cases", ()):
        yield case.body
