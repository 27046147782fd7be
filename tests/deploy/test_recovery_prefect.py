"""Recovery at Prefect servers: a login, a worker, the UI; real servers, and real workers that are ended."""

import json
import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployment_system.api.local_processes import began_at
from deployment_system.deploy.project import open_project
from deployment_system.deploy.recovery.fastapi_actions import fastapi_of
from deployment_system.deploy.recovery.prefect_login_action import renamed
from deployment_system.deploy.recovery.worker_action import StartWorker
from deployment_system.error_handling import ErrorCodes, ErrorContext, PrefectAPIError
from tests.conftest import POOL, free_port
from tests.deploy.conftest import Workspace
from tests.deploy.test_recovery_docker import assert_recovered, mended
from tests.docker_engine import PROJECT
from tests.prefect_servers import PrefectProcess
from tests.recording_proxy import Fault, RecordingProxy

LOGIN = "deployer:tell-nobody-4711"
WRONG = "deployer:wrong-4712"


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that wants a login, and whose pages ask an API where nobody is."""
    environ = {
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{free_port()}/api",
    }
    server = PrefectProcess(tmp_path_factory.mktemp("closed-prefect"), free_port(), environ)
    server.start()
    try:
        server.wait_until_healthy()
        body = {"name": POOL, "type": "process", "base_job_template": {}}
        auth = httpx.BasicAuth(*LOGIN.split(":"))
        httpx.post(f"{server.url}/work_pools/", json=body, auth=auth, timeout=60).raise_for_status()
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def closed(make_workspace: Callable[[str], Workspace], closed_server: str) -> Workspace:
    """A repository with one flow, for that server."""
    workspace = make_workspace("closed")
    workspace.server_url = closed_server
    workspace.write_flow("load")
    workspace.configure()
    return workspace


def profile(workspace: Workspace, *settings: str, name: str = "shop") -> Path:
    """Prefect's own profiles, of which this one is active."""
    lines = "\n".join(settings)
    text = f'active = "{name}"\n\n[profiles.other]\nPREFECT_API_KEY = "other"\n\n[profiles.{name}]\n{lines}\n'
    return workspace.write(".prefect-home/profiles.toml", text)


def nothing_is_told(workspace: Workspace, *texts: str) -> None:
    """No output and no state holds a secret."""
    state = b"".join(file.read_bytes() for file in (workspace.root / ".deployment-system").glob("state.db*"))
    for secret in (LOGIN, LOGIN.split(":")[1], WRONG.split(":")[1]):
        assert secret.encode() not in state
        assert not any(secret in text for text in texts)


# -- a login ----------------------------------------------------------------------------------------------


@pytest.mark.recovers("PREFECT_AUTH_FAILED", plan="server-login-misnamed")
@pytest.mark.parametrize("variable", ["PREFECT_API_KEY", "PREFECT_SERVER_API_AUTH_STRING"])
def test_a_password_under_a_wrong_name_is_found(closed: Workspace, variable: str) -> None:
    """The setting of the profile gets the name that it needs; taken back, it is as before."""
    file = profile(closed, f'{variable} = "{LOGIN}" # ours', 'PREFECT_LOGGING_LEVEL = "INFO"')
    before = file.read_text()
    assert closed.deploy().codes == ["PREFECT_AUTH_FAILED"]
    result = mended(closed)
    assert_recovered(result, "server-login-misnamed")
    (recovery,) = result.document["recoveries"]
    assert f"{variable} of the Prefect profile 'shop'" in recovery["steps"][0]["would"]
    assert f'PREFECT_API_AUTH_STRING = "{LOGIN}" # ours' in file.read_text()
    kept = f'{variable} = "{LOGIN}"' in file.read_text()
    assert kept == ("SERVER" in variable), "the server itself may need its own"
    back = closed.run("recovery", "execute", "--plan-id", recovery["plan_id"], "--auto-execute")
    assert back.status == 0, back.output + back.errors
    assert file.read_text() == before
    nothing_is_told(closed, result.output, result.errors, back.output, back.errors)


