"""Files that are no orderly Python text: reported with code, file and remedy, or read as Python would."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deployment_system.discovery import Discovery, discover
from deployment_system.error_handling import ErrorCodes, FlowDiscoveryError

PLAIN = b"from prefect import flow\n\n@flow\ndef f(): pass\n"
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def scanned(folder: Path, content: bytes, file: str = "x.py") -> Discovery:
    """What is said of a folder with this file and an orderly one."""
    (folder / "orderly.py").write_bytes(PLAIN)
    (folder / file).write_bytes(content)
    found = discover(folder)
    assert "orderly.py:f" in [flow.entrypoint for flow in found.flows]
    for error in found.errors:
        assert error.context.file_path
        assert error.remediation
    return found


def names(found: Discovery) -> list[str]:
    """The names of the flows of the file in question."""
    return [flow.name for flow in found.flows if flow.file != "orderly.py"]


def named(name: str, encoding: str = "utf-8") -> bytes:
    """A file whose flow has that name, in that encoding."""
    return f"from prefect import flow\n@flow(name='{name}')\ndef f(): pass\n".encode(encoding)


@pytest.mark.parametrize(
    ("content", "flows"),
    [
        pytest.param(b"# coding: latin-1\n" + named("caf\xe9", "latin-1"), ["caf\xe9"], id="latin-1"),
        pytest.param(b"#!x\n# -*- coding: cp1252 -*-\n" + named("\u20ac", "cp1252"), ["\u20ac"], id="cp1252"),
        pytest.param(b"\xef\xbb\xbf" + named("\u20ac"), ["\u20ac"], id="BOM"),
        pytest.param(b"\xef\xbb\xbf# coding: utf-8\n" + named("\u20ac"), ["\u20ac"], id="BOM-and-cookie"),
        pytest.param(PLAIN.replace(b"\n", b"\r\n"), ["f"], id="CRLF"),
        pytest.param(PLAIN.replace(b"\n", b"\r"), ["f"], id="CR"),
        pytest.param(PLAIN.replace(b"\n", b"\n\x0c\n"), ["f"], id="form-feeds"),
        pytest.param(PLAIN.rstrip(b"\n"), ["f"], id="no-last-newline"),
        pytest.param(b"", [], id="empty"),
        pytest.param(b"# flow prefect", [], id="comment"),
        pytest.param(b"\xef\xbb\xbf", [], id="only-BOM"),
        pytest.param(PLAIN.decode().encode("utf-16"), [], id="UTF-16"),
    ],
)
def test_a_file_is_read_as_python_reads_it(content: bytes, flows: list[str], tmp_path: Path) -> None:
    """Encodings and ends of lines."""
    found = scanned(tmp_path, content)
    assert (names(found), found.errors) == (flows, ())


DEEP = b"from prefect import flow\n@flow\ndef f(): pass\n"


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        pytest.param(named("caf\xe9", "latin-1"), "FLOW_FILE_ENCODING_INVALID", 2, id="undeclared-latin-1"),
        pytest.param(b"# coding: klingon\n" + PLAIN, "FLOW_FILE_ENCODING_INVALID", 1, id="unknown-cookie"),
        pytest.param(
            b"# coding: ascii\n" + named("caf\xe9"), "FLOW_FILE_ENCODING_INVALID", None, id="wrong-cookie"
        ),
        pytest.param(
            b"\xef\xbb\xbf# coding: latin-1\n" + PLAIN,
            "FLOW_FILE_ENCODING_INVALID",
            1,
            id="BOM-against-cookie",
        ),
        pytest.param(b"# coding: base64\n" + PLAIN, "FLOW_FILE_ENCODING_INVALID", 1, id="cookie-of-no-text"),
        pytest.param(PLAIN + b"x = '\0'\n", "FLOW_FILE_ENCODING_INVALID", 5, id="null-byte"),
        pytest.param(PLAIN + b"def g(:\n", "FLOW_SYNTAX_ERROR", 5, id="syntax"),
        pytest.param(PLAIN + b"x = (\n", "FLOW_SYNTAX_ERROR", 5, id="never-closed"),
        pytest.param(PLAIN + b'"""', "FLOW_SYNTAX_ERROR", 5, id="ends-within-text"),
        pytest.param(PLAIN + b"\\", "FLOW_SYNTAX_ERROR", 5, id="ends-within-line"),
        pytest.param(
            DEEP + b"x = " + b"(" * 5000 + b")" * 5000, "FLOW_FILE_TOO_COMPLEX", 4, id="parentheses"
        ),
        pytest.param(
            DEEP + b"".join(b" " * n + b"if 1:\n" for n in range(300)),
            "FLOW_FILE_TOO_COMPLEX",
            None,
            id="nested-ifs",
        ),
        pytest.param(DEEP + b"x = " + b"-" * 20000 + b"1\n", "FLOW_FILE_TOO_COMPLEX", None, id="signs"),
        pytest.param(
            DEEP + b"x = 1" + b" + 1" * 30000 + b"\n", "FLOW_FILE_TOO_COMPLEX", None, id="sum-of-many"
        ),
        pytest.param(DEEP + b"x = a" + b".b" * 30000 + b"\n", "FLOW_FILE_TOO_COMPLEX", None, id="attributes"),
        pytest.param(b"# flow prefect\n" * 400_000, "FLOW_FILE_TOO_LARGE", None, id="huge"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error(
    content: bytes, code: str, line: int | None, tmp_path: Path
) -> None:
    """And the orderly file beside it is found all the same."""
    found = scanned(tmp_path, content)
    (error,) = found.errors
    assert (error.error_code, error.context.file_path) == (code, "x.py")
    if line is not None:
        assert error.context.line_number == line
    assert names(found) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x = 'a'" + b" + 'a'" * 800 + b"\n", id="sum-of-many-texts"),
        pytest.param(b"if a: pass\n" + b"elif a: pass\n" * 700, id="many-elifs"),
        pytest.param(b"def g():\n if a: pass\n" + b" elif a: pass\n" * 700, id="many-elifs-in-a-function"),
        pytest.param(b"def g(x=1" + b" + 1" * 800 + b"): pass\ng = flow(g)\n", id="long-default"),
        pytest.param(b"x = a" + b".b" * 800 + b"()\n", id="attributes"),
    ],
)
def test_what_python_can_run_is_not_called_too_deep(content: bytes, tmp_path: Path) -> None:
    """The reader goes as deep as the parser."""
    found = scanned(tmp_path, DEEP + content)
    assert found.errors == ()
    assert names(found)[0] == "f"


