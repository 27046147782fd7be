"""The GitHub action and the pre-commit hooks do what their files say, run as a runner runs them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.repositories import Repository

ROOT = Path(__file__).resolve().parents[2]
ACTION = YAML(typ="safe").load(ROOT / "action.yml")
HOOKS = {hook["id"]: hook for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
VALID = "from prefect import flow\n\n\n@flow\ndef load(limit: int = 1):\n    return limit\n"
BROKEN = VALID.replace("def load(", "def load((")
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A checkout whose project lies in a folder with a blank in its name."""
    made = Repository(tmp_path / "checkout")
    made.write("my flows/deployment-config.yaml", "project: shop\n")
    made.write("my flows/flows/load.py", VALID)
    # A file that is called like a library is not that library.
    made.write("my flows/click.py", "raise SystemExit('the wrong click')\n")
    return made


def evaluated(text: str, inputs: Mapping[str, str]) -> str:
    """A value of the action with its expressions filled in, as far as this action has such."""
    known = {
        "github.action_path": str(ROOT),
        **{f"inputs.{name}": item["default"] for name, item in ACTION["inputs"].items()},
        **{f"inputs.{name}": value for name, value in inputs.items()},
    }

    def value(match: re.Match[str]) -> str:
        return next(filter(None, (known[name.strip()] for name in match[1].split("||"))), "")

    return EXPRESSION.sub(value, text)


def run_step(
    repository: Repository, step: Mapping[str, Any], inputs: Mapping[str, str], **environ: str
) -> "subprocess.CompletedProcess[str]":
    """One step as GitHub's runner runs it: the script in a file, by its `bash`, with its variables."""
    script = repository.root.parent / "step.sh"
    script.write_text(step["run"])
    temporary = repository.root.parent
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=repository.root / evaluated(step.get("working-directory", "."), inputs),
        env={
            **repository.whole_environ({}),
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(repository.root),
            "GITHUB_OUTPUT": str(temporary / "output"),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary.md"),
            **{name: evaluated(value, inputs) for name, value in step["env"].items()},
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


def validated(repository: Repository, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """The action's second step, with the Python of the tests."""
    given = {"python": sys.executable, "working-directory": "my flows"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return run_step(repository, ACTION["runs"]["steps"][1], given)


def output_of(repository: Repository) -> str:
    """What the step gave as the action's output."""
    return (repository.root.parent / "output").read_text()


# -- the action -----------------------------------------------------------------------------------------


def test_the_action_is_what_github_s_schema_says() -> None:
    """With a script in no expression: an input written into a script could be code."""
    schema = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "github-actions.json")
    jsonschema.validate(ACTION, json.loads(schema.read_text("utf-8")))
    for step in ACTION["runs"]["steps"]:
        assert EXPRESSION.search(step["run"]) is None
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text()))
    assert used == set(ACTION["inputs"])


def test_the_action_passes_what_is_valid(repository: Repository) -> None:
    """No annotation, a page that says so, and `valid=true`."""
    finished = validated(repository)
    assert (finished.returncode, finished.stdout) == (0, ""), finished.stderr
    assert output_of(repository) == "valid=true\n"
    assert (repository.root.parent / "summary.md").read_text().startswith("### Valid for development")


def test_the_action_annotates_what_is_wrong(repository: Repository) -> None:
    """At its line in the checkout, on the job's page, as SARIF, and by its exit status."""
    repository.write("my flows/flows/load.py", BROKEN)
    finished = validated(repository, sarif_file="found.sarif")
    assert finished.returncode == 3
    assert finished.stdout.startswith("::error file=my flows/flows/load.py,line=5,")
    assert output_of(repository) == "valid=false\n"
    assert "my flows" not in (repository.root.parent / "summary.md").read_text().splitlines()[0]
    sarif = json.loads((repository.root / "my flows" / "found.sarif").read_text())
    assert [result["ruleId"] for result in sarif["runs"][0]["results"]] == ["FLOW_SYNTAX_ERROR"]


def test_the_action_hands_its_inputs_on(repository: Repository) -> None:
    """Environment, configuration, paths with blanks, one a line; and nothing in them is run."""
    repository.write("my flows/other.yaml", "project: shop\nenvironments: {staging: {}}\n")
    repository.write("my flows/flows/bad one.py", BROKEN)
    assert validated(repository, paths="flows/load.py\n").returncode == 0
    assert validated(repository, paths="flows/load.py\nflows/bad one.py").returncode == 3
    assert validated(repository, environment="staging").returncode == 3
    finished = validated(repository, environment="staging", config="other.yaml", paths="flows/load.py")
    assert finished.returncode == 0, finished.stdout
    assert validated(repository, environment='$(touch "$GITHUB_WORKSPACE/run")').returncode == 3
    assert not (repository.root / "run").exists()
    imports = "import decimal, pathlib\n" + VALID.replace("int = 1", "decimal.Decimal = decimal.Decimal(1)")
    repository.write("my flows/flows/load.py", f"{imports}\npathlib.Path('imported').touch()\n")
    marked = repository.root / "my flows" / "imported"
    assert validated(repository, **{"import": "false", "paths": "flows/load.py"}).returncode == 0
    assert not marked.exists()


@pytest.fixture
def offline_python(tmp_path: Path) -> str:
    """A Python of its own, to install into, with the packages of the tests at hand."""
    folder = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
    (site,) = folder.glob("lib/python*/site-packages")
    packages = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (site / "tests.pth").write_text(f"{packages}\n")
    return str(folder / "bin" / "python")


def test_the_action_installs_the_command_from_its_own_version(
    repository: Repository, offline_python: str
) -> None:
    """Built and installed by pip from the action's folder; dependencies are there already."""
    install = ACTION["runs"]["steps"][0]
    no_network = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    finished = run_step(repository, install, {"python": offline_python}, **no_network)
    assert finished.returncode == 0, finished.stderr
    where = "import deployment_system; print(deployment_system.__file__)"
    found = subprocess.run([offline_python, "-c", where], capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(Path(offline_python).parents[1])
    assert validated(repository, python=offline_python).returncode == 0


# -- the hooks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_s_entry_validates(repository: Repository, hook: str) -> None:
    """Run as pre-commit runs it: the entry with its arguments, in the root of the repository."""
    command = [*shlex.split(HOOKS[hook]["entry"]), *HOOKS[hook].get("args", ())]
    environ = repository.whole_environ(
        {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    )
    inside = repository.root / "my flows"
    passed = subprocess.run(command, cwd=inside, env=environ, capture_output=True, text=True, timeout=120)
    assert passed.returncode == 0, passed.stderr
    (inside / "flows" / "load.py").write_text(BROKEN)
    failed = subprocess.run(command, cwd=inside, env=environ, capture_output=True, text=True, timeout=120)
    assert failed.returncode == 3
    assert "error[FLOW_SYNTAX_ERROR]" in failed.stderr


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_runs_for_the_files_that_it_reads(hook: str) -> None:
    """And for no others, as every commit would wait for it."""
    pattern = re.compile(HOOKS[hook]["files"])
    for file in ("flows/a.py", "prefect.yaml", "x/deployment-config.yaml", "requirements-dev.txt",
                 "pyproject.toml", "flows/Dockerfile", "docker/load.Dockerfile"):  # fmt: skip
        assert pattern.search(file), file
    for file in ("README.md", "my-prefect.yaml", "a.pyc", "data.csv"):
        assert not pattern.search(file), file
    assert HOOKS[hook]["pass_filenames"] is False
