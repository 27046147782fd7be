"""What discovery says of a file against what Prefect finds when it imports the file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import snippets_making
import snippets_names
import snippets_places
from flow_snippets import COMPANIONS, Snippet

from deployment_system.discovery import Discovery, discover

SNIPPETS = (*snippets_names.ALL, *snippets_making.ALL, *snippets_places.ALL)

PREFECT = """\
import json, sys
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.importtools import load_script_as_module

def names_in(file):
    try:
        module = load_script_as_module(file)
    except Exception as error:
        return str(error)
    return {name: value.name for name, value in vars(module).items() if isinstance(value, Flow)}

asked = json.load(sys.stdin)
modules = {file: names_in(file) for file in asked["files"]}
loaded = {}
for entrypoint in asked["entrypoints"]:
    try:
        loaded[entrypoint] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False).name
    except Exception as error:
        loaded[entrypoint] = repr(error)
print(json.dumps({"modules": modules, "loaded": loaded}))
"""


class Comparison:
    """All snippets in one folder, as discovery and as Prefect see them."""

    def __init__(self, folder: Path) -> None:
        for file, text in COMPANIONS.items():
            (folder / file).write_text(text)
        for snippet in SNIPPETS:
            (folder / snippet.file).write_text(snippet.text)
        self.found: Discovery = discover(folder)
        asked = {
            "files": [snippet.file for snippet in SNIPPETS],
            "entrypoints": [flow.entrypoint for flow in self.found.flows],
        }
        finished = subprocess.run(
            [sys.executable, "-c", PREFECT],
            cwd=folder,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert finished.returncode == 0, finished.stderr
        answer = json.loads(finished.stdout)
        self.modules: dict[str, Any] = answer["modules"]
        self.loaded: dict[str, str] = answer["loaded"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Importing Prefect takes seconds: once for all snippets."""
    return Comparison(tmp_path_factory.mktemp("snippets"))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_what_discovery_finds_prefect_loads_under_that_name(snippet: Snippet, comparison: Comparison) -> None:
    """By the entrypoint, the way a worker does."""
    flows = [flow for flow in comparison.found.flows if flow.file == snippet.file]
    assert {flow.entrypoint: comparison.loaded[flow.entrypoint] for flow in flows} == {
        flow.entrypoint: flow.name for flow in flows
    }


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_what_prefect_finds_discovery_finds_but_for_the_listed_gaps(
    snippet: Snippet, comparison: Comparison
) -> None:
    """A flow that is reported as an error is not a gap. A listed gap that is none any more fails as well."""
    there = comparison.modules[snippet.file]
    assert isinstance(there, dict) == snippet.imports, there
    names = set(there.values()) if snippet.imports else set()
    told = {flow.name for flow in comparison.found.flows if flow.file == snippet.file}
    refused = {
        there[error.context.extra["function"]]
        for error in comparison.found.errors
        if error.context.file_path == snippet.file and "function" in error.context.extra
    }
    assert names - told - refused == {name for name, _ in snippet.gaps}


def test_the_comparison_compares_something(comparison: Comparison) -> None:
    """Most snippets hold a flow that both see."""
    assert len(comparison.loaded) >= 60