def test_the_code_frame_shows_the_lines_that_an_editor_shows(tmp_path: Path) -> None:
    """A form feed ends no line, nor does a line separator within a text."""
    (error,) = scanned(tmp_path, PLAIN + "x = '\u2028'\n\x0c\ny = = 1\n".encode()).errors
    assert error.context.line_number == 7
    assert dict(error.context.extra["source_lines"])[7] == "y = = 1"


@pytest.mark.parametrize(
    ("line", "word"),
    [("x = {{ name }}\ny = = 1", None), ("x = = {{ name }}", "template"), ("<<<<<<< HEAD", "merge")],
)
def test_some_syntax_errors_have_a_remedy_of_their_own(line: str, word: str | None, tmp_path: Path) -> None:
    """Templates and unfinished merges."""
    (error,) = scanned(tmp_path, PLAIN + line.encode() + b"\n").errors
    assert error.error_code is ErrorCodes.FLOW_SYNTAX_ERROR
    assert (word is None) or (word in " ".join(error.remediation))


def _symlink_to_itself(folder: Path) -> None:
    (folder / "x.py").symlink_to("x.py")


def _folder_in_itself(folder: Path) -> None:
    (folder / "loop").symlink_to(folder, target_is_directory=True)


def _two_folders_in_each_other(folder: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (folder / one).mkdir()
        (folder / one / "to").symlink_to(folder / other, target_is_directory=True)


def _link_to_nothing(folder: Path) -> None:
    (folder / "x.py").symlink_to("nowhere.py")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "x.py")
    os.mkfifo(folder / "x")


def _pipe_of_rules(folder: Path) -> None:
    (folder / "inner").mkdir()
    os.mkfifo(folder / "inner" / ".gitignore")
    os.mkfifo(folder / ".gitignore")
    os.mkfifo(folder / ".prefectignore")


def _folder_of_rules(folder: Path) -> None:
    (folder / ".gitignore").mkdir()


def _senseless_rules(folder: Path) -> None:
    (folder / ".gitignore").write_bytes(b"!\n\\\n\xff\xfe\nnothing.py\n")


def _deep_folders(folder: Path) -> None:
    at = os.open(folder, os.O_RDONLY)
    for _ in range(700):
        os.mkdir("d", dir_fd=at)
        at, above = os.open("d", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)


@pytest.mark.parametrize(
    ("make", "reported"),
    [
        (_symlink_to_itself, ["x.py"]),
        (_folder_in_itself, []),
        (_two_folders_in_each_other, []),
        (_link_to_nothing, []),
        (_pipe, []),
        (_pipe_of_rules, []),
        (_folder_of_rules, []),
        (_senseless_rules, []),
        (_deep_folders, []),
    ],
)
@pytest.mark.timeout(60)
def test_odd_entries_of_a_folder_do_no_harm(
    make: Callable[[Path], None], reported: list[str], tmp_path: Path
) -> None:
    """The orderly file is found, once."""
    make(tmp_path)
    (tmp_path / "orderly.py").write_bytes(PLAIN)
    found = discover(tmp_path)
    assert [flow.entrypoint for flow in found.flows] == ["orderly.py:f"]
    assert [error.context.file_path for error in found.errors] == reported
    for error in found.errors:
        assert (error.error_code, bool(error.remediation)) == (ErrorCodes.FLOW_FILE_UNREADABLE, True)


