"""What .dockerignore leaves of a context: the same as Docker's own command sends, file by file."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deployment_system.builders.build_context import STATE_FOLDER, read_build_context
from deployment_system.builders.build_request import Builder, BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.builder_choice import find_buildkit_command
from deployment_system.builders.content_hash import hash_content
from deployment_system.builders.dockerfile import Dockerfile, parse_dockerfile
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.engine import DockerEngine
from deployment_system.builders.ignore_rules import IgnoreRules, read_patterns
from tests.docker_engine import ONCE, PrivateEngine

DOCKERFILE = "FROM scratch\nCOPY . /context/\n"
Members = set[tuple[str, bytes, bool, str, int]]

TREE = (
    "README.md",
    "flows/a.py",
    "flows/B.py",
    "flows/deep/c.py",
    "flows/deep/er/d.py",
    "flows/a [1].py",
    "data/keep/one.csv",
    "data/two.csv",
    "node_modules/x/index.js",
    "flows/node_modules/y.js",
    ".hidden",
    "a.log",
    "b.LOG",
    "deep/er/est/x.log",
    "Füße/straße.txt",
    "file.$x+y(z)",
)

RULES = {
    "nothing": "",
    "names": "data\nREADME.md\n",
    "leading and trailing slashes": "/data/\n./flows//deep\n",
    "one star": "*.log\nflows/*.py\n",
    "case counts": "readme.md\n*.log\n",
    "two stars": "**/node_modules\n**/*.log\n",
    "two stars in the middle": "flows/**/d.py\n",
    "two stars at the end": "data/**\n",
    "all but some": "*\n!flows\n!README.md\n",
    "all but something deep": "*\n!flows/deep/c.py\n",
    "an exception and an exception to it": "flows\n!flows/deep\nflows/deep/er\n",
    "order counts": "!README.md\nREADME.md\n",
    "question mark and set": "?.log\nflows/[A-C].py\n",
    "a set that is negated": "flows/[^a].py\n",
    "an escaped character": "flows/a \\[1\\].py\n",
    "comments, blanks and a byte order mark": "\ufeff# data\n\n   README.md   \n#x\n",
    "parent folders": "../data\nflows/../README.md\n",
    "the Dockerfile and itself": "Dockerfile\n.dockerignore\n",
    "everything": "**\n",
    "only the top": ".\n",
    "not ASCII": "Füße\n",
}


def make_tree(folder: Path, rules: str) -> Path:
    """A repository with files of every kind."""
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("flows/a.py")
    (folder / "folder-link").symlink_to("flows")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    if rules:
        (folder / ".dockerignore").write_text(rules)
    return folder


def members(engine: DockerEngine, image_id: str) -> Members:
    """What is in the last layer of an image: name, kind, whether it is executable, target and size."""
    saved = engine.call(lambda client: b"".join(client.get_image(image_id)))
    with tarfile.open(fileobj=io.BytesIO(saved)) as image:
        (layer,) = [name for name in image.getnames() if name.endswith("layer.tar")]
        content = image.extractfile(layer)
        assert content is not None
        with tarfile.open(fileobj=io.BytesIO(content.read())) as files:
            return {
                (file.name, file.type, bool(file.mode & 0o100), file.linkname, file.size) for file in files
            }


def names(found: Members) -> set[str]:
    """Only their names, in the context."""
    return {name.removeprefix("context/") for name, *_ in found}


def by_docker(engine: PrivateEngine, folder: Path, *, buildkit: bool = False) -> Members:
    """What Docker's own command makes of the context."""
    command = find_buildkit_command().path
    if command is None:
        pytest.skip("no docker command here builds without a plugin")
    note = folder.parent / "image-id"
    subprocess.run(
        [command, "build", "--no-cache", "--iidfile", str(note), "."],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": engine.url, "DOCKER_BUILDKIT": str(int(buildkit))},
        capture_output=True,
        check=True,
    )
    with engine.client() as client:
        return members(client, note.read_text())


