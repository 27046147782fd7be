"""Names in engines and registries: pushed, looked up, moved, and put back exactly, by any process."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.engine import DockerEngine, Image
from deployment_system.builders.image_names import CONTENT_LABEL
from deployment_system.builders.kept_images import image_ids, kept_name, release_kept
from deployment_system.builders.registry import Registry, is_loopback, registry_url
from deployment_system.builders.registry_credentials import RegistryCredentials, stored_credentials
from deployment_system.builders.undo import (
    REGISTRY_TAG,
    TAG,
    RegistryTagUndo,
    TagUndo,
    registry_tag_reference,
    registry_tag_state,
    tag_reference,
    tag_state,
)
from deployment_system.error_handling import DockerError, OperationStatus, RollbackManager, UndoHandlers
from tests import docker_engine
from tests.builders.conftest import MakeRequest
from tests.conftest import free_port
from tests.docker_engine import BUSYBOX, ONCE, PASSWORD, USER, PrivateEngine, private_registry

RIGHT = RegistryCredentials(USER, PASSWORD)


@pytest.fixture
def image_of(builder: DockerBuilder, engine: DockerEngine, make_request: MakeRequest) -> Callable[..., Image]:
    """Builds an image of a content, with a name or without."""

    def build(content: str, *names: str) -> Image:
        made = builder.build(make_request(f"FROM {BUSYBOX}\nCOPY a /a\n", {"a": content}, tags=names))
        image = engine.image(made.image_id)
        assert image is not None
        return image

    return build


@pytest.fixture
def name() -> str:
    """A name that no other test knows."""
    return f"undo-{uuid4().hex[:8]}:latest"


@pytest.fixture
def open_registry(registry: docker_engine.Registry) -> Registry:
    """A client of the registry that deletes."""
    return Registry(registry.host, retry_policy=ONCE)


# --- pushing


def test_what_is_pushed_has_the_digest_that_the_registry_says(
    engine: DockerEngine, open_registry: Registry, image_of: Callable[..., Image], name: str
) -> None:
    """And lines of progress on the way."""
    lines: list[str] = []
    full = f"{open_registry.host}/team/{name}"
    image = image_of("pushed", full)
    digest = engine.push(full, on_line=lines.append)
    path = f"team/{name.partition(':')[0]}"
    assert open_registry.digest(path, "latest") == digest
    manifest = open_registry.manifest(path, "latest")
    assert manifest is not None
    assert (manifest.digest, manifest.image_id) == (digest, image.id)
    assert any("Pushed" in line for line in lines)
    assert open_registry.digest(path, "nothing") is None
    assert open_registry.manifest(path, digest) == manifest


@pytest.mark.parametrize("credentials", [None, RegistryCredentials(USER, "wrong-4712")])
def test_a_push_that_is_not_allowed_says_so(
    engine: DockerEngine,
    registry_with_password: docker_engine.Registry,
    image_of: Callable[..., Image],
    credentials: RegistryCredentials | None,
) -> None:
    """Docker's own call ends as if all were well; and no message holds a password."""
    full = registry_with_password.repository("private:1")
    image_of("private", full)
    with pytest.raises(DockerError) as caught:
        engine.push(full, credentials)
    assert (caught.value.error_code, caught.value.retryable) == ("DOCKER_PUSH_UNAUTHORIZED", False)
    assert "wrong-4712" not in json.dumps(caught.value.to_dict())
    engine.push(full, RIGHT)
    with pytest.raises(DockerError) as refused:
        Registry(registry_with_password.host, credentials, retry_policy=ONCE).digest("private", "1")
    assert refused.value.error_code == "DOCKER_REGISTRY_UNAUTHORIZED"
    with Registry(registry_with_password.host, RIGHT, retry_policy=ONCE) as allowed:
        assert allowed.digest("private", "1") is not None


def test_a_registry_that_is_not_there(engine: DockerEngine, image_of: Callable[..., Image]) -> None:
    """It may come back; an image that is not there does not."""
    full = f"127.0.0.1:{free_port()}/a:1"
    image_of("unreachable", full)
    for call in (lambda: engine.push(full), lambda: Registry(full.split("/")[0], retry_policy=ONCE).ping()):
        with pytest.raises(DockerError) as caught:
            call()
        assert (caught.value.error_code, caught.value.retryable) == ("DOCKER_REGISTRY_UNAVAILABLE", True)
    with pytest.raises(DockerError) as missing:
        engine.push("127.0.0.1:1/never-built:1")
    assert missing.value.error_code == "DOCKER_IMAGE_NOT_FOUND"


