"""Dependencies: installed where flows are checked, and pins that clash made to fit; by pip, from an index."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Workspace, recoveries_of
from tests.deploy.package_index import PackageIndex, package_index
from tests.repositories import Finished

MODULE = "shop_prices_for_tests"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """Serves nothing yet."""
    with package_index() as made:
        yield made


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment of the tests' own, which sees what is installed here."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    own = next(folder.glob("lib/python3*/site-packages"))
    here = sysconfig.get_path("purelib")
    (own / "above.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return folder / "bin" / "python"


@pytest.fixture
def shop(
    one_flow: Workspace, environment: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A repository whose commands run with the Python of that environment, and whose pip asks that index."""
    one_flow.python = str(environment)
    one_flow.environ.update(
        PIP_INDEX_URL=index.url, PIP_CONFIG_FILE="/dev/null", PIP_NO_CACHE_DIR="1", PIP_RETRIES="0"
    )
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    return one_flow


def imports(shop: Workspace, module: str = MODULE) -> None:
    """The flow needs one more module."""
    file = shop.root / "flows" / "load.py"
    file.write_text(f"import {module}\n" + file.read_text())


def installed(environment: Path) -> set[str]:
    """The distributions of the environment itself."""
    folders = next(environment.parent.parent.glob("lib/python3*/site-packages")).glob("*.dist-info")
    return {folder.name.removesuffix(".dist-info") for folder in folders}


def strictly(shop: Workspace, *arguments: str) -> Finished:
    """What is declared has to be installed, too."""
    return shop.deploy("--check-environment", *arguments)


def statuses(result: Finished) -> list[tuple[str, str]]:
    """What was tried."""
    return [(each["plan"], each["status"]) for each in result.document["recoveries"]]