@pytest.mark.recovers_in_vain("PREFECT_AUTH_FAILED", plan="server-login-misnamed")
def test_no_login_that_is_known_opens_the_server(closed: Workspace) -> None:
    """It is said, and the profile stays as it was; what is meant for another server is not tried."""
    file = profile(closed, f'PREFECT_API_KEY = "{WRONG}"', f'PREFECT_API_AUTH_STRING = "{WRONG}"')
    before = file.read_text()
    elsewhere = {"PREFECT_API_URL": "https://elsewhere.example/api", "PREFECT_API_AUTH_STRING": LOGIN}
    result = closed.run("deploy", "--recover", "auto", environ=elsewhere)
    assert result.status == 1, result.output
    assert "takes none of the logins" in result.errors
    assert file.read_text() == before
    nothing_is_told(closed, result.output, result.errors)


@pytest.mark.parametrize(
    ("shell", "settings", "said"),
    [
        (
            {"PREFECT_API_KEY": LOGIN},
            [],
            'export PREFECT_API_AUTH_STRING="$PREFECT_API_KEY"; unset PREFECT_API_KEY',
        ),
        (
            {"PREFECT_API_KEY": "old-key-4712", "PREFECT_API_AUTH_STRING": LOGIN},
            [],
            "unset PREFECT_API_KEY",
        ),
        (
            {"PREFECT_API_KEY": "old-key-4712"},
            [f'PREFECT_API_AUTH_STRING = "{LOGIN}"'],
            "unset PREFECT_API_KEY",
        ),
    ],
)
def test_what_stands_in_the_shell_is_said_with_a_command_that_helps(
    closed: Workspace, shell: dict[str, str], settings: list[str], said: str
) -> None:
    """Only the shell's owner can change it. The command does not hold the secret, and it helps."""
    if settings:
        profile(closed, *settings)
    shown = closed.run("doctor", environ=shell)
    assert f"`{said}`" in shown.output, shown.output
    nothing_is_told(closed, shown.output, shown.errors)
    helped = {**shell, "PREFECT_API_KEY": ""} | (
        {"PREFECT_API_AUTH_STRING": LOGIN} if "export" in said else {}
    )
    deployed = closed.run("deploy", "-ojson", environ=helped)
    assert deployed.document["status"] in ("deployed", "unchanged"), deployed.output


def test_a_setting_of_one_profile_alone_is_renamed() -> None:
    """Comments, other profiles, and the value stay."""
    text = '[profiles.a]\nX = "1"\n\n[profiles."b"] # mine\n  X = "X" # X\n[other]\nX = 3'
    assert renamed(text, "b", "X", "Y") == text.replace('  X = "X" # X', '  Y = "X" # X')
    assert renamed(text, "b", "X", "Y", keep=True) == text.replace(
        '  X = "X" # X\n', '  X = "X" # X\n  Y = "X" # X\n'
    )
    assert renamed(text, "c", "X", "Y") == text


# -- a worker ---------------------------------------------------------------------------------------------


@pytest.fixture
def idle(workspace: Workspace) -> Iterator[Workspace]:
    """A flow for a process pool that has no worker."""
    pool = f"{workspace.prefix}-idle"
    workspace.write_flow("load")
    workspace.configure()
    file = workspace.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace(POOL, pool))
    assert mended(workspace).status == 0
    yield workspace
    workspace.run("down")


def worker_note(workspace: Workspace) -> Path:
    """Where the process is noted that a recovery started."""
    return workspace.root / ".deployment-system" / "local" / f"worker-{workspace.prefix}-idle.json"


@pytest.mark.recovers("WORK_POOL_NOT_READY", plan="work-pool-without-worker")
def test_a_pool_without_a_worker_gets_one(idle: Workspace) -> None:
    """It is online, and `down` ends it with what `up` started."""
    assert "would start a worker for the work pool" in idle.run("doctor").output
    fixed = idle.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert [each["plan"] for each in fixed.document["mended"]] == ["work-pool-without-worker"], fixed.output
    assert (fixed.status, fixed.document["healthy"]) == (0, True), fixed.output
    process = json.loads(worker_note(idle).read_text())["pid"]
    assert began_at(process) is not None
    assert idle.run("down", "-ojson").document["stopped"] == [f"worker-{idle.prefix}-idle"]
    assert began_at(process) is None


