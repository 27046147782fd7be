"""Parameter schemas from source text alone, for annotations that mean the same everywhere.

The schema is made by pydantic the way Prefect makes it (prefect.utilities.callables of 3.8), from a
signature that is rebuilt out of the text. What is not certain is not guessed: None is returned, and
the file has to be imported.
"""

import ast
import datetime
import decimal
import pathlib
import re
import typing
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pydantic

from deployment_system.discovery import Flow, Parameter

_BUILTINS: dict[str, Any] = {
    "int": int,
    "str": str,
    "float": float,
    "bool": bool,
    "bytes": bytes,
    "list": list,
    "dict": dict,
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
}

_BY_ORIGIN: dict[str, Any] = {
    **{f"typing.{name}": getattr(typing, name) for name in ("Any", "Optional", "Union", "Literal")},
    **{
        f"typing.{name}": getattr(typing, name)
        for name in ("List", "Dict", "Set", "FrozenSet", "Tuple", "Sequence", "Mapping", "Iterable")
    },
    "datetime.datetime": datetime.datetime,
    "datetime.date": datetime.date,
    "datetime.time": datetime.time,
    "datetime.timedelta": datetime.timedelta,
    "uuid.UUID": uuid.UUID,
    "decimal.Decimal": decimal.Decimal,
    "pathlib.Path": pathlib.Path,
}

_PARAMETER_SECTION = re.compile(r"^\s*(args|arguments|params|parameters)\s*:", re.IGNORECASE | re.MULTILINE)

Described = tuple[str, Any, Any]


class Undecided(Exception):  # noqa: N818 - not an error: the text does not tell
    """The text alone does not say what the type or the default is."""


class _Schema(pydantic.BaseModel):
    """The shape that Prefect stores."""

    title: Literal["Parameters"] = "Parameters"
    type: Literal["object"] = "object"
    properties: dict[str, Any] = pydantic.Field(default_factory=dict)
    required: list[str] = pydantic.Field(default_factory=list)
    definitions: dict[str, Any] = pydantic.Field(default_factory=dict)


def static_schema(flow: Flow, *, open_types: bool = False) -> dict[str, Any] | None:
    """The flow's parameter schema; None where only importing the file would tell.

    `open_types`: what is not certain becomes a parameter of any type instead.
    """
    try:
        described = [
            _described(parameter, flow.bindings, open_types=open_types) for parameter in flow.parameters
        ]
    except Undecided:
        return None
    return _schema_of(described, docstring_parameters(flow.docstring))


def undecided_parameters(flow: Flow) -> list[str]:
    """The names of the parameters whose type or default the text does not tell."""
    names = []
    for parameter in flow.parameters:
        try:
            _described(parameter, flow.bindings, open_types=False)
        except Undecided:
            names.append(parameter.name)
    return names


def docstring_parameters(docstring: str | None) -> dict[str, str]:
    """What the parameter section of a docstring in Google's style says of each parameter."""
    if not docstring or not _PARAMETER_SECTION.search(docstring):
        return {}
    from griffe import (
        Docstring,
        DocstringSectionKind,
        Parser,
        parse,
    )

    found: dict[str, str] = {}
    for section in parse(Docstring(docstring), Parser.google, warnings=False):
        if section.kind is DocstringSectionKind.parameters:
            found = {item.name: item.description for item in section.value}
    return found


def _described(parameter: Parameter, bindings: Mapping[str, str], *, open_types: bool) -> Described:
    if parameter.name.startswith("_"):
        # pydantic has no such fields, and Prefect no schema for such flows: importing says so.
        raise Undecided(parameter.name)
    try:
        kind = Any if parameter.annotation is None else _type(_parsed(parameter.annotation), bindings)
        default: Any = ... if parameter.default is None else _literal(parameter.default)
    except Undecided:
        if not open_types:
            raise
        return parameter.name, Any, ... if parameter.required else None
    return parameter.name, kind, default


def _schema_of(described: Sequence[Described], descriptions: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for position, (name, kind, default) in enumerate(described):
        if name in ("self", "cls"):
            continue
        # A field must not be called like an attribute of the model class; the alias keeps its name.
        taken = hasattr(pydantic.BaseModel, name)
        fields[f"{name}__" if taken else name] = (
            kind,
            pydantic.Field(
                default=default,
                title=name,
                description=descriptions.get(name),
                alias=name if taken else None,
                json_schema_extra={"position": position},
            ),
        )
    model = pydantic.create_model(
        "Parameters", __config__=pydantic.ConfigDict(arbitrary_types_allowed=True), **fields
    )
    made = pydantic.TypeAdapter(model).json_schema(by_alias=True, ref_template="#/definitions/{model}")
    if "$defs" in made:
        made["definitions"] = made["$defs"]
    shown = _Schema(**made).model_dump(mode="python", exclude_none=True)
    if not shown["required"]:
        del shown["required"]
    return shown


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Undecided(text) from error


def _type(node: ast.expr, bindings: Mapping[str, str]) -> Any:
    if isinstance(node, ast.Constant):
        if node.value is None:
            return None
        if isinstance(node.value, str):
            return _type(_parsed(node.value), bindings)
        raise Undecided(ast.dump(node))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_type(node.left, bindings), _type(node.right, bindings)])
    if isinstance(node, ast.Subscript):
        return _subscripted(node, bindings)
    return _named(node, bindings)


def _named(node: ast.expr, bindings: Mapping[str, str]) -> Any:
    parts: list[str] = []
    at = node
    while isinstance(at, ast.Attribute):
        parts.insert(0, at.attr)
        at = at.value
    if not isinstance(at, ast.Name):
        raise Undecided(ast.dump(node))
    origin = bindings.get(at.id)
    if origin is None:
        if not parts and at.id in _BUILTINS:
            return _BUILTINS[at.id]
        raise Undecided(at.id)
    dotted = ".".join([origin, *parts])
    if dotted not in _BY_ORIGIN:
        raise Undecided(dotted)
    return _BY_ORIGIN[dotted]


def _subscripted(node: ast.Subscript, bindings: Mapping[str, str]) -> Any:
    base = _named(node.value, bindings)
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if base is Literal:
        return Literal[tuple(_constant(item) for item in items)]
    arguments = [
        ... if isinstance(item, ast.Constant) and item.value is ... else _type(item, bindings)
        for item in items
    ]
    if base is typing.Optional:
        return _union([*arguments, None])
    if base is typing.Union:
        return _union(arguments)
    try:
        return base[tuple(arguments) if len(arguments) > 1 else arguments[0]]
    except TypeError as error:
        raise Undecided(ast.dump(node)) from error


def _union(kinds: list[Any]) -> Any:
    # Unlike `|`, it takes None, and strings that `|` would refuse.
    return typing.Union[tuple(kinds)]  # noqa: UP007


def _literal(text: str) -> Any:
    node = _parsed(text)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise Undecided(text) from error
    if isinstance(value, bytes | complex | set) or value is ...:
        raise Undecided(text)
    return value


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | bool):
        return node.value
    raise Undecided(ast.dump(node))
