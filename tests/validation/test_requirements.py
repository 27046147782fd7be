"""What a repository declares: every format, with the line of each entry and of each fault."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requirement_samples import SAYS, Says

from deployment_system.error_handling import ErrorCodes
from deployment_system.validation.declared import read_declared


def written(root: Path, files: dict[str, str]) -> Path:
    """Writes the files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


@pytest.mark.parametrize("says", SAYS.values(), ids=SAYS.keys())
def test_a_file_declares_exactly_this(says: Says, tmp_path: Path) -> None:
    """Names, versions and lines; each fault is a warning with its place, and takes nothing else down."""
    declared = read_declared(written(tmp_path, says.files), [])
    assert declared.names == {re.split("[=<> ]", wanted)[0] for wanted in says.declared}
    found = {
        f"{item.name}{item.specifier or ''} @{item.line}" for item in declared.declarations if item.declares
    }
    found |= {entry.partition(" @")[0] for entry in found} | {item.name for item in declared.declarations}
    assert says.declared <= found
    assert [
        (warning.context.file_path, warning.context.line_number) for warning in declared.warnings
    ] == list(says.faults)
    for warning in declared.warnings:
        assert warning.error_code == ErrorCodes.REQUIREMENTS_INVALID
        assert warning.remediation


def test_no_password_of_a_url_is_shown(tmp_path: Path) -> None:
    """Neither of a line that is wrong nor of one that is right."""
    text = "https://user:hush@example.com/x y z\nlib @ https://user:hush@example.com/lib.whl extra\n"
    declared = read_declared(written(tmp_path, {"requirements.txt": text}), [])
    assert "hush" not in repr([warning.to_dict() for warning in declared.warnings])


FILES = st.sampled_from(
    ["requirements.txt", "pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "environment.yml", "uv.lock"]
)
PARTS = st.lists(
    st.sampled_from(
        [
            "a",
            "==1",
            ">=",
            "[x]",
            ";",
            "@",
            "#",
            "\\",
            "\n",
            " ",
            "  - ",
            "-r ",
            "-e ",
            "./",
            "=",
            "[project]\n",
            "dependencies",
            ":",
            "[",
            "]",
            "{",
            "}",
            '"',
            "'",
            ",",
            "[options]\n",
            "install_requires",
            "(",
            ")",
            "^1",
            "[[package]]\n",
            "name",
            "version",
            "pip:",
            "é",
            "\x00",
            "\r",
            "\ufeff",
            "1" * 30,
            "[tool.poetry.dependencies]\n",
        ]
    ),
    max_size=25,
)


@settings(max_examples=250, deadline=None)
@given(file=FILES, parts=PARTS)
def test_no_text_at_all_makes_the_reading_fail(
    file: str, parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands there, it is read, or there are warnings."""
    root = written(tmp_path_factory.mktemp("any"), {file: "".join(parts)})
    for warning in read_declared(root, []).warnings:
        assert warning.context.file_path == file
