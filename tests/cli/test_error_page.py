"""Plots: a page of HTML, and charts of characters."""

from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from deployment_system.cli.render.charts import bars, columns
from deployment_system.error_handling import (
    DockerError,
    ErrorReporter,
)
from scripts.browser import browser_page, find_chromium
from tests.cli.conftest import NOW
from tests.repositories import Repository


class Page(HTMLParser):
    """What a page is made of; fails where an element is closed that was not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.words: list[str] = []
        self.addresses: list[str | None] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts it."""
        self.elements[tag] += 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts it."""
        self.elements[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Closes it."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keeps it."""
        self.words.append(data)


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium here: `make browser` installs one")
def test_report_opens_in_a_browser_without_any_server(
    repository: Repository, history: ErrorReporter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every plot is seen, nothing stands out of the page, and nothing is loaded."""
    repository.run("error", "report", "--html", "errors.html")
    with browser_page(tmp_path_factory.mktemp("profile")) as page:
        page.open((repository.root / "errors.html").as_uri())
        page.wait_for_text("the server is away")
        plots = "[...document.querySelectorAll('svg')].map(plot => plot.getBoundingClientRect())"
        sizes = page.evaluate(f"{plots}.map(box => [box.width, box.height])")
        assert len(sizes) == 6
        assert all(width > 50 and height > 10 for width, height in sizes), sizes
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("performance.getEntriesByType('resource').length") == 0
        assert page.screenshot().startswith(b"\x89PNG")


def test_report_is_one_page_that_needs_nothing_else(repository: Repository, history: ErrorReporter) -> None:
    """Plots and tables in it, nothing loaded, and what errors say is text, whatever it looks like."""
    history.report_error(DockerError("<script>alert(1)</script> & 'more'", timestamp=NOW))
    done = repository.run("error", "report", "--html", "errors.html", "-o", "json")
    assert done.document == {"status": "written", "file": "errors.html", "errors": 4}
    page = Page((repository.root / "errors.html").read_text())
    assert page.elements["script"] == 0
    assert page.addresses == []
    assert page.elements["svg"] == 6  # days, category, severity, code, flow, environment
    days = len({report.timestamp.date() for report in history.error_history})
    assert page.elements["rect"] == days + 2 + 1 + 2 + 1 + 2
    words = "".join(page.words)
    assert "<script>alert(1)</script> & 'more'" in words
    assert "4 errors" in words
    assert "step 3 failed" in words
    assert repository.run("error", "report").status == 2
    nothing = repository.run("error", "report", "--html", "none.html", "--flow", "none")
    assert nothing.status == 0
    assert "0 errors of the flow none" in "".join(Page((repository.root / "none.html").read_text()).words)


# --- charts


def test_bars_are_in_proportion_and_name_what_is_left_out() -> None:
    """The longest label is cut, not the count."""
    lines = list(bars({"a" * 50: 1000, "b": 500, "c": 1, "d": 1}, most=3))
    assert [line.count("█") for line in lines[:2]] == [40, 20]
    assert "1,000" in lines[0]
    assert lines[2].split() == ["c", "1", "▏"]
    assert lines[3] == "  and 1 more"
    assert max(map(len, lines)) <= 80
    assert list(bars({})) == []


def test_columns_have_one_character_a_day() -> None:
    """A day without errors is a dot, one with a single error among thousands is seen."""
    by_day = {"2026-01-01": 1, "2026-01-03": 8000, "2026-01-04": 4000, "2025-12-01": 9}
    assert columns(by_day, datetime(2026, 1, 5, tzinfo=UTC).date(), 5) == "▁·█▄·"
