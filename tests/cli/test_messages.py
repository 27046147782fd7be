"""What messages say where they could say less: the wrong value, and what would be right."""

from pathlib import Path

import pytest

from tests.deploy.conftest import Workspace
from tests.recording_proxy import Fault, RecordingProxy
from tests.repositories import Repository

pytest_plugins = ["tests.deploy.conftest"]

FLOW = "from prefect import flow\n\n\n@flow\ndef {name}(limit: int = 1):\n    return limit\n"
METHOD = "from prefect import flow\n\n\nclass Shop:\n    @flow\n    def load(self):\n        return 1\n"


def declare(root: Path, entrypoint: str, more: str = "") -> Repository:
    """A repository whose prefect.yaml names one entrypoint."""
    made = Repository(root)
    made.write(
        "prefect.yaml",
        f"deployments:\n- name: nightly\n  entrypoint: {entrypoint}\n{more}",
    )
    return made


@pytest.mark.parametrize(
    ("text", "entrypoint", "why"),
    [
        (None, "flows/load.py:load", "there is no file flows/load.py"),
        (FLOW.format(name="load"), "flows/load.py", "an entrypoint names a function as well"),
        (FLOW.format(name="laod"), "flows/load.py:load", "did you mean 'laod'?"),
        (FLOW.format(name="other"), "flows/load.py:load", "flows/load.py has no flow 'load'; it has other"),
        ("def load():\n    return 1\n", "flows/load.py:load", "no function in flows/load.py is a flow"),
        (METHOD, "flows/load.py:load", "cannot be deployed: "),
        (METHOD, "flows/load.py:Shop.load", "cannot be deployed: "),
    ],
    ids=["no file", "no function", "nearly", "another", "no flow", "method", "its whole name"],
)
def test_an_entrypoint_that_leads_nowhere_says_why(
    tmp_path: Path, text: str | None, entrypoint: str, why: str
) -> None:
    """One error, at the line of prefect.yaml, with what to do."""
    made = declare(tmp_path, entrypoint)
    if text is not None:
        made.write("flows/load.py", text)
    finished = made.run("validate", "-o", "json")
    assert (finished.status, finished.codes) == (3, ["FLOW_NOT_FOUND"])
    (error,) = finished.document["errors"]
    assert f"deployment 'nightly' names '{entrypoint}', and " in error["message"]
    assert why in error["message"]
    assert error["remediation"]
    assert error["context"]["file_path"] == "prefect.yaml"


def test_a_file_that_cannot_be_read_is_one_message_for_all_its_deployments(tmp_path: Path) -> None:
    """Their flow was not found either; everybody sees why, and nobody reads it twice."""
    made = declare(tmp_path, "flows/load.py:load", "- name: weekly\n  entrypoint: flows/load.py:load\n")
    made.write("flows/load.py", "from prefect import flow\n@flow\ndef load((:\n")
    finished = made.run("validate", "-o", "json")
    assert finished.codes == ["FLOW_SYNTAX_ERROR", "FLOW_SYNTAX_ERROR"]
    names = [error["context"]["deployment_name"] for error in finished.document["errors"]]
    assert names == ["nightly", "weekly"]
    words = made.run("validate").errors
    assert words.count("error[") == 1
    assert "the same in 1 more place:\n    flows/load.py:3:" in words
    assert "· deployment weekly\n" in words


def test_a_file_in_another_encoding_says_which_byte_it_holds(tmp_path: Path) -> None:
    """And in which line, in the words of its encoding and not of the decoder."""
    made = Repository(tmp_path)
    made.write("flows/load.py", "")
    (tmp_path / "flows" / "load.py").write_bytes(
        f"{FLOW.format(name='load')}NAME = '\xe9'\n".encode("latin-1")
    )
    (error,) = made.run("validate", "-o", "json").document["errors"]
    assert (error["error_code"], error["context"]["line_number"]) == ("FLOW_FILE_ENCODING_INVALID", 7)
    assert error["message"] == "flows/load.py is not UTF-8: it holds the byte 0xe9"


def test_a_url_is_blamed_on_the_place_that_says_it(tmp_path: Path) -> None:
    """Not on a file that is not there."""
    made = Repository(tmp_path)
    made.write("flows/load.py", FLOW.format(name="load"))
    (error,) = made.run("plan", "-o", "json", environ={"PREFECT_API_URL": "server/api"}).document["errors"]
    assert (error["error_code"], error["context"]) == ("SERVER_URL_INVALID", {})
    assert "(environment variable PREFECT_API_URL)" in error["message"]
    assert error["remediation"][0].startswith("Correct the environment variable PREFECT_API_URL: ")


