"""Findings as JUnit XML, which CI systems other than GitHub's show as test results."""

import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Sequence

from deployment_system.cli.render.findings import Findings
from deployment_system.error_handling import DeploymentSystemError, format_user_error

SUITE = "deployment-cli validate"
_NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, however it is written."""

Place = tuple[str, str]
"""File and flow; either may be empty."""


def junit_xml(findings: Findings) -> str:
    """A test case for each flow, failed where something is wrong with it, and one for each place that is
    none of a flow's, such as a line of the configuration."""
    flows: dict[Place, list[DeploymentSystemError]] = {(flow.file, flow.name): [] for flow in findings.flows}
    elsewhere: defaultdict[Place, list[DeploymentSystemError]] = defaultdict(list)
    for error in findings.errors:
        for place in _cases_of(error, list(flows)):
            (flows if place in flows else elsewhere)[place].append(error)
    cases = {**flows, **elsewhere}
    suite = ElementTree.Element(
        "testsuite",
        name=SUITE,
        tests=str(len(cases)),
        failures=str(sum(bool(errors) for errors in cases.values())),
        errors="0",
        skipped="0",
    )
    for (file, name), errors in cases.items():
        _add_case(suite, findings.path(file) if file else "", name, errors)
    if findings.warnings:
        told = "\n\n".join(_words(warning, "warning") for warning in findings.warnings)
        ElementTree.SubElement(suite, "system-out").text = _valid(told)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _cases_of(error: DeploymentSystemError, flows: Sequence[Place]) -> list[Place]:
    """The flows that an error is about: of its name, else all those of its file; else a place of its own."""
    context = error.context
    file = str(context.extra.get("flow_file") or context.file_path or "")
    if context.flow_name:
        named = [place for place in flows if place[1] == context.flow_name]
        return [place for place in named if place[0] == file] or named or [(file, context.flow_name)]
    return [place for place in flows if file and place[0] == file] or [(file, str(error.error_code))]


def _add_case(
    suite: ElementTree.Element, file: str, name: str, errors: Sequence[DeploymentSystemError]
) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_valid(file or SUITE), name=_valid(name), time="0"
    )
    if file:
        case.set("file", _valid(file))
    if not errors:
        return
    line = errors[0].context.line_number
    if isinstance(line, int):
        case.set("line", str(line))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    # One for each case: of several, most readers show only the first.
    failure = ElementTree.SubElement(
        case,
        "failure",
        type=", ".join(dict.fromkeys(str(error.error_code) for error in errors)),
        message=_valid(errors[0].message + more),
    )
    failure.text = _valid("\n\n".join(_words(error, "error") for error in errors))


def _words(error: DeploymentSystemError, word: str) -> str:
    return format_user_error(error).replace("error[", f"{word}[", 1)


def _valid(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
