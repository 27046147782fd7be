"""What the text of a function says to its callers."""

import ast
import inspect

from deployment_system.discovery.flow import Parameter
from deployment_system.discovery.module_values import FunctionNode


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
        _text(argument.annotation) if argument.annotation else None,
        _text(default) if default else None,
    )


def _text(node: ast.expr) -> str:
    """As `ast.unparse`, which takes ten times as long for the words that stand in most signatures."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int)):
        return repr(node.value)
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Tuple | ast.Slice):
        if isinstance(node.value, ast.Name):
            return f"{node.value.id}[{_text(node.slice)}]"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = (node.left, node.right)
        if all(isinstance(side, ast.Name | ast.Constant | ast.Subscript) for side in sides):
            return " | ".join(_text(side) for side in sides)
    return ast.unparse(node)
