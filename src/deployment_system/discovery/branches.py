"""Which branches of a module run when a worker loads it, and what a name is after branches of which
nobody knows which one runs."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import TypeGuard

from deployment_system.discovery.evaluate import Reach, evaluate
from deployment_system.discovery.module_values import (
    NOTHING,
    UNKNOWN,
    FlowValue,
    Reference,
    Text,
    Value,
    as_maker,
)

TYPE_CHECKING_FLAGS = frozenset({"typing.TYPE_CHECKING", "typing_extensions.TYPE_CHECKING"})


class Condition(Enum):
    """What is known of a condition."""

    OPEN = auto()
    ALWAYS = auto()
    NEVER = auto()
    SCRIPT_ONLY = auto()
    """`__name__ == "__main__"`, which it is not on a worker."""
    TYPES_ONLY = auto()
    """`TYPE_CHECKING`, which is false whenever code runs."""


def judged(node: ast.If, names: dict[str, Value]) -> tuple[Condition, list[ast.stmt], list[ast.stmt]]:
    """The condition without its negation, what runs where it holds, and what runs where not."""
    test, body, otherwise = node.test, node.body, node.orelse
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, body, otherwise = test.operand, otherwise, body
    if isinstance(test, ast.Constant):
        return (Condition.ALWAYS if test.value else Condition.NEVER), body, otherwise
    if _compares_with_main(test):
        if isinstance(test.ops[0], ast.NotEq):
            body, otherwise = otherwise, body
        return Condition.SCRIPT_ONLY, body, otherwise
    return (Condition.TYPES_ONLY if _is_type_checking(test, names) else Condition.OPEN), body, otherwise


def either(values: Sequence[Value | None]) -> Value:
    """What a name is that each branch bound to one of these; None: it did not bind it."""
    bound = [value for value in values if value is not None]
    if all(value == bound[0] for value in bound):
        return bound[0]
    flows = [value for value in bound if isinstance(value, FlowValue)]
    if flows:
        if all(flow.name == flows[0].name for flow in flows):
            return flows[0]
        return replace(flows[0], options=replace(flows[0].options, name_known=False))
    if any(isinstance(value, Text) for value in bound):
        return UNKNOWN
    return min(bound, key=_obscurity)


def forgives_imports(handler: ast.ExceptHandler) -> bool:
    """Whether an import that fails in the `try` is provided for."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    forgiving = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    return any(isinstance(kind, ast.Name) and kind.id in forgiving for kind in kinds)


def is_prefect(value: Value) -> bool:
    """Whether flows can be made with it."""
    if isinstance(value, Reference) and value.dotted in ("prefect", "prefect.flows"):
        return True
    return as_maker(value) is not None


def _obscurity(value: Value) -> int:
    """A file that can do with and without Prefect is read as where Prefect is there."""
    if is_prefect(value):
        return 0
    return 2 if value in (UNKNOWN, NOTHING) else 1


def _compares_with_main(test: ast.expr) -> TypeGuard[ast.Compare]:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    if not isinstance(test.ops[0], ast.Eq | ast.NotEq):
        return False
    sides = [test.left, test.comparators[0]]
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return named and main


def _is_type_checking(test: ast.expr, names: dict[str, Value]) -> bool:
    value = evaluate(test, names, Reach())
    if isinstance(value, Reference):
        return value.dotted in TYPE_CHECKING_FLAGS
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
