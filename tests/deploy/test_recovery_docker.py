"""Recovery of what Docker does not do: the engine is broken for real, and mended, or all is as before."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment_system.api import local_processes
from deployment_system.api.local_processes import began_at
from deployment_system.deploy.recovery.docker_actions import DOCKERD
from deployment_system.deploy.recovery.docker_start import SYSTEMD
from tests.deploy.conftest import Workspace
from tests.deploy.container_shop import DOCKERFILE, made_shop, wait_until
from tests.docker_engine import (
    BUSYBOX,
    PrivateEngine,
    import_busybox,
    private_engine,
    skip_without_private_engine,
)
from tests.repositories import Finished


@pytest.fixture(scope="module")
def own_engine() -> Iterator[PrivateEngine]:
    """An engine with the base image, which tests of this file stop and start."""
    with private_engine() as engine:
        import_busybox(engine)
        yield engine


@pytest.fixture
def shop(workspace: Workspace, own_engine: PrivateEngine) -> Iterator[Workspace]:
    """A flow in a container, for an engine that runs, and is to run after the test."""
    yield made_shop(workspace, own_engine)
    folder = workspace.root / ".deployment-system" / "docker"
    if (left := local_processes.known(DOCKERD, folder)) is not None:
        local_processes.stop(left, folder)  # a test that failed leaves nothing
    if own_engine.process is None or own_engine.process.poll() is not None:
        own_engine.start()


def mended(workspace: Workspace, *arguments: str) -> Finished:
    """A deployment that may mend what is wrong."""
    return workspace.deploy("--recover", "auto", *arguments)


def plans_of(result: Finished) -> list[tuple[str, str]]:
    """Each plan that was tried, and what came of it."""
    return [(each["plan"], each["status"]) for each in result.document["recoveries"]]


def assert_recovered(result: Finished, plan: str) -> None:
    """The operation went well after this plan, and says so."""
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert plans_of(result)[-1] == (plan, "recovered")


def says_recovered(text: str, what: str) -> bool:
    """Whether a person is told that it was mended, and how long that took."""
    return re.search(rf"^recovered in [\d.]+ s: {re.escape(what)}", text, re.MULTILINE) is not None


def stopped(engine: PrivateEngine) -> None:
    """Asked to end, as a service manager does it."""
    assert engine.process is not None
    engine.signal(signal.SIGTERM)
    engine.process.wait(60)


def command_of(workspace: Workspace, engine: PrivateEngine, *options: str) -> None:
    """A plan of the user's own that says how this engine is started."""
    words = json.dumps([*engine.command, *options])
    workspace.write(
        "recovery-plans.yaml",
        f"""
        plans:
          docker-stopped:
            for: [DOCKER_DAEMON_UNAVAILABLE]
            description: start the engine of the team
            steps: [{{action: start_docker, with: {{command: {words}}}}}]
        """,
    )


IN_A_MACHINE_OF_ITS_OWN = """
mount -t tmpfs tmpfs /run
trap 'test ! -e /run/docker.pid || kill "$(cat /run/docker.pid)"' EXIT
mkdir -p /etc/docker
mount -t tmpfs tmpfs /etc/docker
cp daemon.json /etc/docker/
if test "$1" = directly
then mount --bind /dev/null /etc/init.d/docker
else
    # The script of Debian wants limits that a container may not set.
    sed 's/ulimit /: ulimit /' /etc/init.d/docker >../init-script
    chmod 755 ../init-script
    mount --bind ../init-script /etc/init.d/docker
fi
shift
"$@" deploy --recover auto >../deployed 2>&1 || { cat ../deployed; exit 1; }
cat ../deployed
cp /run/docker.pid ../started.pid
plan="$(sed -n 's/.*--plan-id \\([^`]*\\)`.*/\\1/p' ../deployed)"
"$@" recovery execute --plan-id "$plan" --auto-execute
"""
"""Run in mounts that nobody else sees: at the socket of the system listens an engine of ours."""


def is_gone(process: int) -> bool:
    """Whether a process has ended, perhaps unnoticed by its parent."""
    return began_at(process) is None


# -- the engine -------------------------------------------------------------------------------------------


def patiently(workspace: Workspace) -> None:
    """The plan of the package, with the time that an engine may need on a busy machine."""
    workspace.write(
        "recovery-plans.yaml",
        """
        plans:
          docker-away:
            for: [DOCKER_DAEMON_UNAVAILABLE, DOCKER_BUILD_INTERRUPTED]
            description: wait until the Docker engine answers again
            steps: [{action: wait_for_docker, with: {seconds: 60}}]
        """,
    )


