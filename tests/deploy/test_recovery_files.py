"""Mistakes in real files, mended by recovery plans: the deployment goes through, or all is as before."""

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.deploy.conftest import Workspace, recoveries_of

CONFIGURATION = "deployment-config.yaml"
RULE = "{NAME:load: {parameters: {limit: 3}, schedules: [{cron: '0 5 * * *', timezone: Europe/London}]}}"
SETTINGS = "source: {git: {url: https://git.example/flows.git, ref: main}}"


def mended(code: str, plan: str) -> tuple[pytest.MarkDecorator, ...]:
    """What the case is proof of."""
    return (pytest.mark.recovers(code, plan=plan),)


def in_vain(code: str, plan: str) -> tuple[pytest.MarkDecorator, ...]:
    """What the case is proof of."""
    return (pytest.mark.recovers_in_vain(code, plan=plan),)


@pytest.fixture
def shop(one_flow: Workspace) -> Workspace:
    """A repository whose configuration has something to be misspelt, in git with a remote."""
    one_flow.configure(RULE, SETTINGS, top="default_environment: development\nscan: {paths: [flows]}\n")
    assert one_flow.proxy is not None
    one_flow.environ["SHOP_PREFECT_SERVER"] = one_flow.proxy.url
    one_flow.environ["SHOP_NIGHTLY_TAG"] = "[]"
    text = one_flow.root / CONFIGURATION
    text.write_text(text.read_text().replace(one_flow.proxy.url, "${SHOP_PREFECT_SERVER}"))
    for command in (["init", "-q"], ["remote", "add", "origin", "https://me:word@git.example/flows.git"]):
        subprocess.run(["git", *command], cwd=one_flow.root, check=True)
    return one_flow


def break_file(shop: Workspace, written: str, instead: str) -> tuple[Path, str]:
    """The file with the mistake, and its text with it."""
    file = shop.root / CONFIGURATION
    right = file.read_text()
    assert right.count(written) == 1, right
    file.write_text(right.replace(written, instead))
    return file, right


MISTAKES = [
    ("CONFIG_UNKNOWN_KEY", "configuration-key-misspelt", "work_pools:", "work_pool:"),
    ("CONFIG_INVALID_VALUE", "configuration-value-misspelt", "_seconds: 0.5", '_seconds: "0.5"'),
    ("ENVIRONMENT_NOT_CONFIGURED", "environment-misspelt", "nt: development", "nt: developmnt"),
    ("CONFIG_VARIABLE_NOT_SET", "variable-misspelt", "SHOP_PREFECT_SERVER", "SHOP_PREFECT_SERVR"),
    ("PARAMETER_UNKNOWN", "parameter-misspelt", "limit: 3", "limt: 3"),
    ("TIMEZONE_INVALID", "time-zone-misspelt", "Europe/London", "Europe/Londn"),
    ("SCAN_PATH_NOT_FOUND", "scan-path-moved", "paths: [flows]", "paths: [flow]"),
    (
        "CONFIG_MISSING_REQUIRED_FIELD",
        "configuration-field-missing",
        "url: https://git.example/flows.git, ",
        "",
    ),
]
"""What is written, and what by mistake: it is put back exactly so."""


@pytest.mark.parametrize(
    ("code", "plan", "written", "instead"),
    [pytest.param(*case, marks=mended(*case[:2]), id=case[1]) for case in MISTAKES],
)
def test_a_mistake_in_the_configuration_is_mended_and_deployed(
    shop: Workspace, code: str, plan: str, written: str, instead: str
) -> None:
    """Nothing else in the file changes, comments neither."""
    file, right = break_file(shop, written, instead)
    failed = shop.deploy()
    assert failed.status in (1, 3)
    assert code in failed.codes, failed.output
    result = shop.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    (recovery,) = result.document["recoveries"]
    assert (recovery["plan"], recovery["status"]) == (plan, "recovered")
    assert recovery["seconds"] > 0
    assert recovery["steps"][0]["diff"]
    assert file.read_text() == right
    assert shop.deploy().document["status"] == "unchanged"