def by_us(
    engine: DockerEngine, folder: Path, builder: Builder | None = None, dockerfile: Dockerfile | None = None
) -> Members:
    """What we make of it."""
    dockerfile = dockerfile or read_dockerfile(folder / "Dockerfile", folder)
    request = BuildRequest(hash_content(read_build_context(folder, dockerfile)), use_cache=False)
    result = DockerBuilder(engine, builder=builder, retry_policy=ONCE).build(request)
    return members(engine, result.image_id)


@pytest.mark.parametrize("name", [name for name in RULES if name != "everything"])
def test_the_context_is_the_one_that_docker_sends(
    running_engine: PrivateEngine, engine: DockerEngine, tmp_path: Path, name: str
) -> None:
    """With each kind of pattern; the classic builder is sent the same as by Docker's command."""
    folder = make_tree(tmp_path / "repository", RULES[name])
    theirs = by_docker(running_engine, folder)
    assert len(theirs) > 1
    assert by_us(engine, folder) == theirs


@pytest.mark.parametrize(
    "name", ["all but something deep", "the Dockerfile and itself", "two stars", "case counts"]
)
def test_buildkit_sends_the_same(
    running_engine: PrivateEngine, engine: DockerEngine, tmp_path: Path, name: str
) -> None:
    """It walks the folder itself, by the rules that we hand to it."""
    folder = make_tree(tmp_path / "repository", RULES[name])
    theirs = by_docker(running_engine, folder, buildkit=True)
    assert len(theirs) > 1
    assert by_us(engine, folder, Builder.BUILDKIT) == theirs


def test_an_exception_with_stars_is_found_everywhere(engine: DockerEngine, tmp_path: Path) -> None:
    """As today's BuildKit does it. (Older ones do not look into a folder that is left out unless an exception
    names it; they are told of each file.)"""
    folder = make_tree(tmp_path / "repository", "*\n!**/*.py\n")
    found = by_us(engine, folder)
    assert {"flows/deep/er/d.py", "flows/a [1].py", "flows/a.py"} <= names(found)
    assert "data/two.csv" not in names(found)
    assert by_us(engine, folder, Builder.BUILDKIT) == found


def test_the_ignore_file_beside_the_dockerfile_is_preferred(
    running_engine: PrivateEngine, engine: DockerEngine, tmp_path: Path
) -> None:
    """As BuildKit does it."""
    folder = make_tree(tmp_path / "repository", "flows\n")
    (folder / "Dockerfile.dockerignore").write_text("data\n")
    theirs = by_docker(running_engine, folder, buildkit=True)
    assert "flows/a.py" in names(theirs)
    assert by_us(engine, folder) == theirs


def test_what_this_command_keeps_beside_the_configuration_is_never_sent(
    engine: DockerEngine, tmp_path: Path
) -> None:
    """It changes with every run, and may hold secrets."""
    folder = make_tree(tmp_path / "repository", "")
    (folder / STATE_FOLDER).mkdir()
    (folder / STATE_FOLDER / "state.db").write_text("secret")
    found = names(by_us(engine, folder))
    assert "flows/a.py" in found
    assert not [name for name in found if STATE_FOLDER in name]


@pytest.mark.parametrize("builder", list(Builder))
@pytest.mark.parametrize("rules", ["", "data\n", ".dockerignore\n*.log\n"])
def test_a_dockerfile_from_elsewhere_is_not_in_the_image(
    engine: DockerEngine, tmp_path: Path, builder: Builder, rules: str
) -> None:
    """It is sent under a name of ours, which the engine takes out again; as is the ignore file for that."""
    folder = make_tree(tmp_path / "repository", rules)
    (folder / "Dockerfile").unlink()
    dockerfile = parse_dockerfile(DOCKERFILE, "generated")
    found = names(by_us(engine, folder, builder, dockerfile))
    expected = {file.name for file in read_build_context(folder, dockerfile).files}
    assert ("node_modules" in expected) == bool(rules)
    assert found - {"context"} == expected


def test_characters_of_expressions_are_characters() -> None:
    """Docker 20.10 took them for expressions, later ones do not."""
    rules = IgnoreRules.of(read_patterns("file.$x+y(z)\n"))
    assert rules.leaves_out(rules.matched("file.$x+y(z)"))
    assert not rules.leaves_out(rules.matched("fileb$xxyz"))