def until_it_waits(running: "subprocess.Popen[str]") -> None:
    """Returns when a deployment says that it waits for the engine."""
    assert running.stderr is not None
    said: list[str] = []
    for line in running.stderr:
        said.append(line)
        if "recovery: wait up to 60 s for the Docker engine" in line:
            return
    pytest.fail("it must say that it waits:\n" + "".join(said))


def assert_it_ends_well(running: "subprocess.Popen[str]", workspace: Workspace) -> None:
    """The deployment that waited is made."""
    output, errors = running.communicate(timeout=120)
    assert running.returncode == 0, output + errors
    assert says_recovered(errors, "waited")
    assert workspace.deploy().document["status"] == "unchanged"


@pytest.mark.recovers("DOCKER_DAEMON_UNAVAILABLE", plan="docker-away")
def test_an_engine_that_comes_back_is_waited_for(shop: Workspace, own_engine: PrivateEngine) -> None:
    """It is started again when the recovery says that it waits."""
    patiently(shop)
    stopped(own_engine)
    running = shop.start("deploy", "--recover", "auto")
    until_it_waits(running)
    own_engine.start()
    assert_it_ends_well(running, shop)


@pytest.mark.recovers("DOCKER_BUILD_INTERRUPTED", plan="docker-away")
def test_a_build_whose_engine_went_away_is_made_when_it_is_back(
    shop: Workspace, own_engine: PrivateEngine
) -> None:
    """Killed in the middle of a command, and started when the recovery says that it waits."""
    patiently(shop)
    shop.write("Dockerfile", f"{DOCKERFILE}RUN sleep 5\n")
    running = shop.start("deploy", "--recover", "auto")
    with own_engine.client() as client:
        wait_until(lambda: bool(client.call(lambda api: api.containers())))
    own_engine.kill()
    until_it_waits(running)
    own_engine.start()
    assert_it_ends_well(running, shop)


@pytest.mark.recovers_in_vain("DOCKER_DAEMON_UNAVAILABLE", plan="docker-away")
def test_an_engine_that_stays_away_is_told_as_that(shop: Workspace) -> None:
    """None of this machine: nothing can be started, and the deployment fails as it would have."""
    shop.environ["DOCKER_HOST"] = "tcp://127.0.0.1:9"
    result = shop.run("deploy", "--recover", "auto")
    assert result.status == 1, result.errors
    assert "waited 5 s" in result.errors
    assert "everything is as before" in result.errors
    assert "DOCKER_DAEMON_UNAVAILABLE" in result.errors
    assert shop.stored() == {}