TWICE_WRONG = [
    ("CONFIG_UNKNOWN_KEY", "configuration-key-misspelt", "outage_patience_seconds: 0.5", "protectd: maybe"),
    ("CONFIG_INVALID_VALUE", "configuration-value-misspelt", "_seconds: 0.5", '_seconds: "99999"'),
    (
        "ENVIRONMENT_NOT_CONFIGURED",
        "environment-misspelt",
        "limit: 3}",
        "limit: 3}, environments: [developmnt, elsewhere]",
    ),
    ("CONFIG_VARIABLE_NOT_SET", "variable-misspelt", "SHOP_PREFECT_SERVER", "SHOP_NIGHTLY_TAGS"),
    ("PARAMETER_UNKNOWN", "parameter-misspelt", "limit: 3", "limt: many"),
    (
        "TIMEZONE_INVALID",
        "time-zone-misspelt",
        "'0 5 * * *', timezone: Europe/London",
        "'0 5', timezone: Europe/Londn",
    ),
    ("SCAN_PATH_NOT_FOUND", "scan-path-moved", "paths: [flows]", "paths: [flow, nowhere-at-all]"),
    (
        "CONFIG_MISSING_REQUIRED_FIELD",
        "configuration-field-missing",
        "url: https://git.example/flows.git, ref: main",
        "ref: ' '",
    ),
]
"""Something else is wrong in the same line, which the correction does not mend."""


@pytest.mark.parametrize(
    ("code", "plan", "written", "instead"),
    [pytest.param(*case, marks=in_vain(*case[:2]), id=case[1]) for case in TWICE_WRONG],
)
def test_a_correction_that_does_not_help_is_taken_back(
    shop: Workspace, code: str, plan: str, written: str, instead: str
) -> None:
    """The deployment fails as it would have, the file is as it was, and the reason is told."""
    file, _ = break_file(shop, written, instead)
    wrong = file.read_text()
    result = shop.deploy("--recover", "auto")
    assert result.status in (1, 3)
    assert code in result.codes, result.output + result.errors
    assert file.read_text() == wrong
    assert shop.stored() == {}
    (tried,) = result.document["recoveries"]
    assert (tried["plan"], tried["status"]) == (plan, "in_vain")
    assert "everything is as before" in tried["messages"][-1]
    audit = shop.run("recovery", "audit", "-ojson").document["recoveries"]
    assert (audit[0]["plan"], audit[0]["outcome"]) == (plan, "in_vain"), audit


# -- an environment that is not there -----------------------------------------------------------------------

ANOTHER = ("deploy", "--env", "qa", "--recover", "auto", "-ojson")


@pytest.mark.recovers("ENVIRONMENT_NOT_CONFIGURED", plan="environment-missing")
def test_an_environment_is_added_as_a_copy(shop: Workspace) -> None:
    """Of the default one; all else stays as it is."""
    file = shop.root / CONFIGURATION
    right = file.read_text()
    result = shop.run(*ANOTHER)
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert list(shop.stored()) == [f"{shop.prefix}-load-python-qa"]
    section = right[right.index("  development:") : right.index("flows:")]
    assert file.read_text() == right.replace(section, section + section.replace("development", "qa", 1))


@pytest.mark.recovers_in_vain("ENVIRONMENT_NOT_CONFIGURED", plan="environment-missing")
def test_a_copy_that_needs_what_is_not_there_is_taken_back(shop: Workspace) -> None:
    """A variable, which the environment that was copied needs as well."""
    del shop.environ["SHOP_PREFECT_SERVER"]
    before = (shop.root / CONFIGURATION).read_text()
    result = shop.run(*ANOTHER)
    assert (result.status, result.codes) == (3, ["ENVIRONMENT_NOT_CONFIGURED"]), result.output
    assert [each["status"] for each in result.document["recoveries"]] == ["in_vain"]
    assert (shop.root / CONFIGURATION).read_text() == before


def test_no_environment_is_added_where_another_was_meant(shop: Workspace) -> None:
    """Which is said."""
    before = (shop.root / CONFIGURATION).read_text()
    result = shop.run("deploy", "--env", "developmnt", "--recover", "auto", "-ojson")
    assert result.codes == ["ENVIRONMENT_NOT_CONFIGURED"]
    assert (shop.root / CONFIGURATION).read_text() == before
    shown = shop.run("deploy", "--env", "developmnt").errors
    assert "did you mean 'development'?" in shown


# -- a configuration that is not there ----------------------------------------------------------------------


@pytest.mark.recovers("CONFIG_FILE_NOT_FOUND", plan="configuration-missing")
def test_a_configuration_is_written(shop: Workspace) -> None:
    """With every default; the server is the one that the environment names."""
    wanted = {"work_pools": {"name": {"any_": ["default-pool"]}}}
    was_there = bool(shop.ask("POST", "/work_pools/filter", wanted))
    made = httpx.post(
        f"{shop.server_url}/work_pools/", json={"name": "default-pool", "type": "process"}, timeout=60
    )
    # A busy server may have made it although it said 503 at first.
    assert made.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    shop.environ["PREFECT_API_URL"] = shop.environ["SHOP_PREFECT_SERVER"]
    try:
        result = shop.run("deploy", "--config", "new/shop.yaml", "--recover", "auto", "-ojson")
        assert result.status == 3, "there is no such folder"
        result = shop.run("deploy", "--config", "shop.yaml", "--recover", "auto", "-ojson")
        assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
        assert (shop.root / "shop.yaml").is_file()
        assert list(shop.stored()) == [f"{shop.prefix}-load-python-development"]
    finally:
        if not was_there:
            shop.ask("DELETE", "/work_pools/default-pool")


