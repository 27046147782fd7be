"""The error handling by itself, for other projects: nothing but Python's own library beside it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deployment_system

PACKAGE = Path(deployment_system.__file__).parent
NOT_THERE = ("prefect", "docker", "httpx", "pydantic", "click", "rich", "psycopg", "pip")

USE = """
import importlib.util, json, pathlib, sys
assert [name for name in {not_there} if importlib.util.find_spec(name)] == []
from deployment_system.error_handling import *

assert sys.prefix != sys.base_prefix
folder = pathlib.Path(sys.argv[1])
files, file = FileHandler(), folder / "settings"
file.write_text("old")

# a retry
attempts = []
def flaky():
    attempts.append(1)
    if len(attempts) < 3:
        raise ConnectionError("not yet")
    return "done"
with no_sleep():
    assert RetryHandler(RetryPolicies.STANDARD_RETRY).retry(flaky) == "done"
assert len(attempts) == 3

# a transaction that fails, and one that is committed and then taken back by another manager
def write(manager, text):
    reference, after = file_reference(file), file_state(text)
    found = files.observe(reference)
    manager.change(
        "file", reference, after, lambda: files.restore(reference, after, found), description="settings"
    )
with RollbackManager(folder / "state.db") as manager:
    try:
        with manager.transaction("fails"):
            write(manager, b"half")
            assert file.read_text() == "half"
            raise DockerError("the build failed", error_code=ErrorCodes.DOCKER_BUILD_FAILED)
    except DockerError as error:
        failed = error
    assert file.read_text() == "old"
    with manager.transaction("goes well") as plan_id:
        write(manager, b"new")
    assert file.read_text() == "new"
with RollbackManager(folder / "state.db") as another:
    assert another.rollback_plans[plan_id].status is OperationStatus.COMPLETED
    assert another.execute_rollback(plan_id)
assert file.read_text() == "old"

# an error there and back, and in words
again = DeploymentSystemError.from_dict(json.loads(json.dumps(failed.to_dict())))
assert type(again) is DockerError
assert (again.message, again.error_code) == (failed.message, failed.error_code)
assert "the build failed" in format_user_error(again)

# a history of errors that another reporter reads
with ErrorReporter(history=folder / "state.db") as reporter:
    reporter.report_error(failed, operation="build")
with ErrorReporter(history=folder / "state.db") as another:
    (report,) = another.error_history
    assert (report.operation, report.error.message) == ("build", "the build failed")
    assert another.get_error_summary()["by_category"] == {"docker": 1}
print("all of it")
"""


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which only this one package was copied."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "deployment_system").mkdir()
    shutil.copy(PACKAGE / "__init__.py", packages / "deployment_system")
    shutil.copytree(
        PACKAGE / "error_handling",
        packages / "deployment_system" / "error_handling",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder / "bin" / "python"


def run(python: Path, code: str, *arguments: str) -> str:
    """What the code prints there."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-I", "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environ,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_works_with_nothing_else_installed(bare_python: Path, tmp_path: Path) -> None:
    """A retry, transactions, one taken back by another process, an error there and back, a history."""
    assert run(bare_python, USE.replace("{not_there}", repr(NOT_THERE)), str(tmp_path)) == "all of it"


def test_every_module_of_it_can_be_imported_there(bare_python: Path) -> None:
    """All but the one that is for PostgreSQL, which says what it lacks."""
    code = """
import importlib, pkgutil, deployment_system.error_handling as room
missing = set()
for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        missing.add((module.name.rpartition(".")[2], error.name))
print(sorted(missing))
from deployment_system.error_handling.store import open_store
try:
    open_store("postgresql://somewhere/state")
except room.RecoveryError as error:
    print(error.error_code, "pip install" in str(error.remediation))
"""
    assert run(bare_python, code).splitlines() == [
        "[('postgresql_database', 'psycopg')]",
        "STATE_UNUSABLE True",
    ]


def test_the_package_itself_imports_nothing(bare_python: Path) -> None:
    """Its version can be asked by whatever has no time to lose."""
    code = """
import sys
before = set(sys.modules)
import deployment_system
print(sorted(set(sys.modules) - before), bool(deployment_system.__version__))
"""
    assert run(bare_python, code) == "['deployment_system'] True"
