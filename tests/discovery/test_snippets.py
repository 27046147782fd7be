"""What discovery says of small files, each a way in which people write flows or something like them."""

from pathlib import Path

import pytest
import snippets_making
import snippets_names
import snippets_places
from flow_snippets import Snippet

from deployment_system.discovery import Discovery, discover

SNIPPETS = (*snippets_names.ALL, *snippets_making.ALL, *snippets_places.ALL)


def found_in(folder: Path, text: str, file: str = "flows.py") -> Discovery:
    """What discovery says of a folder with one file."""
    (folder / file).write_text(text)
    return discover(folder)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
def test_a_file_holds_exactly_these_flows(snippet: Snippet, tmp_path: Path) -> None:
    """Flows with name, line and entrypoint; what cannot be deployed; errors with code, place and remedy."""
    found = found_in(tmp_path, snippet.text, snippet.file)
    assert tuple((flow.function, flow.name, flow.line) for flow in found.flows) == snippet.flows
    assert [flow.entrypoint for flow in found.flows] == [
        f"{snippet.file}:{flow[0]}" for flow in snippet.flows
    ]
    assert [(item.name, item.function) for item in found.not_deployable] == [
        (name, function) for name, function, _ in snippet.not_deployable
    ]
    for item, (_, _, word) in zip(found.not_deployable, snippet.not_deployable, strict=True):
        assert word in item.reason
    assert tuple((error.error_code, error.context.line_number) for error in found.errors) == snippet.errors
    for error in found.errors:
        assert error.context.file_path == snippet.file
        assert error.remediation


def test_no_snippet_hides_another() -> None:
    """Two of one name would be written to one file."""
    names = [snippet.name for snippet in SNIPPETS]
    assert len(names) == len(set(names)) >= 60


PARAMETERS = """\
from prefect import flow

@flow(description="Said.")
def f(a, b: int, /, c: "list[str]" = [1], *rest, d: str, e=None, **more):
    '''First.

    Second.
    '''
"""


def test_a_flow_carries_its_signature_docstring_and_imports(tmp_path: Path) -> None:
    """As the text says them."""
    (flow,) = found_in(tmp_path, PARAMETERS).flows
    told = [(item.name, item.kind, item.annotation, item.default, item.required) for item in flow.parameters]
    assert told == [
        ("a", "positional_only", None, None, True),
        ("b", "positional_only", "int", None, True),
        ("c", "positional_or_keyword", "'list[str]'", "[1]", False),
        ("rest", "var_positional", None, None, False),
        ("d", "keyword_only", "str", None, True),
        ("e", "keyword_only", None, "None", False),
        ("more", "var_keyword", None, None, False),
    ]
    assert (flow.docstring, flow.description) == ("First.\n\nSecond.", "Said.")
    assert flow.bindings == {"flow": "prefect.flow"}
    assert len(flow.digest) == 64
    assert flow.signature_known


IMPORTS = """\
from __future__ import annotations
import a.b, c as d
from . import near
from ..up import it
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import hints
try:
    import fast
except ImportError:
    import slow
from prefect import flow

@flow
def f():
    import late
    try:
        import maybe
    except (ValueError, ModuleNotFoundError):
        maybe = None
"""


def test_imports_are_told_with_their_place_and_whether_they_may_fail(tmp_path: Path) -> None:
    """Anywhere in the file, functions included."""
    (flow,) = found_in(tmp_path, IMPORTS).flows
    told = {item.module: (item.line, item.column, item.optional) for item in flow.imports}
    assert told == {
        "__future__": (1, 1, False),
        "a.b": (2, 1, False),
        "c": (2, 1, False),
        ".": (3, 1, False),
        "..up": (4, 1, False),
        "typing": (5, 1, False),
        "hints": (7, 5, True),
        "fast": (9, 5, True),
        "slow": (11, 5, True),
        "prefect": (12, 1, False),
        "late": (16, 5, False),
        "maybe": (18, 9, True),
    }


def test_a_flow_as_json_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    """spec/cli.md, JSON shapes: flow."""
    (flow,) = found_in(tmp_path, PARAMETERS).flows
    told = flow.to_dict()
    assert told.keys() >= {"name", "file", "line", "function", "entrypoint", "parameters", "imports"}
    assert told["imports"] == ["prefect"]
