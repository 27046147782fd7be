"""Reads expressions of a module: which are flows, makers of flows, or names that the text determines."""

import ast
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from deployment_system.discovery.module_values import (
    DICT,
    FLOW_CLASSES,
    NO_FLOW_ANY_MORE,
    NOTHING,
    PARTIALS,
    UNKNOWN,
    WRAPS,
    FlowMaker,
    FlowOptions,
    FlowValue,
    Function,
    LegacyFlow,
    Reference,
    Text,
    Unpackable,
    Value,
    WithOptions,
    Wraps,
    as_maker,
)

DEEPEST_CALL = 5
"""Factories that call factories; more is not read."""
MOST_STATEMENTS = 100_000
"""Statements of factories that are read for one file: factories that call each other many times over
would keep the reader busy for ever."""

Names = Mapping[str, Value]


@dataclass(slots=True)
class Reach:
    """How far the calls of one file have been followed."""

    depth: int = 0
    statements: int = 0
    made: set[int] = field(default_factory=set)
    """The functions (by `id` of their node) that factories made flows of."""


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a call."""

    line: int
    positional: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)
    unpacked: tuple[Value, ...] = ()
    """What stands after `**`."""


def evaluate(node: ast.expr, names: Names, reach: Reach) -> Value:
    """What an expression stands for."""
    if isinstance(node, ast.Name):
        value = names.get(node.id)
        if value is None:
            return Reference(DICT) if node.id == "dict" else UNKNOWN
        return value
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.Attribute):
        return _attribute(evaluate(node.value, names, reach), node.attr)
    if isinstance(node, ast.Call):
        return _call(node, names, reach)
    if isinstance(node, ast.Lambda):
        return Function(node, names)
    if isinstance(node, ast.NamedExpr):
        return evaluate(node.value, names, reach)
    if isinstance(node, ast.Dict):
        return _dictionary(node, names, reach)
    if isinstance(node, ast.JoinedStr | ast.BinOp):
        text = _text_of(node, names)
        return UNKNOWN if text is None else Text(text)
    return UNKNOWN


def decorated(node: ast.FunctionDef | ast.AsyncFunctionDef, names: Names, reach: Reach) -> Value:
    """What a decorated function is bound as."""
    value: Value = Function(node, names)
    for decorator in reversed(node.decorator_list):
        value = _decorated_with(evaluate(decorator, names, reach), value, decorator.lineno, reach)
    if reach.depth and isinstance(value, FlowValue):
        reach.made.add(id(node))
    return value


def _decorated_with(decorator: Value, value: Value, line: int, reach: Reach) -> Value:
    """A decorator of which nothing is known leaves the function what it was: most wrap or register."""
    maker = as_maker(decorator)
    if maker is not None:
        return _flow_of(value, line, maker.options)
    if isinstance(decorator, Wraps):
        original = decorator.original
        if isinstance(original, FlowValue) and original.node is not None:
            return Function(original.node, {})
        return original if isinstance(original, Function) else UNKNOWN
    if isinstance(decorator, Reference) and decorator.dotted in NO_FLOW_ANY_MORE:
        return UNKNOWN if isinstance(value, FlowValue) else value
    if isinstance(decorator, Function):
        made = _result_of(decorator, Given(line, (value,)), reach)
        if isinstance(made, FlowValue) and made is not value:
            return FlowValue(made.node, made.options, line)
        return value if made == UNKNOWN else made
    return value


def _constant(node: ast.Constant) -> Value:
    if isinstance(node.value, str):
        return Text(node.value)
    return NOTHING if node.value is None else UNKNOWN


def _text_of(node: ast.expr, names: Names) -> str | None:
    """The string that an expression is, where the text determines it."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str | int) else None
    if isinstance(node, ast.Name):
        value = names.get(node.id, UNKNOWN)
        return value.value if isinstance(value, Text) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [_text_of(node.left, names), _text_of(node.right, names)]
    elif isinstance(node, ast.JoinedStr):
        parts = [_text_of(part, names) for part in node.values]
    elif isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        parts = [_text_of(node.value, names)]
    else:
        return None
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def _dictionary(node: ast.Dict, names: Names, reach: Reach) -> Value:
    """Only what it says of a name matters."""
    name: Value | None = None
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner = evaluate(value, names, reach)
            name = (inner.name or name) if isinstance(inner, Unpackable) else UNKNOWN
        elif isinstance(key, ast.Constant) and key.value == "name":
            name = evaluate(value, names, reach)
    return Unpackable(name)


def _attribute(value: Value, name: str) -> Value:
    if isinstance(value, Reference):
        return Reference(f"{value.dotted}.{name}")
    if isinstance(value, FlowValue) and name == "with_options":
        return WithOptions(value)
    return UNKNOWN


def _call(node: ast.Call, names: Names, reach: Reach) -> Value:
    target = evaluate(node.func, names, reach)
    if isinstance(target, WithOptions):
        return FlowValue(
            target.flow.node, _options(_given(node, names, reach), target.flow.options), node.lineno
        )
    if isinstance(target, Function):
        made = _result_of(target, _given(node, names, reach), reach)
        return FlowValue(made.node, made.options, node.lineno) if isinstance(made, FlowValue) else made
    maker = as_maker(target)
    if maker is not None:
        return _made(maker, _given(node, names, reach))
    return _call_of_library(target.dotted, node, names, reach) if isinstance(target, Reference) else UNKNOWN


