"""The plan of one's own that docs/recovery.md shows: taken as it stands there, it mends what it says."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import free_port
from tests.deploy.conftest import Workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recovery.md"
SYSTEMCTL = "systemctl, --user"
TUNNEL = '''
"""As `systemctl` for one tunnel: start, stop, is-active."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

PORT, TARGET = int(sys.argv[1]), int(sys.argv[2])
NOTE = Path("tunnel.pid")


def forward(source, target):
    while content := source.recv(65536):
        target.sendall(content)
    target.shutdown(socket.SHUT_WR)


def serve():
    with socket.create_server(("127.0.0.1", PORT)) as listening:
        print("listening", flush=True)
        while True:
            here, _ = listening.accept()
            there = socket.create_connection(("127.0.0.1", TARGET))
            for pair in ((here, there), (there, here)):
                threading.Thread(target=forward, args=pair, daemon=True).start()


match sys.argv[3]:
    case "serve":
        serve()
    case "start":
        command = [sys.executable, __file__, *sys.argv[1:3], "serve"]
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        running.stdout.readline()
        NOTE.write_text(str(running.pid))
    case "stop":
        os.kill(int(NOTE.read_text()), signal.SIGTERM)
        NOTE.unlink()
    case "is-active":
        os.kill(int(NOTE.read_text()), 0)
'''


@pytest.fixture
def tunnel(one_flow: Workspace) -> tuple[Workspace, str]:
    """Staging, whose server is behind a tunnel that is closed; and the page's plan, for that tunnel."""
    url = f"http://127.0.0.1:{free_port()}/api"
    one_flow.configure(top="default_environment: staging\n")
    file = one_flow.root / "deployment-config.yaml"
    assert one_flow.proxy is not None
    file.write_text(file.read_text().replace("development", "staging").replace(one_flow.proxy.url, url))
    one_flow.write("tunnel.py", TUNNEL)
    one_flow.write(".gitignore", "/tunnel.*\n")
    plan = PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert plan.count(SYSTEMCTL) == 3
    here, there = (urlsplit(each).port for each in (url, one_flow.proxy.url))
    command = f"{sys.executable}, tunnel.py, '{here}', '{there}'"
    plan = plan.replace(SYSTEMCTL, command).replace(", prefect-tunnel", "")
    one_flow.write("recovery-plans.yaml", plan.replace("http://127.0.0.1:4299/api", url))
    return one_flow, plan


def test_the_plan_of_the_page_opens_the_tunnel(tunnel: tuple[Workspace, str]) -> None:
    """All that was changed is the command and the server's URL."""
    shop, _ = tunnel
    assert shop.run("recovery", "plans", "validate").status == 0
    shown = shop.run("recovery", "plans", "run", "start-the-tunnel", "--dry-run", "-ojson")
    assert (shown.status, shown.document["status"]) == (0, "proposed"), shown.output
    assert not (shop.root / "tunnel.pid").exists()
    try:
        result = shop.deploy("--recover", "auto")
        assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
        assert [each["plan"] for each in result.document["recoveries"]] == ["start-the-tunnel"]
        assert list(shop.stored()) == [f"{shop.prefix}-load-python-staging"]
        plan_id = result.document["recoveries"][0]["plan_id"]
        assert shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 0
        assert not (shop.root / "tunnel.pid").exists(), "its own undo closes it"
    finally:
        shop.run("down")  # of a plan of the package, had the other one not been taken
        if (shop.root / "tunnel.pid").exists():
            subprocess.run([sys.executable, "tunnel.py", "0", "0", "stop"], cwd=shop.root, check=True)


def test_the_plan_of_the_page_is_for_its_environment_and_server_only(tunnel: tuple[Workspace, str]) -> None:
    """As it says."""
    shop, plan = tunnel
    shop.write("recovery-plans.yaml", plan)
    result = shop.run("recovery", "plans", "run", "start-the-tunnel", "--dry-run", "-ojson")
    assert result.document["plan"] == "start-the-tunnel", "of which server, nobody has said"
    assert shop.deploy().status == 1
    error_id = shop.run("error", "list", "-ojson").document["errors"][0]["error_id"]
    other = shop.run("recovery", "plans", "run", "start-the-tunnel", "--error", error_id, "-ojson")
    assert (other.status, other.codes) == (2, ["USAGE_INVALID"])
    assert "where server_url is 'http://127.0.0.1:4299/api'" in other.document["errors"][0]["message"]
