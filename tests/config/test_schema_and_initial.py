"""What editors and newcomers get: the JSON schema, and the file that `init` writes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deployment_system.config import configuration_schema, initial_configuration, load_configuration
from deployment_system.config.models import Configuration, Environment, FlowRule, ImageSettings

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "deployment-config.schema.json"


def test_the_schema_in_the_docs_is_the_one_that_the_models_make() -> None:
    """scripts/write_configuration_schema.py writes it."""
    assert json.loads(SCHEMA_FILE.read_text()) == configuration_schema()


def properties(schema: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """The properties of the schema, or of one of its definitions."""
    found: dict[str, Any] = (schema["$defs"][name] if name else schema)["properties"]
    return found


def test_every_setting_has_a_description_and_no_other_key_is_allowed() -> None:
    """Editors show the one and complain of the other."""
    schema = configuration_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        for name, setting in part["properties"].items():
            assert setting.get("description"), f"{part['title']}.{name}"


def test_flags_and_numbers_may_be_references_to_variables() -> None:
    """`protected: ${P:-false}` is not underlined."""
    choices = properties(configuration_schema(), "Environment")["protected"]["anyOf"]
    assert {"type": "boolean"} in choices
    [pattern] = [choice["pattern"] for choice in choices if choice.get("type") == "string"]
    assert re.search(pattern, "${P:-false}")
    assert not re.search(pattern, "yes")


def test_a_concurrency_limit_may_be_a_number_or_a_mapping() -> None:
    """Both forms stand in the schema."""
    choices = properties(configuration_schema(), "FlowRule")["concurrency_limit"]["anyOf"]
    assert {"type": "integer"} in choices
    assert {"$ref": "#/$defs/ConcurrencyLimit"} in choices


@pytest.mark.parametrize(
    "name", ["my-flows", "a b", "5", "yes", 'quo"ted', "${HOME}", "ünï", "a.b_c", "null", "#x"]
)
def test_the_first_configuration_loads_without_a_word(name: str, tmp_path: Path) -> None:
    """Whatever the folder is called, and without any variable set."""
    (tmp_path / "deployment-config.yaml").write_text(initial_configuration(name), encoding="utf-8")
    loaded = load_configuration(tmp_path, environ={})
    assert (loaded.errors, loaded.warnings) == ((), ())
    assert loaded.configuration is not None
    assert loaded.configuration.project == name
    assert list(loaded.configuration.environments) == ["development"]


def uncommented(text: str) -> str:
    """The file with its example settings put into force."""
    return re.sub(r"(?m)^(  +)# ((?:  )*(?:[\w-]+:|- ).*)$", r"\1\2", text)


def test_what_stands_in_comments_there_is_right_too(tmp_path: Path) -> None:
    """Somebody removes the # and expects it to work."""
    text = uncommented(initial_configuration("my-flows"))
    (tmp_path / "deployment-config.yaml").write_text(text)
    environ = {"PRODUCTION_PREFECT_API_URL": "http://h/api", "PRODUCTION_PREFECT_API_KEY": "k"}
    loaded = load_configuration(tmp_path, environ=environ, environment="production")
    assert loaded.errors == ()
    assert loaded.configuration is not None
    assert list(loaded.configuration.environments) == ["development", "production"]
    assert list(loaded.configuration.flows) == ["nightly-load"]


def test_the_first_configuration_names_every_setting() -> None:
    """In force or in a comment."""
    text = initial_configuration("x")
    for model in (Configuration, Environment, FlowRule, ImageSettings):
        for name in model.model_fields:
            assert re.search(rf"\b{name}:", text), name
