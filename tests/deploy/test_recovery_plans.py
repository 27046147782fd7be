"""Recovery plans on the real server and in real files: the trouble is gone, or all is as before."""

import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment_system.deploy.recovery.server_url import likely_urls
from tests.conftest import free_port
from tests.deploy.conftest import Workspace
from tests.deploy.world import wait_for
from tests.recording_proxy import Fault, RecordingProxy

BRIEFLY = """
plans:
  server-away:
    for: [PREFECT_API_UNAVAILABLE]
    description: wait a moment, instead of half a minute
    steps: [{action: wait_for_server, with: {seconds: 1}}]
"""
"""A plan of the user's own takes the place of the package's one of that name."""


def with_pool(workspace: Workspace, pool: str) -> None:
    """The environment names another work pool."""
    file = workspace.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace("test-pool", pool))


def pools(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """The work pools of that name."""
    wanted = {"work_pools": {"name": {"any_": [name]}}}
    return list(workspace.ask("POST", "/work_pools/filter", wanted))


# -- at the server --------------------------------------------------------------------------------------


@pytest.mark.recovers("WORK_POOL_NOT_FOUND", plan="work-pool-missing")
def test_a_missing_work_pool_is_created_and_the_deployment_goes_on(one_flow: Workspace) -> None:
    """Recovered is a status of its own; without --recover nothing is made where nobody can be asked."""
    pool = f"{one_flow.prefix}-pool"
    with_pool(one_flow, pool)
    assert one_flow.deploy().status == 3
    assert pools(one_flow, pool) == []
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    (recovery,) = result.document["recoveries"]
    assert (recovery["status"], recovery["plan"]) == ("recovered", "work-pool-missing")
    assert [found["type"] for found in pools(one_flow, pool)] == ["process"]
    assert one_flow.stored_one("load")["work_pool_name"] == pool
    assert one_flow.deploy().document["status"] == "unchanged"


def test_twenty_flows_without_their_pool_are_one_recovery(one_flow: Workspace) -> None:
    """The cause is mended once. Taken back: the pool stays, as it is used by now."""
    for number in range(5):
        one_flow.write_flow(f"more-{number}")
    pool = f"{one_flow.prefix}-shared"
    with_pool(one_flow, pool)
    result = one_flow.deploy("--recover", "auto")
    assert result.document["status"] == "recovered"
    (recovery,) = result.document["recoveries"]
    taken_back = one_flow.run(
        "recovery", "execute", "--plan-id", recovery["plan_id"], "--auto-execute", "-ojson"
    )
    assert taken_back.status == 0, taken_back.output
    assert len(pools(one_flow, pool)) == 1


@pytest.mark.recovers_in_vain("WORK_POOL_NOT_FOUND", plan="work-pool-missing")
def test_a_pool_that_is_made_in_vain_is_removed(one_flow: Workspace, proxy: RecordingProxy) -> None:
    """Nobody sees it afterwards: as if the server had lost it."""
    pool = f"{one_flow.prefix}-vain"
    with_pool(one_flow, pool)
    proxy.faults.append(Fault("GET", f"/work_pools/{pool}$", status=404, after=1, times=1))
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.codes) == (3, ["WORK_POOL_NOT_FOUND"]), result.output
    assert pools(one_flow, pool) == []
    assert one_flow.stored() == {}


@pytest.mark.recovers("WORK_POOL_NOT_READY", plan="work-pool-paused")
def test_doctor_resumes_a_paused_pool_when_told_to(one_flow: Workspace) -> None:
    """And says before what it would do."""
    pool = f"{one_flow.prefix}-paused"
    with_pool(one_flow, pool)
    assert one_flow.deploy("--recover", "auto").status == 0
    one_flow.ask("PATCH", f"/work_pools/{pool}", {"is_paused": True})
    shown = one_flow.run("doctor")
    assert f"doctor --fix` would resume the work pool '{pool}'" in shown.output
    assert one_flow.run("doctor", "--fix", "--yes").status == 1
    assert pools(one_flow, pool)[0]["is_paused"], "somebody may have had a reason: --yes is not enough"
    mended = one_flow.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert [each["plan"] for each in mended.document["mended"]] == ["work-pool-paused"], mended.output
    assert not pools(one_flow, pool)[0]["is_paused"]


