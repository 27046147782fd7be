"""Imports against what is declared and what is installed, in environments that the tests make up."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployment_system.discovery import discover
from deployment_system.error_handling import ErrorCodes, ErrorSeverity
from deployment_system.validation import DependencyReport, check_dependencies
from deployment_system.validation.installed import Installed

FLOW = "from prefect import flow\n{imports}\n@flow\ndef f(): ...\n"


def site_packages(folder: Path, packages: Mapping[str, tuple[str, ...]]) -> Installed:
    """Installed distributions: `name 1.0` -> the modules that it brings, and `needs: …` lines."""
    for title, contents in {"prefect 3.8.8": ("prefect",), **packages}.items():
        name, _, version = title.partition(" ")
        metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True)
        needs = [item.removeprefix("needs: ") for item in contents if item.startswith("needs: ")]
        lines = [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
            *(f"Requires-Dist: {n}" for n in needs),
        ]
        (metadata / "METADATA").write_text("\n".join(lines) + "\n")
        modules = [item for item in contents if not item.startswith("needs: ")]
        record = []
        for module in modules:
            file = folder / module / "__init__.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
            record.append(f"{module}/__init__.py,,")
        (metadata / "RECORD").write_text("\n".join(record))
    return Installed([str(folder)])


INSTALLED = {
    "pandas 2.2.0": ("pandas", "needs: numpy>=1.26"),
    "numpy 2.0.0": ("numpy",),
    "PyYAML 6.0": ("yaml", "_yaml"),
    "google-cloud-storage 2.0": ("google/cloud/storage",),
    "helper 1.0": ("helper",),
}


def report(
    tmp_path: Path,
    files: Mapping[str, str],
    *,
    check_environment: bool = False,
    more: Mapping[str, tuple[str, ...]] | None = None,
) -> DependencyReport:
    """The report on a repository with these files; a flow's imports are given as the file's text."""
    root = tmp_path / "repository"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FLOW.replace("{imports}", text) if "flow" in name else text)
    installed = site_packages(tmp_path / "site-packages", {**INSTALLED, **(more or {})})
    return check_dependencies(
        discover(root).flows, root=root, installed=installed, check_environment=check_environment
    )


def said(found: DependencyReport) -> tuple[list[str], list[str]]:
    """The codes of errors and warnings."""
    return [str(item.error_code) for item in found.errors], [str(item.error_code) for item in found.warnings]


MISSING, NOT_INSTALLED, NOT_DECLARED = (
    "FLOW_MISSING_DEPENDENCIES",
    "MISSING_REQUIREMENTS",
    "DEPENDENCY_NOT_DECLARED",
)
DECLARES = {"requirements.txt": "prefect\npandas\npyyaml\nopencv-python-headless\nrequests\n"}

IMPORTS: dict[str, tuple[str, list[str], list[str]]] = {
    "declared and installed": ("import pandas", [], []),
    "a submodule": ("import pandas.core.frame as x", [], []),
    "another name than its distribution": ("import yaml", [], []),
    "needed by what is declared": ("import numpy", [], []),
    "declared, not installed": ("import requests", [], [NOT_INSTALLED]),
    "declared under another name, not installed": ("import cv2", [], [NOT_INSTALLED]),
    "installed, not declared": ("import helper", [], [NOT_DECLARED]),
    "neither": ("import polars", [MISSING], []),
    "neither, under another name": ("from sklearn.linear_model import Ridge", [MISSING], []),
    "neither, twice": ("import polars\nimport polars.io", [MISSING], []),
    "neither, inside a function": ("def g():\n    import polars", [MISSING], []),
    "neither, in a class": ("class A:\n    import polars", [MISSING], []),
    "standard library": ("import os, json.decoder\nfrom concurrent import futures\nimport _thread", [], []),
    "future": ("", [], []),
    "optional": ("try:\n    import polars\nexcept ImportError:\n    polars = None", [], []),
    "optional for any error": ("try:\n    import polars\nexcept Exception:\n    pass", [], []),
    "optional among several": ("try:\n    import polars\nexcept (OSError, ImportError):\n    pass", [], []),
    "what comes instead": (
        "try:\n    import polars\nexcept ImportError:\n    import modin",
        [],
        [],
    ),
    "an error of another kind": ("try:\n    import polars\nexcept ValueError:\n    pass", [MISSING], []),
    "after the try": ("try:\n    x = 1\nexcept ImportError:\n    pass\nimport polars", [MISSING], []),
    "for type checkers": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polars", [], []),
    "for type checkers, by module": ("import typing\nif typing.TYPE_CHECKING:\n    import polars", [], []),
    "for anyone else": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import polars",
        [MISSING],
        [],
    ),
    "relative": ("from . import lib", [MISSING], []),
    "relative, upwards": ("from ..lib import x", [MISSING], []),
    "own module": ("import lib\nfrom lib import x", [], []),
    "own package": ("from package.module import x\nimport package", [], []),
    "own package without __init__": ("import spaces.inner\nfrom spaces import inner", [], []),
    "own module below src": ("import below.deep", [], []),
    "own module that is not there": ("import package.nothing", [MISSING], []),
    "own module with a missing import": ("import broken", [MISSING], []),
    "own module with an optional import": ("import careful", [], []),
    "modules in a circle": ("import circle_a", [], []),
    "own module that is no Python": ("import unreadable", [], []),
    "a namespace of several distributions": ("from google.cloud import storage", [], [NOT_DECLARED]),
    "under the name of a removed module": ("import distutils.util", [], []),
    "star": ("from polars import *", [MISSING], []),
}

OWN = {
    "lib.py": "x = 1\n",
    "package/__init__.py": "",
    "package/module.py": "x = 1\n",
    "spaces/inner.py": "",
    "src/below/__init__.py": "",
    "src/below/deep.py": "",
    "broken.py": "import os\nimport polars\n",
    "careful.py": "try:\n    import polars\nexcept ImportError:\n    polars = None\n",
    "circle_a.py": "import circle_b\n",
    "circle_b.py": "import circle_a\n",
    "unreadable.py": "def (\n",
}


@pytest.mark.parametrize("imports", IMPORTS, ids=str)
def test_imports_are_judged(imports: str, tmp_path: Path) -> None:
    """Errors for what will fail, warnings for what may."""
    text, errors, warnings = IMPORTS[imports]
    if "distutils" in text and sys.version_info >= (3, 12):
        errors = [MISSING]
    found = report(tmp_path, {**DECLARES, **OWN, "flow.py": text})
    assert said(found) == (errors, warnings), [item.message for item in (*found.errors, *found.warnings)]
    for item in (*found.errors, *found.warnings):
        assert item.context.flow_name == "f"
        assert item.context.line_number
        assert item.context.column
        assert item.remediation
        assert item.context.extra["flow_file"] == "flow.py"


def test_the_way_to_a_missing_module_is_told(tmp_path: Path) -> None:
    """The error stands where the import stands, and names the flow that comes to it."""
    found = report(tmp_path, {**DECLARES, **OWN, "flow.py": "import broken"})
    [error] = found.errors
    assert (error.context.file_path, error.context.line_number, error.context.column) == ("broken.py", 2, 1)
    assert "broken.py" in error.message
    assert error.error_code == ErrorCodes.FLOW_MISSING_DEPENDENCIES
    assert "polars" in " ".join(error.remediation)


def test_what_is_declared_but_not_installed_is_an_error_where_the_environment_is_checked(
    tmp_path: Path,
) -> None:
    """`--check-environment`."""
    found = report(tmp_path, {**DECLARES, "flow.py": "import requests"}, check_environment=True)
    assert said(found) == ([NOT_INSTALLED], [])


def test_without_any_declaration_nothing_is_undeclared(tmp_path: Path) -> None:
    """Who declares nothing need not hear of it at every import; what is missing is missing."""
    assert said(report(tmp_path, {"flow.py": "import helper\nimport polars"})) == ([MISSING], [])


INLINE = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['prefect', 'polars>=1']\n# ///\n"


def test_a_script_declares_for_itself(tmp_path: Path) -> None:
    """PEP 723: what it names is declared for it, and for no other file."""
    root = tmp_path / "repository"
    found = report(tmp_path, {**DECLARES, "a_flow.py": "import polars", "b_flow.py": "import polars"})
    assert said(found) == ([MISSING, MISSING], [])
    (root / "a_flow.py").write_text(INLINE + FLOW.replace("{imports}", "import polars"))
    found = check_dependencies(
        discover(root).flows, root=root, installed=Installed([str(tmp_path / "site-packages")])
    )
    assert said(found) == ([MISSING], [NOT_INSTALLED])
    assert found.errors[0].context.file_path == "b_flow.py"


WORKSPACE = {
    "pyproject.toml": '[project]\nname = "all"\n[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    "packages/core/pyproject.toml": '[project]\nname = "our-core"\ndependencies = ["pandas"]\n',
    "packages/core/src/our_core/__init__.py": "import pandas\n",
    "packages/jobs/pyproject.toml": (
        '[project]\nname = "jobs"\ndependencies = ["our-core", "prefect"]\n'
        "[tool.uv.sources]\nour-core = { workspace = true }\n"
    ),
}


@pytest.mark.parametrize("layout", ["src/our_core", "our_core"])
def test_a_workspace_member_may_import_another(layout: str, tmp_path: Path) -> None:
    """It is declared as the member, whose own files say what it needs."""
    files = {
        **{name.replace("src/our_core", layout): text for name, text in WORKSPACE.items()},
        "packages/jobs/flow.py": "import our_core",
    }
    found = report(tmp_path, files)
    assert said(found) == ([], [])
    files["packages/core/pyproject.toml"] = '[project]\nname = "our-core"\n'
    files[f"packages/core/{layout}/__init__.py"] = "import polars\n"
    assert said(report(tmp_path / "again", files)) == ([MISSING], [])


def test_no_flows_no_findings(tmp_path: Path) -> None:
    """Nothing is read."""
    assert check_dependencies([], root=tmp_path) == DependencyReport()


CONFLICTS: dict[str, tuple[dict[str, str], list[tuple[ErrorSeverity, str, int, str]]]] = {
    "none": ({"requirements.txt": "pandas>=2\npandas<3\n"}, []),
    "two lines": (
        {"requirements.txt": "polars<2\npolars>=3\n"},
        [(ErrorSeverity.MEDIUM, "requirements.txt", 2, "no version fits both")],
    ),
    "two files": (
        {"requirements.txt": "polars<2\n", "pyproject.toml": '[project]\ndependencies = [\n"polars>=2"\n]\n'},
        [(ErrorSeverity.MEDIUM, "pyproject.toml", 3, "requirements.txt:1")],
    ),
    "a constraint": (
        {"requirements.txt": "-c c.txt\npolars<2\n", "c.txt": "polars==3\n"},
        [(ErrorSeverity.MEDIUM, "c.txt", 1, "no version fits both")],
    ),
    "two extras": (
        {"pyproject.toml": '[project.optional-dependencies]\na = ["polars<2"]\nb = ["polars>2"]\n'},
        [],
    ),
    "a marker": ({"requirements.txt": 'polars<2; python_version < "3"\npolars>=3\n'}, []),
    "what is installed": (
        {"requirements.txt": "pandas<2\n"},
        [(ErrorSeverity.LOW, "requirements.txt", 1, "2.2.0 is installed")],
    ),
    "what an installed one needs": (
        {"requirements.txt": "pandas\nnumpy<1.26\n"},
        [
            (ErrorSeverity.LOW, "requirements.txt", 2, "2.0.0 is installed"),
            (ErrorSeverity.MEDIUM, "requirements.txt", 2, "needs numpy>=1.26"),
        ],
    ),
    "the same twice": (
        {"requirements.txt": "pandas==2.2.0\n", "requirements-dev.txt": "pandas==2.2.0\n"},
        [],
    ),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_conflicts_are_told_with_both_sides(conflict: str, tmp_path: Path) -> None:
    """At the line that can be changed."""
    files, expected = CONFLICTS[conflict]
    found = report(tmp_path, {**files, "flow.py": "import os"})
    assert found.errors == ()
    assert len(found.warnings) == len(expected), [item.message for item in found.warnings]
    for item, (severity, file, line, text) in zip(found.warnings, expected, strict=True):
        assert item.error_code == ErrorCodes.DEPENDENCY_CONFLICT
        assert item.severity is severity
        assert (item.context.file_path, item.context.line_number) == (file, line)
        assert text in item.message
        assert item.remediation


def test_what_an_installed_package_needs_and_does_not_find(tmp_path: Path) -> None:
    """The environment is broken already: told at the line that asks for the package."""
    found = report(
        tmp_path,
        {"requirements.txt": "\ntool\n", "flow.py": "import os"},
        more={"tool 1.0": ("tool", "needs: numpy<2", "needs: pandas; extra == 'x'", "needs: !!")},
    )
    [warning] = found.warnings
    assert "needs numpy<2" in warning.message
    assert "2.0.0 is installed" in warning.message
    assert warning.context.line_number == 2
