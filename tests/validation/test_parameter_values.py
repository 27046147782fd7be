"""Parameters of runs against the flow that takes them, as the server judges them."""

import json
from pathlib import Path
from typing import Any

import pytest
from prefect_truth import ask_prefect

from deployment_system.discovery import Flow, discover
from deployment_system.error_handling import ErrorCodes, ErrorContext
from deployment_system.validation import check_parameters, check_required, parameter_schemas

FLOWS = """\
import enum
from datetime import date, datetime, timedelta
from typing import Any, Literal, Optional, Union
from uuid import UUID
from pydantic import BaseModel, Field
from prefect import flow

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Inner(BaseModel):
    name: str
    sizes: list[int] = []

class Outer(BaseModel):
    inner: Inner
    colour: Colour = Colour.RED
    ratio: float = Field(0.5, ge=0, le=1)

@flow
def load(
    outer: Outer, limit: int = 5, name: str = "x", ratio: float = 1.0, dry: bool = False, day: date = None,
    moment: Optional[datetime] = None, mode: Literal["a", "b"] = "a", either: Union[int, str] = 1,
    maybe: Optional[int] = None, pair: tuple[int, str] = (1, "a"), mapping: dict[str, int] = {},
    colours: list[Colour] = [], anything: Any = None, untyped=None, unique: set[int] = set(),
    wait: timedelta = None, identity: UUID = None,
): ...

@flow
def takes_all(limit: int = 5, **options): ...
"""

GOOD_OUTER = {"inner": {"name": "n"}}


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    """The parameter with each of the values."""
    return [{name: value} for value in values]


VALUES: list[dict[str, Any]] = [
    {"outer": GOOD_OUTER},
    *each("limit", 1, 0, -1, 10**30, 1.0, 1.5, "1", "one", True, None, [], {}, [1], {"a": 1}),
    *each("name", "", "é", 1, 1.5, True, None, [], {}),
    *each("ratio", 1, 1.5, "1.5", True, None),
    *each("dry", True, False, 0, 1, "true", None),
    *each("day", "2024-01-01", "2024-13-01", "today", 5, None),
    *each("moment", "2024-01-01T00:00:00Z", "now", None, 5),
    *each("mode", "a", "b", "c", "", None, 1),
    *each("either", 1, "a", 1.5, None, []),
    *each("maybe", 1, None, "a"),
    *each("pair", [1, "a"], [1], ["a", 1], [1, "a", 2], "ab", None),
    *each("mapping", {}, {"a": 1}, {"a": "b"}, {"a": None}, [], None),
    *each("colours", [], ["red"], ["green"], "red", [None], ["red", "blue", "x"]),
    *each("anything", None, 1, "a", [], {"a": [1]}),
    *each("untyped", None, 1, "a", [], {}),
    *each("unique", [1, 2], [1, 1], ["a"]),
    *each("wait", "PT1H", "an hour", 60),
    *each("identity", "12345678-1234-5678-1234-567812345678", "x", 1),
    *each(
        "outer",
        {"inner": {"name": "n", "sizes": [1]}, "colour": "blue", "ratio": 1},
        {"inner": {}},
        {"inner": {"name": 1}},
        {"inner": {"name": "n", "sizes": ["a"]}},
        {"inner": {"name": "n"}, "colour": "green"},
        {"inner": {"name": "n"}, "ratio": 2},
        {"inner": {"name": "n"}, "more": 1},
        {"inner": None},
        {},
        None,
        "x",
        [],
    ),
    {"limit": "a", "name": 5, "mode": "z"},
]

_ASK = """
import json, sys
from prefect.utilities.schema_tools.hydration import HydrationContext, hydrate
from prefect.utilities.schema_tools.validation import validate
asked = json.load(sys.stdin)
# Another parameter may still be given by the run; but what is missing inside of one that is given stays so.
schema = {key: value for key, value in asked["schema"].items() if key != "required"}
# The server does not look at formats where it enforces a schema, and flows take more than RFC 3339.
def without_formats(item):
    if isinstance(item, dict):
        return {key: without_formats(value) for key, value in item.items() if key != "format"}
    return [without_formats(value) for value in item] if isinstance(item, list) else item
schema = without_formats(schema)
for values in asked["values"]:
    found = validate(hydrate(values, HydrationContext()), schema)
    print(json.dumps(sorted(str(error.absolute_path[0]) for error in found)))
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the flows."""
    root = tmp_path_factory.mktemp("parameters")
    (root / "flows.py").write_text(FLOWS)
    return root


