"""The contract of the command line: output, formats, exit statuses, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import Repository

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOWHERE = "http://127.0.0.1:9/api"
FLOW = "from prefect import flow\n\n\n@flow\ndef load(limit: int = 1):\n    return limit\n"
COMMANDS = [
    *("discover", "validate", "plan", "deploy", "status", "clean", "build", "doctor", "up", "down", "init"),
    *("explain", "error", "recovery", "serve", "metrics", "completion"),
]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One flow and a configuration whose server is not there."""
    made = Repository(tmp_path)
    made.write("flows/load.py", FLOW)
    made.write("deployment-config.yaml", f"environments: {{development: {{prefect_api_url: '{NOWHERE}'}}}}\n")
    return made


# -- help, version, usage -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(repository: Repository, command: str) -> None:
    """--help on standard output, exit 0."""
    finished = repository.run(*command.split(), "--help")
    assert (finished.status, finished.errors) == (0, "")
    assert finished.output.startswith("Usage: deployment-cli")


def test_the_version_is_a_line(repository: Repository) -> None:
    """For scripts."""
    assert repository.run("--version").output.startswith("deployment-cli ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["deploy", "--no-such-option"],
        ["deploy", "--type", "lambda"],
        ["deploy", "--concurrency", "0"],
        ["deploy", "--concurrency", "many"],
        ["deploy", "--wait", "-1"],
        ["deploy", "extra-argument"],
        ["explain"],
        ["completion", "tcsh"],
        ["plan", "--format", "xml"],
        ["status", "--format", "sarif"],
        ["up", "--port", "99999"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_in_the_format_asked_for(repository: Repository, arguments: list[str]) -> None:
    """Words on standard error, or a JSON document with a code and a remedy; never a traceback."""
    words = repository.run(*arguments)
    assert (words.status, words.output) == (2, "")
    assert "error[USAGE_INVALID]" in words.errors
    if "--format" not in arguments:
        document = repository.run(*arguments, "-o", "json")
        assert (document.status, document.document["status"], document.codes) == (
            2,
            "usage",
            ["USAGE_INVALID"],
        )
        assert document.document["errors"][0]["remediation"]


def test_a_misspelt_command_gets_the_nearest(repository: Repository) -> None:
    """As a person would answer."""
    assert "Did you mean 'validate'?" in repository.run("valdate").errors


# -- results and failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "keys"),
    [
        (["discover"], 0, {"flows", "not_deployable", "errors", "files_scanned", "seconds"}),
        (["validate"], 0, {"valid", "flows", "errors", "warnings", "environment"}),
        (["doctor"], 1, {"healthy", "checks"}),
        (["explain", "FLOW_SYNTAX_ERROR"], 0, {"error_code", "explanation", "remediation", "example"}),
        (["plan"], 1, {"status", "errors"}),
        (["deploy"], 1, {"status", "errors"}),
        (["status"], 1, {"status", "errors"}),
        (["clean", "--yes"], 1, {"status", "errors"}),
        (["down"], 0, {"status", "stopped"}),
        (["error", "summary"], 0, {"total_errors", "by_category", "groups", "recent"}),
        (["completion", "bash"], 0, {"shell", "script"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_json_is_one_document_and_nothing_else(
    repository: Repository, arguments: list[str], status: int, keys: set[str]
) -> None:
    """On standard output; standard error stays empty."""
    finished = repository.run(*arguments, "--format", "json")
    assert finished.status == status
    assert keys <= finished.document.keys()
    assert finished.errors == ""


def test_the_options_for_all_commands_stand_before_or_behind(repository: Repository) -> None:
    """`-o json deploy` is `deploy -o json`."""
    before = repository.run("-o", "json", "discover").document
    behind = repository.run("discover", "-ojson").document
    assert before["flows"] == behind["flows"]


@pytest.mark.parametrize(("command", "word"), [("deploy", "rolled_back"), ("plan", "failed")])
def test_a_failure_says_its_status(repository: Repository, command: str, word: str) -> None:
    """`rolled_back` only where something could have been changed."""
    finished = repository.run(command, "-o", "json")
    assert (finished.document["status"], finished.codes) == (word, ["PREFECT_API_UNAVAILABLE"])


def test_words_go_to_standard_error_and_name_environment_and_server(repository: Repository) -> None:
    """Which environment is active is always said."""
    finished = repository.run("plan")
    assert finished.output == ""
    assert f"environment development · server {NOWHERE} (configuration)" in finished.errors
    assert "error[PREFECT_API_UNAVAILABLE]" in finished.errors
    assert "try: " in finished.errors
    assert "\x1b" not in finished.errors


def test_a_traceback_is_shown_only_on_request(repository: Repository) -> None:
    """-v adds it, in words and in JSON."""
    assert "Traceback" not in repository.run("plan").errors
    assert "Traceback" in repository.run("plan", "-v").errors
    assert "traceback" not in repository.run("plan", "-o", "json").document["errors"][0]
    assert "traceback" in repository.run("plan", "-o", "json", "-v").document["errors"][0]


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ("projct: x\n", "CONFIG_UNKNOWN_KEY"),
        ("a: [1, }\n", "CONFIG_INVALID_FORMAT"),
        ("environments: {development: {prefect_api_url: 'ftp://x'}}\n", "SERVER_URL_INVALID"),
        ("flows: {load: {schedules: [{cron: '61 * * * *'}]}}\n", "SCHEDULE_INVALID"),
        ("flows: {load: {parameters: {limt: 1}}}\n", "PARAMETER_UNKNOWN"),
        ("flows: {load: {parameters: {limit: many}}}\n", "PARAMETER_INVALID"),
    ],
)
def test_an_invalid_configuration_exits_3_with_the_place(
    repository: Repository, configuration: str, code: str
) -> None:
    """File, line, column, remedy; nothing is asked of a server."""
    repository.write("deployment-config.yaml", configuration)
    finished = repository.run("deploy", "-o", "json")
    assert (finished.status, finished.document["status"]) == (3, "invalid")
    (error,) = (item for item in finished.document["errors"] if item["error_code"] == code)
    assert error["context"]["file_path"] == "deployment-config.yaml"
    assert error["context"]["line_number"] == 1
    assert error["context"]["column"]
    assert error["remediation"]


def test_an_environment_that_does_not_exist_is_named_with_those_that_do(repository: Repository) -> None:
    """The nearest is proposed."""
    finished = repository.run("plan", "-e", "developmnt", "-o", "json")
    assert finished.status == 3
    text = json.dumps(finished.document["errors"][0])
    assert "developmnt" in text
    assert "development" in text.replace("developmnt", "")


def test_the_environment_variable_picks_the_environment(repository: Repository) -> None:
    """DEPLOYMENT_ENV, after --env."""
    finished = repository.run("validate", "-o", "json", environ={"DEPLOYMENT_ENV": "nowhere"})
    assert finished.status == 3
    assert repository.run("validate", "-e", "development", environ={"DEPLOYMENT_ENV": "nowhere"}).status == 0


def test_a_protected_environment_wants_yes_together_with_its_name(repository: Repository) -> None:
    """Neither alone is enough, and without a terminal nobody can be asked."""
    repository.write(
        "deployment-config.yaml",
        f"environments: {{production: {{prefect_api_url: '{NOWHERE}', protected: true}}}}\n"
        "default_environment: production\n",
    )
    for arguments in ([], ["--yes"], ["--env", "production"]):
        finished = repository.run("deploy", "-o", "json", *arguments)
        assert (finished.status, finished.codes) == (3, ["CONFIRMATION_REQUIRED"]), arguments
    assert repository.run("deploy", "-o", "json", "--yes", "--env", "production").status == 1
    assert repository.run("deploy", "-o", "json", "--dry-run").status == 1


def test_another_server_in_the_shell_is_a_warning(repository: Repository) -> None:
    """The configuration's URL wins, and that is said."""
    finished = repository.run("plan", environ={"PREFECT_API_URL": "http://127.0.0.1:10/api"})
    assert f"server {NOWHERE} (configuration)" in finished.errors
    doctor = repository.run("doctor", "-o", "json", environ={"PREFECT_API_URL": "http://127.0.0.1:10/api"})
    assert "SERVER_URL_DIFFERS" in [check["error_code"] for check in doctor.document["checks"]]


def test_a_machine_that_is_thrown_away_is_warned_of(repository: Repository) -> None:
    """In CI, the state folder goes with the machine."""
    finished = repository.run("validate", "-ojson", environ={"CI": "true"})
    assert "STATE_NOT_KEPT" in [item["error_code"] for item in finished.document["warnings"]]


def test_nothing_found_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """An empty folder: exit 3, status `invalid`."""
    finished = Repository(tmp_path).run("deploy", "-o", "json")
    assert (finished.status, finished.document["status"], finished.codes) == (
        3,
        "invalid",
        ["NOTHING_TO_DEPLOY"],
    )


# -- discover and validate ------------------------------------------------------------------------------


def test_discover_names_files_relative_to_the_folder_of_the_command_line(repository: Repository) -> None:
    """Else to the configuration's; always with `/`."""
    assert [flow["file"] for flow in repository.run("discover", "-ojson").document["flows"]] == [
        "flows/load.py"
    ]
    assert [flow["file"] for flow in repository.run("discover", "flows", "-ojson").document["flows"]] == [
        "load.py"
    ]
    (flow,) = repository.run("discover", ".", "-ojson").document["flows"]
    assert (flow["file"], flow["entrypoint"], flow["line"]) == ("flows/load.py", "flows/load.py:load", 4)


def test_discover_of_a_folder_that_is_not_there_exits_3(repository: Repository) -> None:
    """Nothing could be scanned."""
    finished = repository.run("discover", "nowhere", "-o", "json")
    assert finished.status == 3
    assert finished.codes


def test_discover_reports_a_broken_file_and_exits_0(repository: Repository) -> None:
    """3 only when nothing could be scanned."""
    repository.write("flows/broken.py", "from prefect import flow\n@flow\ndef broken(:\n")
    finished = repository.run("discover", "-o", "json")
    assert (finished.status, finished.codes) == (0, ["FLOW_SYNTAX_ERROR"])


def test_validate_writes_sarif_and_github_annotations() -> None:
    """For code scanning and for pull requests."""
    broken = Repository(EXAMPLES / "broken")
    sarif = broken.run("validate", "--format", "sarif")
    assert sarif.status == 3
    run = sarif.document["runs"][0]
    assert sarif.document["version"] == "2.1.0"
    places = [item["locations"][0]["physicalLocation"] for item in run["results"] if "locations" in item]
    assert places
    assert all(place["artifactLocation"]["uri"] for place in places)
    github = broken.run("validate", "--format", "github")
    assert github.status == 3
    assert github.output.startswith("::error file=")
    assert sum(line.startswith("::error") for line in github.output.splitlines()) <= 10


# -- init, explain, completion --------------------------------------------------------------------------


def test_init_writes_a_configuration_that_is_valid_and_never_over_another(tmp_path: Path) -> None:
    """Commented, for editors and people."""
    empty = Repository(tmp_path)
    assert empty.run("init").status == 0
    written = (tmp_path / "deployment-config.yaml").read_text()
    assert written.count("#") > 20
    assert empty.run("doctor", "-o", "json").document["checks"][2]["ok"]
    again = empty.run("init", "-o", "json")
    assert (again.status, again.codes) == (3, ["CONFIG_FILE_EXISTS"])
    assert (tmp_path / "deployment-config.yaml").read_text() == written


@pytest.mark.parametrize("code", ["NO_SUCH_CODE", "", "FLOW_SYNTAX_EROR"])
def test_explain_of_a_code_that_is_none_proposes_the_nearest(repository: Repository, code: str) -> None:
    """A typed error, not silence."""
    finished = repository.run("explain", code, "-o", "json")
    assert finished.status in (2, 3)
    if code == "FLOW_SYNTAX_EROR":
        assert "FLOW_SYNTAX_ERROR" in json.dumps(finished.document)


def test_explain_is_not_particular_about_case(repository: Repository) -> None:
    """A code is often typed by hand."""
    assert repository.run("explain", "flow_syntax_error").status == 0


def test_the_completion_script_completes_in_a_real_shell(repository: Repository) -> None:
    """bash completes a command and an option."""
    script = repository.run("completion", "bash").output
    environ = {**os.environ, "COMP_WORDS": "deployment-cli dis", "COMP_CWORD": "1"}
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    answered = subprocess.run(
        [str(Path(sys.executable).with_name("deployment-cli"))],
        env={**environ, "_DEPLOYMENT_CLI_COMPLETE": "bash_complete"},
        cwd=repository.root,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answered.stdout.split() == ["plain,discover"]


# -- how it ends ----------------------------------------------------------------------------------------


def test_a_reader_that_has_seen_enough_is_no_traceback(repository: Repository) -> None:
    """`deployment-cli discover | head -1`."""
    for number in range(2000):
        repository.write(f"flows/many/flow_{number}.py", FLOW)
    piped = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m deployment_system.cli discover -o json | head -1"],
        cwd=repository.root,
        env=repository.whole_environ(None),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert piped.stdout.strip() == "{"
    assert piped.stderr == ""


def test_colour_only_on_a_terminal_and_never_with_no_color(repository: Repository) -> None:
    """A pseudo-terminal is a terminal."""
    assert "\x1b[" in on_a_terminal(repository, {})
    assert "\x1b[3" not in on_a_terminal(repository, {"NO_COLOR": "1"})


def on_a_terminal(repository: Repository, environ: dict[str, str]) -> str:
    """What `validate` of a broken flow shows a person."""
    repository.write("flows/broken.py", "from prefect import flow\n@flow\ndef broken(:\n")
    command = [sys.executable, "-m", "deployment_system.cli", "validate"]
    code = (
        "import os, pty, sys\n"
        "shown = bytearray()\n"
        "def read(fd):\n"
        "    data = os.read(fd, 1024)\n"
        "    shown.extend(data)\n"
        "    return data\n"
        f"pty.spawn({command!r}, read)\n"
    )
    finished: Any = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository.root,
        env={**repository.whole_environ(environ), "TERM": "xterm"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return str(finished.stdout)
