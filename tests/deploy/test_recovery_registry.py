"""Recovery of registries: real ones, which are away, or want a login that Docker has under another name."""

import json
import socket
import threading
from base64 import b64encode
from pathlib import Path

import pytest

from deployment_system.deploy.recovery.registry_logins import same_registry
from tests.conftest import free_port
from tests.deploy.conftest import Workspace
from tests.deploy.container_shop import configured, made_shop, wait_until
from tests.deploy.docker_world import registry_tags
from tests.deploy.test_recovery_docker import assert_recovered, mended, says_recovered
from tests.docker_engine import PASSWORD, USER, PrivateEngine, Registry, private_registry

LOGIN = b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def shop(workspace: Workspace, running_engine: PrivateEngine, tmp_path: Path) -> Workspace:
    """A flow in a container, without any login at a registry."""
    workspace.environ["DOCKER_CONFIG"] = str(tmp_path / "docker")
    (tmp_path / "docker").mkdir()
    return made_shop(workspace, running_engine)


def logged_in(workspace: Workspace, **logins: str) -> Path:
    """Docker's settings with these logins, as `docker login` writes them."""
    file = Path(workspace.environ["DOCKER_CONFIG"]) / "config.json"
    settings = {"auths": {name: {"auth": login} for name, login in logins.items()}}
    file.write_text(json.dumps(settings, indent="\t"))
    return file


class BrokenOff:
    """Takes each connection to a port, and breaks it off: a registry on its way down, or up."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.count = 0
        self._thread = threading.Thread(target=self._break_off, daemon=True)
        self._thread.start()

    def _break_off(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.close()
            self.count += 1

    def end(self) -> None:
        """Gives the port to another."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)


@pytest.mark.recovers("DOCKER_REGISTRY_UNAVAILABLE", plan="registry-away")
def test_a_registry_that_comes_back_is_waited_for(shop: Workspace, tmp_path: Path) -> None:
    """It is asked again and again once the recovery says that it waits, and starts only then."""
    broken = BrokenOff()
    configured(shop, f"docker_registry: 127.0.0.1:{broken.port}/team")
    running = shop.start("deploy", "--recover", "auto")
    assert running.stderr is not None
    assert any(f"s for the registry 127.0.0.1:{broken.port}" in line for line in running.stderr)
    asked = broken.count
    wait_until(lambda: broken.count >= asked + 3)
    broken.end()
    with private_registry(tmp_path / "registry", port=broken.port) as registry:
        output, errors = running.communicate(timeout=120)
        assert running.returncode == 0, output + errors
        assert says_recovered(errors, "waited")
        assert registry_tags(registry, f"team/{shop.prefix}")


@pytest.mark.recovers_in_vain("DOCKER_REGISTRY_UNAVAILABLE", plan="registry-away")
def test_a_registry_that_stays_away(shop: Workspace) -> None:
    """Waited for as long as a plan says; then the deployment fails with its own error."""
    configured(shop, f"docker_registry: 127.0.0.1:{free_port()}/team")
    shop.write(
        "recovery-plans.yaml",
        """
        plans:
          registry-away:
            for: [DOCKER_REGISTRY_UNAVAILABLE]
            description: wait a moment
            steps: [{action: wait_for_registry, with: {seconds: 1}}]
        """,
    )
    result = shop.run("deploy", "--recover", "auto")
    assert result.status == 1
    assert "waited 1 s for the registry" in result.errors
    assert "DOCKER_REGISTRY_UNAVAILABLE" in result.errors
    assert shop.stored() == {}


@pytest.mark.recovers("DOCKER_REGISTRY_UNAUTHORIZED", plan="registry-login-under-another-name")
def test_a_login_for_another_name_of_the_registry(shop: Workspace, registry_with_password: Registry) -> None:
    """The registry is asked with it before it is proposed. Taken back, the file is as it was."""
    host = registry_with_password.host
    other = host.replace("127.0.0.1", "localhost")
    file = logged_in(shop, **{"registry.example": "bm9ib2R5OndpdGhvdXQ=", other: LOGIN})
    before = file.read_text()
    configured(shop, f"docker_registry: {host}/team")
    result = mended(shop)
    assert_recovered(result, "registry-login-under-another-name")
    assert set(json.loads(file.read_text())["auths"]) == {"registry.example", other, host}
    (recovery,) = result.document["recoveries"]
    assert f"for {other} for {host} as well" in recovery["steps"][0]["would"]
    state = b"".join(part.read_bytes() for part in (shop.root / ".deployment-system").glob("state.db*"))
    for secret in (LOGIN, PASSWORD):
        assert secret not in result.output + result.errors
        assert secret.encode() not in state
    back = shop.run("recovery", "execute", "--plan-id", recovery["plan_id"], "--auto-execute")
    assert back.status == 0, back.errors
    assert file.read_text() == before


@pytest.mark.recovers_in_vain("DOCKER_REGISTRY_UNAUTHORIZED", plan="registry-login-under-another-name")
@pytest.mark.parametrize("known", ["localhost", "registry.example", ""])
def test_a_login_that_does_not_open_it(shop: Workspace, registry_with_password: Registry, known: str) -> None:
    """It is said which there are, and how to log in; the file stays as it was."""
    host = registry_with_password.host
    name = known.replace("localhost", host.replace("127.0.0.1", "localhost"))
    wrong = b64encode(b"deployer:wrong-4712").decode()
    file = logged_in(shop, **({name: wrong} if name else {}))
    before = file.read_text()
    configured(shop, f"docker_registry: {host}/team")
    result = shop.run("deploy", "--recover", "auto")
    assert result.status == 1, result.errors
    assert f"docker login {host}`" in result.errors
    said = {"localhost": "does not take the login", "registry.example": "those of registry.example"}
    assert said.get(known, "none at all") in result.errors
    assert wrong not in result.errors
    assert "wrong-4712" not in result.errors
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("localhost:5000", "127.0.0.1:5000", True),
        ("http://[::1]:5000/v2/", "localhost:5000", True),
        ("Registry.Example", "registry.example:443", True),
        ("https://registry.example/v1/", "registry.example", True),
        ("localhost:5000", "localhost:5001", False),
        ("registry.example", "registry.example.org", False),
        ("registry.example:5000", "registry.example", False),
        ("registri.example", "registry.example", False),
    ],
)
def test_names_of_one_registry(one: str, other: str, same: bool) -> None:
    """A login goes to no registry that only has a similar name."""
    assert same_registry(one, other) is same