@pytest.mark.recovers_in_vain("CONFIG_FILE_NOT_FOUND", plan="configuration-missing")
def test_a_configuration_that_does_not_know_the_environment_is_not_left(shop: Workspace) -> None:
    """Nobody wants a file that does not help."""
    result = shop.run("deploy", "--config", "shop.yaml", "--env", "qa", "--recover", "auto", "-ojson")
    assert (result.status, result.codes) == (3, ["CONFIG_FILE_NOT_FOUND"]), result.output
    assert [each["status"] for each in result.document["recoveries"]] == ["in_vain"]
    assert not (shop.root / "shop.yaml").exists()


def test_no_configuration_is_written_beside_one_that_was_meant(shop: Workspace) -> None:
    """Its name is said instead."""
    result = shop.run("deploy", "--config", "deploymnt-config.yaml", "--recover", "auto", "-ojson")
    assert result.codes == ["CONFIG_FILE_NOT_FOUND"]
    assert not (shop.root / "deploymnt-config.yaml").exists()


# -- flows that have moved ----------------------------------------------------------------------------------

PROJECT = """
deployments:
  - name: PREFIX-nightly  # every night
    entrypoint: flows/load.py:load
    work_pool: {name: test-pool}
MORE"""


@pytest.fixture
def prefect_project(shop: Workspace) -> Workspace:
    """A prefect.yaml alone, whose flow is somewhere else by now."""
    (shop.root / CONFIGURATION).unlink()
    shop.environ["PREFECT_API_URL"] = shop.environ["SHOP_PREFECT_SERVER"]
    moved = shop.root / "flows" / "sales" / "daily.py"
    moved.parent.mkdir()
    (shop.root / "flows" / "load.py").rename(moved)
    shop.write("prefect.yaml", PROJECT.replace("PREFIX", shop.prefix).replace("MORE", ""))
    return shop


@pytest.mark.recovers("FLOW_NOT_FOUND", plan="flow-moved")
def test_a_flow_that_was_moved_is_found_by_its_function(prefect_project: Workspace) -> None:
    """The entrypoint is corrected, the comment beside it stays."""
    file = prefect_project.root / "prefect.yaml"
    before = file.read_text()
    failed = prefect_project.deploy()
    assert "FLOW_NOT_FOUND" in failed.codes
    assert "the flow is at flows/sales/daily.py:load" in failed.output
    result = prefect_project.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert file.read_text() == before.replace("flows/load.py", "flows/sales/daily.py")
    (stored,) = prefect_project.stored().values()
    assert stored["entrypoint"] == "flows/sales/daily.py:load"


@pytest.mark.recovers_in_vain("FLOW_NOT_FOUND", plan="flow-moved")
def test_an_entrypoint_that_is_taken_already_is_put_back(prefect_project: Workspace) -> None:
    """A deployment of that name and flow is there."""
    same = f"  - {{name: {prefect_project.prefix}-nightly, entrypoint: flows/sales/daily.py:load}}\n"
    file = prefect_project.write(
        "prefect.yaml", PROJECT.replace("PREFIX", prefect_project.prefix).replace("MORE", same)
    )
    before = file.read_text()
    result = prefect_project.deploy("--recover", "auto", "--strict")
    assert result.status == 3
    assert "FLOW_NOT_FOUND" in result.codes
    assert [each["status"] for each in result.document["recoveries"]] == ["in_vain"], result.output
    assert file.read_text() == before


def test_a_flow_that_may_be_in_two_places_is_left_to_a_person(prefect_project: Workspace) -> None:
    """Which one was meant, nobody can know."""
    other = prefect_project.root / "flows" / "sales" / "weekly.py"
    other.write_text(
        (prefect_project.root / "flows" / "sales" / "daily.py").read_text().replace("load", "lod")
    )
    other.write_text(other.read_text().replace("def lod", "def load"))
    before = (prefect_project.root / "prefect.yaml").read_text()
    assert "FLOW_NOT_FOUND" in prefect_project.deploy("--recover", "auto").codes
    assert (prefect_project.root / "prefect.yaml").read_text() == before


def test_a_flow_that_only_almost_names_is_told(one_flow: Workspace) -> None:
    """A command line is for whoever types it."""
    result = one_flow.deploy("--only", f"{one_flow.prefix}-lod")
    assert result.codes == ["NOTHING_TO_DEPLOY"]
    assert f"did you mean {one_flow.prefix}-load?" in result.document["errors"][0]["message"]