@pytest.mark.parametrize(
    ("login", "status", "words"),
    [
        ({}, 401, "wants a login, and none was sent (401)"),
        ({"PREFECT_API_KEY": "pnu_wrong"}, 401, "does not accept the API key that was sent (401)"),
        (
            {"PREFECT_API_AUTH_STRING": "shop:wrong"},
            401,
            "does not accept the user and password that were sent (401)",
        ),
        ({"PREFECT_API_KEY": "pnu_wrong"}, 403, "does not allow this account to do this (403)"),
    ],
    ids=["none", "key", "password", "forbidden"],
)
def test_a_login_that_is_not_accepted_says_what_was_sent(
    workspace: Workspace, proxy: RecordingProxy, login: dict[str, str], status: int, words: str
) -> None:
    """And never the login itself."""
    workspace.write_flow("load")
    workspace.configure()
    proxy.faults.append(Fault("GET", "/admin/version", status=status))
    finished = workspace.run("plan", environ=login)
    assert words in " ".join(finished.errors.split())
    assert "wrong" not in finished.errors


@pytest.mark.parametrize(
    ("pool", "hint"),
    [("test-pol", "did you mean 'test-pool'?"), ("default-pool", "(taken where none is named)")],
)
def test_a_missing_work_pool_is_one_message_with_every_deployment(
    workspace: Workspace, pool: str, hint: str
) -> None:
    """However many name it; with the command that makes it."""
    for number in range(3):
        workspace.write_flow(f"load-{number}")
    workspace.configure()
    file = workspace.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("test-pool", pool))
    finished = workspace.run("deploy")
    words = " ".join(finished.errors.split())
    assert finished.status == 3
    assert words.count("error[WORK_POOL_NOT_FOUND]") == 1
    assert hint in words
    assert "the same in 2 more places:" in words
    assert f"`prefect work-pool create --type process {pool}`" in words


def test_a_job_variable_and_a_work_pool_are_blamed_on_their_own_lines(
    workspace: Workspace, proxy: RecordingProxy
) -> None:
    """Of deployment-config.yaml and of prefect.yaml; what the environment says of all flows has no line of
    the flow's own."""
    workspace.write_flow("load")
    workspace.configure(f'{{"{workspace.name("load")}": {{job_variables: {{stream_output: maybe}}}}}}')
    error, *_ = workspace.deploy().document["errors"]
    place = error["context"]
    assert (error["error_code"], place["file_path"]) == ("JOB_VARIABLES_INVALID", "deployment-config.yaml")
    assert "stream_output: maybe" in dict(place["source_lines"])[place["line_number"]]
    (workspace.root / "deployment-config.yaml").unlink()
    workspace.write(
        "prefect.yaml",
        "deployments:\n- name: a\n  entrypoint: flows/load.py:load\n  work_pool:\n"
        "    name: test-pool\n    job_variables:\n      stream_output: maybe\n"
        "- name: b\n  entrypoint: flows/load.py:load\n  work_pool:\n    name: no-such-pool\n",
    )
    found = workspace.run("deploy", "-o", "json", environ={"PREFECT_API_URL": proxy.url}).document["errors"]
    places = [(error["error_code"], error["context"].get("line_number")) for error in found]
    assert places[:2] == [("JOB_VARIABLES_INVALID", 7), ("WORK_POOL_NOT_FOUND", 11)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("project: {a: 1\n", "(inside { })"),
        ("project: [a, b\n", "(inside [ ])"),
        ("project: a\n  b: 1\n", "not valid YAML"),
        ("project: 'a\n", "(in a text in quotes)"),
        ("project: a\n- b\n", "(among the keys of a mapping)"),
        ("project:\n\t- a\n", "a tab stands here"),
    ],
    ids=["braces", "brackets", "indentation", "quote", "list", "tab"],
)
def test_broken_yaml_is_told_without_the_parser_s_own_words(tmp_path: Path, text: str, words: str) -> None:
    """It calls { } a flow mapping, and flows are something else here."""
    made = Repository(tmp_path)
    made.write("deployment-config.yaml", text)
    (error,) = made.run("validate", "-o", "json").document["errors"]
    assert error["message"].startswith("deployment-config.yaml: ")
    assert words in error["message"]
    assert not any(word in error["message"] for word in ("flow", "block", "scalar", "token"))
