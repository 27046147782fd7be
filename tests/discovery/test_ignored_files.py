"""What git, Prefect, virtual environments and the configuration leave out of the scan."""

import subprocess
from pathlib import Path

import pytest

from deployment_system.discovery import discover

PLAIN = "from prefect import flow\n\n@flow\ndef f(): pass\n"


def tree(folder: Path, files: dict[str, str]) -> None:
    """Writes the files; those without a text hold a flow."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text or PLAIN)


def found(folder: Path, paths: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    """The files in which flows are found; twice, so that the cache has its say."""
    cache = folder / ".cache" / "discovery.json"
    first = discover(folder, paths=paths, exclude=exclude, cache_file=cache)
    again = discover(folder, paths=paths, exclude=exclude, cache_file=cache)
    assert first.errors == first.warnings == again.errors == again.warnings == ()
    assert (first.flows, first.files_scanned) == (again.flows, again.files_scanned)
    return sorted(flow.file for flow in first.flows)


LAYOUT = dict.fromkeys(
    (
        "a.py",
        "b.py",
        "build/c.py",
        "x/a.py",
        "x/build/d.py",
        "x/y/a.py",
        "x/y/e.py",
        "x/y/build.py",
        "sp ace.py",
    ),
    "",
)

RULES = {
    "nothing": {},
    "name": {".gitignore": "a.py\n"},
    "anchored": {".gitignore": "/a.py\n"},
    "folder": {".gitignore": "build/\n"},
    "folder-or-file": {".gitignore": "build*\n"},
    "anchored-folder": {".gitignore": "/build\n"},
    "path": {".gitignore": "x/y\n"},
    "stars": {".gitignore": "x/**/a.py\n"},
    "leading-stars": {".gitignore": "**/build\n"},
    "negated": {".gitignore": "*.py\n!a.py\n"},
    "negated-in-vain": {".gitignore": "x/\n!x/a.py\n"},
    "negated-below": {".gitignore": "a.py\n", "x/.gitignore": "!a.py\n"},
    "nested": {"x/.gitignore": "a.py\n"},
    "nested-anchored": {"x/.gitignore": "/a.py\n"},
    "nested-twice": {".gitignore": "e.py\n", "x/.gitignore": "!e.py\n", "x/y/.gitignore": "e.py\n"},
    "in-ignored-folder": {".gitignore": "/x/\n", "x/.gitignore": "!*\n"},
    "all-but-one": {".gitignore": "/*\n!/x\n"},
    "comment-and-blank": {".gitignore": "# a.py\n\n\\#\nb.py   \n"},
    "class": {".gitignore": "[ab].py\n"},
    "byte-order-mark": {".gitignore": "\ufeffa.py\n"},
    "space": {".gitignore": "sp ace.py\n"},
    "question-mark": {".gitignore": "?.py\n"},
    "CRLF-free": {".gitignore": "a.py\n\n!x/a.py"},
    "no-pattern": {".gitignore": "!\n\\\na.py\n"},
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
def test_what_git_ignores_is_ignored(rules: dict[str, str], tmp_path: Path) -> None:
    """Held against git itself."""
    tree(tmp_path, {**LAYOUT, **rules})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard", "*.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert found(tmp_path) == sorted(name for name in listed.stdout.split("\0") if name)


def test_rules_of_the_repository_above_hold(tmp_path: Path) -> None:
    """A project in a folder of a larger repository; what lies above the repository does not matter."""
    tree(tmp_path, {".gitignore": "c.py\n", "repo/.gitignore": "generated/\n/team/project/b.py\na.py\n"})
    tree(tmp_path, {"repo/.git/HEAD": "x", "repo/team/.gitignore": "!/project/flows/a.py\n"})
    project = tmp_path / "repo" / "team" / "project"
    tree(project, dict.fromkeys(("a.py", "b.py", "c.py", "generated/x.py", "flows/a.py", "flows/b.py"), ""))
    assert found(project) == ["c.py", "flows/a.py", "flows/b.py"]
    assert found(project, paths=("flows",)) == ["flows/a.py", "flows/b.py"]


def test_a_folder_that_git_leaves_out_is_looked_at_by_who_works_in_it(tmp_path: Path) -> None:
    """A copy in a build folder, or a generated folder that the configuration names: git's word on the
    folder as a whole does not count there, its word on what lies in it does."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    tree(tmp_path, {".gitignore": "/.build/\ngenerated/\n", ".build/copy/.gitignore": "b.py\n"})
    tree(tmp_path / ".build" / "copy", {"a.py": "", "b.py": "", "generated/c.py": ""})
    assert found(tmp_path / ".build" / "copy") == ["a.py", "generated/c.py"]
    tree(tmp_path, {"d.py": "", "generated/e.py": ""})
    assert found(tmp_path) == ["d.py"]
    assert found(tmp_path, paths=("generated",)) == ["generated/e.py"]


