"""Job variables against the real base job templates of Prefect's work pools."""

import json
from typing import Any

import pytest
from prefect_truth import ask_prefect

from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity, ValidationError
from deployment_system.validation import check_job_variables

PLACE = ErrorContext(file_path="deployment-config.yaml", line_number=9)

_TEMPLATES = """
import json, pathlib, prefect
folder = pathlib.Path(prefect.__file__).parent / "server/api/collections_data/views"
workers = json.loads((folder / "aggregate-worker-metadata.json").read_text())
found = {kind: facts for one in workers.values() for kind, facts in one.items()}
kinds = ("process", "docker", "kubernetes")
print(json.dumps({kind: found[kind]["default_base_job_configuration"] for kind in kinds}))
"""

_JUDGE = """
import json, sys
from prefect.utilities.schema_tools.validation import validate
for template, values in json.load(sys.stdin):
    # As the server judges the job variables of a deployment (prefect.server.api.validation).
    found = validate(values, template["variables"], ignore_required=True, allow_none_with_default=True)
    print("true" if found else "false")
"""


def each(kind: str, *values: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Job variables for a pool of that type."""
    return [(kind, one) for one in values]


CASES: list[tuple[str, dict[str, Any]]] = [
    *each(
        "process",
        {},
        {"env": {"A": "b"}},
        {"env": {"A": None}},
        {"env": {"A": 1}},
        {"env": {"A": {"b": "c"}}},
        {"env": ["A=b"]},
        {"env": "A=b"},
        {"env": None},
        {"labels": {"a": "b"}},
        {"name": 5},
        {"name": "x"},
        {"name": None},
        {"command": ["a"]},
        {"stream_output": True},
        {"stream_output": "yes"},
        {"stream_output": None},
        {"working_dir": "/srv"},
        {"working_dir": 5},
    ),
    *each(
        "docker",
        {"image": "a:1"},
        {"image": 5},
        {"image_pull_policy": "Always"},
        {"image_pull_policy": "Sometimes"},
        {"image_pull_policy": None},
        {"networks": ["a"]},
        {"networks": "a"},
        {"networks": [1]},
        {"volumes": ["a:/b"]},
        {"volumes": {"a": "b"}},
        {"auto_remove": 1},
        {"mem_limit": "1g"},
        {"mem_limit": 5},
        {"privileged": False},
        {"container_create_kwargs": {"a": 1}},
        {"registry_credentials": {"username": "u"}},
    ),
    *each(
        "kubernetes",
        {"namespace": "a"},
        {"namespace": 1},
        {"finished_job_ttl": 5},
        {"finished_job_ttl": "5"},
        {"job_watch_timeout_seconds": None},
        {"image_pull_policy": "Never"},
        {"image_pull_policy": 1},
        {"cluster_config": {"config": {}, "context_name": "c"}},
        {"service_account_name": []},
    ),
]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The templates by the type of the pool."""
    found: dict[str, Any] = json.loads(ask_prefect(_TEMPLATES, None, tmp_path_factory.mktemp("templates")))
    return found


@pytest.fixture(scope="module")
def refused(templates: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[bool]:
    """Whether the server refuses each of the cases."""
    asked = [(templates[kind], values) for kind, values in CASES]
    answers = ask_prefect(_JUDGE, asked, tmp_path_factory.mktemp("judge")).split()
    return [json.loads(answer) for answer in answers]


def errors_in(findings: tuple[ValidationError, ...]) -> list[ValidationError]:
    """Those that are not only warnings."""
    return [error for error in findings if error.severity is ErrorSeverity.HIGH]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number])[:60])
def test_values_are_judged_as_the_server_judges_them(
    number: int, templates: dict[str, Any], refused: list[bool]
) -> None:
    """With the code, the place and the name of the variable."""
    kind, values = CASES[number]
    errors = errors_in(check_job_variables(values, templates[kind], PLACE))
    assert bool(errors) == refused[number], [error.message for error in errors]
    for error in errors:
        assert error.error_code == ErrorCodes.JOB_VARIABLES_INVALID
        assert (error.context.file_path, error.context.line_number) == ("deployment-config.yaml", 9)
        assert repr(next(iter(values)))[:-1] in error.message
        assert error.remediation


@pytest.mark.parametrize(
    ("kind", "wrong", "near"),
    [
        ("process", "enviroment", "env"),
        ("process", "working_directory", "'working_dir'"),
        ("docker", "network", "'networks'"),
        ("kubernetes", "name_space", "'namespace'"),
        ("process", "zzz", "it knows"),
    ],
)
def test_an_unknown_variable_is_a_warning_with_the_nearest_known_one(
    kind: str, wrong: str, near: str, templates: dict[str, Any]
) -> None:
    """The server keeps it, and no worker looks at it."""
    [warning] = check_job_variables({wrong: 1}, templates[kind], PLACE)
    assert warning.severity is ErrorSeverity.MEDIUM
    assert near in warning.message
    assert warning.context.line_number == 9


@pytest.mark.parametrize(
    "value",
    ["{{ prefect.variables.x }}", "{{ prefect.blocks.secret.x }}", {"$ref": {"block_document_id": "1"}}],
    ids=str,
)
def test_what_is_filled_in_at_run_time_is_left_alone(value: Any, templates: dict[str, Any]) -> None:
    """Whatever the type; its neighbours are judged."""
    assert check_job_variables({"stream_output": value}, templates["process"], PLACE) == ()
    [error] = check_job_variables({"stream_output": value, "env": 5}, templates["process"], PLACE)
    assert "'env'" in error.message


def test_a_required_variable_that_nobody_gives_is_a_warning() -> None:
    """A run may still bring it; a default of the pool is a value as well."""
    variables = {
        "properties": {"size": {"type": "integer"}, "zone": {"type": "string", "default": "a"}},
        "required": ["size", "zone"],
    }
    template = {"variables": variables}
    [warning] = check_job_variables({}, template, PLACE)
    assert warning.severity is ErrorSeverity.MEDIUM
    assert "'size'" in warning.message
    assert check_job_variables({"size": 1}, template, PLACE) == ()


@pytest.mark.parametrize(
    "template", [{}, {"variables": {}}, {"variables": {"properties": {}}}, {"variables": None}]
)
def test_a_pool_without_schema_takes_everything(template: dict[str, Any]) -> None:
    """There is nothing to judge by."""
    assert check_job_variables({"a": 1}, template, PLACE) == ()
