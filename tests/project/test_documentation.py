"""The guides keep their word: links lead somewhere, and what they tell people to type exists."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.real_faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted(
    path for pattern in ("*.md", "docs/*.md", "examples/*/README.md") for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
TARGETS_OF_THE_SPECIFICATION = {
    "discover-flows", "build-deployments", "deploy-python", "deploy-containers", "deploy-all",
    "clean-deployments", "validate-deployments", "check-ui",
}  # fmt: skip


@pytest.fixture(scope="module")
def make_targets() -> set[str]:
    """The targets that `make` alone lists."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  ([a-z-]+) ", listed, flags=re.MULTILINE))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_guide_leads_to_a_file(guide: Path) -> None:
    """Also those from one guide to another."""
    targets = [link for link in LINK.findall(guide.read_text()) if "://" not in link]
    assert [link for link in targets if not (guide.parent / link).exists()] == []


def test_the_table_of_faults_has_each_fault_that_the_script_makes() -> None:
    """In its order, and with nothing of the machine that made it."""
    table = (ROOT / "docs" / "faults.md").read_text()
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert [row[0].removeprefix("| ") for row in rows] == [fault.name for fault in FAULTS]
    assert len(rows) >= 25
    assert re.search(r"/(work|tmp|root|home)/|127\.0\.0\.1:\d{4}|site-packages", table) is None


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_target_that_a_guide_names_exists(guide: Path, make_targets: set[str]) -> None:
    """Inside code, `make` is followed by a target or a variable."""
    named = set(re.findall(r"(?:`|\$ |=\S+ )make ([a-z]+(?:-[a-z]+)*)", guide.read_text()))
    assert named <= make_targets


def test_the_makefile_has_the_targets_of_the_specification(make_targets: set[str]) -> None:
    """R3, by name."""
    assert make_targets >= TARGETS_OF_THE_SPECIFICATION


def test_a_make_target_fails_when_its_command_fails(tmp_path: Path) -> None:
    """R3: non-zero exit on failure. A folder that is not there makes every command fail."""
    finished = subprocess.run(
        ["make", "discover-flows", f"REPOSITORY={tmp_path / 'nothing'}", "INSTALLED="],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
