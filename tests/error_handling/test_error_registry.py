"""The registry of codes: complete, used, explained and documented."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

import deployment_system
from deployment_system.error_handling import (
    REGISTRY,
    Confidence,
    DeploymentSystemError,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    explain_code,
    explain_text,
)

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = Path(deployment_system.__file__).parent

# What an error of that class has when it is raised with only a message.
ONLY_DEFAULTS = {ErrorCodes.FLOW_DISCOVERY_FAILED, ErrorCodes.VALIDATION_FAILED}
# No test makes these happen: they are what an error has that says nothing better.
NEVER_PROVOKED = {
    ErrorCodes.DEPLOYMENT_FAILED,
    ErrorCodes.FLOW_DISCOVERY_FAILED,
}


def codes_in(file: Path) -> set[ErrorCodes]:
    """The codes that a file names other than to compare with them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    compared = {
        id(inner) for node in ast.walk(tree) if isinstance(node, ast.Compare) for inner in ast.walk(node)
    }
    return {
        ErrorCodes[node.attr]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "ErrorCodes" and node.attr in ErrorCodes.__members__ and id(node) not in compared
    }


def test_every_code_has_an_entry_and_every_entry_is_its_code_s() -> None:
    """One table, nothing beside it."""
    assert set(REGISTRY) == set(ErrorCodes)
    assert [entry.code for entry in REGISTRY.values()] == list(REGISTRY)


@pytest.mark.parametrize("code", ErrorCodes)
def test_an_entry_says_everything(code: ErrorCodes) -> None:
    """Typed facts, a title of one line, sentences, an example, and a graded remedy at least."""
    entry = REGISTRY[code]
    assert isinstance(entry.category, ErrorCategory)
    assert isinstance(entry.severity, ErrorSeverity)
    assert isinstance(entry.retryable, bool)
    assert 5 <= len(entry.title) <= 72
    assert "\n" not in entry.title
    assert not entry.title.endswith(".")
    assert len(entry.explanation) >= 20
    assert entry.explanation.endswith((".", "?", ":"))
    assert len(entry.example) >= 10
    assert entry.remedies
    for remedy in entry.remedies:
        assert isinstance(remedy.confidence, Confidence)
        assert len(remedy.text) >= 10


@pytest.mark.parametrize("code", ErrorCodes)
def test_an_explanation_fits_a_terminal(code: ErrorCodes) -> None:
    """80 columns; with the title, the example and every remedy, whose words are all there."""
    entry = REGISTRY[code]
    text = explain_text(entry)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    words = " ".join(text.split())
    for part in (
        code.value,
        entry.title,
        entry.explanation,
        entry.example,
        *(r.text for r in entry.remedies),
    ):
        assert " ".join(part.split()) in words


def test_every_code_is_raised_somewhere() -> None:
    """But for what an error is that says nothing better. An alert only tells of what others raise."""
    files = [
        file
        for file in SOURCES.rglob("*.py")
        if file.parent.name != "error_handling" and file.name != "alerts.py"
    ]
    for pattern in ("error_format.py", "recovery_*.py", "rollback_*.py", "undo*.py", "written_file.py"):
        files += (SOURCES / "error_handling").glob(pattern)
    raised = set[ErrorCodes]().union(*map(codes_in, files))
    assert set(ErrorCodes) - raised == ONLY_DEFAULTS


def test_every_code_is_expected_by_a_test() -> None:
    """Somewhere else than here, and in what the broken examples promise; but for those that are listed."""
    about_the_registry = {"test_error_registry.py", "test_error_contract.py", "test_format_user_error.py"}
    texts = [
        file.read_text(encoding="utf-8")
        for file in (PROJECT / "tests").rglob("*.py")
        if file.name not in about_the_registry
    ]
    texts.append((PROJECT / "examples" / "broken" / "README.md").read_text(encoding="utf-8"))
    named = set(re.findall(r"\b[A-Z][A-Z_]+\b", "\n".join(texts))) | {"ERROR_CODE_UNKNOWN"}
    assert set(ErrorCodes) - named == NEVER_PROVOKED


def test_a_code_that_can_pass_is_one_of_servers_and_resources() -> None:
    """What a person must mend does not pass by itself."""
    mended_by_people = {ErrorCategory.CONFIGURATION, ErrorCategory.USAGE, ErrorCategory.FLOW_DISCOVERY}
    assert {entry.code for entry in REGISTRY.values() if entry.retryable} >= {
        ErrorCodes.PREFECT_API_UNAVAILABLE,
        ErrorCodes.PREFECT_API_TIMEOUT,
        ErrorCodes.PREFECT_RATE_LIMITED,
        ErrorCodes.DOCKER_DAEMON_UNAVAILABLE,
    }
    assert not [e.code for e in REGISTRY.values() if e.retryable and e.category in mended_by_people]


def test_the_reference_is_what_the_registry_says() -> None:
    """`make reference` writes it; it names every code."""
    script = PROJECT / "scripts" / "write_error_reference.py"
    specification = importlib.util.spec_from_file_location("write_error_reference", script)
    assert specification is not None
    assert specification.loader is not None
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    written = (PROJECT / "docs" / "errors" / "README.md").read_text(encoding="utf-8")
    assert written == generator.reference()
    assert re.findall(r"^## (\w+)$", written, re.MULTILINE) == sorted(
        ErrorCodes, key=lambda code: (REGISTRY[code].category.value, code.value)
    )


@pytest.mark.parametrize("written", ["FLOW_NOT_FOUND", "flow_not_found", " flow-not-found "])
def test_a_code_is_found_as_people_write_it(written: str) -> None:
    """Lower case, hyphens and blanks are no reason to send anybody away."""
    assert explain_code(written).code is ErrorCodes.FLOW_NOT_FOUND


@pytest.mark.parametrize(
    ("written", "near"),
    [("FLOW_NOT_FOND", "FLOW_NOT_FOUND"), ("zzzz", None), ("", None), ("x" * 10**6, None)],
)
def test_an_unknown_code_is_told_with_the_nearest(written: str, near: str | None) -> None:
    """Or without, where none is near; never at the length that was typed."""
    with pytest.raises(DeploymentSystemError) as caught:
        explain_code(written)
    error = caught.value
    assert (error.error_code, error.category) == ("ERROR_CODE_UNKNOWN", "usage")
    assert len(error.message) < 200
    assert (f"did you mean {near}?" in error.message) == (near is not None)
    assert error.remediation
