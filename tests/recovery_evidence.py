"""Which recovery plans were seen to work: from the tests that are marked as proof of one.

    @pytest.mark.recovers("WORK_POOL_NOT_FOUND", plan="work-pool-missing")
    @pytest.mark.recovers_in_vain("WORK_POOL_NOT_FOUND", plan="work-pool-missing")

`make recovery-evidence` writes those that passed to docs/recovery-evidence.json, from which the table in
docs/recovery.md is made.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.repositories import Finished, Repository

OPTION = "--recovery-evidence"
CLAIMS_OPTION = "--recovery-claims"
SECONDS = "recovery seconds"
"""The property under which a test records how long its recoveries took, by plan."""
MARKERS = {"recovers": True, "recovers_in_vain": False}
"""Whether the plan has helped."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file is written only where that is asked for."""
    parser.addoption(OPTION, type=Path, metavar="FILE", help="write which recovery plans were seen to work")
    parser.addoption(
        CLAIMS_OPTION, type=Path, metavar="FILE", help="write which tests are marked as proof of a plan"
    )


def pytest_configure(config: pytest.Config) -> None:
    """One collector for each session."""
    collector = _Collector(config.getoption(OPTION), config.getoption(CLAIMS_OPTION))
    config.pluginmanager.register(collector, "recovery-evidence-collector")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Looks at what a test has run in its repositories, whatever its fixtures call them."""
    for value in getattr(item, "funcargs", {}).values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Repository):
                _note_recoveries(item, each.finished)


def _note_recoveries(item: pytest.Item, finished: Iterable[Finished]) -> None:
    """Keeps with a test how long each plan took that was carried out by what it ran."""
    seconds = {
        recovery["plan"]: recovery["seconds"]
        for each in finished
        for recovery in _recoveries(each.output)
        if recovery.get("seconds") is not None
    }
    if seconds:
        earlier = dict(item.user_properties).get(SECONDS, {})
        item.user_properties[:] = [each for each in item.user_properties if each[0] != SECONDS]
        item.user_properties.append((SECONDS, {**earlier, **seconds}))


def _recoveries(output: str) -> list[dict[str, Any]]:
    """Those in the JSON of `deploy`, `doctor` and `recovery`."""
    try:
        document = json.loads(output)
    except ValueError:
        return []
    if not isinstance(document, dict):
        return []
    listed = [*document.get("recoveries", ()), *document.get("mended", ())]
    return [each for each in [*listed, document] if isinstance(each, dict) and "plan" in each]


class _Collector:
    """Hears of each marked test, says at the end what was seen, and writes it where that is asked for."""

    def __init__(self, file: Path | None, claims_file: Path | None) -> None:
        self.file = file
        self.claims_file = claims_file
        self.marked: dict[str, list[dict[str, Any]]] = {}
        self.passed: set[str] = set()
        self.seen: list[dict[str, Any]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for name, helped in MARKERS.items():
                for mark in item.iter_markers(name):
                    (code,) = mark.args
                    claim = {"code": code, "plan": mark.kwargs["plan"], "helped": helped}
                    self.marked.setdefault(item.nodeid, []).append(claim)
        if self.claims_file is not None:
            claims = [{**claim, "test": test} for test, each in self.marked.items() for claim in each]
            self.claims_file.write_text(json.dumps(claims), encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self.marked:
            return
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        elif report.when == "teardown" and report.passed and report.nodeid in self.passed:
            seconds = dict(report.user_properties).get(SECONDS, {})
            for claim in self.marked[report.nodeid]:
                took = seconds.get(claim["plan"])  # type: ignore[attr-defined] # what _note_recoveries made
                self.seen.append({**claim, "test": report.nodeid, "seconds": took and round(took, 2)})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for each in sorted(self.seen, key=_order):
            did = "mends" if each["helped"] else "in vain:"
            took = "" if each["seconds"] is None else f" in {each['seconds']:.2f} s"
            terminalreporter.write_line(f"{each['plan']} {did} {each['code']}{took}")
        if self.file is None:
            return
        known = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else []
        kept = [each for each in known if each["test"] not in {one["test"] for one in self.seen}]
        text = json.dumps(sorted([*kept, *self.seen], key=_order), indent=2)
        self.file.write_text(text + "\n", encoding="utf-8")


def _order(each: dict[str, Any]) -> tuple[str, str, bool, str]:
    return (each["code"], each["plan"], not each["helped"], each["test"])