def test_a_folder_called_like_a_file_is_a_folder(tmp_path: Path) -> None:
    """What lies in it is found."""
    (tmp_path / "x.py").mkdir()
    found = scanned(tmp_path, PLAIN, "x.py/y.py")
    assert names(found) == ["f"]
    assert found.flows[1].entrypoint == "x.py/y.py:f"


def test_links_out_of_the_repository_are_followed(tmp_path: Path) -> None:
    """A worker would follow them too; the entrypoint is the link's name."""
    (tmp_path / "elsewhere" / "more").mkdir(parents=True)
    (tmp_path / "elsewhere" / "one.py").write_bytes(PLAIN)
    (tmp_path / "elsewhere" / "more" / "two.py").write_bytes(PLAIN)
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked.py").symlink_to(tmp_path / "elsewhere" / "one.py")
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "more", target_is_directory=True)
    assert [flow.entrypoint for flow in discover(root).flows] == ["linked/two.py:f", "linked.py:f"]


def test_a_link_to_another_place_of_the_repository_is_followed_where_that_is_not_scanned(
    tmp_path: Path,
) -> None:
    """With `paths`, what lies outside of them is found through the link only, and else only once."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "s.py").write_bytes(PLAIN)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shared").symlink_to("../shared", target_is_directory=True)
    (tmp_path / "flows" / "up").symlink_to("..", target_is_directory=True)
    assert [flow.file for flow in discover(tmp_path, paths=["flows"]).flows] == ["flows/shared/s.py"]
    assert [flow.file for flow in discover(tmp_path).flows] == ["shared/s.py"]


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_what_may_not_be_read_is_reported(tmp_path: Path) -> None:
    """A file and a folder without permission."""
    (tmp_path / "secret.py").write_bytes(PLAIN)
    (tmp_path / "closed").mkdir()
    (tmp_path / "secret.py").chmod(0)
    (tmp_path / "closed").chmod(0)
    try:
        found = discover(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert sorted(str(error.context.file_path) for error in found.errors) == ["closed", "secret.py"]
    assert {error.error_code for error in found.errors} == {ErrorCodes.FLOW_FILE_UNREADABLE}


def test_files_that_come_and_go_while_scanning_do_no_harm(tmp_path: Path) -> None:
    """Each is found, or not there, or reported as gone; the one that stays is found every time."""
    (tmp_path / "orderly.py").write_bytes(PLAIN)
    finished = threading.Event()

    def come_and_go() -> None:
        while not finished.is_set():
            for number in range(20):
                folder = tmp_path / f"d{number}"
                folder.mkdir()
                (folder / "x.py").write_bytes(PLAIN)
            for number in range(20):
                (tmp_path / f"d{number}" / "x.py").unlink()
                (tmp_path / f"d{number}").rmdir()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            found = discover(tmp_path, cache_file=tmp_path / ".cache.json")
            assert "orderly.py:f" in [flow.entrypoint for flow in found.flows]
            assert {error.error_code for error in found.errors} <= {ErrorCodes.FLOW_FILE_UNREADABLE}
    finally:
        finished.set()
        thread.join()


def test_a_file_name_that_is_not_utf_8_is_reported_where_it_holds_flows(tmp_path: Path) -> None:
    """No server could store such an entrypoint; in files without flows the name does not matter."""
    with open(os.fsencode(tmp_path) + b"/caf\xe9.py", "wb") as stream:  # noqa: PTH123 - not a text name
        stream.write(PLAIN)
    with open(os.fsencode(tmp_path) + b"/\xff.py", "wb") as stream:  # noqa: PTH123 - not a text name
        stream.write(b"x = 1\n")
    found = scanned(tmp_path, b"")
    (error,) = found.errors
    assert (error.error_code, error.context.file_path) == (ErrorCodes.FLOW_INVALID_STRUCTURE, "caf\\xe9.py")
    assert names(found) == []


@pytest.mark.parametrize("path", ["nowhere", "a" * 5000, "a\0b", "nowhere/x.py"])
def test_a_path_that_is_not_there_is_an_error(path: str, tmp_path: Path) -> None:
    """It is raised: nothing could be looked for."""
    with pytest.raises(FlowDiscoveryError) as caught:
        discover(tmp_path, paths=[path])
    assert caught.value.error_code is ErrorCodes.SCAN_PATH_NOT_FOUND
    assert caught.value.remediation
