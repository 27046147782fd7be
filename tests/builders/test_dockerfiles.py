"""Dockerfiles: which one a flow has, what is wrong with it before the first effect, and the generated one."""

from pathlib import Path

import pytest

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.build_request import BuildRequest
from deployment_system.builders.builder import DockerBuilder
from deployment_system.builders.content_hash import hash_content
from deployment_system.builders.context_check import problems_of
from deployment_system.builders.dockerfile import parse_dockerfile
from deployment_system.builders.dockerfile_generation import generate_dockerfile
from deployment_system.builders.dockerfile_places import find_dockerfile, read_dockerfile
from deployment_system.error_handling import DockerError, ValidationError
from tests.docker_engine import BUSYBOX

FLOW = Path("flows/etl/load.py")


def write(root: Path, **files: str) -> None:
    """Files by name, `__` for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def problems(root: Path, text: str, **arguments: object) -> list[tuple[str, int | None]]:
    """Codes and lines of what is wrong with a Dockerfile in a folder."""
    (root / "Dockerfile").write_text(text)
    context = read_build_context(root, read_dockerfile(root / "Dockerfile", root))
    return [
        (str(problem.error_code), problem.context.line_number)
        for problem in problems_of(context, **arguments)  # type: ignore[arg-type]
    ]


def test_the_nearest_dockerfile_is_taken(tmp_path: Path) -> None:
    """The flow's own, then that of its folder, then those above, and none beyond the repository."""
    root = tmp_path / "repository"
    write(tmp_path, Dockerfile="beyond")
    write(root, flows__etl__load_dot_py="")
    assert find_dockerfile(root, FLOW) is None
    for name in ("Dockerfile", "flows/Dockerfile", "flows/etl/Dockerfile", "flows/etl/load.Dockerfile"):
        (root / name).write_text("FROM a\n")
        assert find_dockerfile(root, FLOW) == root / name
    assert find_dockerfile(root, FLOW, "flows/Dockerfile") == root / "flows" / "Dockerfile"
    assert find_dockerfile(root, root / FLOW) == root / "flows/etl/load.Dockerfile"


def test_a_named_dockerfile_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Also where another one would be found."""
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    with pytest.raises(DockerError) as caught:
        find_dockerfile(tmp_path, FLOW, "docker/load.Dockerfile")
    assert caught.value.error_code == "DOCKERFILE_NOT_FOUND"
    assert "docker/load.Dockerfile" in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("DOCKERFILE_INVALID", 1)]),
        ("# only\n\n", [("DOCKERFILE_INVALID", 1)]),
        ("# only\n\nARG X\n", [("DOCKERFILE_INVALID", 3)]),
        ("# only\nARG X\n\nWORKDIR /x\nRUN y\n", [("DOCKERFILE_INVALID", 4)]),
        ("FORM a\nRUN x\n", [("DOCKERFILE_INVALID", 1)]),
        ("RUN x\nFROM a\n", [("DOCKERFILE_INVALID", 1)]),
        ("FROM a\nCOPPY x y\n\nUSE r\n", [("DOCKERFILE_INVALID", 2), ("DOCKERFILE_INVALID", 4)]),
        ("FROM a b\n", [("DOCKERFILE_INVALID", 1)]),
        ("FROM a\nRUN x \\\n  # comment\n\n  && y\nCOPY\n", [("DOCKERFILE_INVALID", 6)]),
        (
            "# escape=`\nFROM a\nRUN x `\n  y\nCOPY \\ z\nNO x\n",
            [("DOCKER_COPY_SOURCE_MISSING", 5), ("DOCKERFILE_INVALID", 6)],
        ),
        ("FROM a\nRUN <<EOF\nNOT an instruction\nEOF\nNOT x\n", [("DOCKERFILE_INVALID", 5)]),
        ("FROM a\nCOPY <<one <<two /x/\nA\none\nB\ntwo\nUSER x\n", []),
        ("FROM a\nRUN <<EOF\nnever closed\n", [("DOCKERFILE_INVALID", 2)]),
    ],
)
def test_what_is_wrong_with_a_dockerfile_has_its_line(
    tmp_path: Path, text: str, expected: list[tuple[str, int | None]]
) -> None:
    """Everything at once."""
    assert sorted(problems(tmp_path, text), key=str) == sorted(expected, key=str)


def test_a_dockerfile_without_from_is_called_by_its_name(tmp_path: Path) -> None:
    """And the message says where the FROM has to stand."""
    write(tmp_path, flows__load_dot_Dockerfile="WORKDIR /app\n")
    (problem,) = read_dockerfile(tmp_path / "flows/load.Dockerfile", tmp_path).problems
    assert problem.message.startswith("flows/load.Dockerfile has no FROM: it needs one before WORKDIR")
    assert problem.context.file_path == "flows/load.Dockerfile"
    assert problem.context.extra["source_lines"] == [[1, "WORKDIR /app"]]


@pytest.mark.parametrize(
    ("source", "there"),
    [
        ("flows/a.py", True),
        ("./flows", True),
        ("/flows/", True),
        ("../flows/a.py", True),
        (".", True),
        ("flows/*.py", True),
        ("fl?ws", True),
        ("flows/[^b].py", True),
        ("*.txt", False),
        ("flows/b.py", False),
        ("Flows", False),
        ("ignored.txt", False),
        ("--from=x nothing", True),
        ("$UNKNOWN/x", True),
        ("${KNOWN}/a.py", True),
        ("${KNOWN}/b.py", False),
        ("$GIVEN", True),
        ("link/b.py", True),
    ],
)
def test_what_is_copied_must_be_in_the_context(tmp_path: Path, source: str, there: bool) -> None:
    """As far as it can be known without building."""
    write(tmp_path, flows__a_dot_py="", ignored_dot_txt="", _dot_dockerignore="*.txt\n")
    (tmp_path / "link").symlink_to("flows")
    text = f"FROM a\nARG KNOWN=flows\nARG GIVEN\nCOPY {source} /x/\nADD https://x.example/y /y\n"
    expected = [] if there else [("DOCKER_COPY_SOURCE_MISSING", 4)]
    assert problems(tmp_path, text, build_args={"GIVEN": "flows"}) == expected


def test_a_stage_that_nothing_defines_is_told_with_those_that_are(tmp_path: Path) -> None:
    """Before the engine is asked."""
    assert problems(tmp_path, "FROM a AS one\nFROM one AS two\n", target="ONE") == []
    assert problems(tmp_path, "FROM a AS one\n", target="three") == [("DOCKERFILE_INVALID", None)]


def test_base_images_are_those_from_outside() -> None:
    """Not the file's own stages."""
    text = "FROM a:1 AS one\nFROM scratch\nFROM One\nFROM --platform=linux/amd64 b\n"
    assert parse_dockerfile(text, "Dockerfile").base_images == [("a:1", 1), ("b", 4)]


