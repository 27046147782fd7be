"""The cache: it saves time, and changes no result."""

import ast
import gc
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import snippets_making
import snippets_names
import snippets_places

from deployment_system.discovery import Discovery, discover
from deployment_system.error_handling import ErrorCodes

PLAIN = "from prefect import flow\n\n@flow(name='one')\ndef f(): pass\n"


def result(found: Discovery) -> tuple[object, ...]:
    """All but the time that it took and the warnings on the cache itself."""
    errors = [
        {key: value for key, value in error.to_dict().items() if key != "timestamp"} for error in found.errors
    ]
    plain = replace(found, seconds=0, errors=(), warnings=())
    return plain, json.dumps(errors, sort_keys=True, default=str)


def flow_names(found: Discovery) -> list[str]:
    """In the order in which they were found."""
    return [flow.name for flow in found.flows]


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A folder with every snippet, and files that cannot be read between them."""
    for snippet in (*snippets_names.ALL, *snippets_making.ALL, *snippets_places.ALL):
        (tmp_path / snippet.file).write_text(snippet.text)
    (tmp_path / "a_syntax.py").write_text("import prefect\nflow = = 1\n")
    (tmp_path / "n_null.py").write_bytes(b"import prefect\nflow = '\0'\n")
    (tmp_path / "z_encoding.py").write_bytes(b"# coding: klingon\nimport prefect # flow\n")
    (tmp_path / "m_deep.py").write_bytes(b"import prefect\nflow = " + b"(" * 1000)
    return tmp_path


def test_cold_and_warm_give_the_same(everything: Path) -> None:
    """Flows, what is not deployable, and the errors with their places, in the same order; without it too."""
    cache = everything / "state" / "cache.json"
    bare, cold, warm = (discover(everything, cache_file=file) for file in (None, cache, cache))
    assert result(bare) == result(cold) == result(warm)
    assert len(cold.flows) > 60
    assert len(cold.errors) > 10
    assert cold.warnings == warm.warnings == ()


def test_the_warm_scan_opens_no_file(tmp_path: Path) -> None:
    """What was read once is taken from the cache: a file whose content changed behind size and time is
    not noticed."""
    file, cache = tmp_path / "x.py", tmp_path / "cache.json"
    file.write_text(PLAIN)
    before = file.stat()
    discover(tmp_path, cache_file=cache)
    file.write_text(PLAIN.replace("one", "two"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert flow_names(discover(tmp_path, cache_file=cache)) == ["one"]


@pytest.mark.parametrize("name", ["two", "longer"])
def test_a_changed_file_is_read_again(name: str, tmp_path: Path) -> None:
    """Of the same size at another time, or of another size at the same time."""
    file, cache = tmp_path / "x.py", tmp_path / "cache.json"
    file.write_text(PLAIN)
    before = file.stat()
    discover(tmp_path, cache_file=cache)
    file.write_text(PLAIN.replace("one", name))
    later = 0 if name == "longer" else 1
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + later))
    for _ in range(2):
        assert flow_names(discover(tmp_path, cache_file=cache)) == [name]


def test_a_mended_file_is_no_error_any_more(tmp_path: Path) -> None:
    """And one that broke is one."""
    file, cache = tmp_path / "x.py", tmp_path / "cache.json"
    for text, flows, errors in ((PLAIN, 1, 0), (PLAIN + "=", 0, 1), (PLAIN + "#", 1, 0), ("", 0, 0)):
        file.write_text(text)
        for _ in range(2):
            found = discover(tmp_path, cache_file=cache)
            assert (len(found.flows), len(found.errors)) == (flows, errors)


def test_files_that_are_gone_disappear(tmp_path: Path) -> None:
    """From the result and from the cache."""
    cache = tmp_path / "cache.json"
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(PLAIN.replace("one", name))
    assert flow_names(discover(tmp_path, cache_file=cache)) == ["one", "two"]
    (tmp_path / "one.py").rename(tmp_path / "three.py")
    (tmp_path / "two.py").unlink()
    assert [flow.file for flow in discover(tmp_path, cache_file=cache).flows] == ["three.py"]
    assert b"two.py" not in cache.read_bytes()
    assert b"one.py" not in cache.read_bytes()


def test_damage_is_noticed_mended_and_said_wherever_it_is(tmp_path: Path) -> None:
    """A byte changed anywhere, or the end missing: the same flows, a warning once."""
    (tmp_path / "x.py").write_text(PLAIN)
    cache = tmp_path / "cache.json"
    expected = result(discover(tmp_path, cache_file=cache))
    whole = cache.read_bytes()
    damaged = [whole[:size] for size in range(0, len(whole), 7)]
    damaged += [
        whole[:at] + b"Z" + whole[at + 1 :] for at in range(0, len(whole), 5) if whole[at] != ord("Z")
    ]
    damaged += [b"null", b"[]", b"{}", b"\xff" * 100, b"[" * 100_000, whole + b" ", b"\0" * len(whole)]
    for content in damaged:
        cache.write_bytes(content)
        found = discover(tmp_path, cache_file=cache)
        assert result(found) == expected
        (warning,) = found.warnings
        assert warning.error_code is ErrorCodes.CACHE_DAMAGED
        assert str(warning.context.file_path) == str(cache)
        assert warning.remediation
        assert cache.read_bytes() == whole


def test_the_cache_of_another_python_is_made_anew(tmp_path: Path) -> None:
    """What its parser accepted, this one may not. Nothing is damaged, so nothing is said."""
    (tmp_path / "x.py").write_text(PLAIN)
    cache = tmp_path / "cache.json"
    script = (
        "import sys, pathlib; sys.version = '3.99'; from deployment_system.discovery import discover; "
        "discover(pathlib.Path('.'), cache_file=pathlib.Path('cache.json'))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert b"3.99" in cache.read_bytes()
    found = discover(tmp_path, cache_file=cache)
    assert (flow_names(found), found.warnings) == (["one"], ())
    assert b"3.99" not in cache.read_bytes()


@pytest.mark.parametrize("place", ["a-file/cache.json", "a-folder"])
def test_a_cache_that_cannot_be_written_is_a_warning(place: str, tmp_path: Path) -> None:
    """The result is there all the same, and no half-written file stays behind."""
    (tmp_path / "x.py").write_text(PLAIN)
    (tmp_path / "a-file").write_text("")
    (tmp_path / "a-folder" / "inner").mkdir(parents=True)
    before = sorted(path.name for path in tmp_path.iterdir())
    found = discover(tmp_path, cache_file=tmp_path / place)
    assert flow_names(found) == ["one"]
    assert {warning.error_code for warning in found.warnings} == {ErrorCodes.CACHE_DAMAGED}
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_state_folder_is_a_warning(tmp_path: Path) -> None:
    """As on a machine where the repository is mounted read-only."""
    state = tmp_path / "state"
    state.mkdir(mode=0o500)
    (tmp_path / "x.py").write_text(PLAIN)
    found = discover(tmp_path, cache_file=state / "cache.json")
    assert (flow_names(found), len(found.warnings)) == (["one"], 1)


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    """The cache keeps its time."""
    (tmp_path / "x.py").write_text(PLAIN)
    cache = tmp_path / "cache.json"
    discover(tmp_path, cache_file=cache)
    os.utime(cache, ns=(1, 1))
    discover(tmp_path, cache_file=cache)
    assert cache.stat().st_mtime_ns == 1


SCANNER = """\
import pathlib, sys
from deployment_system.discovery import discover
for turn in range(40):
    # Something changes each time, so that each writes the cache.
    pathlib.Path(sys.argv[1]).write_text("x = 1\\n" * turn)
    found = discover(pathlib.Path("."), cache_file=pathlib.Path("cache.json"))
    assert [flow.name for flow in found.flows] == [f"f{n}" for n in range(30)], found
    assert not found.warnings, [str(warning.cause) for warning in found.warnings]
"""


def test_processes_that_scan_at_once_do_not_damage_it(tmp_path: Path) -> None:
    """Each finds all, none finds a damaged cache."""
    for number in range(30):
        (tmp_path / f"a{number:02}.py").write_text(PLAIN.replace("one", f"f{number}"))
    others = [
        subprocess.Popen(
            [sys.executable, "-c", SCANNER, f"own{number}.py"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in others:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert discover(tmp_path, cache_file=tmp_path / "cache.json").warnings == ()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


def test_syntax_trees_do_not_pile_up(tmp_path: Path) -> None:
    """A scan of ten thousand files would need as much memory as all their trees: the collector of garbage
    is off meanwhile, so nothing may hold a tree in a circle."""
    for number in range(50):
        (tmp_path / f"x{number}.py").write_text(PLAIN + "def g(x): return x\nh = f.with_options(name='h')\n")
    gc.collect()
    gc.disable()
    try:
        found = discover(tmp_path)
        trees = sum(isinstance(thing, ast.FunctionDef) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert len(found.flows) == 100
    assert trees < 5
