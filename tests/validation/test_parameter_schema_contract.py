"""Our parameter schemas against those that Prefect itself computes and sends, byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import module_samples
import pytest
import schema_samples
from prefect_truth import prefect_schemas

from deployment_system.discovery import Flow, discover
from deployment_system.error_handling import ErrorCodes
from deployment_system.validation import SchemaResult, parameter_schemas

POSTPONED = "from __future__ import annotations\n"


@dataclass(frozen=True)
class Compared:
    """What the three ways say of the same flows, by entrypoint."""

    prefect: Mapping[str, Any]
    static: Mapping[str, SchemaResult]
    imported: Mapping[str, SchemaResult]
    usual: Mapping[str, SchemaResult]


def compared(root: Path, files: Mapping[str, str], *, force_import: bool) -> Compared:
    """Writes the files, and asks Prefect, the static reading and the isolated import; the latter also of
    what could be read statically, if it is forced."""
    for file, text in files.items():
        (root / file).write_text(text)
    flows = [flow for flow in discover(root).flows if not flow.function.startswith("_")]
    usual = parameter_schemas(flows, root=root)
    not_read = [replace(flow, signature_known=False) for flow in flows]
    return Compared(
        prefect_schemas(list(files), root),
        parameter_schemas(flows, root=root, allow_import=False),
        parameter_schemas(not_read, root=root) if force_import else usual,
        usual,
    )


def signatures_file(first_line: str, decorator: str) -> str:
    """One file with a flow for each signature of the table."""
    text = first_line + schema_samples.HEADER
    for kind, table in (("certain", schema_samples.CERTAIN), ("open", schema_samples.OPEN)):
        for number, signature in enumerate(table):
            text += f"\n\n@{decorator}\ndef {kind}_{number}({signature}):\n    pass\n"
    return text


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """All signatures, evaluated where they stand and kept as texts."""
    files = {
        "plain.py": signatures_file("", "flow"),
        # With the validation of parameters, Prefect refuses some annotations that it keeps as texts.
        "postponed.py": signatures_file(POSTPONED, "flow(validate_parameters=False)"),
    }
    return compared(tmp_path_factory.mktemp("signatures"), files, force_import=True)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """All whole files."""
    root = tmp_path_factory.mktemp("modules")
    (root / "names.py").write_text(module_samples.NAMES)
    tables = {"certain": module_samples.CERTAIN, "open": module_samples.OPEN}
    files = {
        f"{kind}_{number}.py": text + "\n"
        for kind, table in tables.items()
        for number, text in enumerate(table.values())
    }
    return compared(root, files, force_import=False)


def agree(name: str, made: Compared) -> None:
    """The import says what Prefect says, and the static reading does so or says that it cannot tell."""
    truth = json.dumps(made.prefect[name])
    assert json.dumps(made.imported[name].schema) == truth, made.imported[name].errors
    assert json.dumps(made.usual[name].schema) == truth
    assert not made.usual[name].warnings
    static = made.static[name]
    if static.warnings:
        assert [str(warning.error_code) for warning in static.warnings] == ["PARAMETER_SCHEMA_INCOMPLETE"]
    else:
        assert json.dumps(static.schema) == truth


def numbered(table: tuple[str, ...] | Mapping[str, str]) -> list[Any]:
    """The numbers of a table's entries, under names that say what they are."""
    return [pytest.param(number, id=name or "nothing") for number, name in enumerate(table)]


@pytest.mark.parametrize("file", ["plain.py", "postponed.py"])
@pytest.mark.parametrize("number", numbered(schema_samples.CERTAIN))
def test_signatures_that_the_text_tells(number: int, file: str, signatures: Compared) -> None:
    """Read statically, and equal. A text that is kept as the text of a text is left to the import."""
    name = f"{file}:certain_{number}"
    agree(name, signatures)
    doubly_a_text = file == "postponed.py" and schema_samples.CERTAIN[number].startswith("x: '")
    assert bool(signatures.static[name].warnings) == doubly_a_text


@pytest.mark.parametrize("file", ["plain.py", "postponed.py"])
@pytest.mark.parametrize("number", numbered(schema_samples.OPEN))
def test_signatures_that_take_an_import(number: int, file: str, signatures: Compared) -> None:
    """Equal once the file is imported, and never read wrongly from the text."""
    agree(f"{file}:open_{number}", signatures)


@pytest.mark.parametrize("number", numbered(module_samples.CERTAIN))
def test_files_whose_text_tells(number: int, modules: Compared) -> None:
    """Docstrings, options of the decorator, flows that are assigned."""
    name = f"certain_{number}.py:f"
    agree(name, modules)
    assert not modules.static[name].warnings


@pytest.mark.parametrize("number", numbered(module_samples.OPEN))
def test_files_whose_text_does_not_tell(number: int, modules: Compared) -> None:
    """Decorators, rebound names, conditions: left to the import."""
    name = f"open_{number}.py:f"
    agree(name, modules)
    assert modules.static[name].warnings


def test_the_tables_are_as_large_as_promised() -> None:
    """A table that shrinks by accident would make its tests green."""
    assert len(schema_samples.CERTAIN) + len(schema_samples.OPEN) > 250


def test_signatures_that_prefect_refuses_are_errors_with_a_place(tmp_path: Path) -> None:
    """None of them has a schema; each has one error in its own file."""
    flows: list[Flow] = []
    for number, signature in enumerate(schema_samples.REFUSED):
        file = tmp_path / f"refused_{number}.py"
        file.write_text(f"{schema_samples.HEADER}\n\n@flow\ndef f({signature}):\n    pass\n")
        flows.extend(discover(tmp_path, paths=[file.name]).flows)
    results = parameter_schemas(flows, root=tmp_path)
    assert len(results) == len(schema_samples.REFUSED) - 1  # the last one is no Python: discovery says so
    for flow in flows:
        result = results[flow.entrypoint]
        assert result.schema is None, flow
        [error] = result.errors
        assert error.error_code == ErrorCodes.FLOW_IMPORT_FAILED
        assert error.context.file_path == flow.file
        assert flow.line <= (error.context.line_number or 0) <= flow.line + 1
        assert error.remediation
