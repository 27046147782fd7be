"""Project files to declarations: pyproject, setup.cfg, setup.py, Pipfile, conda, lock files."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

from deployment_system.validation.declarations import Problem, Reading, Strength

_TABLE_HEADER = re.compile(r"\s*\[\[?\s*([^\]=]+?)\s*\]\]?\s*(?:#.*)?")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_CONDA_ITEM = re.compile(r"(\s*)-\s+(?P<quote>['\"]?)(?P<text>[^#]*?)(?P=quote)\s*(?:#.*)?")
_CONDA_SPEC = re.compile(r"(?:[\w/.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<versions>[=<>!~].*)?")


def read_pyproject(text: str, file: str) -> Reading:
    """[project] and dependency groups, and the tables of poetry, uv, pdm and hatch."""
    reading = Reading(file)
    content = _toml(reading, text)
    lines = _TomlLines(text)
    project, tool = _table(content, "project"), _table(content, "tool")
    _texts(reading, lines, "project", _list(project, "dependencies"), Strength.REQUIRED)
    groups: list[tuple[str, Any]] = [
        *(("project.optional-dependencies", items) for items in _values(project, "optional-dependencies")),
        *(("dependency-groups", items) for items in _values(content, "dependency-groups")),
        ("tool.uv", _list(_table(tool, "uv"), "dev-dependencies")),
        *(("tool.pdm", items) for items in _values(_table(tool, "pdm"), "dev-dependencies")),
        *(
            ("tool.hatch", _list(environment, key))
            for environment in _values(_table(tool, "hatch"), "envs")
            if isinstance(environment, dict)
            for key in ("dependencies", "extra-dependencies")
        ),
    ]
    for table, items in groups:
        _texts(reading, lines, table, items if isinstance(items, list) else (), Strength.OPTIONAL)
    constraints = _list(_table(tool, "uv"), "constraint-dependencies")
    _texts(reading, lines, "tool.uv", constraints, Strength.CONSTRAINT)
    _poetry(reading, lines, _table(tool, "poetry"))
    for owner in (project, _table(tool, "poetry")):
        if isinstance(owner.get("name"), str):
            reading.add_name(owner["name"], None, Strength.OPTIONAL)
    dynamic = _table(_table(_table(tool, "setuptools"), "dynamic"), "dependencies").get("file")
    for included in [dynamic] if isinstance(dynamic, str) else dynamic if isinstance(dynamic, list) else ():
        reading.includes.append((str(included), lines.number("tool.setuptools", str(included)), False))
    return reading


def read_setup_cfg(text: str, file: str) -> Reading:
    """`install_requires` and `extras_require` of setuptools."""
    reading = Reading(file)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        line = getattr(error, "lineno", None)
        reading.problems.append(Problem(f"cannot be read: {str(error).splitlines()[0]}", line))
        return reading
    found = [(parser.get("options", "install_requires", fallback=""), Strength.REQUIRED)]
    if parser.has_section("options.extras_require"):
        found += [(value, Strength.OPTIONAL) for _, value in parser.items("options.extras_require")]
    lines = text.splitlines()
    for value, strength in found:
        for item in filter(None, map(str.strip, value.splitlines())):
            if item.startswith("file:"):
                reading.includes.append((item.removeprefix("file:").strip(), None, False))
            elif not item.startswith("#"):
                reading.add_text(item, _line_holding(lines, item), strength)
    return reading


def read_setup_py(text: str, file: str) -> Reading:
    """`install_requires` and `extras_require`, where they stand as lists in the file; nothing is run."""
    reading = Reading(file)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        reading.problems.append(Problem(f"is not valid Python: {error}", line))
        return reading
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for keyword in (node for node in ast.walk(tree) if isinstance(node, ast.keyword)):
        value = keyword.value
        if isinstance(value, ast.Name):
            value = constants.get(value.id, value)
        if keyword.arg == "install_requires":
            _literal_texts(reading, [value], Strength.REQUIRED)
        elif keyword.arg == "extras_require" and isinstance(value, ast.Dict):
            _literal_texts(reading, value.values, Strength.OPTIONAL)
    return reading


def read_pipfile(text: str, file: str) -> Reading:
    """Pipenv's file."""
    reading = Reading(file)
    content, lines = _toml(reading, text), _TomlLines(text)
    for table, strength in (("packages", Strength.REQUIRED), ("dev-packages", Strength.OPTIONAL)):
        for name, value in _table(content, table).items():
            versions = value.get("version") if isinstance(value, dict) else value
            versions = versions if isinstance(versions, str) and versions != "*" else None
            reading.add_name(name, lines.number(table, name), strength, versions)
    return reading


def read_conda(text: str, file: str) -> Reading:
    """A conda environment: its own packages, and those under `pip:`."""
    reading = Reading(file)
    inside, pip_indentation = False, -1
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line[0].isspace() and not line.startswith(("-", "#")):
            inside = line.startswith("dependencies:")
            continue
        item = _CONDA_ITEM.fullmatch(line) if inside else None
        if item is None or not item["text"].strip():
            continue
        indentation, what = len(item[1]), item["text"].strip()
        if what.endswith(":"):
            pip_indentation = indentation if what == "pip:" else -1
        elif pip_indentation >= 0 and indentation > pip_indentation:
            if what.startswith("-r "):
                reading.includes.append((what[3:].strip(), number, False))
            elif not what.startswith("-") and "://" not in what.partition("@")[0]:
                reading.add_text(what, number, Strength.REQUIRED)
        elif found := _CONDA_SPEC.fullmatch(what):
            pip_indentation = -1
            if found["name"] not in ("python", "pip"):
                versions = _conda_versions(found["versions"])
                reading.add_name(found["name"], number, Strength.REQUIRED, versions)
    return reading