@pytest.mark.recovers("MISSING_REQUIREMENTS", plan="dependency-not-installed")
def test_what_is_declared_and_missing_is_installed_and_can_be_removed_again(
    shop: Workspace, index: PackageIndex, environment: Path
) -> None:
    """With what it needs, in a version that the declaration allows; into the environment that checks."""
    index.add(MODULE, "1.0", MODULE, needs=("shop_base_for_tests",))
    index.add(MODULE, "2.0", MODULE)
    index.add("shop_base_for_tests", "3.1", "shop_base_for_tests")
    imports(shop)
    shop.write("requirements.txt", f"prefect\n{MODULE}<2\n")
    assert strictly(shop).codes[0] == "MISSING_REQUIREMENTS"
    result = strictly(shop, "--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    (recovery,) = result.document["recoveries"]
    assert "shop-base-for-tests 3.1" in recovery["steps"][0]["would"]
    assert installed(environment) == {f"{MODULE}-1.0", "shop_base_for_tests-3.1"}
    taken_back = shop.run("recovery", "execute", "--plan-id", recovery["plan_id"], "--auto-execute", "-ojson")
    assert taken_back.status == 0, taken_back.output
    assert installed(environment) == set()


@pytest.mark.recovers_in_vain("MISSING_REQUIREMENTS", plan="dependency-not-installed")
def test_a_distribution_without_the_module_is_removed_again(
    shop: Workspace, index: PackageIndex, environment: Path
) -> None:
    """Another one was meant."""
    index.add(MODULE, "1.0", module=None)
    imports(shop)
    shop.write("requirements.txt", f"prefect\n{MODULE}\n")
    result = strictly(shop, "--recover", "auto")
    assert (result.status, result.codes[0]) == (3, "MISSING_REQUIREMENTS"), result.output
    assert statuses(result) == [("dependency-not-installed", "in_vain")]
    assert "there is still no module" in result.document["recoveries"][0]["messages"][-1]
    assert installed(environment) == set()


@pytest.mark.recovers("FLOW_MISSING_DEPENDENCIES", plan="dependency-missing-here")
def test_what_is_neither_declared_nor_installed_is_both(
    shop: Workspace, index: PackageIndex, environment: Path
) -> None:
    """Where the environment is to be checked."""
    index.add("shop_prices_for_tests", "1.0", MODULE)
    imports(shop)
    file = shop.write("requirements.txt", "prefect\n")
    result = strictly(shop, "--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert statuses(result) == [("dependency-missing-here", "recovered")]
    assert file.read_text() == "prefect\nshop-prices-for-tests\n"
    assert installed(environment) == {f"{MODULE}-1.0"}
    plan_id = result.document["recoveries"][0]["plan_id"]
    assert shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 0
    assert (file.read_text(), installed(environment)) == ("prefect\n", set())


@pytest.mark.recovers_in_vain("FLOW_MISSING_DEPENDENCIES", plan="dependency-missing-here")
def test_a_declaration_is_taken_back_where_it_cannot_be_installed_usefully(
    shop: Workspace, index: PackageIndex, environment: Path
) -> None:
    """Both steps are one transaction."""
    index.add(MODULE, "1.0", module=None)
    imports(shop)
    file = shop.write("requirements.txt", "prefect\n")
    result = strictly(shop, "--recover", "auto")
    assert (result.status, result.codes[0]) == (3, "FLOW_MISSING_DEPENDENCIES"), result.output
    assert statuses(result) == [("dependency-missing-here", "in_vain")]
    assert (file.read_text(), installed(environment)) == ("prefect\n", set())


def test_what_no_index_has_is_left_to_a_person(shop: Workspace, environment: Path) -> None:
    """With what pip says."""
    imports(shop)
    shop.write("requirements.txt", f"{MODULE}\n")
    result = strictly(shop, "--recover", "auto")
    assert result.codes[0] == "MISSING_REQUIREMENTS"
    assert "recoveries" not in result.document
    proposed = shop.run("recovery", "plans", "run", "MISSING_REQUIREMENTS", "--dry-run", "-ojson")
    assert "No matching distribution found" in proposed.output


CLASH = "DEPENDENCY_CONFLICT"


@pytest.fixture
def clash(shop: Workspace, index: PackageIndex) -> Workspace:
    """Two files that ask for versions of which none fits both."""
    for version in ("1.0", "1.4", "2.0"):
        index.add(MODULE, version, MODULE)
    index.add("shop_base_for_tests", "1.0", "shop_base_for_tests", needs=(f"{MODULE}<2",))
    shop.write("requirements.txt", f"prefect\nshop_base_for_tests\n{MODULE}>=1.2  # prices\n")
    shop.write("constraints.txt", f"# last year's\n{MODULE} == 1.0 ; python_version > '3'\n")
    return shop


@pytest.mark.recovers(CLASH, plan="dependency-conflict")
def test_a_pin_that_clashes_is_changed_to_what_resolves(clash: Workspace) -> None:
    """Found by pip, with everything that is declared: 2.0 would not fit what another one needs."""
    requirements = (clash.root / "requirements.txt").read_text()
    assert "no version fits both" in clash.run("validate").errors
    assert f"write {MODULE} == 1.4 ; python_version > '3'" in clash.run("doctor").output
    told = clash.run("doctor", "--fix", "--auto-execute", "-ojson")
    [mended] = recoveries_of(told, "dependency-conflict")
    assert mended["status"] == "recovered", told.output
    assert "shop-base-for-tests 1.0" in mended["steps"][0]["would"]
    changed = (clash.root / "constraints.txt").read_text()
    assert changed == f"# last year's\n{MODULE} == 1.4 ; python_version > '3'\n"
    assert (clash.root / "requirements.txt").read_text() == requirements
    assert "no version fits both" not in clash.run("validate").errors


@pytest.mark.recovers_in_vain(CLASH, plan="dependency-conflict")
def test_a_version_that_is_not_there_any_more_is_taken_back(clash: Workspace, index: PackageIndex) -> None:
    """It was withdrawn in between."""
    file = clash.root / "constraints.txt"
    before = file.read_text()
    index.has = lambda wheel: "-1.4-" not in wheel or file.read_text() == before
    told = clash.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert [each["status"] for each in recoveries_of(told, "dependency-conflict")] == ["in_vain"], told.output
    assert file.read_text() == before
