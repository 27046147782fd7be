"""The scan: every file of a tree to the flows it holds."""

import gc
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployment_system.discovery.depth import room_for_depth
from deployment_system.discovery.files import SourceFile, Walk
from deployment_system.discovery.flow import Discovery, Flow
from deployment_system.discovery.module_reader import ModuleReading, read_module
from deployment_system.discovery.records import IRRELEVANT, Cache, FileRecord
from deployment_system.discovery.signatures import docstring_of, parameters_of
from deployment_system.discovery.source import Source, mentions_flows, parse, read_bytes, too_deep
from deployment_system.error_handling import ErrorCodes, ErrorContext, FlowDiscoveryError

PROGRESS_EVERY = 200


def discover(
    root: Path,
    *,
    paths: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cache_file: Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Discovery:
    """Finds the flows below `root`, or below `paths` (relative to it, or absolute).

    What is wrong with a file stands in the result and affects no other file. Raises
    SCAN_PATH_NOT_FOUND where a path is not there.
    """
    began = time.monotonic()
    starts = _starts(root, paths)
    walk = Walk(root, starts, exclude)
    with _no_garbage_collection():
        cache = Cache(cache_file)
        records, scanned = _scan(walk, cache, on_progress)
    errors = [*walk.errors, *(error for record in records for error in record.errors)]
    return Discovery(
        flows=tuple(flow for record in records for flow in record.flows),
        not_deployable=tuple(item for record in records for item in record.not_deployable),
        errors=tuple(errors),
        files_scanned=scanned,
        seconds=time.monotonic() - began,
        warnings=tuple(cache.warnings),
    )


def _scan(
    walk: Walk, cache: Cache, on_progress: Callable[[int], None] | None
) -> tuple[list[FileRecord], int]:
    """The records of the files that may hold flows, and how many files were looked at."""
    with room_for_depth():
        files = list(walk)
    rules = _digest(walk.ignore_texts)
    trusted = cache.rules_are(rules)
    records: list[FileRecord] = []
    scanned = 0
    for file in files:
        record = _record(file, cache, trusted=trusted)
        if record is None:
            continue
        scanned += 1
        if on_progress is not None and scanned % PROGRESS_EVERY == 0:
            on_progress(scanned)
        if not isinstance(record, int):
            records.append(record)
    cache.save(rules)
    return records, scanned


def _starts(root: Path, paths: Sequence[str]) -> list[Path]:
    starts = []
    for path in paths or (".",):
        start = root / path
        if not _exists(start):
            raise FlowDiscoveryError(
                f"there is no {path!r} in {root.name or root}",
                error_code=ErrorCodes.SCAN_PATH_NOT_FOUND,
                context=ErrorContext(file_path=path, operation="discover"),
            )
        starts.append(start.resolve())
    return starts


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that may not be searched
        return False


def _record(file: SourceFile, cache: Cache, *, trusted: bool) -> FileRecord | int | None:
    """What the file holds; None where it is left out. `trusted`: what is in the cache was not left out."""
    known = cache.get(file.name, file.size, file.mtime_ns)
    if (known is None or not trusted) and file.ignored:
        return None
    if known is not None:
        return known
    content = read_bytes(file)
    if isinstance(content, FlowDiscoveryError):
        return FileRecord(errors=(content,))
    if not mentions_flows(content):
        cache.put(file.name, file.size, file.mtime_ns, IRRELEVANT)
        return IRRELEVANT
    record = read_file(file, content)
    cache.put(file.name, file.size, file.mtime_ns, record)
    return record


def read_file(file: SourceFile, content: bytes) -> FileRecord:
    """What a file holds, from its bytes."""
    source = parse(file, content)
    if isinstance(source, FlowDiscoveryError):
        return FileRecord(errors=(source,))
    try:
        with room_for_depth():
            reading = read_module(source.tree, file.name, content)
            flows = tuple(_flows(file, source, reading))
    except RecursionError as error:
        return FileRecord(errors=(too_deep(file, error),))
    errors = [*_legacy(file, reading), *_nameless(file, reading)]
    # Functions know the names around them, which name functions: without this, no tree would be freed.
    reading.names.clear()
    if flows and not file.has_proper_name:
        errors.append(_improper_name(file, flows[0].line))
        flows = ()
    return FileRecord(flows, tuple(reading.not_deployable), tuple(errors))


def _flows(file: SourceFile, source: Source, reading: ModuleReading) -> Iterator[Flow]:
    for function, value in reading.flows():
        if value.name is None:
            continue
        yield Flow(
            name=value.name,
            file=file.name,
            line=value.line,
            function=function,
            parameters=parameters_of(value.node) if value.node else (),
            imports=tuple(dict.fromkeys(reading.imports)),
            docstring=docstring_of(value.node) if value.node else None,
            description=value.options.description,
            bindings=reading.bindings,
            digest=source.digest,
            signature_known=value.node is not None,
        )


def _nameless(file: SourceFile, reading: ModuleReading) -> Iterator[FlowDiscoveryError]:
    for function, value in reading.flows():
        if value.name is None:
            yield FlowDiscoveryError(
                f"the name of the flow bound to {function!r} cannot be told from the source",
                error_code=ErrorCodes.FLOW_INVALID_STRUCTURE,
                context=ErrorContext(
                    file_path=file.name, line_number=value.line, operation="discover", function=function
                ),
                remediation=["Give it a name that is a text, or a constant of the same file."],
            )


def _improper_name(file: SourceFile, line: int) -> FlowDiscoveryError:
    return FlowDiscoveryError(
        f"the name of {file.name} is not valid UTF-8: no worker could be told to load its flows",
        error_code=ErrorCodes.FLOW_INVALID_STRUCTURE,
        context=ErrorContext(file_path=file.name, line_number=line, operation="discover"),
        remediation=["Give the file, or the folder where it lies, a name in UTF-8."],
    )


def _legacy(file: SourceFile, reading: ModuleReading) -> Iterator[FlowDiscoveryError]:
    for line, seen in reading.legacy.items():
        yield FlowDiscoveryError(
            f"{file.name} is written for Prefect 1 ({seen})",
            error_code=ErrorCodes.FLOW_LEGACY_PREFECT,
            context=ErrorContext(file_path=file.name, line_number=line, operation="discover"),
        )


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Syntax trees are many small objects in no cycles; collecting them again and again costs a third
    of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