@pytest.mark.recovers("PREFECT_API_UNAVAILABLE", plan="server-away")
def test_a_server_that_comes_back_is_waited_for(one_flow: Workspace, proxy: RecordingProxy) -> None:
    """As long as the plan says; then the deployment is tried again."""
    gone = Fault("", "/api/", drop_before=True)
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == 12:
            proxy.forget()

    gone.then = count
    proxy.faults.append(gone)
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert [each["plan"] for each in result.document["recoveries"]] == ["server-away"]


@pytest.mark.recovers("PREFECT_API_UNAVAILABLE", plan="server-away-start-local")
@pytest.mark.recovers_in_vain("PREFECT_API_UNAVAILABLE", plan="server-away")
def test_a_local_server_that_is_not_there_is_started(one_flow: Workspace) -> None:
    """Where waiting does not help. `down` stops it again."""
    url = f"http://127.0.0.1:{free_port()}/api"
    file = one_flow.root / "deployment-config.yaml"
    assert one_flow.proxy is not None
    file.write_text(file.read_text().replace(one_flow.proxy.url, url))
    one_flow.write("recovery-plans.yaml", BRIEFLY)
    try:
        result = one_flow.run("deploy", "--recover", "auto", "-ojson")
        assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
        outcomes = [(each["plan"], each["status"]) for each in result.document["recoveries"]]
        assert outcomes == [("server-away", "in_vain"), ("server-away-start-local", "recovered")]
    finally:
        assert one_flow.run("down").status == 0


@pytest.mark.recovers("SERVER_URL_INVALID", plan="server-url-wrong")
def test_a_url_without_api_is_corrected(one_flow: Workspace) -> None:
    """The nearest at which a Prefect API answers; the rest of the file stays."""
    file = one_flow.root / "deployment-config.yaml"
    right = file.read_text()
    assert one_flow.proxy is not None
    file.write_text(right.replace(one_flow.proxy.url, one_flow.proxy.url.removesuffix("/api")))
    assert one_flow.deploy().codes == ["SERVER_URL_INVALID"]
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert file.read_text() == right


@dataclass
class OnceWritten(Fault):
    """Strikes from the moment on when a file has another content than at first."""

    file: Path = Path()
    at_first: str = ""

    def strikes(self, method: str, path: str) -> bool:
        """See `Fault`."""
        return self.matches(method, path) and self.file.read_text() != self.at_first


@pytest.mark.recovers_in_vain("SERVER_URL_INVALID", plan="server-url-wrong")
def test_a_url_that_is_corrected_in_vain_is_put_back(one_flow: Workspace, proxy: RecordingProxy) -> None:
    """The server that answered there went away just then."""
    file = one_flow.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace(proxy.url, proxy.url.removesuffix("/api")))
    wrong = file.read_text()
    proxy.faults.append(OnceWritten("", "/api/", status=404, file=file, at_first=wrong))
    result = one_flow.deploy("--recover", "auto")
    assert result.codes == ["SERVER_URL_INVALID"], result.output
    assert [each["status"] for each in result.document["recoveries"]] == ["in_vain"]
    assert file.read_text() == wrong


@pytest.mark.recovers_in_vain("WORK_POOL_NOT_READY", plan="work-pool-paused")
def test_a_pool_that_stays_paused_is_no_success(one_flow: Workspace, proxy: RecordingProxy) -> None:
    """The server says that it was done, and it was not."""
    pool = f"{one_flow.prefix}-stays"
    with_pool(one_flow, pool)
    assert one_flow.deploy("--recover", "auto").status == 0
    one_flow.ask("PATCH", f"/work_pools/{pool}", {"is_paused": True})
    proxy.faults.append(Fault("PATCH", f"/work_pools/{pool}$", status=204, body="", times=1))
    told = one_flow.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert told.status == 1
    assert [each["status"] for each in told.document["mended"]] == ["in_vain"], told.output
    assert pools(one_flow, pool)[0]["is_paused"]


@pytest.mark.recovers_in_vain("PREFECT_API_UNAVAILABLE", plan="server-away-start-local")
def test_a_local_server_that_cannot_start_leaves_nothing(one_flow: Workspace) -> None:
    """Somebody else has the port, and is no Prefect server."""
    one_flow.write("recovery-plans.yaml", BRIEFLY)
    file = one_flow.root / "deployment-config.yaml"
    assert one_flow.proxy is not None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        file.write_text(file.read_text().replace(one_flow.proxy.url, url))
        result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.codes) == (1, ["PREFECT_API_UNAVAILABLE"]), result.output
    tried = [(each["plan"], each["status"]) for each in result.document["recoveries"]]
    assert tried == [("server-away", "in_vain"), ("server-away-start-local", "in_vain")]
    assert not list((one_flow.root / ".deployment-system" / "local").glob("*.json")), "nothing runs"