def test_a_generated_dockerfile_installs_what_is_declared(tmp_path: Path) -> None:
    """Before the code is copied; the same text each time."""
    bare = generate_dockerfile(tmp_path, "python:3.12").text
    assert "pip" not in bare
    project = '[project]\nname="p"\nversion="1"\ndependencies=["pandas>=2; python_version>\'3.9\'"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    text = generate_dockerfile(tmp_path, "python:3.12", packages=["prefect==3.8.8"]).text
    assert '"pandas>=2; python_version>\'3.9\'", "prefect==3.8.8"]' in text
    assert text == generate_dockerfile(tmp_path, "python:3.12", packages=["prefect==3.8.8"]).text
    assert "--no-deps" not in text
    (tmp_path / "pyproject.toml").write_text(project + "[build-system]\nrequires=[]\n")
    assert '"--no-deps", "."' in generate_dockerfile(tmp_path, "python:3.12").text
    (tmp_path / "requirements.txt").write_text("six\n")
    lines = generate_dockerfile(tmp_path, "python:3.12").text.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["FROM", "WORKDIR", "COPY", "RUN", "COPY"]
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    lines = generate_dockerfile(tmp_path, "python:3.12").text.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["FROM", "WORKDIR", "COPY", "RUN"]


def test_a_project_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With its file."""
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(ValidationError) as caught:
        generate_dockerfile(tmp_path, "python:3.12")
    assert (caught.value.error_code, caught.value.context.file_path) == (
        "REQUIREMENTS_INVALID",
        "pyproject.toml",
    )


def test_a_generated_dockerfile_builds(builder: DockerBuilder, tmp_path: Path) -> None:
    """On the real engine, from a repository that has none; it is not in the image."""
    (tmp_path / "a.py").write_text("x = 1\n")
    dockerfile = generate_dockerfile(tmp_path, BUSYBOX)
    context = read_build_context(tmp_path, dockerfile)
    assert problems_of(context) == []
    result = builder.build(BuildRequest(hash_content(context), tags=("generated:1",)))
    assert result.tags == ("generated:1",)


@pytest.mark.parametrize(
    ("text", "target", "folder"),
    [
        ("FROM a\nWORKDIR /app\n", None, "/app"),
        ("FROM a\nWORKDIR /app\nWORKDIR flows\n", None, "/app/flows"),
        ('FROM a\nWORKDIR "/srv/code"\n', None, "/srv/code"),
        ("FROM a\nWORKDIR flows\n", None, None),
        ("FROM a\nWORKDIR $HOME\n", None, None),
        ("FROM a\nCMD run\n", None, None),
        ("FROM a AS one\nWORKDIR /one\nFROM b AS two\nWORKDIR /two\n", "one", "/one"),
        ("FROM a AS one\nWORKDIR /one\nFROM b AS two\n", None, None),
    ],
)
def test_the_working_directory_is_that_of_the_stage_that_is_built(
    text: str, target: str | None, folder: str | None
) -> None:
    """What a base image or a variable decides is not guessed."""
    assert parse_dockerfile(text, "Dockerfile").working_directory(target) == folder