def test_prefectignore_leaves_out_as_well(tmp_path: Path) -> None:
    """It stands at the root; an exception in .gitignore does not bring back what it leaves out."""
    tree(tmp_path, {**LAYOUT, ".prefectignore": "a.py\nbuild/\n", ".gitignore": "!a.py\nb.py\n"})
    tree(tmp_path, {"x/.prefectignore": "e.py\n"})
    assert found(tmp_path) == ["sp ace.py", "x/y/build.py", "x/y/e.py"]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (("**/tests/**", "**/test_*.py"), ["a.py", "x/b.py", "x/tester.py"]),
        (("x/",), ["a.py", "test_a.py", "tests/c.py"]),
        (("*.py", "!a.py"), ["a.py"]),
        (("!",), ["a.py", "test_a.py", "tests/c.py", "x/b.py", "x/test_b.py", "x/tester.py", "x/tests/d.py"]),
    ],
)
def test_what_the_configuration_excludes_is_left_out(
    exclude: tuple[str, ...], left: list[str], tmp_path: Path
) -> None:
    """Patterns as in .gitignore, from the root; an exception in a .gitignore does not bring files back."""
    files = ("a.py", "test_a.py", "tests/c.py", "x/b.py", "x/test_b.py", "x/tester.py", "x/tests/d.py")
    tree(tmp_path, dict.fromkeys(files, ""))
    tree(tmp_path, {".gitignore": "!test_a.py\n!/x/\n"})
    assert found(tmp_path, exclude=exclude) == left


def test_environments_and_installed_packages_are_never_scanned(tmp_path: Path) -> None:
    """Whatever they are called: a virtual environment is known by its pyvenv.cfg."""
    never = (
        "node_modules/a.py",
        "x/__pycache__/a.py",
        "lib/site-packages/a.py",
        "__pypackages__/a.py",
        ".tox/a.py",
    )
    tree(tmp_path, {**dict.fromkeys(never, ""), "my env/pyvenv.cfg": "home = /usr", "my env/lib/a.py": ""})
    tree(tmp_path, {"kept.py": "", "envs/a.py": "", "x/.hidden.py": ""})
    assert found(tmp_path) == ["envs/a.py", "kept.py", "x/.hidden.py"]


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        (("x",), ["x/a.py", "x/y/b.py"]),
        (("x/y",), ["x/y/b.py"]),
        (("x/y", "x"), ["x/a.py", "x/y/b.py"]),
        (("x", "x/a.py", "./x/a.py"), ["x/a.py", "x/y/b.py"]),
        (("x/a.py", "x"), ["x/a.py", "x/y/b.py"]),
        (("a.py", "x/y/"), ["a.py", "x/y/b.py"]),
        (("ignored.py",), ["ignored.py"]),
        ((".",), ["a.py", "x/a.py", "x/y/b.py"]),
    ],
)
def test_paths_say_where_to_look(paths: tuple[str, ...], files: list[str], tmp_path: Path) -> None:
    """Files and folders, each flow once; a file that is named is looked at even if git ignores it."""
    tree(tmp_path, dict.fromkeys(("a.py", "x/a.py", "x/y/b.py", "x/y/no.py", "ignored.py"), ""))
    tree(tmp_path, {".gitignore": "ignored.py\n", "x/.gitignore": "no.py\n"})
    assert found(tmp_path, paths=paths) == files
    assert found(tmp_path, paths=tuple(str(tmp_path / path) for path in paths)) == files


def test_a_cache_does_not_bring_back_what_is_ignored_meanwhile(tmp_path: Path) -> None:
    """The rules are no part of the file, so its size and time say nothing of them."""
    tree(tmp_path, {"a.py": "", "b.py": "", "plain.py": "x = 1"})
    cache = tmp_path / ".cache.json"
    assert discover(tmp_path, cache_file=cache).files_scanned == 3
    (tmp_path / ".gitignore").write_text("a.py\nplain.py\n")
    narrowed = discover(tmp_path, cache_file=cache)
    assert ([flow.file for flow in narrowed.flows], narrowed.files_scanned) == (["b.py"], 1)
    (tmp_path / ".gitignore").unlink()
    assert discover(tmp_path, cache_file=cache).files_scanned == 3
