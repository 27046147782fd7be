"""What is said when containers are in trouble: an engine that dies, a registry that keeps, images that go."""

import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployment_system.builders.engine import DockerEngine
from tests.deploy.conftest import Workspace
from tests.deploy.container_shop import (
    DOCKERFILE,
    SECONDS,
    configured,
    made_shop,
    names,
    wait_until,
)
from tests.docker_engine import (
    BUSYBOX,
    PASSWORD,
    USER,
    PrivateEngine,
    Registry,
    import_busybox,
    private_engine,
)
from tests.recording_proxy import Fault, RecordingProxy

WAITING = DOCKERFILE + "RUN echo --now--; sleep 300\n"


@pytest.fixture
def shop(workspace: Workspace, running_engine: PrivateEngine) -> Workspace:
    """A flow in a container, on the running engine."""
    return made_shop(workspace, running_engine)


@pytest.fixture
def breakable_engine() -> Iterator[PrivateEngine]:
    """An engine that a test may kill."""
    with private_engine() as engine:
        import_busybox(engine)
        yield engine


# -- an engine that dies ----------------------------------------------------------------------------------


def test_an_engine_that_is_killed_in_a_build_is_told_with_image_and_step(
    workspace: Workspace, breakable_engine: PrivateEngine
) -> None:
    """And what to do: once it runs again, the same command takes back what is left and goes on."""
    shop = made_shop(workspace, breakable_engine, WAITING)
    with breakable_engine.client() as engine:
        running = shop.start("deploy", "-ojson")
        wait_until(lambda: bool(engine.call(lambda client: client.containers())))
        breakable_engine.kill()
    output, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 4, output + errors
    told = shop.run("recovery", "list", "-ojson").document["plans"][0]["error"]
    assert told["error_code"] == "DOCKER_BUILD_INTERRUPTED"
    assert f"during the build of {shop.prefix}:" in told["message"]
    assert "at step 4 of 4: RUN echo --now--; sleep 300" in told["message"]
    assert "it has not come back" in told["message"]
    assert told["context"]["line_number"] == 4
    assert "DOCKER_BUILD_INTERRUPTED" in output
    breakable_engine.start()
    shop.write("Dockerfile", DOCKERFILE)
    again = shop.deploy()
    assert (again.status, again.document["status"]) == (0, "deployed"), again.output + again.errors
    shop.leave_nothing()


# -- a registry that keeps what was pushed -----------------------------------------------------------------


@pytest.fixture
def pushing(shop: Workspace, registry_with_password: Registry, tmp_path: Path) -> Workspace:
    """The shop, with a registry that removes nothing."""
    config = tmp_path / "docker-config"
    shop.environ["DOCKER_CONFIG"] = str(config)
    config.mkdir()
    login = httpx.BasicAuth(USER, PASSWORD)._auth_header.removeprefix("Basic ")
    host = registry_with_password.host
    (config / "config.json").write_text(f'{{"auths": {{"{host}": {{"auth": "{login}"}}}}}}')
    configured(shop, f"docker_registry: {host}/team")
    return shop


def test_what_a_registry_keeps_is_in_the_report_of_a_failed_deployment(
    pushing: Workspace, proxy: RecordingProxy
) -> None:
    """In words and in JSON; the rollback is complete all the same, and is told so later too."""
    proxy.faults.append(Fault("POST", "^/api/deployments/$", status=422))
    result = pushing.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back"), result.output
    kept = result.document["left_behind"]
    assert sorted(name.rpartition(":")[0].rpartition("/")[2] for name in kept) == [pushing.prefix] * 2
    assert f"{kept[0].rpartition(':')[0]}:development" in kept
    details = pushing.run("recovery", "details", result.document["plan_id"], "-ojson").document["plans"][0]
    assert sorted(details["left_behind"]) == sorted(kept)
    pushing.write("flows/more.txt", "another content")
    in_words = pushing.run("deploy", "--force")
    assert in_words.status == 1
    assert "stays in its registry, which lets nothing be removed" in in_words.output
    assert "everything is as it was" in in_words.output


def test_what_a_registry_keeps_is_in_the_report_of_a_recovery(pushing: Workspace) -> None:
    """Also of one that takes a good deployment back."""
    plan_id = pushing.deploy().document["plan_id"]
    recovered = pushing.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute", "-ojson")
    assert recovered.status == 0, recovered.output
    kept = recovered.document["plans"][0]["left_behind"]
    assert len(kept) == 2
    shown = pushing.run("recovery", "details", plan_id).output
    assert all(f"{name} stays in its registry" in shown for name in kept)


def test_what_a_registry_keeps_is_in_the_report_of_a_build(pushing: Workspace) -> None:
    """One image was pushed, the next one cannot be built."""
    pushing.write_flow("report")
    pushing.write("flows/report.Dockerfile", f"FROM {BUSYBOX}\nCOPY flows /app/flows\nRUN exit 3\n")
    result = pushing.run("build", "--push", "-ojson")
    assert (result.status, result.document["status"]) == (1, "rolled_back"), result.output
    assert result.codes[0] == "DOCKER_BUILD_FAILED"
    assert set(result.codes[1:]) == {"DOCKER_IMAGE_LEFT_BEHIND"}


# -- images that go ----------------------------------------------------------------------------------------


def answered(workspace: Workspace, answer: str, *arguments: str) -> tuple[int, str]:
    """Runs the command at a terminal where somebody types an answer; exit status and what was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        workspace.command(*arguments),
        cwd=workspace.root,
        env=workspace.whole_environ(None),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = bytearray()
    killer = threading.Timer(SECONDS, process.kill)
    killer.start()
    try:
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer.encode() + b"\n")
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # the terminal's way of saying that nobody is at the other end any more
    finally:
        killer.cancel()
        os.close(ours)
    return process.wait(), shown.decode()


def test_clean_asks_before_images_alone_go(shop: Workspace, engine: DockerEngine) -> None:
    """With their names; without a terminal and --yes nothing goes, as with deployments."""
    assert shop.run("build", "-ojson").status == 0
    before = names(engine, shop)
    assert len(before) == 2
    planned = shop.run("clean", "--images", "--dry-run", "-ojson")
    assert set(planned.document["removed_images"]) == before
    refused = shop.run("clean", "--images", "-ojson")
    assert (refused.status, refused.codes) == (3, ["CONFIRMATION_REQUIRED"])
    status, shown = answered(shop, "n", "clean", "--images")
    assert status == 3
    assert all(f"image {name}" in shown for name in before)
    assert names(engine, shop) == before
    status, shown = answered(shop, "y", "clean", "--images")
    assert (status, names(engine, shop)) == (0, set()), shown
    assert "2 image names deleted" in shown
    assert shop.run("clean", "--images", "-ojson").document["status"] == "unchanged"


def test_clean_leaves_the_images_of_deployments_that_stay(shop: Workspace, engine: DockerEngine) -> None:
    """Their runs would find no image."""
    shop.write_flow("report")
    shop.write("flows/report.Dockerfile", f"{DOCKERFILE}LABEL of=report\n")
    assert shop.deploy().status == 0
    of_report = {name for name in names(engine, shop) if "/flows/report:" in name}
    assert len(of_report) == 2
    cleaned = shop.run("clean", "--images", "--only", shop.name("load"), "--yes", "-ojson")
    assert cleaned.status == 0, cleaned.output + cleaned.errors
    assert names(engine, shop) == of_report
    assert [name.split("-")[1] for name in shop.stored()] == ["report"]
