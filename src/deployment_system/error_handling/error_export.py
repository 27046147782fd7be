"""The errors of the past as a file for others: JSON, JSON lines or CSV, of any length in the same memory."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

FORMATS = ("json", "csv", "jsonl")

Document = Mapping[str, Any]

_COLUMNS = (
    *("error_id", "timestamp", "error_code", "error_type", "category", "severity", "message"),
    *("flow_name", "deployment_name", "environment", "file_path", "line_number"),
    *("operation", "command", "plan_id", "fingerprint", "remediation", "cause"),
)
_OF_CONTEXT = frozenset(("flow_name", "deployment_name", "file_path", "line_number"))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""


def exported(format_name: str, summary: Mapping[str, Any], documents: Iterable[Document]) -> Iterator[str]:
    """The pieces of the text. `format_name` is one of FORMATS."""
    ways: dict[str, Callable[[], Iterator[str]]] = {
        "json": lambda: _as_json(summary, documents),
        "jsonl": lambda: (f"{_one_line(document)}\n" for document in documents),
        "csv": lambda: _as_csv(documents),
    }
    return ways[format_name]()


def _as_json(summary: Mapping[str, Any], documents: Iterable[Document]) -> Iterator[str]:
    generated_at = json.dumps(datetime.now(UTC).isoformat())
    told = json.dumps(summary, ensure_ascii=False, indent=2).replace("\n", "\n  ")
    yield f'{{\n  "generated_at": {generated_at},\n  "summary": {told},\n  "errors": ['
    separator = "\n    "
    for document in documents:
        yield separator + _one_line(document)
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _as_csv(documents: Iterable[Document]) -> Iterator[str]:
    yield _row(_COLUMNS)
    for document in documents:
        yield _row(_cell(document, column) for column in _COLUMNS)


def _row(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _cell(document: Document, column: str) -> str:
    holder = document.get("context", {}) if column in _OF_CONTEXT else document
    value = holder.get(column)
    if isinstance(value, list):
        value = " | ".join(str(item) for item in value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _one_line(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": "))