@pytest.mark.recovers_in_vain("WORK_POOL_NOT_READY", plan="work-pool-without-worker")
def test_a_worker_that_nobody_sees_is_ended(idle: Workspace, proxy: RecordingProxy) -> None:
    """The server never hears of it: no process and no note stays."""
    proxy.faults.append(Fault("POST", "/workers/heartbeat", status=404))
    idle.write(
        "recovery-plans.yaml",
        """
        plans:
          work-pool-without-worker:
            for: [WORK_POOL_NOT_READY]
            description: start a worker
            steps: [{action: start_worker, with: {seconds: 4}}]
        """,
    )
    first = idle.run("doctor", "--fix", "--auto-execute")
    assert first.status == 1
    # The worker itself gives up without its server's answer: before the recovery does, or after.
    assert "everything is as before" in first.errors
    assert "still has no worker that is online" in first.errors or "' ended; its log ends" in first.errors
    assert not worker_note(idle).exists()
    running = [file for file in Path("/proc").glob("[0-9]*/cmdline") if idle.prefix in _command_of(file)]
    assert running == []


def _command_of(file: Path) -> str:
    try:
        return os.fsdecode(file.read_bytes())
    except OSError:
        return ""


def test_a_worker_of_another_type_is_a_persons_to_start(idle: Workspace) -> None:
    """What it needs, nobody here knows."""
    pool = f"{idle.prefix}-docker"
    idle.ask("POST", "/work_pools/", {"name": pool, "type": "docker", "base_job_template": {}})
    project = open_project(idle.root, environ={})
    context = ErrorContext(work_pool=pool)
    error = PrefectAPIError("nobody", error_code=ErrorCodes.WORK_POOL_NOT_READY, context=context)
    missing = StartWorker(project, {}).needs(error, {})
    assert missing is not None
    assert f"of type 'docker': `prefect worker start --pool {pool}`" in missing


# -- its FastAPI ------------------------------------------------------------------------------------------


@dataclass
class OwnPython(Workspace):
    """A repository whose commands run in a Python environment of its own."""

    python: Path = Path()

    def command(self, *arguments: str) -> list[str]:
        """With that interpreter."""
        return [str(self.python), "-m", "deployment_system.cli", *arguments]


BREAKING = "0.152.0"
"""With it a Prefect server starts, and answers 422 to fields that are null."""


NO_INDEX = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_RETRIES": "0",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INDEX": "1",
}


@pytest.fixture
def broken_python(tmp_path: Path) -> Path:
    """An interpreter that has all that the tests have, and before that a FastAPI of its own."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "rest.pth").write_text(sysconfig.get_path("purelib") + f"\n{PROJECT / 'src'}\n")
    prefect = folder / "bin" / "prefect"
    prefect.write_text(f"#!{python}\nfrom prefect.cli import app\napp()\n")
    prefect.chmod(0o755)
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed"]
    subprocess.run([*install, f"fastapi=={BREAKING}"], check=True, capture_output=True, timeout=120)
    return python


@pytest.fixture
def with_broken_python(
    broken_python: Path, tmp_path: Path, prefect_server: str, docker_pool: str
) -> OwnPython:
    """A flow, for the server of the session, and a command that runs with that interpreter."""
    root = tmp_path / "repository"
    root.mkdir()
    workspace = OwnPython(root, prefix="own-python", server_url=prefect_server, python=broken_python)
    workspace.write_flow("load")
    workspace.configure()
    file = root / "deployment-config.yaml"
    file.write_text(file.read_text().replace(POOL, docker_pool))
    return workspace


def check_named(document: dict[str, Any], name: str) -> bool:
    """Whether `doctor` found nothing wrong there."""
    (found,) = [check["ok"] for check in document["checks"] if check["name"] == name]
    return bool(found)


@pytest.mark.recovers("PREFECT_SERVER_INCOMPATIBLE", plan="server-fastapi")
def test_a_fastapi_that_breaks_servers_is_replaced(with_broken_python: OwnPython) -> None:
    """By pip, in the environment of the command; the version before stands in the journal."""
    before = with_broken_python.run("doctor", "-ojson").document
    assert not check_named(before, "fastapi")
    fixed = with_broken_python.run("doctor", "--fix", "--auto-execute", "-ojson").document
    assert fixed["mended"][0]["plan"] == "server-fastapi", fixed
    assert check_named(fixed, "fastapi")
    assert f"in place of {BREAKING}" in fixed["mended"][0]["messages"][0]


@pytest.mark.recovers_in_vain("PREFECT_SERVER_INCOMPATIBLE", plan="server-fastapi")
def test_a_fastapi_that_cannot_be_had_is_left(with_broken_python: OwnPython) -> None:
    """The index does not answer: pip's own words, and the version as it was."""
    failed = with_broken_python.run("doctor", "--fix", "--auto-execute", environ=NO_INDEX)
    assert failed.status == 1
    assert "No matching distribution found for fastapi" in failed.errors
    assert fastapi_of(str(with_broken_python.python)) == BREAKING


