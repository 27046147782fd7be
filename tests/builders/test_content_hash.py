"""The content hash: the same for the same content, and another for any other."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.content_cache import MARGIN_NS
from deployment_system.builders.content_hash import BuildOptions, ImageContent, hash_content
from deployment_system.builders.context_check import problems_of
from deployment_system.builders.context_tar import stream_tar
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.error_handling import DockerError
from tests.builders.test_engine_trouble import ordinary_user


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small one, whose files are not young."""
    folder = tmp_path / "repository"
    (folder / "flows").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM busybox\nCOPY . /app\n")
    (folder / "flows" / "a.py").write_text("print(1)\n")
    (folder / "flows" / "link").symlink_to("a.py")
    (folder / "run.sh").write_text("true\n")
    (folder / ".dockerignore").write_text("ignored\n")
    age(folder)
    return folder


def age(folder: Path) -> None:
    """Makes every file an hour old."""
    past = time.time_ns() - 3600 * 10**9
    for path in folder.rglob("*"):
        os.utime(path, ns=(past, past), follow_symlinks=False)


def content_of(
    repository: Path, options: BuildOptions | None = None, cache: Path | None = None
) -> ImageContent:
    """Looks, and reads."""
    context = read_build_context(repository, read_dockerfile(repository / "Dockerfile", repository))
    return hash_content(context, options, cache_folder=cache)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "run.sh").write_text("fals\n"),
    "executable": lambda folder: (folder / "run.sh").chmod(0o755),
    "new file": lambda folder: (folder / "new").write_text(""),
    "new empty folder": lambda folder: (folder / "new").mkdir(),
    "renamed": lambda folder: (folder / "run.sh").rename(folder / "run2.sh"),
    "link": lambda folder: [(folder / "flows/link").unlink(), (folder / "flows/link").symlink_to("b.py")],
    "link becomes file": lambda folder: [
        (folder / "flows/link").unlink(),
        (folder / "flows/link").write_text("a.py"),
    ],
    "Dockerfile": lambda folder: (folder / "Dockerfile").write_text("FROM busybox\nCOPY . /app2\n"),
    "ignored": lambda folder: (folder / ".dockerignore").write_text("ignored\nrun.sh\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_content_changes_the_hash(repository: Path, change: str) -> None:
    """And taking it back takes the hash back."""
    kept = shutil.copytree(repository, repository.with_name("kept"), symlinks=True)
    before = content_of(repository).content
    CHANGES[change](repository)
    assert content_of(repository).content != before
    shutil.rmtree(repository)
    shutil.copytree(kept, repository, symlinks=True)
    assert content_of(repository).content == before


def test_times_owners_modes_and_places_are_not_content(repository: Path) -> None:
    """A checkout elsewhere, by somebody else, is the same image; and so are the bytes that are sent."""
    before = content_of(repository)
    elsewhere = repository.parent / "else" / "where"
    shutil.copytree(repository, elsewhere, symlinks=True)
    for path in elsewhere.rglob("*"):
        os.utime(path, ns=(5, 5), follow_symlinks=False)
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
    (elsewhere / "ignored").write_text("x")
    after = content_of(elsewhere)
    assert after.content == before.content
    assert b"".join(stream_tar(after)) == b"".join(stream_tar(before))


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(build_args={"A": "1"}),
        BuildOptions(build_args={"A": "2"}),
        BuildOptions(target="stage"),
        BuildOptions(platform="linux/arm64"),
        BuildOptions(labels={"team": "data"}),
        BuildOptions(base_images={"busybox": "sha256:1"}),
    ],
)
def test_options_are_content(repository: Path, options: BuildOptions) -> None:
    """Each of them makes another image."""
    others = [BuildOptions(), BuildOptions(build_args={"A": "3"}), BuildOptions(platform="linux/amd64")]
    assert content_of(repository, options).content not in {
        content_of(repository, other).content for other in others
    }
    assert content_of(repository, options).content == content_of(repository, options).content


def test_with_a_cache_nothing_is_read_again_until_it_changes(repository: Path, tmp_path: Path) -> None:
    """A file that changed is seen by its size, its time or its inode."""
    cache = tmp_path / "cache"
    first = content_of(repository, cache=cache)
    (stored,) = cache.iterdir()
    written = stored.stat().st_mtime_ns
    with_cache = content_of(repository, cache=cache)
    assert with_cache.content == first.content
    assert stored.stat().st_mtime_ns == written
    status = (repository / "run.sh").stat()
    (repository / "run.sh").write_text("fals\n")  # the same size
    os.utime(repository / "run.sh", ns=(status.st_atime_ns, status.st_mtime_ns))  # and the same time
    assert content_of(repository, cache=cache).content == content_of(repository).content != first.content


