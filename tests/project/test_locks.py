"""The lock files answer to pyproject.toml, and the check that says so notices when they do not."""

import shutil
from pathlib import Path

import pytest

from scripts.check_locks import DEVELOPMENT_LOCK, RUNTIME_LOCK, faults

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project's pyproject.toml and locks, to be damaged."""
    for name in ("pyproject.toml", RUNTIME_LOCK, DEVELOPMENT_LOCK):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    """Damages the file; fails where there is nothing to damage."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_locks_of_this_project_are_in_order() -> None:
    """What is committed can be installed as it stands."""
    assert faults(ROOT) == []


def test_a_new_requirement_without_a_pin_is_noticed(project: Path) -> None:
    """pyproject.toml was changed and `make lock` forgotten."""
    replace(project / "pyproject.toml", '    "click>=8.2",', '    "click>=8.2",\n    "nobody-pinned-this",')
    assert faults(project) == [
        f"{RUNTIME_LOCK}: nobody-pinned-this is not pinned",
        f"{DEVELOPMENT_LOCK}: nobody-pinned-this is not pinned",
    ]


def test_a_pin_that_a_requirement_excludes_is_noticed(project: Path) -> None:
    """A bound was tightened and the lock still holds the version that it excludes."""
    replace(project / "pyproject.toml", "fastapi>=0.139,<0.151", "fastapi>=0.139,<0.140")
    assert [fault.split(": ")[1].split(" is ")[0] for fault in faults(project)] == [
        "fastapi<0.140,>=0.139"
    ] * 2


def test_a_development_requirement_is_looked_for_in_the_development_lock_only(project: Path) -> None:
    """Users do not install the tools of the tests."""
    replace(project / "pyproject.toml", '    "hypothesis>=6",', '    "hypothesis>=6",\n    "a-test-tool",')
    assert faults(project) == [f"{DEVELOPMENT_LOCK}: a-test-tool is not pinned"]


@pytest.mark.parametrize(
    "line", ["--index-url https://example.com/simple", "--find-links wheels", "a @ file:///a.whl"]
)
def test_an_address_in_a_lock_is_noticed(project: Path, line: str) -> None:
    """A lock must serve whatever index a machine is configured for."""
    lock = project / RUNTIME_LOCK
    lock.write_text(f"{lock.read_text()}{line}\n")
    assert [fault.rsplit(" ", 3)[1:] for fault in faults(project)] == [["holds", "an", "address"]]


def test_a_pin_without_a_hash_is_noticed(project: Path) -> None:
    """pip would refuse the whole file; better to hear of it before."""
    lock = project / DEVELOPMENT_LOCK
    lock.write_text(f"{lock.read_text()}zzz==1.0\n")
    assert faults(project) == [f"{DEVELOPMENT_LOCK}: zzz has no hash"]


def test_locks_that_disagree_are_noticed(project: Path) -> None:
    """The tests would run with other versions than users get."""
    replace(project / DEVELOPMENT_LOCK, "\nhttpx[http2]==0.28.1", "\nhttpx[http2]==0.28.9")
    assert faults(project) == [f"httpx is 0.28.1 in {RUNTIME_LOCK} and 0.28.9 in {DEVELOPMENT_LOCK}"]