def read_lock(text: str, file: str) -> Reading:
    """uv.lock, poetry.lock and pdm.lock: everything that what is declared needs."""
    reading = Reading(file)
    for package in _list(_toml(reading, text), "package"):
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            reading.add_name(package["name"], None, Strength.LOCKED)
    return reading


def read_inline(text: str, file: str) -> Reading:
    """What a script declares for itself, in a comment block (PEP 723)."""
    reading = Reading(file)
    lines = text.splitlines()
    begins = next((index for index, line in enumerate(lines) if line.rstrip() == "# /// script"), None)
    if begins is None:
        return reading
    block: list[str] = []
    for line in lines[begins + 1 :]:
        if line.rstrip() == "# ///" or not line.startswith("#"):
            break
        block.append(line[1:].removeprefix(" "))
    shift = begins + 1
    content = _toml(reading, "\n".join(block), shift)
    for item in _list(content, "dependencies"):
        line_number = _line_holding(block, str(item))
        reading.add_text(str(item), line_number and line_number + shift, Strength.REQUIRED)
    return reading


def _toml(reading: Reading, text: str, shift: int = 0) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (int(place[1]) + shift, int(place[2])) if place else (None, None)
        reading.problems.append(Problem(f"is not valid TOML: {error}", line, column))
        return {}


def _texts(
    reading: Reading, lines: "_TomlLines", table: str, items: Iterable[Any], strength: Strength
) -> None:
    for item in items:
        if isinstance(item, str):
            reading.add_text(item, lines.number(table, item), strength)


def _literal_texts(reading: Reading, nodes: Sequence[ast.expr], strength: Strength) -> None:
    for node in nodes:
        for item in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                for text in filter(None, map(str.strip, item.value.splitlines())):
                    reading.add_text(text, item.lineno, strength)


# -- poetry -------------------------------------------------------------------------------------------


def _poetry(reading: Reading, lines: "_TomlLines", poetry: Mapping[str, Any]) -> None:
    tables = [
        ("tool.poetry.dependencies", _table(poetry, "dependencies"), Strength.REQUIRED),
        ("tool.poetry.dev-dependencies", _table(poetry, "dev-dependencies"), Strength.OPTIONAL),
    ]
    for name, group in _table(poetry, "group").items():
        if isinstance(group, dict):
            header = f"tool.poetry.group.{name}.dependencies"
            tables.append((header, _table(group, "dependencies"), Strength.OPTIONAL))
    for header, table, usual in tables:
        for name, value in table.items():
            if name.lower() == "python":
                continue
            settings = value if isinstance(value, dict) else {"version": value}
            strength = Strength.OPTIONAL if settings.get("optional") else usual
            versions = _poetry_versions(settings.get("version"))
            reading.add_name(name, lines.number(header, name), strength, versions)


def _poetry_versions(text: Any) -> str | None:
    """Poetry's notation as PEP 440 writes it; None where it says nothing, or cannot be told."""
    if not isinstance(text, str) or "||" in text or text.strip() in ("", "*"):
        return None
    parts = [_poetry_part(part.strip()) for part in re.split(r",|\s+(?=[<>=!~^])", text)]
    return None if any(part is None for part in parts) else ",".join(part for part in parts if part)


def _poetry_part(text: str) -> str | None:
    if not text:
        return ""
    if text[0] in "<>=!" or text.startswith("~="):
        return text
    if text[0] not in "^~":
        return f"=={text}"
    try:
        release = Version(text[1:].strip()).release
    except InvalidVersion:
        # Not a notation that is known here: nothing is said of its versions.
        return None
    if text[0] == "^":
        kept = next((index for index, number in enumerate(release) if number), len(release) - 1)
    else:
        kept = min(1, len(release) - 1)
    upper = [*release[:kept], release[kept] + 1]
    return f">={text[1:].strip()},<{'.'.join(map(str, upper))}"


# -- conda --------------------------------------------------------------------------------------------


def _conda_versions(text: str | None) -> str | None:
    """`=1.5` (starts with) and `=1.5=build` of conda, else as PEP 440 writes it."""
    text = (text or "").strip()
    if not text or "|" in text:
        return None
    if text[0] == "=" and not text.startswith("=="):
        version = text[1:].partition("=")[0].strip()
        return f"=={version.removesuffix('.*')}.*"
    return text


# -- places and tables --------------------------------------------------------------------------------


class _TomlLines:
    """Where an item stands: tomllib does not say."""

    def __init__(self, text: str) -> None:
        self._lines: list[tuple[str, str]] = []
        header = ""
        for line in text.splitlines():
            if found := _TABLE_HEADER.match(line):
                header = found[1].replace('"', "").replace("'", "")
            self._lines.append((header, line))

    def number(self, table: str, item: str) -> int | None:
        """The first line of the table, or of one below it, that holds the item."""
        holds = _whole(item)
        for number, (header, line) in enumerate(self._lines, start=1):
            if header.startswith(table) and not _TABLE_HEADER.fullmatch(line) and holds.search(line):
                return number
        return _line_holding([line for _, line in self._lines], item)


def _line_holding(lines: Sequence[str], item: str) -> int | None:
    holds = _whole(item)
    return next((number for number, line in enumerate(lines, start=1) if holds.search(line)), None)


def _whole(item: str) -> re.Pattern[str]:
    """Finds an item, and not another one that it is only a part of."""
    return re.compile(rf"(?<![\w.-]){re.escape(item)}(?![\w.-])")


def _table(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _values(content: Mapping[str, Any], key: str) -> Iterator[Any]:
    yield from _table(content, key).values()


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    found = content.get(key)
    return found if isinstance(found, list) else []