def with_the_engine_of_the_system(
    workspace: Workspace, engine: PrivateEngine, how: str, **more: object
) -> "subprocess.CompletedProcess[str]":
    """A deployment where nothing listens at the system's socket, and its engine has the data of ours."""
    stopped(engine)
    workspace.environ["DOCKER_HOST"] = "unix:///var/run/docker.sock"
    settings = {"data-root": f"{engine.folder}/data", "bridge": engine.bridge, "iptables": False}
    workspace.write("daemon.json", json.dumps({**settings, **more}))
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", IN_A_MACHINE_OF_ITS_OWN, "sh", how, *workspace.command()],
        cwd=workspace.root,
        env=workspace.whole_environ(None),
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_started_and_stopped(done: "subprocess.CompletedProcess[str]", workspace: Workspace) -> None:
    """The deployment went well; what was started for it is stopped, as it was taken back."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_gone(int((workspace.root.parent / "started.pid").read_text()))


ONE_ENGINE_ONLY = pytest.mark.skipif(SYSTEMD.is_dir(), reason="systemd runs the only engine of this machine")


@ONE_ENGINE_ONLY
@pytest.mark.recovers("DOCKER_DAEMON_UNAVAILABLE", plan="docker-stopped")
def test_the_engine_of_the_system_is_started(shop: Workspace, own_engine: PrivateEngine) -> None:
    """By its init script. Taken back, it is stopped in the same way."""
    done = with_the_engine_of_the_system(shop, own_engine, "by its script")
    assert_started_and_stopped(done, shop)
    said = "recovery: start the Docker engine at unix:///var/run/docker.sock: `service docker start`"
    assert said in done.stdout
    assert says_recovered(done.stdout, "started `service docker start`")


@ONE_ENGINE_ONLY
@pytest.mark.recovers("DOCKER_DAEMON_UNAVAILABLE", plan="docker-stopped-no-service-manager")
def test_the_engine_of_the_system_is_started_without_a_service_manager(
    shop: Workspace, own_engine: PrivateEngine
) -> None:
    """As root in a container."""
    done = with_the_engine_of_the_system(shop, own_engine, "directly")
    assert_started_and_stopped(done, shop)
    assert "dockerd --host=unix:///var/run/docker.sock`, in the background" in done.stdout
    assert says_recovered(done.stdout, "started `")


@ONE_ENGINE_ONLY
@pytest.mark.recovers_in_vain("DOCKER_DAEMON_UNAVAILABLE", plan="docker-stopped-no-service-manager")
def test_an_engine_of_the_system_whose_settings_are_wrong_is_told_with_its_words(
    shop: Workspace, own_engine: PrivateEngine
) -> None:
    """It ends at once: nothing runs, and no note of it stays."""
    done = with_the_engine_of_the_system(shop, own_engine, "directly", no_such_setting=True)
    assert done.returncode == 1
    assert "no_such_setting" in done.stdout
    assert "everything is as before" in done.stdout
    assert not (shop.root / ".deployment-system" / "docker" / "dockerd.json").exists()


def test_an_engine_that_a_plan_knows_how_to_start(shop: Workspace, own_engine: PrivateEngine) -> None:
    """What would be started is said before. Taken back, what was started is stopped, and nothing else."""
    command_of(shop, own_engine)
    stopped(own_engine)
    result = mended(shop)
    assert_recovered(result, "docker-stopped")
    (step,) = result.document["recoveries"][-1]["steps"]
    assert f"`dockerd --data-root={own_engine.folder}/data" in step["would"]
    note = json.loads((shop.root / ".deployment-system" / "docker" / "dockerd.json").read_text())
    plan_id = result.document["recoveries"][-1]["plan_id"]
    back = shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute", "-ojson")
    assert back.status == 0, back.output
    assert is_gone(note["pid"])


@pytest.mark.recovers_in_vain("DOCKER_DAEMON_UNAVAILABLE", plan="docker-stopped")
def test_an_engine_that_does_not_start_leaves_nothing(shop: Workspace, own_engine: PrivateEngine) -> None:
    """Its own words are told; no process and no note of one stays."""
    command_of(shop, own_engine, "--no-such-option")
    stopped(own_engine)
    result = shop.run("deploy", "--recover", "auto")
    assert result.status == 1, result.errors
    assert "unknown flag: --no-such-option" in result.errors
    assert "everything is as before" in result.errors
    assert not (shop.root / ".deployment-system" / "docker" / "dockerd.json").exists()


@pytest.mark.recovers("DOCKER_DAEMON_UNAVAILABLE", plan="docker-host-wrong")
def test_the_engine_that_was_meant_is_found(shop: Workspace, own_engine: PrivateEngine) -> None:
    """The configuration names a socket that is not there; `docker` itself would take another."""
    file = shop.root / "deployment-config.yaml"
    right = file.read_text().replace("default_tags", f"docker_host: {own_engine.url}\n    default_tags")
    file.write_text(right.replace(own_engine.url, "unix:///run/no-such.sock"))
    result = mended(shop)
    assert_recovered(result, "docker-host-wrong")
    assert file.read_text() == right
    assert f"+    docker_host: {own_engine.url}" in result.document["recoveries"][-1]["steps"][0]["diff"]


@pytest.mark.recovers_in_vain("DOCKER_DAEMON_UNAVAILABLE", plan="docker-host-wrong")
def test_another_engine_is_named_where_it_is_not_ours_to_choose(
    shop: Workspace, own_engine: PrivateEngine, tmp_path: Path
) -> None:
    """DOCKER_HOST is the shell's: the words say which engine answers, and no file is changed."""
    contexts = tmp_path / "docker" / "contexts" / "meta" / "one"
    contexts.mkdir(parents=True)
    endpoint = {"Name": "ours", "Endpoints": {"docker": {"Host": own_engine.url}}}
    (contexts / "meta.json").write_text(json.dumps(endpoint))
    (tmp_path / "docker" / "config.json").write_text('{"currentContext": "ours"}')
    shop.environ |= {"DOCKER_CONFIG": str(tmp_path / "docker"), "DOCKER_HOST": "tcp://127.0.0.1:9"}
    before = (shop.root / "deployment-config.yaml").read_text()
    assert mended(shop).status == 1
    assert (shop.root / "deployment-config.yaml").read_text() == before
    told = shop.run("doctor")
    assert f"an engine answers at {own_engine.url}" in told.output, told.output
    shop.environ["DOCKER_HOST"] = own_engine.url
    assert shop.deploy().status == 0