def test_many_dockerfiles_share_one_look_at_their_folder(repository: Path) -> None:
    """Each has the hash that it would have by itself. One with an ignore file of its own looks by itself."""
    first = content_of(repository)
    (repository / "flows" / "a.py").write_text("print(2)\n")  # not seen by who does not look again
    for name in ("other", "own"):
        (repository / f"{name}.Dockerfile").write_text("FROM busybox\nCOPY run.sh /\n")
    other = read_dockerfile(repository / "other.Dockerfile", repository)
    shared = first.context.for_dockerfile(other)
    assert shared is not None
    assert shared.files is first.context.files
    content = hash_content(shared, read_before=first)
    assert content.digests is first.digests
    (repository / "own.Dockerfile.dockerignore").write_text("run.sh\n")
    own = read_dockerfile(repository / "own.Dockerfile", repository)
    assert first.context.for_dockerfile(own) is None
    again = read_build_context(repository, other)
    looked_at = hash_content(again)
    assert (
        hash_content(again.for_dockerfile(other) or shared, read_before=looked_at).content
        == looked_at.content
    )
    assert looked_at.content != content.content


def test_a_file_that_is_younger_than_a_tick_is_read_again(repository: Path, tmp_path: Path) -> None:
    """It may change again within the same tick of the file system's clock: its entry is not kept."""
    cache = tmp_path / "cache"
    future = time.time_ns() + MARGIN_NS
    os.utime(repository / "run.sh", ns=(future, future))
    content_of(repository, cache=cache)
    (stored,) = cache.iterdir()
    assert b'"flows/a.py"' in stored.read_bytes()
    assert b'"run.sh"' not in stored.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"xx", b'00000000{"format":1,"files":{}}', b"\xff" * 100])
def test_a_damaged_cache_is_a_warning(repository: Path, tmp_path: Path, damage: bytes) -> None:
    """And is made anew."""
    cache = tmp_path / "cache"
    right = content_of(repository, cache=cache).content
    (stored,) = cache.iterdir()
    stored.write_bytes(damage)
    told = content_of(repository, cache=cache)
    assert told.content == right
    assert [warning.error_code for warning in told.warnings] == ["CACHE_DAMAGED"]
    assert content_of(repository, cache=cache).warnings == ()


def test_a_cache_that_cannot_be_written_is_a_warning(repository: Path, tmp_path: Path) -> None:
    """The build goes on."""
    (tmp_path / "cache").write_text("a file")
    told = content_of(repository, cache=tmp_path / "cache")
    assert {warning.error_code for warning in told.warnings} == {"CACHE_DAMAGED"}


def test_what_is_no_file_is_told_with_its_place(repository: Path) -> None:
    """Sockets and pipes: both, before anything is read."""
    os.mkfifo(repository / "flows" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(repository / "sock"))
        context = read_build_context(repository, read_dockerfile(repository / "Dockerfile", repository))
    told = {problem.context.file_path: problem for problem in problems_of(context)}
    assert set(told) == {"flows/pipe", "sock"}
    assert {problem.error_code for problem in told.values()} == {"DOCKER_CONTEXT_UNREADABLE"}
    assert "a named pipe" in told["flows/pipe"].message
    assert "a socket" in told["sock"].message


def test_what_may_not_be_read_is_told_with_its_place(repository: Path) -> None:
    """A folder at once, a file when its turn comes."""
    for folder in [repository, *repository.parents]:
        if folder.owner() == repository.owner() and folder.is_relative_to("/tmp"):  # noqa: S108 - pytest's own
            folder.chmod(folder.stat().st_mode | 0o055)
    (repository / "closed").mkdir(mode=0o700)
    with ordinary_user():
        context = read_build_context(repository, read_dockerfile(repository / "Dockerfile", repository))
    if os.geteuid() == 0:
        (problem,) = context.problems
        assert problem.context.file_path == "closed"
    (repository / "closed").rmdir()
    (repository / "key.pem").write_text("x")
    (repository / "key.pem").chmod(0o000)
    with ordinary_user(), pytest.raises(DockerError) as caught:
        content_of(repository)
    assert (caught.value.error_code, caught.value.context.file_path) == (
        "DOCKER_CONTEXT_UNREADABLE",
        "key.pem",
    )


def test_a_file_that_changes_after_it_was_hashed_is_not_sent(repository: Path) -> None:
    """Its size, its content, or that it is there at all: the engine gets a part, and builds nothing."""
    for change in (
        lambda: (repository / "run.sh").write_text("longer than before\n"),
        lambda: (repository / "run.sh").write_text("fals\n"),
        lambda: (repository / "run.sh").unlink(),
    ):
        (repository / "run.sh").write_text("true\n")
        content = content_of(repository)
        change()
        with pytest.raises(DockerError) as caught:
            b"".join(stream_tar(content))
        assert (caught.value.error_code, caught.value.context.file_path) == (
            "DOCKER_CONTEXT_CHANGED",
            "run.sh",
        )