def test_what_was_probably_meant_by_a_url() -> None:
    """The likeliest first, and never the same again."""
    found = likely_urls("https://prefect.example/")
    assert found[0] == "https://prefect.example/api"
    assert "http://prefect.example/api" in found
    assert all("prefect.example/" in url for url in found), "another server would be the wrong one"
    assert "https://prefect.example/api" not in likely_urls("https://prefect.example/api")


def test_an_error_of_the_history_is_mended_later(one_flow: Workspace) -> None:
    """By its id: first shown, then done; and an error for which nothing can be done gives its guidance."""
    pool = f"{one_flow.prefix}-later"
    with_pool(one_flow, pool)
    one_flow.write("flows/broken.py", "from prefect import flow\n<<<<<<< ours\n")
    assert one_flow.deploy().status == 3
    history = one_flow.run("error", "list", "-ojson").document["errors"]
    (missing,) = [each for each in history if each["error_code"] == "WORK_POOL_NOT_FOUND"]
    mend = ("recovery", "execute", "--error", missing["error_id"], "-ojson")
    shown = one_flow.run(*mend)
    assert (shown.status, shown.document["status"]) == (0, "proposed"), shown.output
    assert pools(one_flow, pool) == []
    mended = one_flow.run(*mend, "--auto-execute")
    assert (mended.status, mended.document["status"]) == (0, "recovered"), mended.output
    assert one_flow.deploy().status == 0
    (broken,) = [each for each in history if each["error_code"] == "FLOW_SYNTAX_ERROR"]
    advice = one_flow.run("recovery", "execute", "--error", broken["error_id"], "-ojson")
    assert (advice.status, advice.document["status"]) == (1, "advice")
    assert advice.document["guidance"]
    unknown = one_flow.run("recovery", "execute", "--error", "no-such", "-ojson")
    assert unknown.codes == ["ERROR_NOT_FOUND"]


def two_environments(one_flow: Workspace, staging: str = "") -> str:
    """Development, where no server answers, and staging, whose work pool is missing; the error of that."""
    assert one_flow.proxy is not None
    one_flow.write(
        "deployment-config.yaml",
        f"project: {one_flow.prefix}\n"
        "environments:\n"
        "  development: {prefect_api_url: 'http://127.0.0.1:9/api'}\n"
        "  staging:\n"
        f"    prefect_api_url: {one_flow.proxy.url}\n"
        f"    work_pools: {{python: {one_flow.prefix}-staging}}\n"
        f"    {staging or 'default_tags: []'}\n",
    )
    assert one_flow.deploy("--env", "staging", "--yes").status == 3
    return str(one_flow.run("error", "list", "-ojson").document["errors"][0]["error_id"])


def test_an_error_is_mended_in_the_environment_where_it_happened(one_flow: Workspace) -> None:
    """Also when another one is the default; and never in another one that is named."""
    mend = ("recovery", "execute", "--error", two_environments(one_flow), "--auto-execute", "-ojson")
    assert one_flow.run(*mend, "--env", "development").status == 2
    mended = one_flow.run(*mend)
    assert (mended.status, mended.document["status"]) == (0, "recovered"), mended.output
    assert len(pools(one_flow, f"{one_flow.prefix}-staging")) == 1


def test_a_protected_environment_is_to_be_named_also_for_a_recovery(one_flow: Workspace) -> None:
    """That the history knows it is not enough."""
    mend = ("recovery", "execute", "--error", two_environments(one_flow, "protected: true"), "-ojson")
    refused = one_flow.run(*mend, "--auto-execute")
    assert (refused.status, refused.codes) == (3, ["CONFIRMATION_REQUIRED"]), refused.output
    assert pools(one_flow, f"{one_flow.prefix}-staging") == []
    assert one_flow.run(*mend, "--auto-execute", "--env", "staging").status == 0


# -- what must not hide the failure itself ----------------------------------------------------------------


def test_plans_that_cannot_be_read_hide_nothing(one_flow: Workspace) -> None:
    """The deployment fails with its own error, and `doctor` still tells everything."""
    with_pool(one_flow, f"{one_flow.prefix}-missing")
    one_flow.write("recovery-plans.yaml", "plans: [broken\n")
    failed = one_flow.deploy("--recover", "auto")
    assert (failed.status, set(failed.codes)) == (3, {"WORK_POOL_NOT_FOUND"}), failed.output
    assert "recovery-plans.yaml" in one_flow.run("deploy", "--recover", "auto").errors
    told = one_flow.run("doctor", "-ojson")
    assert told.status == 1
    checks = {check["name"]: check["ok"] for check in told.document["checks"]}
    assert (checks["server"], checks["work pool"], checks["recovery plans"]) == (True, False, False)