# -- its disk ---------------------------------------------------------------------------------------------

FLOW_BYTES = 10_000_000
DISK = "70m"


@pytest.fixture(scope="module")
def small_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """An engine whose disk holds a handful of images."""
    disk = tmp_path_factory.mktemp("disk")
    skip_without_private_engine()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)
    try:
        with private_engine(f"--data-root={disk}/data") as engine:
            import_busybox(engine)
            yield engine
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_shop(workspace: Workspace, small_engine: PrivateEngine) -> Iterator[Workspace]:
    """A flow in a container for that engine, on which no image of another test is left."""
    yield made_shop(workspace, small_engine)
    with small_engine.client() as client:
        for image in client.images():
            for name in {*image.tags} - {BUSYBOX} or ((image.id,) if not image.tags else ()):
                client.remove(name, force=True)


def deploy_new_content(workspace: Workspace) -> Finished:
    """The same flow, with other data beside it that cannot be compressed."""
    (workspace.root / "flows" / "data.bin").write_bytes(os.urandom(FLOW_BYTES))
    return workspace.deploy()


def until_the_disk_is_full(workspace: Workspace) -> list[str]:
    """Deploys ever more, until a build has no room; the images that were deployed, in their order."""
    images = []
    for _ in range(10):
        result = deploy_new_content(workspace)
        if result.status != 0:
            assert result.codes == ["DOCKER_DISK_FULL"], result.output
            return images
        (stored,) = workspace.stored().values()
        images.append(stored["job_variables"]["image"])
    pytest.fail("the disk never became full")


@pytest.mark.recovers("DOCKER_DISK_FULL", plan="docker-disk-full")
def test_room_is_made_of_what_nothing_needs(small_shop: Workspace, small_engine: PrivateEngine) -> None:
    """Sizes before, freed bytes after; what is deployed, what the last deployment can be taken back to, a
    version, and what is of another project stay."""
    with small_engine.client() as client:
        client.tag(BUSYBOX, "somebody-elses:1")
        images = until_the_disk_is_full(small_shop)
        assert len(images) >= 4
        client.tag(images[0], f"{small_shop.prefix}:1.0")
        result = mended(small_shop)
        assert_recovered(result, "docker-disk-full")
        left = {tag for image in client.images() for tag in image.tags}
    assert {"somebody-elses:1", images[0], images[-2], images[-1]} <= left
    assert not {*images[1:-2]} & left
    recovery = result.document["recoveries"][-1]
    assert f"remove {len(images) - 3} images" in recovery["steps"][0]["would"]
    freed = float(recovery["messages"][0].split("which freed ")[1].split(" MB")[0])
    assert freed * 1_000_000 >= (len(images) - 3) * FLOW_BYTES
    plan_id = recovery["plan_id"]
    assert small_shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 4
    assert "do not come back" in small_shop.run("recovery", "details", plan_id).output


@pytest.mark.recovers_in_vain("DOCKER_DISK_FULL", plan="docker-disk-full")
def test_what_is_needed_is_not_removed_for_room(small_shop: Workspace, small_engine: PrivateEngine) -> None:
    """Others have filled the disk: it is said, and everything stays. That the image is needed, the server
    alone says: without a name for its environment, and with a journal that was lost."""
    with small_engine.client() as client:
        assert deploy_new_content(small_shop).status == 0
        client.remove(f"{small_shop.prefix}:development")
        shutil.rmtree(small_shop.root / ".deployment-system")
        filled = io.BytesIO()
        with tarfile.open(fileobj=filled, mode="w") as archive:
            entry = tarfile.TarInfo("big")
            entry.size = 5 * FLOW_BYTES
            archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
        client.call(lambda api: api.import_image_from_data(filled.getvalue(), repository="others", tag="1"))
        assert deploy_new_content(small_shop).codes == ["DOCKER_DISK_FULL"]
        before = {image.id: set(image.tags) for image in client.images() if image.tags}
        result = small_shop.run("deploy", "--recover", "auto")
        assert result.status == 1, result.errors
        assert "every image that this project has in the engine is needed" in result.errors
        assert {image.id: set(image.tags) for image in client.images() if image.tags} == before