def _call_of_library(called: str, node: ast.Call, names: Names, reach: Reach) -> Value:
    if called in FLOW_CLASSES:
        given = _given(node, names, reach)
        function = given.positional[0] if given.positional else given.keywords.get("fn")
        if function is None or isinstance(function, Text):
            return LegacyFlow()
        return _flow_of(function, given.line, _options(given, FlowOptions()))
    if called in PARTIALS and node.args:
        maker = as_maker(evaluate(node.args[0], names, reach))
        return UNKNOWN if maker is None else FlowMaker(_options(_given(node, names, reach), maker.options))
    if called in WRAPS and node.args:
        return Wraps(evaluate(node.args[0], names, reach))
    if called in NO_FLOW_ANY_MORE and not node.args:
        return Reference(called)
    if called == DICT and not node.args:
        return Unpackable(_given(node, names, reach).keywords.get("name"))
    return UNKNOWN


def _given(node: ast.Call, names: Names, reach: Reach) -> Given:
    return Given(
        node.lineno,
        tuple(evaluate(argument, names, reach) for argument in node.args),
        {word.arg: evaluate(word.value, names, reach) for word in node.keywords if word.arg is not None},
        tuple(evaluate(word.value, names, reach) for word in node.keywords if word.arg is None),
    )


def _made(maker: FlowMaker, given: Given) -> Value:
    options = _options(given, maker.options)
    function = given.positional[0] if given.positional else given.keywords.get("__fn", NOTHING)
    return FlowMaker(options) if function == NOTHING else _flow_of(function, given.line, options)


def _flow_of(function: Value, line: int, options: FlowOptions) -> Value:
    if isinstance(function, FlowValue):
        return UNKNOWN  # Prefect refuses to make a flow of a flow
    node = function.node if isinstance(function, Function) else None
    return FlowValue(node, options, line)


def _options(given: Given, usual: FlowOptions) -> FlowOptions:
    """What the call says over what was said before. `**options` may hold a name: where they were read,
    it is known."""
    name, known = usual.name, usual.name_known
    said = [given.keywords["name"]] if "name" in given.keywords else []
    said += [value.name for value in given.unpacked if isinstance(value, Unpackable) and value.name]
    for value in said:
        if value != NOTHING:
            name, known = (value.value, True) if isinstance(value, Text) else (None, False)
    if not said and any(not isinstance(value, Unpackable) for value in given.unpacked):
        known = False
    described = given.keywords.get("description")
    description = usual.description if described is None else None
    return FlowOptions(name, known, described.value if isinstance(described, Text) else description)


def _result_of(function: Function, given: Given, reach: Reach) -> Value:
    """What a factory returns: its body is read with the arguments that the text determines."""
    node = function.node
    if reach.depth >= DEEPEST_CALL or isinstance(node, ast.AsyncFunctionDef):
        return UNKNOWN
    names: dict[str, Value] = {**function.names, **_bound(node.args, given, function.names, reach)}
    reach.depth += 1
    try:
        if isinstance(node, ast.Lambda):
            return evaluate(node.body, names, reach)
        return _run_body(node.body, names, reach)
    finally:
        reach.depth -= 1


def _run_body(body: list[ast.stmt], names: MutableMapping[str, Value], reach: Reach) -> Value:
    for statement in body:
        reach.statements += 1
        if reach.statements > MOST_STATEMENTS:
            return UNKNOWN
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            names[statement.name] = decorated(statement, names, reach)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            names[statement.targets[0].id] = evaluate(statement.value, names, reach)
        elif isinstance(statement, ast.Return):
            return UNKNOWN if statement.value is None else evaluate(statement.value, names, reach)
        elif not isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom):
            # What is bound here depends on what is known at run time only.
            for part in ast.walk(statement):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    names[part.id] = UNKNOWN
    return UNKNOWN


def _bound(declared: ast.arguments, given: Given, names: Names, reach: Reach) -> dict[str, Value]:
    positional = [*declared.posonlyargs, *declared.args]
    bound: dict[str, Value] = dict.fromkeys(
        (argument.arg for argument in (*positional, *declared.kwonlyargs)), UNKNOWN
    )
    for argument, default in zip(reversed(positional), reversed(declared.defaults), strict=False):
        bound[argument.arg] = evaluate(default, names, reach)
    for argument, keyword_default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True):
        if keyword_default is not None:
            bound[argument.arg] = evaluate(keyword_default, names, reach)
    for argument, value in zip(positional, given.positional, strict=False):
        bound[argument.arg] = value
    for word, value in given.keywords.items():
        if word in bound:
            bound[word] = value
    if declared.vararg:
        bound[declared.vararg.arg] = UNKNOWN
    if declared.kwarg:
        surely = all(isinstance(value, Unpackable) and value.name is None for value in given.unpacked)
        more = given.keywords.get("name") if "name" not in bound else None
        bound[declared.kwarg.arg] = Unpackable(more) if surely else UNKNOWN
    return bound
