"""The parameter schemas of flows, equal to Prefect's own: read from the text where that is certain,
else by importing the file in an isolated process, once per content."""

import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deployment_system.discovery import Flow
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    FlowDiscoveryError,
    ValidationError,
)
from deployment_system.validation.isolated_import import import_files
from deployment_system.validation.parameter_static import static_schema, undecided_parameters
from deployment_system.validation.signature_text import FileText, SignatureText

FORMAT = 2
DEFAULT_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """A flow's schema, or why there is none."""

    schema: dict[str, Any] | None = None
    errors: tuple[DeploymentSystemError, ...] = ()
    warnings: tuple[DeploymentSystemError, ...] = ()


def parameter_schemas(
    flows: Sequence[Flow],
    *,
    root: Path,
    cache_folder: Path | None = None,
    allow_import: bool = True,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    on_progress: Callable[[int], None] | None = None,
) -> Mapping[str, SchemaResult]:
    """The schemas by entrypoint."""
    cache = _SchemaCache(cache_folder, root)
    results: dict[str, SchemaResult] = {}
    missing: list[Flow] = []
    texts: dict[str, FileText] = {}
    for flow in flows:
        schema = cache.get(flow)
        if schema is None:
            if flow.file not in texts:
                texts[flow.file] = FileText(root / flow.file)
            text = texts[flow.file].signature_of(flow)
            schema = static_schema(flow, text) if flow.signature_known else None
            if schema is not None:
                cache.put(flow, schema, ())
        if schema is not None:
            results[flow.entrypoint] = SchemaResult(schema)
        elif not allow_import:
            results[flow.entrypoint] = _left_open(flow, text)
        else:
            missing.append(flow)
    results.update(_imported(missing, root, cache, timeout_seconds, on_progress))
    warnings = tuple(cache.save())
    if warnings and results:
        first = next(iter(results))
        kept = results[first]
        results[first] = SchemaResult(kept.schema, kept.errors, (*kept.warnings, *warnings))
    return results


def _imported(
    flows: Sequence[Flow],
    root: Path,
    cache: "_SchemaCache",
    timeout_seconds: float,
    on_progress: Callable[[int], None] | None,
) -> dict[str, SchemaResult]:
    by_file: defaultdict[str, list[Flow]] = defaultdict(list)
    for flow in flows:
        by_file[flow.file].append(flow)
    results: dict[str, SchemaResult] = {}
    jobs = [{"file": file, "functions": [flow.function for flow in same]} for file, same in by_file.items()]
    for done, answer in enumerate(import_files(jobs, root, timeout_seconds), start=1):
        for flow in by_file[answer["file"]]:
            result = _result(flow, answer)
            results[flow.entrypoint] = result
            if result.schema is not None:
                cache.put(flow, result.schema, answer["loaded"])
        if on_progress is not None:
            on_progress(done)
    return results


def _result(flow: Flow, answer: Mapping[str, Any]) -> SchemaResult:
    if "timeout" in answer:
        return _error(
            flow,
            f"{flow.file} was not imported after {answer['timeout']:g} s",
            ErrorCodes.FLOW_IMPORT_TIMEOUT,
            flow.line,
        )
    if "died" in answer:
        text = f"{flow.file} cannot be imported: the process {answer['died']}"
        return _error(flow, text, ErrorCodes.FLOW_IMPORT_FAILED, None)
    if "failed" in answer:
        failed = answer["failed"]
        text = f"{flow.file} cannot be imported: {failed['type']}: {failed['message']}"
        return _error(flow, text, ErrorCodes.FLOW_IMPORT_FAILED, failed["line"], failed["file"])
    found = answer["flows"][flow.function]
    if "not_a_flow" in found:
        text = f"{flow.function!r} is {found['not_a_flow']} and not a flow once the file is imported"
        return _error(flow, text, ErrorCodes.FLOW_INVALID_STRUCTURE, flow.line)
    return SchemaResult(found["schema"])