@pytest.fixture(scope="module")
def load(repository: Path) -> tuple[Flow, dict[str, Any]]:
    """The flow with its schema."""
    flow = next(flow for flow in discover(repository).flows if flow.function == "load")
    schema = parameter_schemas([flow], root=repository)[flow.entrypoint].schema
    assert schema is not None
    return flow, schema


@pytest.fixture(scope="module")
def refused(repository: Path, load: tuple[Flow, dict[str, Any]]) -> list[list[str]]:
    """For each of the values, the parameters that Prefect refuses, once for each fault."""
    asked = {"schema": load[1], "values": VALUES}
    return [json.loads(line) for line in ask_prefect(_ASK, asked, repository).splitlines()]


def place_of(name: str) -> ErrorContext:
    """A place that names what is asked for."""
    return ErrorContext(file_path="deployment-config.yaml", line_number=4, key=name)


@pytest.mark.parametrize("number", range(len(VALUES)), ids=lambda number: str(VALUES[number])[:60])
def test_values_are_judged_as_the_server_judges_them(
    number: int, load: tuple[Flow, dict[str, Any]], refused: list[list[str]]
) -> None:
    """As many errors, at the same parameters, each with its code, place and remedy."""
    flow, schema = load
    errors = check_parameters(VALUES[number], flow, schema, place_of)
    assert (
        sorted(str(error.context.extra["parameter"]).partition(".")[0] for error in errors) == refused[number]
    )
    for error in errors:
        assert error.error_code == ErrorCodes.PARAMETER_INVALID
        assert error.context.line_number == 4
        assert error.context.extra["key"] == error.context.extra["parameter"]
        assert error.context.flow_name == "load"
        assert error.remediation


def test_the_place_of_a_nested_value_is_its_own(load: tuple[Flow, dict[str, Any]]) -> None:
    """`outer.inner.sizes.1`, not only `outer`."""
    given = {"outer": {"inner": {"name": "n", "sizes": [1, "a"]}}}
    [error] = check_parameters(given, *load, place_of)
    assert error.context.extra["key"] == "outer.inner.sizes.1"


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("limt", "'limit'"), ("Limit", "'limit'"), ("coulors", "'colours'"), ("zzz", "limit, ")],
)
def test_an_unknown_name_gets_the_nearest_known_one(
    wrong: str, near: str, load: tuple[Flow, dict[str, Any]]
) -> None:
    """Or the list of those that there are."""
    [error] = check_parameters({wrong: 1}, *load, place_of)
    assert error.error_code == ErrorCodes.PARAMETER_UNKNOWN
    assert near in error.message
    assert error.context.extra["key"] == wrong


def test_a_flow_that_takes_all_knows_every_name(repository: Path) -> None:
    """`**options`."""
    flow = next(flow for flow in discover(repository).flows if flow.function == "takes_all")
    schema = parameter_schemas([flow], root=repository)[flow.entrypoint].schema
    assert check_parameters({"more": 1, "limit": 2}, flow, schema, place_of) == ()
    assert check_required({}, flow, schema, place_of("")) == ()


LEFT_ALONE: list[Any] = [
    "{{ prefect.variables.limit }}",
    "{{ prefect.blocks.secret.limit }}",
    {"__prefect_kind": "jinja", "template": "{{ 1 + 1 }}"},
    {"__prefect_kind": "workspace_variable", "variable_name": "limit"},
    {"__prefect_kind": "json", "value": "5"},
    {"$ref": {"block_document_id": "12345678-1234-5678-1234-567812345678"}},
    {"$ref": "12345678-1234-5678-1234-567812345678"},
]


@pytest.mark.parametrize("value", LEFT_ALONE, ids=str)
def test_what_is_filled_in_at_run_time_is_left_alone(value: Any, load: tuple[Flow, dict[str, Any]]) -> None:
    """At the top and inside; the neighbours are judged."""
    assert check_parameters({"limit": value}, *load, place_of) == ()
    assert check_parameters({"outer": {"inner": {"name": "n", "sizes": [value]}}}, *load, place_of) == ()
    [error] = check_parameters({"limit": value, "dry": "x"}, *load, place_of)
    assert error.context.extra["key"] == "dry"


def test_a_schedule_that_lacks_a_required_parameter_is_an_error(load: tuple[Flow, dict[str, Any]]) -> None:
    """Every run of it would fail."""
    flow, schema = load
    [error] = check_required({"limit": 1}, flow, schema, place_of("schedules.0"))
    assert error.error_code == ErrorCodes.PARAMETER_MISSING
    assert "'outer'" in error.message
    assert error.context.extra["key"] == "schedules.0"
    assert error.context.extra["parameter"] == "outer"
    assert check_required({"outer": GOOD_OUTER}, flow, schema, place_of("schedules.0")) == ()
