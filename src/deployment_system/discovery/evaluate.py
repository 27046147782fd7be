"""Reads expressions of a module: which are flows, makers of flows, or names that the text determines."""

import ast
from collections.abc import Mapping, MutableMapping

from deployment_system.discovery.module_values import (
    FLOW_CLASSES,
    FLOW_DECORATORS,
    PARTIALS,
    UNKNOWN,
    FlowMaker,
    FlowOptions,
    FlowValue,
    Function,
    FunctionNode,
    Reference,
    Text,
    Value,
    WithOptions,
)

DEEPEST_CALL = 5
"""Factories that call factories; more is not read."""

Names = Mapping[str, Value]


def evaluate(node: ast.expr, names: Names, depth: int = 0) -> Value:
    """What an expression stands for."""
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.Constant):
        return Text(node.value) if isinstance(node.value, str) else UNKNOWN
    if isinstance(node, ast.Attribute):
        return _attribute(evaluate(node.value, names, depth), node.attr)
    if isinstance(node, ast.Call):
        return _call(node, names, depth)
    if isinstance(node, ast.Lambda):
        return Function(node)
    if isinstance(node, ast.JoinedStr | ast.BinOp | ast.FormattedValue):
        text = text_of(node, names)
        return UNKNOWN if text is None else Text(text)
    return UNKNOWN


def text_of(node: ast.expr, names: Names) -> str | None:
    """The string that an expression is, where the text determines it."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str | int) else None
    if isinstance(node, ast.Name):
        value = names.get(node.id, UNKNOWN)
        return value.value if isinstance(value, Text) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [text_of(node.left, names), text_of(node.right, names)]
    elif isinstance(node, ast.JoinedStr):
        parts = [text_of(part, names) for part in node.values]
    elif isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        parts = [text_of(node.value, names)]
    else:
        return None
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def decorated(node: ast.FunctionDef | ast.AsyncFunctionDef, names: Names) -> Value:
    """What a decorated function is bound as. A decorator that is not Prefect's leaves it what it was:
    most wrap or register."""
    value: Value = Function(node)
    for decorator in reversed(node.decorator_list):
        maker = as_maker(evaluate(decorator, names))
        if maker is not None and isinstance(value, Function):
            value = FlowValue(value.node, maker.options, decorator.lineno)
    return value


def as_maker(value: Value) -> FlowMaker | None:
    """The value as something that makes a function a flow."""
    if isinstance(value, FlowMaker):
        return value
    if isinstance(value, Reference) and value.dotted in FLOW_DECORATORS:
        return FlowMaker(FlowOptions())
    return None


def _attribute(value: Value, name: str) -> Value:
    if isinstance(value, Reference):
        return Reference(f"{value.dotted}.{name}")
    if isinstance(value, FlowValue) and name == "with_options":
        return WithOptions(value)
    return UNKNOWN


def _call(node: ast.Call, names: Names, depth: int) -> Value:
    target = evaluate(node.func, names, depth)
    if isinstance(target, WithOptions):
        options = _options(node, names, target.flow.options)
        return FlowValue(target.flow.node, options, node.lineno)
    if isinstance(target, Reference) and target.dotted in FLOW_CLASSES:
        return _flow_of(_function_argument(node, names, depth), node, _options(node, names, FlowOptions()))
    maker = as_maker(target)
    if maker is not None:
        options = _options(node, names, maker.options)
        if not node.args and not any(keyword.arg == "__fn" for keyword in node.keywords):
            return FlowMaker(options)
        return _flow_of(_function_argument(node, names, depth), node, options)
    if isinstance(target, Reference) and target.dotted in PARTIALS and node.args:
        partial = as_maker(evaluate(node.args[0], names, depth))
        return UNKNOWN if partial is None else FlowMaker(_options(node, names, partial.options))
    if isinstance(target, Function) and depth < DEEPEST_CALL:
        return _result_of(target.node, node, names, depth + 1)
    return UNKNOWN


def _function_argument(node: ast.Call, names: Names, depth: int) -> Value:
    if node.args:
        return evaluate(node.args[0], names, depth)
    given = next((keyword.value for keyword in node.keywords if keyword.arg in ("fn", "__fn")), None)
    return UNKNOWN if given is None else evaluate(given, names, depth)


def _flow_of(function: Value, node: ast.Call, options: FlowOptions) -> Value:
    if isinstance(function, FlowValue):
        return FlowValue(function.node, options, node.lineno)
    return FlowValue(function.node if isinstance(function, Function) else None, options, node.lineno)


def _options(node: ast.Call, names: Names, usual: FlowOptions) -> FlowOptions:
    """What the call says over what was said before. `**options` may hold a name: nobody knows."""
    name, known, description = usual.name, usual.name_known, usual.description
    for keyword in node.keywords:
        if keyword.arg is None:
            found = _unpacked_name(keyword.value, names)
            if found is False:
                known = False
            elif isinstance(found, str):
                name, known = found, True
        elif keyword.arg == "name" and not _is_none(keyword.value):
            text = text_of(keyword.value, names)
            name, known = text, text is not None
        elif keyword.arg == "description":
            description = text_of(keyword.value, names)
    return FlowOptions(name, known, description)


def _unpacked_name(node: ast.expr, names: Names) -> str | bool:
    """The `name` in `**{...}`; True: it has none; False: not to be told from the text."""
    if not isinstance(node, ast.Dict):
        return True
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "name":
            text = text_of(value, names)
            return False if text is None else text
    return True


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _result_of(function: FunctionNode, call: ast.Call, names: Names, depth: int) -> Value:
    """What a factory returns: its body is read with the arguments that the text determines."""
    if isinstance(function, ast.Lambda):
        return evaluate(function.body, {**names, **_arguments(function, call, names)}, depth)
    inner: dict[str, Value] = {**names, **_arguments(function, call, names)}
    result = _run_body(function.body, inner, depth)
    if isinstance(result, FlowValue):
        return FlowValue(result.node, result.options, call.lineno)
    return UNKNOWN if result is None else result


def _run_body(body: list[ast.stmt], names: MutableMapping[str, Value], depth: int) -> Value | None:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            names[statement.name] = decorated(statement, names)
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                names[target.id] = evaluate(statement.value, names, depth)
        elif isinstance(statement, ast.Return):
            return UNKNOWN if statement.value is None else evaluate(statement.value, names, depth)
    return None


def _arguments(function: FunctionNode, call: ast.Call, names: Names) -> dict[str, Value]:
    declared = function.args
    positional = [*declared.posonlyargs, *declared.args]
    bound: dict[str, Value] = {}
    for argument, default in zip(reversed(positional), reversed(declared.defaults), strict=False):
        bound[argument.arg] = _known(default, names)
    for argument, keyword_default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True):
        bound[argument.arg] = UNKNOWN if keyword_default is None else _known(keyword_default, names)
    for argument in (*positional, *declared.kwonlyargs):
        bound.setdefault(argument.arg, UNKNOWN)
    for argument, given in zip(positional, call.args, strict=False):
        bound[argument.arg] = _known(given, names)
    for keyword in call.keywords:
        if keyword.arg in bound:
            bound[keyword.arg] = _known(keyword.value, names)
    return bound


def _known(node: ast.expr, names: Names) -> Value:
    text = text_of(node, names)
    return evaluate(node, names) if text is None else Text(text)