@pytest.mark.recovers("PREFECT_SERVER_INCOMPATIBLE", plan="server-fastapi-of-up")
@pytest.mark.recovers_in_vain("PREFECT_SERVER_INCOMPATIBLE", plan="server-fastapi-of-up")
def test_a_local_server_with_that_fastapi_is_mended(with_broken_python: OwnPython) -> None:
    """It answers 422 before, and takes the same request afterwards: started again, with another FastAPI.
    Where that one cannot be had, the server runs on as it was."""
    workspace = with_broken_python
    workspace.server_url = f"http://127.0.0.1:{free_port()}/api"
    workspace.configure()
    try:
        assert workspace.run("up").status == 0
        before = workspace.run("doctor", "-ojson").document
        assert not check_named(before, "server's fastapi")
        server = json.loads((workspace.root / ".deployment-system" / "local" / "server.json").read_text())
        failed = workspace.run("doctor", "--fix", "--auto-execute", environ=NO_INDEX)
        assert failed.status == 1
        assert "No matching distribution found for fastapi" in failed.errors
        assert began_at(server["pid"]) == server["began"]
        fixed = workspace.run("doctor", "--fix", "--auto-execute", "-ojson")
        assert [each["plan"] for each in fixed.document["mended"]] == ["server-fastapi-of-up"], fixed.output
        assert (fixed.status, fixed.document["healthy"]) == (0, True), fixed.output
        assert workspace.deploy().document["status"] == "deployed"
    finally:
        workspace.run("down")


def test_a_server_of_another_environment_is_told_with_the_command(
    workspace: Workspace, proxy: RecordingProxy
) -> None:
    """Its symptom is seen; what runs it is not here."""
    workspace.write_flow("load")
    workspace.configure()
    proxy.faults.append(Fault("POST", "/flows/filter", status=422))
    told = workspace.run("doctor")
    assert 'there `python -m pip install "fastapi>=0.139,<0.151"`, and start it again' in told.output


@pytest.mark.parametrize(("version", "said"), [("3.4.11", 'prefect==3.4.*"'), ("99.0.0", ""), ("dev", "")])
def test_a_server_that_is_older_than_prefect_here_is_told(
    workspace: Workspace, proxy: RecordingProxy, version: str, said: str
) -> None:
    """It works, and workers of a newer Prefect may not."""
    workspace.configure()
    proxy.faults.append(Fault("GET", "/admin/version", status=200, body=json.dumps(version)))
    told = workspace.run("doctor").output
    assert ("older than Prefect" in told) is bool(said), told
    assert said in told


# -- the UI -----------------------------------------------------------------------------------------------


def ui_check(workspace: Workspace, **environ: str) -> dict[str, object]:
    """What `doctor` says of the UI."""
    checks = workspace.run("doctor", "-ojson", environ=environ).document["checks"]
    (found,) = [check for check in checks if check["name"] == "Prefect UI"]
    return dict(found)


def test_a_ui_that_shows_another_server_is_told(closed: Workspace, closed_server: str) -> None:
    """With what has to be set where the server is started."""
    found = ui_check(closed, PREFECT_API_AUTH_STRING=LOGIN)
    assert (found["ok"], found["error_code"]) == (False, "UI_API_URL_DIFFERS"), found
    assert f"PREFECT_SERVER_UI_API_URL={closed_server}" in str(found["remediation"])


def test_a_ui_that_shows_this_server_under_another_address_is_right(
    workspace: Workspace, prefect_server: str
) -> None:
    """Through a proxy the server has another URL than its pages ask."""
    workspace.write_flow("load")
    workspace.configure()
    found = ui_check(workspace)
    assert found["ok"], found
    assert prefect_server in str(found["message"])