def test_doctor_tells_everything_where_the_state_cannot_be_used(one_flow: Workspace) -> None:
    """It proposes without any state, and makes none."""
    with_pool(one_flow, f"{one_flow.prefix}-missing")
    one_flow.write(".deployment-system", "in the way")
    told = one_flow.run("doctor", "-ojson")
    assert told.status == 1
    checks = {check["name"]: check["ok"] for check in told.document["checks"]}
    assert (checks["state"], checks["work pool"]) == (False, False)
    assert [each["plan"] for each in told.document["would_mend"]] == ["work-pool-missing"]
    fixed = one_flow.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert (fixed.status, fixed.document["mended"]) == (1, [])
    assert checks.keys() <= {check["name"] for check in fixed.document["checks"]}


# -- in files -------------------------------------------------------------------------------------------


@pytest.mark.recovers("FLOW_SYNTAX_ERROR", plan="syntax-error")
def test_a_missing_colon_is_mended_and_deployed(one_flow: Workspace) -> None:
    """The change is shown as a diff; the rest of the file stays, byte by byte."""
    file = one_flow.root / "flows" / "load.py"
    right = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(right.replace(b"int = 1):", b"int = 1)  # how many"))
    assert one_flow.deploy().status == 3
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output
    (step,) = result.document["recoveries"][0]["steps"]
    assert "+def load(limit: int = 1):  # how many" in step["diff"]
    assert file.read_bytes() == right.replace(b"int = 1):", b"int = 1):  # how many")


def test_what_can_be_read_in_two_ways_is_left_to_a_person(one_flow: Workspace) -> None:
    """A merge that was not finished: only a person knows which side is right."""
    file = one_flow.root / "flows" / "load.py"
    broken = "<<<<<<< ours\n" + file.read_text() + "=======\n>>>>>>> theirs\n"
    file.write_text(broken)
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.codes) == (3, ["FLOW_SYNTAX_ERROR", "NOTHING_TO_DEPLOY"])
    assert file.read_text() == broken


@pytest.mark.recovers("FLOW_MISSING_DEPENDENCIES", plan="dependency-missing")
def test_a_missing_dependency_is_declared(one_flow: Workspace) -> None:
    """In the requirements file that there is; afterwards the flow is valid."""
    file = one_flow.root / "flows" / "load.py"
    file.write_text("import yaml_that_nobody_has\n" + file.read_text())
    planted = "tell-nobody-4711"
    one_flow.write("requirements.txt", f"--index-url https://us:{planted}@index.example/simple\nprefect")
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert (
        (one_flow.root / "requirements.txt")
        .read_text()
        .endswith(f"{planted}@index.example/simple\nprefect\nyaml-that-nobody-has\n")
    )
    assert "+yaml-that-nobody-has" in result.output
    assert planted not in result.output + result.errors, "a diff shows lines beside the change, too"


# -- the user's own --------------------------------------------------------------------------------------

WRONG = "from prefect import flow\n\n\n@flow\ndef load(=:\n    pass\n"
OWN = """
plans:
  make-the-file:
    for: [FLOW_SYNTAX_ERROR]
    description: put the right file there
    environments: [development]
    steps:
      - action: run
        with:
          command: [cp, right.py, flows/load.py]
          check: CHECK
          undo: [cp, wrong.py, flows/load.py]
"""


@pytest.fixture
def wrong_file(one_flow: Workspace) -> Path:
    """A flow that cannot be read, and the right one beside it."""
    file = one_flow.root / "flows" / "load.py"
    one_flow.write("right.py", file.read_text())
    for name in ("wrong.py", "flows/load.py"):
        one_flow.write(name, WRONG)
    one_flow.write(".gitignore", "/*.py\n")
    return file


def test_a_plan_of_the_users_own_comes_first(one_flow: Workspace, wrong_file: Path) -> None:
    """A command, run without a shell."""
    one_flow.write("recovery-plans.yaml", OWN.replace("CHECK", "[test, -s, flows/load.py]"))
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output
    assert result.document["recoveries"][0]["messages"] == ["ran `cp right.py flows/load.py`"]