# -- requirements -------------------------------------------------------------------------------------------


@pytest.mark.recovers("REQUIREMENTS_INVALID", plan="requirement-misspelt")
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("-r requirments-base.txt\n", "-r requirements-base.txt\n"),
        ("-r basis/requirements-base.txt  # moved\n", "-r requirements-base.txt  # moved\n"),
        ("prefect => 3  # recent\n", "prefect >= 3  # recent\n"),
        ("prefect=3.8.8\n", "prefect==3.8.8\n"),
    ],
)
def test_a_slip_in_the_requirements_is_mended_by_doctor(shop: Workspace, wrong: str, right: str) -> None:
    """Afterwards `validate` has nothing to say of them."""
    shop.write("requirements-base.txt", "prefect\n")
    file = shop.write("requirements.txt", f"# what flows need\n{wrong}")
    assert "REQUIREMENTS_INVALID" in shop.run("validate", "-ojson").output
    assert "doctor --fix` would in requirements.txt, line 2" in shop.run("doctor").output
    told = shop.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert [each["status"] for each in recoveries_of(told, "requirement-misspelt")] == ["recovered"], (
        told.output
    )
    assert file.read_text() == f"# what flows need\n{right}"
    assert "REQUIREMENTS_INVALID" not in shop.run("validate", "-ojson").output


@pytest.mark.recovers_in_vain("REQUIREMENTS_INVALID", plan="requirement-misspelt")
def test_a_requirement_that_clashes_when_it_is_read_is_put_back(shop: Workspace) -> None:
    """What was meant cannot be what was meant."""
    shop.write("requirements-base.txt", "prefect<3\n")
    file = shop.write("requirements.txt", "prefect=3.8.8\n")
    told = shop.run("doctor", "--fix", "--auto-execute", "-ojson")
    assert [each["status"] for each in recoveries_of(told, "requirement-misspelt")] == ["in_vain"], (
        told.output
    )
    assert file.read_text() == "prefect=3.8.8\n"


def imports(shop: Workspace, module: str) -> None:
    """The flow needs one more module."""
    file = shop.root / "flows" / "load.py"
    file.write_text(f"import {module}\n" + file.read_text())


@pytest.mark.recovers("DEPENDENCY_NOT_DECLARED", plan="dependency-not-declared")
def test_what_is_installed_and_not_declared_is_declared_by_doctor(shop: Workspace) -> None:
    """A hint, which keeps nothing from being deployed; afterwards there is none."""
    imports(shop, "hypothesis")
    file = shop.write("requirements.txt", "prefect")
    assert "DEPENDENCY_NOT_DECLARED" in shop.run("validate", "-ojson").output
    told = shop.run("doctor", "--fix", "--auto-execute", "-ojson")
    [mended] = recoveries_of(told, "dependency-not-declared")
    assert mended["status"] == "recovered", told.output
    assert file.read_text() == "prefect\nhypothesis\n"
    assert "DEPENDENCY_NOT_DECLARED" not in shop.run("validate", "-ojson").output


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(
            "hypothesis", marks=in_vain("DEPENDENCY_NOT_DECLARED", "dependency-not-declared"), id="installed"
        ),
        pytest.param(
            "yaml_that_nobody_has",
            marks=in_vain("FLOW_MISSING_DEPENDENCIES", "dependency-missing"),
            id="nowhere",
        ),
    ],
)
def test_a_line_that_pip_would_not_read_is_taken_back(shop: Workspace, module: str) -> None:
    """The file's last line goes on in the next one."""
    imports(shop, module)
    file = shop.write("requirements.txt", "prefect \\\n")
    told = shop.run("doctor", "--fix", "--auto-execute", "-ojson")
    of_imports = recoveries_of(told, "dependency-not-declared", "dependency-missing")
    assert [each["status"] for each in of_imports] == ["in_vain"], told.output
    assert file.read_text() == "prefect \\\n"


# -- syntax -------------------------------------------------------------------------------------------------


@pytest.mark.recovers_in_vain("FLOW_SYNTAX_ERROR", plan="syntax-error")
def test_a_file_that_python_does_not_compile_afterwards_is_put_back(shop: Workspace) -> None:
    """It can be parsed then, which is not enough."""
    file = shop.root / "flows" / "load.py"
    file.write_text(file.read_text().replace("int = 1):", "int = 1)") + "\n\nreturn 2\n")
    wrong = file.read_text()
    result = shop.deploy("--recover", "auto")
    assert result.codes == ["FLOW_SYNTAX_ERROR", "NOTHING_TO_DEPLOY"], result.output
    assert [each["status"] for each in result.document["recoveries"]] == ["in_vain"]
    assert "'return' outside function" in result.document["recoveries"][0]["messages"][-1]
    assert file.read_text() == wrong