def _error(
    flow: Flow, text: str, code: ErrorCodes, line: int | None, file: str | None = None
) -> SchemaResult:
    context = ErrorContext(
        flow_name=flow.name,
        file_path=file or flow.file,
        line_number=line,
        operation="read parameters",
        flow_file=flow.file,
    )
    return SchemaResult(errors=(FlowDiscoveryError(text, error_code=code, context=context),))


def _left_open(flow: Flow, text: SignatureText | None) -> SchemaResult:
    names = undecided_parameters(flow, text)
    what = f"the types of {', '.join(names)}" if names else "the parameters"
    warning = ValidationError(
        f"{what} of flow {flow.name!r} are left open: the file is not imported",
        error_code=ErrorCodes.PARAMETER_SCHEMA_INCOMPLETE,
        severity=ErrorSeverity.LOW,
        context=ErrorContext(flow_name=flow.name, file_path=flow.file, line_number=flow.line),
    )
    schema = static_schema(flow, text, open_types=True) if flow.signature_known else None
    return SchemaResult(schema, warnings=(warning,))


class _SchemaCache:
    """Schemas of flows, valid while the file, and where it was imported all of the repository's that it
    loads, are the same, with the same Python and Prefect."""

    def __init__(self, folder: Path | None, root: Path) -> None:
        self._file = None if folder is None else folder / "schemas.json"
        self._root = root
        self._entries: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._digests: dict[str, str | None] = {}
        self._problems: list[FlowDiscoveryError] = []
        self._made_with = f"{FORMAT} {sys.version} {version('prefect')} {version('pydantic')}"
        self._changed = False
        if self._file is not None:
            self._load(self._file)

    def get(self, flow: Flow) -> dict[str, Any] | None:
        entry = self._entries.get(flow.entrypoint)
        self._digests.setdefault(flow.file, flow.digest or None)
        if entry is None or any(self._digest(file) != digest for file, digest in entry["files"].items()):
            return None
        self._used[flow.entrypoint] = entry
        schema: dict[str, Any] = entry["schema"]
        return schema

    def put(self, flow: Flow, schema: dict[str, Any], loaded: Sequence[str]) -> None:
        files = {file: self._digest(file) for file in {flow.file, *loaded}}
        self._used[flow.entrypoint] = {"files": files, "schema": schema}
        self._changed = True

    def save(self) -> list[FlowDiscoveryError]:
        """Keeps what this run used or made; returns what is wrong with the cache."""
        if self._file is not None and self._changed:
            content = {"made_with": self._made_with, "schemas": {**self._entries, **self._used}}
            temporary = self._file.with_name(f".schemas.json.{os.getpid()}.new")
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_text(json.dumps(content), encoding="utf-8")
                temporary.replace(self._file)
            except OSError as error:
                self._problem("cannot be written", error)
        return self._problems

    def _load(self, file: Path) -> None:
        try:
            stored = json.loads(file.read_bytes())
            if stored["made_with"] == self._made_with:
                self._entries = {
                    name: {"files": dict(entry["files"]), "schema": dict(entry["schema"])}
                    for name, entry in stored["schemas"].items()
                }
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._problem("is damaged and was made anew", error)
            self._changed = True

    def _problem(self, what: str, error: Exception) -> None:
        self._problems.append(
            FlowDiscoveryError(
                f"the cache of parameter schemas {what}",
                error_code=ErrorCodes.CACHE_DAMAGED,
                severity=ErrorSeverity.LOW,
                context=ErrorContext(file_path=self._file, operation="read parameters"),
                cause=error,
            )
        )

    def _digest(self, file: str) -> str | None:
        if file not in self._digests:
            try:
                self._digests[file] = hashlib.sha256((self._root / file).read_bytes()).hexdigest()
            except OSError:
                # A file that is gone has no digest, which equals none that was stored.
                self._digests[file] = None
        return self._digests[file]