def test_a_registry_that_dies_in_the_middle_of_a_push(
    engine: DockerEngine, builder: DockerBuilder, make_request: MakeRequest, tmp_path: Path
) -> None:
    """The push ends with an error, and after the registry is back it succeeds."""
    port = free_port()
    full = f"127.0.0.1:{port}/large:1"
    large = f"FROM {BUSYBOX}\nRUN dd if=/dev/urandom of=/large bs=1M count=48\n"
    builder.build(make_request(large, tags=(full,)))
    with private_registry(tmp_path / "dying", port=port) as dying:
        cut = threading.Event()

        def on_line(line: str) -> None:
            if "Preparing" in line and not cut.is_set():
                cut.set()
                threading.Thread(target=kill_when_uploading, args=(dying,)).start()

        # The engine itself tries for most of a minute.
        with pytest.raises(DockerError) as caught:
            engine.push(full, on_line=on_line, total_seconds=5.0)
        assert cut.is_set()
        assert (caught.value.error_code, caught.value.retryable) == ("DOCKER_REGISTRY_UNAVAILABLE", True)
    with private_registry(tmp_path / "dying", port=port):
        assert engine.push(full).startswith("sha256:")


def kill_when_uploading(registry: docker_engine.Registry) -> None:
    """Ends the registry when the first bytes of a layer have come."""
    while registry.process.poll() is None:
        with suppress(FileNotFoundError):  # an upload that was finished meanwhile
            if any(file.stat().st_size for file in (registry.folder / "data").rglob("_uploads/*/data")):
                registry.process.kill()


# --- the registry itself


def test_an_old_manifest_is_put_back_and_a_tag_removed_alone(
    engine: DockerEngine, open_registry: Registry, image_of: Callable[..., Image], name: str
) -> None:
    """Another tag of the same digest stays."""
    repository = f"manifests/{name.partition(':')[0]}"
    for tag, content in (("one", "1"), ("two", "2")):
        image_of(f"{name}{content}", f"{open_registry.host}/{repository}:{tag}")
        engine.push(f"{open_registry.host}/{repository}:{tag}")
    one, two = open_registry.manifest(repository, "one"), open_registry.manifest(repository, "two")
    assert one is not None
    assert two is not None
    open_registry.put_manifest(repository, "two", one)
    assert open_registry.digest(repository, "two") == one.digest
    assert open_registry.remove_tag(repository, "two")
    assert open_registry.digest(repository, "two") is None
    assert open_registry.digest(repository, "one") == one.digest
    assert open_registry.remove_tag(repository, "two")


