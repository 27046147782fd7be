"""The page and the schema of recovery plans say what the catalogue says."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from deployment_system.deploy.recovery.catalogue import open_catalogue

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def script() -> ModuleType:
    """What writes them."""
    file = PROJECT / "scripts" / "write_recovery_reference.py"
    specification = importlib.util.spec_from_file_location(file.stem, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script: ModuleType, tmp_path: Path) -> None:
    """`make reference` writes it."""
    written = (PROJECT / "docs" / "recovery.md").read_text(encoding="utf-8")
    assert script.page(open_catalogue(tmp_path, {})) == written


def test_the_schema_is_up_to_date_and_takes_the_plans_of_the_package(script: ModuleType) -> None:
    """An editor knows every key."""
    written = (PROJECT / "docs" / "recovery-plans.schema.json").read_text(encoding="utf-8")
    assert script.schema_text() == written
    plan = json.loads(written)["$defs"]["DeclaredPlan"]
    assert set(plan["required"]) == {"for", "description"}
    assert plan["additionalProperties"] is False


def test_the_plan_in_the_documentation_works(tmp_path: Path) -> None:
    """It is taken as it stands there."""
    page = (PROJECT / "docs" / "recovery.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "recovery-plans.yaml").write_text(text, encoding="utf-8")
    catalogue = open_catalogue(tmp_path, {})
    assert "start-the-tunnel" not in [plan.name for plan in catalogue.plans], "it is for staging only"
    (tmp_path / "recovery-plans.yaml").write_text(
        text.replace("environments: [staging]", "environments: []"), "utf-8"
    )
    assert open_catalogue(tmp_path, {}).plans[0].name == "start-the-tunnel"
