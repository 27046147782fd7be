"""No recovery plan without proof: a test in which it helps, one in which it does not, and both were seen."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployment_system.deploy.recovery.catalogue import open_catalogue
from tests.recovery_evidence import CLAIMS_OPTION

ROOT = Path(__file__).resolve().parents[2]
PLANS = {plan.name: plan for plan in open_catalogue(ROOT / "docs", {}).plans}


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each marked test says that it is proof of: as pytest itself collects them."""
    file = tmp_path_factory.mktemp("claims") / "claims.json"
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", CLAIMS_OPTION, str(file), "tests/deploy"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(file.read_text())
    return found


@pytest.fixture(scope="module")
def evidence() -> list[dict[str, Any]]:
    """What was seen when it was last written."""
    found: list[dict[str, Any]] = json.loads((ROOT / "docs" / "recovery-evidence.json").read_text())
    return found


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("helped", [True, False], ids=["helps", "in-vain"])
def test_every_plan_has_a_test_in_which_it_helps_and_one_in_which_it_does_not(
    claims: list[dict[str, Any]], evidence: list[dict[str, Any]], plan: str, helped: bool
) -> None:
    """`make recovery-evidence` writes what was seen."""
    for known in (claims, evidence):
        assert [each["test"] for each in known if (each["plan"], each["helped"]) == (plan, helped)]


def test_tests_are_proof_of_plans_that_there_are(
    claims: list[dict[str, Any]], evidence: list[dict[str, Any]]
) -> None:
    """With a code that the plan is for; and what was seen, are tests that there are."""
    for each in [*claims, *evidence]:
        assert each["plan"] in PLANS, each
        assert each["code"] in PLANS[each["plan"]].codes, each
    marked = {(each["test"], each["code"], each["plan"], each["helped"]) for each in claims}
    seen = {(each["test"], each["code"], each["plan"], each["helped"]) for each in evidence}
    assert seen <= marked, "a test was renamed or removed: make recovery-evidence"
