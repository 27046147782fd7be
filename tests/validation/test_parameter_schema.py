"""Where schemas come from: the text, the import, the cache; and what is said where there is none."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deployment_system.discovery import Flow, discover
from deployment_system.error_handling import ErrorCodes, ErrorContext, ErrorSeverity
from deployment_system.validation import check_parameters, parameter_schemas

MODEL = """\
import os
import pydantic
from prefect import flow
from shared import DEFAULT

class Settings(pydantic.BaseModel):
    size: int = DEFAULT

@flow
def load(settings: Settings, day: str = "today"):
    "Loads."

with open("runs.txt", "a") as runs:
    runs.write("imported\\n")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A flow that takes a model of a module beside it, and leaves a trace when it is imported."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "load.py").write_text(MODEL)
    (root / "shared.py").write_text("DEFAULT = 3\n")
    return root


def imports_of(root: Path) -> int:
    """How often the flow's file was run."""
    trace = root / "runs.txt"
    return len(trace.read_text().splitlines()) if trace.exists() else 0


def the_flow(root: Path) -> Flow:
    """The only flow."""
    [flow] = discover(root).flows
    return flow


def size_of(root: Path, cache: Path) -> int:
    """The default in the schema."""
    result = parameter_schemas([the_flow(root)], root=root, cache_folder=cache)["load.py:load"]
    assert result.schema is not None
    return int(result.schema["definitions"]["Settings"]["properties"]["size"]["default"])


def test_a_file_is_imported_once_for_its_content(repository: Path, tmp_path: Path) -> None:
    """And again when it, or a module of the repository that it loads, has changed."""
    cache = tmp_path / "state"
    assert [size_of(repository, cache), size_of(repository, cache)] == [3, 3]
    assert imports_of(repository) == 1
    (repository / "shared.py").write_text("DEFAULT = 4\n")
    assert size_of(repository, cache) == 4
    assert imports_of(repository) == 2
    (repository / "load.py").write_text(MODEL.replace("DEFAULT\n\n@", "DEFAULT + 1\n\n@"))
    assert size_of(repository, cache) == 5
    assert imports_of(repository) == 3


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"made_with": 1}', b"\xff\xfe"])
def test_a_damaged_cache_is_made_anew(content: bytes, repository: Path, tmp_path: Path) -> None:
    """With a warning, and a schema all the same."""
    cache = tmp_path / "state"
    cache.mkdir()
    (cache / "schemas.json").write_bytes(content)
    flow = the_flow(repository)
    result = parameter_schemas([flow], root=repository, cache_folder=cache)[flow.entrypoint]
    assert result.schema is not None
    codes = [warning.error_code for warning in result.warnings]
    # A cache of other makers is not damaged.
    assert codes == ([] if content == b'{"made_with": 1}' else [ErrorCodes.CACHE_DAMAGED])
    again = parameter_schemas([flow], root=repository, cache_folder=cache)[flow.entrypoint]
    assert (again.schema, again.warnings) == (result.schema, ())
    assert imports_of(repository) == 1


def test_a_cache_whose_entries_are_of_the_wrong_shape_is_made_anew(repository: Path, tmp_path: Path) -> None:
    """Right at the top, wrong below."""
    cache = tmp_path / "state"
    flow = the_flow(repository)
    parameter_schemas([flow], root=repository, cache_folder=cache)
    stored = json.loads((cache / "schemas.json").read_text())
    for wrong in ({flow.entrypoint: 1}, {flow.entrypoint: {"files": 3, "schema": {}}}):
        (cache / "schemas.json").write_text(json.dumps({**stored, "schemas": wrong}))
        result = parameter_schemas([flow], root=repository, cache_folder=cache)[flow.entrypoint]
        assert result.schema is not None
        assert [warning.error_code for warning in result.warnings] == [ErrorCodes.CACHE_DAMAGED]


def test_a_cache_that_cannot_be_written_is_a_warning(repository: Path, tmp_path: Path) -> None:
    """The schema is there all the same."""
    (tmp_path / "state").write_text("a file where the folder belongs")
    flow = the_flow(repository)
    result = parameter_schemas([flow], root=repository, cache_folder=tmp_path / "state")[flow.entrypoint]
    assert result.schema is not None
    assert {warning.error_code for warning in result.warnings} == {ErrorCodes.CACHE_DAMAGED}


def test_without_import_nothing_is_run_and_open_types_are_named(repository: Path) -> None:
    """The parameter may be anything; the others keep their types."""
    flow = the_flow(repository)
    result = parameter_schemas([flow], root=repository, allow_import=False)[flow.entrypoint]
    assert imports_of(repository) == 0
    assert result.schema is not None
    assert result.schema["properties"] == {
        "settings": {"position": 0, "title": "settings"},
        "day": {"default": "today", "position": 1, "title": "day", "type": "string"},
    }
    assert result.schema["required"] == ["settings"]
    [warning] = result.warnings
    assert warning.error_code == ErrorCodes.PARAMETER_SCHEMA_INCOMPLETE
    assert warning.severity == ErrorSeverity.LOW
    assert "settings" in warning.message
    assert (warning.context.file_path, warning.context.line_number) == ("load.py", 9)


def test_without_import_a_signature_that_is_not_known_is_left_out(repository: Path) -> None:
    """There is no schema, which would forbid every parameter, and no parameter is called unknown."""
    flow = replace(the_flow(repository), signature_known=False, parameters=())
    result = parameter_schemas([flow], root=repository, allow_import=False)[flow.entrypoint]
    assert result.schema is None
    assert [warning.error_code for warning in result.warnings] == [ErrorCodes.PARAMETER_SCHEMA_INCOMPLETE]
    assert check_parameters({"settings": {}}, flow, result.schema, lambda _: ErrorContext()) == ()


def test_a_text_that_tells_is_not_imported(tmp_path: Path) -> None:
    """The file may do what it likes: it is only read."""
    (tmp_path / "f.py").write_text(
        "from prefect import flow\n@flow\ndef f(x: int): ...\nopen('trace', 'w').close()\n"
    )
    flow = the_flow(tmp_path)
    result = parameter_schemas([flow], root=tmp_path)[flow.entrypoint]
    assert result.schema is not None
    assert not (tmp_path / "trace").exists()


def test_what_turns_out_to_be_no_flow_is_an_error(tmp_path: Path) -> None:
    """The text says flow, the loaded module does not."""
    (tmp_path / "f.py").write_text(
        "from prefect import flow\nfrom pydantic import BaseModel\n@flow\ndef f(x: BaseModel): ...\n"
        "globals()['f'] = 5\n"
    )
    flow = the_flow(tmp_path)
    [error] = parameter_schemas([flow], root=tmp_path)[flow.entrypoint].errors
    assert error.error_code == ErrorCodes.FLOW_INVALID_STRUCTURE
    assert (error.context.file_path, error.context.line_number) == ("f.py", 3)
    assert "int" in error.message


def test_a_file_that_vanishes_after_the_scan_is_an_error_of_its_own(repository: Path) -> None:
    """The other flows are read."""
    (repository / "other.py").write_text("from prefect import flow\n@flow\ndef g(x: int): ...\n")
    flows = discover(repository).flows
    (repository / "load.py").unlink()
    results = parameter_schemas(flows, root=repository)
    [error] = results["load.py:load"].errors
    assert error.error_code == ErrorCodes.FLOW_IMPORT_FAILED
    assert error.context.file_path == "load.py"
    assert results["other.py:g"].schema is not None
