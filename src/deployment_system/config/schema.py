"""The JSON schema of deployment-config.yaml, for editors that complete and check while one types."""

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from deployment_system.config.models import Configuration
from deployment_system.config.value_types import Settings

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE_PATTERN = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"


class _Generator(GenerateJsonSchema):
    """Numbers and flags may also be a reference to a variable, and null means not said."""

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_variable(super().bool_schema(schema))

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_variable(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_variable(super().float_schema(schema))

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return _or_variable(super().literal_schema(schema))

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for name, text in _docstrings(schema["cls"]).items():
            if name in made.get("properties", {}):
                made["properties"][name].setdefault("description", text)
        return made

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        return {"$schema": SCHEMA_DIALECT, **_nullable(made)}


def _docstrings(model: type) -> dict[str, str]:
    """What stands below each attribute of the class and its bases. (Pydantic can take these by itself, but
    would read the source of every model whenever the command starts.)"""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Settings):
            found |= _own_docstrings(base)
    return found


def _own_docstrings(model: type) -> dict[str, str]:
    (definition,) = ast.parse(dedent(inspect.getsource(model))).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    return {
        attribute.target.id: inspect.cleandoc(str(after.value.value))
        for attribute, after in pairwise(definition.body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


def _or_variable(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema, {"type": "string", "pattern": VARIABLE_PATTERN}]}


def _nullable(schema: Any) -> Any:
    """Every property that is not required may be null."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _nullable(value) for key, value in schema.items()}
    properties = result.get("properties")
    if isinstance(properties, dict) and result.get("type") == "object":
        required = result.get("required", [])
        result["properties"] = {
            name: value if name in required else _or_null(value) for name, value in properties.items()
        }
    return result


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    choices = schema.get("anyOf", [])
    if {"type": "null"} in choices:
        return schema
    said_of_it = ("title", "description", "default")
    about: JsonSchemaValue = {key: schema[key] for key in said_of_it if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    inner = choices if set(rest) == {"anyOf"} else [rest]
    return {"anyOf": [*inner, {"type": "null"}], **about}


def configuration_schema() -> dict[str, Any]:
    """The JSON schema (2020-12), made from the models."""
    return Configuration.model_json_schema(schema_generator=_Generator)
