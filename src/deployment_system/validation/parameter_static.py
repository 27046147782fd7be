"""Parameter schemas from source text alone, for annotations that mean the same everywhere.

The schema is made by pydantic the way Prefect makes it (prefect.utilities.callables of 3.8), from a
signature that is rebuilt out of the text. What is not certain is not guessed: None is returned, and
the file has to be imported.
"""

import ast
import datetime
import decimal
import operator
import pathlib
import re
import typing
import uuid
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import pydantic
from pydantic.errors import PydanticUserError

from deployment_system.discovery import Flow, Parameter
from deployment_system.validation.signature_text import SignatureText

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

_TUPLES = (tuple, _BY_ORIGIN["typing.Tuple"])

_PARAMETER_SECTION = re.compile(r"^\s*(args|arguments|params|parameters)\s*:", re.IGNORECASE | re.MULTILINE)

_AS_SENT = pydantic.TypeAdapter(dict[str, Any])
"""Prefect's client sends the schema so: numbers that JSON cannot hold become null."""

Described = tuple[str, Any, Any]

_RESERVED = frozenset({"return_state", "wait_for"})
"""Prefect makes no flow of a function with such a parameter."""

_KEYS = ("title", "type", "properties", "required", "definitions")
"""What Prefect's own model of a schema holds; `required` and `definitions` only where there are any."""

_SPECIAL_FORMS = (typing.Optional, typing.Union, Literal)
"""Mean nothing without what stands in their brackets."""


class Undecided(Exception):  # noqa: N818 - not an error: the text does not tell
    """The text alone does not say what the type or the default is."""


def static_schema(
    flow: Flow, text: SignatureText | None, *, open_types: bool = False
) -> dict[str, Any] | None:
    """The flow's parameter schema; None where only importing the file would tell.

    `open_types`: what is not certain becomes a parameter of any type instead.
    """
    try:
        describe = _described_or_open if open_types else _described
        described = [describe(parameter, text) for parameter in flow.parameters]
        return _schema_of(described, docstring_parameters(flow.docstring))
    except Undecided:
        return None


def undecided_parameters(flow: Flow, text: SignatureText | None) -> list[str]:
    """The names of the parameters whose type or default the text does not tell."""
    names = []
    for parameter in flow.parameters:
        try:
            _schema_of([_described(parameter, text)], {})
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


def _described(parameter: Parameter, text: SignatureText | None) -> Described:
    if text is None or _may_be_refused(parameter.name):
        raise Undecided(parameter.name)
    kind = Any if parameter.annotation is None else _Types(text).whole(parameter.annotation)
    return parameter.name, kind, ... if parameter.default is None else _literal(parameter.default)


def _described_or_open(parameter: Parameter, text: SignatureText | None) -> Described:
    if parameter.name.startswith("_"):
        # pydantic has no such fields, and Prefect no schema for such flows.
        raise Undecided(parameter.name)
    try:
        described = _described(parameter, text)
        _schema_of([described], {})
    except Undecided:
        return parameter.name, Any, ... if parameter.required else None
    return described


def _may_be_refused(name: str) -> bool:
    """Whether Prefect or pydantic may make no flow of a function with such a parameter."""
    return (
        name.startswith(("_", "v__"))
        or name in _RESERVED
        or (name.startswith("model_") and hasattr(pydantic.BaseModel, name))
    )


def _schema_of(described: Sequence[Described], descriptions: dict[str, str]) -> dict[str, Any]:
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names and defaults: Prefect takes them all the same
            model = pydantic.create_model(
                "Parameters", __config__=pydantic.ConfigDict(arbitrary_types_allowed=True), **fields
            )
            made = pydantic.TypeAdapter(model).json_schema(
                by_alias=True, ref_template="#/definitions/{model}"
            )
            if "$defs" in made:
                made["definitions"] = made["$defs"]
            kept = {key: made[key] for key in _KEYS if key in made}
            sent: dict[str, Any] = _AS_SENT.dump_python(kept, mode="json")
            return sent
    except (PydanticUserError, TypeError, ValueError) as error:
        # Prefect makes it a parameter of any type, or no flow at all: importing tells which.
        raise Undecided(str(error)) from error


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Undecided(text) from error


class _Types:
    """Evaluates annotations as Python does, with none but the names that are certain."""

    def __init__(self, text: SignatureText) -> None:
        self._text = text

    def whole(self, annotation: str) -> Any:
        node = _parsed(annotation)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not self._text.postponed:
            node = _parsed(node.value)
        return self._type(node)

    def _type(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._evaluated(operator.or_, self._type(node.left), self._type(node.right))
        if isinstance(node, ast.Subscript):
            return self._subscripted(node)
        # A text within another type is left to pydantic, which resolves it in a place of its own.
        found = self._named(node)
        if found in _SPECIAL_FORMS:
            raise Undecided(ast.dump(node))
        return found

    def _named(self, node: ast.expr) -> Any:
        parts: list[str] = []
        at = node
        while isinstance(at, ast.Attribute):
            parts.insert(0, at.attr)
            at = at.value
        if not isinstance(at, ast.Name):
            raise Undecided(ast.dump(node))
        if at.id not in self._text.bound and at.id in _BUILTINS and not parts:
            return _BUILTINS[at.id]
        dotted = ".".join([self._text.origins.get(at.id, ""), *parts])
        if dotted not in _BY_ORIGIN:
            raise Undecided(dotted)
        return _BY_ORIGIN[dotted]

    def _subscripted(self, node: ast.Subscript) -> Any:
        base = self._named(node.value)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base is Literal:
            arguments = [_constant(item) for item in items]
        elif base in _TUPLES and len(items) == len(("int", ...)) and _is_ellipsis(items[1]):
            arguments = [self._type(items[0]), ...]
        else:
            arguments = [self._type(item) for item in items]
        index = tuple(arguments) if isinstance(node.slice, ast.Tuple) else arguments[0]
        return self._evaluated(operator.getitem, base, index)

    @staticmethod
    def _evaluated(operation: Any, first: Any, second: Any) -> Any:
        try:
            return operation(first, second)
        except TypeError as error:
            # The file cannot be imported then, or keeps the annotation as a text.
            raise Undecided(str(error)) from error


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _literal(text: str) -> Any:
    node = _parsed(text)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise Undecided(text) from error
    if not _is_plain(value):
        raise Undecided(text)
    return value


def _is_plain(value: Any) -> bool:
    """Whether a default shows in a schema as it is."""
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | bool):
        return node.value
    raise Undecided(ast.dump(node))