def test_a_command_that_does_not_help_is_undone(one_flow: Workspace, wrong_file: Path) -> None:
    """By its own undo; the deployment fails as it would have."""
    one_flow.write("recovery-plans.yaml", OWN.replace("CHECK", "[test, -e, no-such-file]"))
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.codes) == (3, ["FLOW_SYNTAX_ERROR", "NOTHING_TO_DEPLOY"]), result.output
    assert wrong_file.read_text() == WRONG
    plans = one_flow.run("recovery", "list", "-ojson").document["plans"]
    assert plans[0]["status"] == "rolled_back"


def test_a_recovery_that_cannot_be_undone_is_exit_4(one_flow: Workspace, wrong_file: Path) -> None:
    """It is told beside the failure, and stays open."""
    plan = OWN.replace("CHECK", "[test, -e, no-such-file]").replace("undo: [cp, ", "undo: [no-such-program, ")
    one_flow.write("recovery-plans.yaml", plan)
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (4, "rollback_incomplete"), result.output
    assert result.codes == ["FLOW_SYNTAX_ERROR", "NOTHING_TO_DEPLOY", "RECOVERY_FAILED"]
    assert one_flow.run("recovery", "list", "-ojson").document["plans"][0]["status"] == "failed"


def test_a_recovery_that_is_killed_is_undone_by_the_next_process(
    one_flow: Workspace, wrong_file: Path
) -> None:
    """The undo of a command is known to any process."""
    waiting = OWN.replace("CHECK", "[sleep, '300']")
    one_flow.write("recovery-plans.yaml", waiting)
    running = one_flow.start("deploy", "--recover", "auto", "-ojson")
    right = (one_flow.root / "right.py").read_text()
    wait_for(lambda: wrong_file.read_text() == right)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    recovered = one_flow.run("recovery", "execute", "--auto-execute", "-ojson")
    assert (recovered.status, recovered.document["status"]) == (0, "rolled_back"), recovered.output
    assert wrong_file.read_text() == WRONG


@pytest.mark.parametrize(
    ("text", "expected", "line"),
    [
        ("plans:\n  x:\n    for: [WORK_POL_NOT_FOUND]\n    description: y\n", "WORK_POOL_NOT_FOUND", 3),
        (
            "plans:\n  x:\n    for: [FLOW_NOT_FOUND]\n    description: y\n    steps:\n"
            "      - action: create_workpool\n",
            "create_work_pool",
            6,
        ),
        (
            "plans:\n  x:\n    for: [FLOW_NOT_FOUND]\n    description: y\n    steps:\n"
            "      - action: wait_for_server\n        with: {second: 3}\n",
            "seconds",
            7,
        ),
        ("plans:\n  x:\n    for: [FLOW_NOT_FOUND]\n    descripton: y\n", "descripton", 4),
        ("plans:\n  x:\n    for: []\n    description: y\n", "for", 3),
    ],
)
def test_a_mistake_in_the_users_file_is_told_with_its_line(
    one_flow: Workspace, text: str, expected: str, line: int
) -> None:
    """And with what was probably meant."""
    one_flow.write("recovery-plans.yaml", text)
    result = one_flow.run("recovery", "plans", "validate", "-ojson")
    assert result.status == 3
    errors = [error for error in result.document["errors"] if expected in error["message"]]
    assert errors, result.output
    assert errors[0]["context"]["file_path"] == "recovery-plans.yaml"
    assert errors[0]["context"]["line_number"] == line
    assert one_flow.run("recovery", "list").status == 0, "what is to be rolled back can still be"


def test_plans_and_actions_are_shown(one_flow: Workspace) -> None:
    """By name, and by the code of an error; for each code there is one."""
    listed = one_flow.run("recovery", "plans", "list", "-ojson").document
    assert {"work-pool-missing", "server-away"} <= {plan["name"] for plan in listed["plans"]}
    assert {"run", "create_work_pool"} <= {action["name"] for action in listed["actions"]}
    assert "create_work_pool" in one_flow.run("recovery", "plans", "show", "WORK_POOL_NOT_FOUND").output
    by_hand = one_flow.run("recovery", "plans", "show", "UNDO_CONFLICT", "-ojson").document
    assert (by_hand["strategy"], by_hand["steps"]) == ("manual", [])
    unknown = one_flow.run("recovery", "plans", "show", "work-pool-mising", "-ojson")
    assert unknown.status == 3
    assert "work-pool-missing" in unknown.document["errors"][0]["message"]