def test_a_manifest_that_is_none_is_refused(open_registry: Registry) -> None:
    """With the registry's words."""
    from deployment_system.builders.registry import Manifest

    broken = Manifest("sha256:0", "application/vnd.docker.distribution.manifest.v2+json", b"{}")
    with pytest.raises(DockerError) as caught:
        open_registry.put_manifest("refused/a", "1", broken)
    assert caught.value.error_code == "DOCKER_REGISTRY_REFUSED"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("registry.example:5000", "https://registry.example:5000"),
        ("192.168.1.1:5000", "https://192.168.1.1:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost", "http://localhost"),
        ("[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_plain_http_goes_to_this_machine_alone(host: str, url: str) -> None:
    """Credentials would be read on the way."""
    assert registry_url(host) == url
    assert not is_loopback("127.0.0.1.example")


def test_credentials_are_found_where_docker_login_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In config.json, or with the helper that it names; a helper that fails is told without its words."""
    (tmp_path / "bin").mkdir()
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"Username":"<token>","Secret":"s3cr3t-token"}\'\n')
    helper.chmod(0o755)
    auth = "ZGVwbG95ZXI6dGVsbC1ub2JvZHktNDcxMQ=="
    config = {
        "auths": {"a.example": {"auth": auth}},
        "credHelpers": {"b.example": "test", "c.example": "gone"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    environ = {**os.environ, "DOCKER_CONFIG": str(tmp_path)}
    found = stored_credentials("a.example", environ=environ)
    assert found == RIGHT
    assert PASSWORD not in repr(found)
    helped = stored_credentials("b.example", environ=environ)
    assert helped is not None
    assert helped.for_docker() == {"identitytoken": "s3cr3t-token"}
    assert stored_credentials("d.example", environ=environ) is None
    with pytest.raises(DockerError) as caught:
        stored_credentials("c.example", environ=environ)
    assert caught.value.error_code == "DOCKER_SETTINGS_INVALID"
    (tmp_path / "config.json").write_text("{ not json")
    with pytest.raises(DockerError) as broken:
        stored_credentials("a.example", environ=environ)
    assert broken.value.error_code == "DOCKER_SETTINGS_INVALID"


# --- undoing, in the engine


def handlers_of(engine: DockerEngine, registry: Registry | None = None) -> UndoHandlers:
    """As another process would make them."""
    handlers = UndoHandlers({TAG: TagUndo(lambda url: engine)})
    if registry is not None:
        handlers.register(REGISTRY_TAG, RegistryTagUndo(lambda host: registry))
    return handlers


def test_a_name_is_put_back_over_any_other(
    engine: DockerEngine, image_of: Callable[..., Image], name: str
) -> None:
    """None, one, the other: from each to each, and twice."""
    undo, reference = TagUndo(lambda url: engine), tag_reference(engine.url, name)
    images = {
        "none": None,
        "one": image_of(f"{name}1", f"base-{name}"),
        "two": image_of(f"{name}2", f"other-{name}"),
    }
    for wanted in images.values():
        for there in images.values():
            engine.remove(name)
            if wanted is not None:
                engine.tag(wanted.id, name)
            before = undo.observe(reference)
            engine.remove(name)
            if there is not None:
                engine.tag(there.id, name)
            for _ in range(2):
                undo.restore(reference, before, undo.observe(reference))
                assert undo.observe(reference) == before


def test_the_image_goes_with_its_last_name_unless_a_container_uses_it(
    engine: DockerEngine, image_of: Callable[..., Image], name: str
) -> None:
    """Then it is kept without the name, and let go of when nothing uses it."""
    undo, reference = TagUndo(lambda url: engine), tag_reference(engine.url, name)
    gone = image_of(f"{name}gone", name)
    undo.restore(reference, None, undo.observe(reference))
    assert engine.image(gone.id) is None
    used = image_of(f"{name}used", name)
    container = engine.call(lambda client: client.create_container(used.id, "true"))["Id"]
    undo.restore(reference, None, undo.observe(reference))
    assert undo.observe(reference) is None
    assert engine.image(kept_name(used.id)) is not None
    assert used.id not in release_kept(engine, needed=())
    engine.remove_container(container)
    assert used.id in release_kept(engine, needed=())
    assert engine.image(used.id) is None


def test_an_image_that_loses_its_name_survives_pruning_until_it_is_released(
    engine: DockerEngine, image_of: Callable[..., Image], name: str
) -> None:
    """Without this, nothing could be put back."""
    undo, reference = TagUndo(lambda url: engine), tag_reference(engine.url, name)
    old = image_of(f"{name}old", name)
    before = undo.observe(reference)
    image_of(f"{name}new", name)
    engine.call(lambda client: client.prune_images({"dangling": True}))
    undo.restore(reference, before, undo.observe(reference))
    moved = engine.image(name)
    assert moved is not None
    assert moved.id == old.id
    assert image_ids([before, None]) == {old.id}
    assert old.id not in release_kept(engine, needed=image_ids([before]))
    assert old.id in release_kept(engine, needed=())
    assert engine.image(name) is not None


def test_an_image_that_is_gone_cannot_be_put_back(engine: DockerEngine, name: str) -> None:
    """And says so."""
    undo, reference = TagUndo(lambda url: engine), tag_reference(engine.url, name)
    with pytest.raises(DockerError) as caught:
        undo.restore(reference, {"image": f"sha256:{'0' * 64}", "content": None}, None)
    assert caught.value.error_code == "DOCKER_IMAGE_NOT_FOUND"


def test_a_name_that_somebody_else_moved_is_left_alone(
    engine: DockerEngine, image_of: Callable[..., Image], name: str
) -> None:
    """A conflict; while what we made is known by its content, whatever its id."""
    ours = image_of(f"{name}ours", f"ours-{name}")
    theirs = image_of(f"{name}theirs", f"theirs-{name}")
    with RollbackManager(handlers=handlers_of(engine)) as manager:
        reference = tag_reference(engine.url, name)
        content = ours.labels[CONTENT_LABEL]
        manager.start_transaction("build")
        manager.change(
            TAG, reference, tag_state(content), lambda: engine.tag(ours.id, name), description="tag"
        )
        engine.tag(theirs.id, name)
        assert not manager.execute_rollback()
        (plan,) = manager.rollback_plans.values()
        assert plan.operations[0].status is OperationStatus.CONFLICT
        assert TagUndo(lambda url: engine).observe(reference) == {
            "image": theirs.id,
            "content": theirs.labels[CONTENT_LABEL],
        }


# --- undoing, in a registry


def test_a_pushed_tag_is_put_back(
    engine: DockerEngine, open_registry: Registry, image_of: Callable[..., Image], name: str
) -> None:
    """To the manifest that was there, or to none; a tag that somebody else moved is left alone."""
    full = f"{open_registry.host}/undo/{name}"
    reference = registry_tag_reference(full)
    old = image_of(f"{name}old", full)
    with RollbackManager(handlers=handlers_of(engine, open_registry)) as manager:

        def push(image: Image) -> None:
            engine.tag(image.id, full)
            manager.change(
                REGISTRY_TAG,
                reference,
                registry_tag_state(image.id),
                lambda: engine.push(full),
                description="push",
            )

        manager.start_transaction("first")
        push(old)
        assert manager.execute_rollback()
        assert open_registry.digest(reference["repository"], "latest") is None
        first = engine.push(full)
        manager.start_transaction("second")
        push(image_of(f"{name}new", f"n-{name}"))
        assert open_registry.digest(reference["repository"], "latest") != first
        assert manager.execute_rollback()
        assert open_registry.digest(reference["repository"], "latest") == first
        manager.start_transaction("third")
        push(image_of(f"{name}third", f"t-{name}"))
        engine.tag(image_of(f"{name}theirs", f"theirs-{name}").id, full)
        theirs = engine.push(full)
        assert not manager.execute_rollback()
        assert open_registry.digest(reference["repository"], "latest") == theirs


def test_a_registry_that_does_not_delete_keeps_the_image_and_it_is_named(
    engine: DockerEngine,
    registry_with_password: docker_engine.Registry,
    image_of: Callable[..., Image],
    name: str,
) -> None:
    """Nothing refers to it any more: the roll back is complete, and the report says what stays."""
    full = registry_with_password.repository(name)
    image = image_of(f"{name}stays", full)
    registry = Registry(registry_with_password.host, RIGHT, retry_policy=ONCE)
    undo = RegistryTagUndo(lambda host: registry)
    reference = registry_tag_reference(full)
    with RollbackManager(handlers=UndoHandlers({REGISTRY_TAG: undo})) as manager:
        manager.start_transaction("push")
        manager.change(
            REGISTRY_TAG,
            reference,
            registry_tag_state(image.id),
            lambda: engine.push(full, RIGHT),
            description="push",
        )
        assert manager.execute_rollback()
    assert undo.left_behind == [full]
    assert registry.digest(reference["repository"], "latest") is not None


# --- from another process

CHILD = """
import sys, time
from pathlib import Path
from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.content_hash import hash_content
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.undo import TAG, TagUndo, tag_reference, tag_state
from deployment_system.error_handling import RollbackManager, UndoHandlers
state, url, folder, name, moment = sys.argv[1:]
engine, folder = DockerEngine(url), Path(folder)
content = hash_content(read_build_context(folder, read_dockerfile(folder / "Dockerfile", folder)))
manager = RollbackManager(state, handlers=UndoHandlers({TAG: TagUndo(lambda url: engine)}))
manager.start_transaction("build", scope="here")

def told(what):
    print(what, flush=True)
    time.sleep(300)

def build():
    def on_line(line):
        if moment == "building" and line == "--now--":
            told("now")

    def before_tag(name, image_id):
        if moment == "before the tag":
            told("now")

    DockerBuilder(engine, on_line=on_line).build(BuildRequest(content, (name,)), before_tag=before_tag)

manager.change(TAG, tag_reference(url, name), tag_state(content.content), build, description="build")
told("now")
"""


@pytest.mark.parametrize("moment", ["building", "before the tag", "after the tag"])
@pytest.mark.parametrize("existing", [False, True])
def test_what_a_killed_process_built_is_taken_back_by_the_next(
    engine: DockerEngine,
    image_of: Callable[..., Image],
    tmp_path: Path,
    name: str,
    moment: str,
    existing: bool,
) -> None:
    """Whatever it was doing when it was killed."""
    old = image_of(f"{name}before", name) if existing else None
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"FROM {BUSYBOX}\nCOPY a /a\nRUN echo --now--; test ! -s /a || sleep 2\n"
    )
    (folder / "a").write_text(f"{name}{moment}{existing}")
    arguments = [str(tmp_path / "state.db"), engine.url, str(folder), name, moment]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "now\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    with RollbackManager(tmp_path / "state.db", handlers=handlers_of(engine)) as manager:
        (plan,) = manager.store.journal.unfinished()
        assert manager.execute_rollback(plan.plan_id)
    found = engine.image(name)
    assert (found.id if found else None) == (old.id if old else None)


def test_the_engine_may_be_another_one_after_a_restart(
    breakable_engine: PrivateEngine, make_request: MakeRequest
) -> None:
    """A name is put back on an engine that was killed in between."""
    with breakable_engine.client() as client:
        builder = DockerBuilder(client, retry_policy=ONCE)
        undo, reference = TagUndo(lambda url: client), tag_reference(client.url, "restart:1")
        builder.build(make_request(f"FROM {BUSYBOX}\nCOPY a /a\n", {"a": "1"}, tags=("restart:1",)))
        before = undo.observe(reference)
        builder.build(make_request(f"FROM {BUSYBOX}\nCOPY a /a\n", {"a": "2"}, tags=("restart:1",)))
        breakable_engine.kill()
        breakable_engine.start()
        undo.restore(reference, before, undo.observe(reference))
        assert undo.observe(reference) == before
