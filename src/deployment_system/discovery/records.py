"""What is known of one file, to and from JSON, and the cache that keeps it between runs."""

import os
import sys
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from deployment_system.discovery.flow import Flow, Import, NotDeployable, Parameter
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    FlowDiscoveryError,
)

FORMAT = 3
IRRELEVANT = 0
"""The file cannot hold flows."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What one file holds."""

    flows: tuple[Flow, ...] = ()
    not_deployable: tuple[NotDeployable, ...] = ()
    errors: tuple[FlowDiscoveryError, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "flows": [
                {
                    **_fields(flow),
                    "parameters": [list(parameter) for parameter in flow.parameters],
                    "imports": [list(imported) for imported in flow.imports],
                }
                for flow in self.flows
            ],
            "not_deployable": [_fields(item) for item in self.not_deployable],
            "errors": [error.to_dict() for error in self.errors],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "FileRecord":
        """From JSON values. Raises KeyError, TypeError or ValueError where they are not such."""
        return cls(
            tuple(_flow(item) for item in stored["flows"]),
            tuple(NotDeployable(**item) for item in stored["not_deployable"]),
            tuple(_error(item) for item in stored["errors"]),
        )


class Cache:
    """Records by file, valid while size, time of change, Python and ignore rules are the same."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._before: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        self._changed = False
        self.warnings: list[FlowDiscoveryError] = []
        self._rules_before = ""
        if file is not None:
            self._load(file)

    def get(self, name: str, size: int, mtime_ns: int) -> FileRecord | int | None:
        """The record, or IRRELEVANT; None where the file is new or changed."""
        entry = self._before.get(name)
        if entry is None or entry[0] != size or entry[1] != mtime_ns:
            return None
        self._now[name] = entry
        if isinstance(entry[2], int):
            return entry[2]
        try:
            return FileRecord.from_json(entry[2])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._damaged(error)
            return None

    def put(self, name: str, size: int, mtime_ns: int, record: FileRecord | int) -> None:
        """Keeps what was found."""
        stored = record if isinstance(record, int) else record.to_json()
        self._now[name] = [size, mtime_ns, stored]
        self._changed = True

    def rules_are(self, rules: str) -> bool:
        """Whether decisions about ignored files still hold; to be asked after the walk."""
        return rules == self._rules_before

    def save(self, rules: str) -> None:
        """Writes the cache where something changed; a cache that cannot be written is a warning."""
        if self._file is None:
            return
        unchanged = not self._changed and len(self._now) == len(self._before)
        if unchanged and self.rules_are(rules):
            return
        content = {"format": FORMAT, "python": sys.version, "rules": rules, "files": self._now}
        # Another process may be writing too: each its own file, the last one stays.
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_sealed(orjson.dumps(content)))
            temporary.replace(self._file)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            self.warnings.append(_cache_warning(self._file, f"cannot be written: {error}", error))

    def _load(self, file: Path) -> None:
        try:
            stored = orjson.loads(_unsealed(file.read_bytes()))
            if stored["format"] == FORMAT and stored["python"] == sys.version:
                self._before, self._rules_before = _checked(stored["files"]), stored["rules"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._damaged(error)

    def _damaged(self, error: Exception) -> None:
        if self._file is not None and not self.warnings:
            self.warnings.append(_cache_warning(self._file, "is damaged and was made anew", error))


def _sealed(content: bytes) -> bytes:
    """JSON within JSON, with a checksum before it: damage that leaves it readable is found as well."""
    return b'{"sum":"%08x","of":' % zlib.crc32(content) + content + b"}"


def _unsealed(stored: bytes) -> bytes:
    head = len(_sealed(b"")) - 1
    content = stored[head:-1]
    if _sealed(content) != stored:
        raise ValueError("its checksum is wrong")
    return content


def _checked(files: dict[str, list[Any]]) -> dict[str, list[Any]]:
    for name, entry in files.items():
        if not isinstance(entry, list) or len(entry) != len(("size", "time", "record")):
            raise ValueError(f"the entry of {name} is not of the form [size, time, record]")
    return files


def _cache_warning(file: Path, what: str, error: Exception) -> FlowDiscoveryError:
    return FlowDiscoveryError(
        f"the discovery cache {file.name} {what}",
        error_code=ErrorCodes.CACHE_DAMAGED,
        severity=ErrorSeverity.LOW,
        context=ErrorContext(file_path=file, operation="discover"),
        cause=error,
    )


def _fields(value: Any) -> dict[str, Any]:
    """A value of a class with slots. `dataclasses.asdict` copies deeply, which costs ten times as much."""
    return {name: getattr(value, name) for name in value.__slots__}


def _flow(stored: Mapping[str, Any]) -> Flow:
    parameters = tuple([Parameter(*item) for item in stored["parameters"]])
    imports = tuple([Import(*item) for item in stored["imports"]])
    return Flow(**{**stored, "parameters": parameters, "imports": imports})


def _error(stored: Mapping[str, Any]) -> FlowDiscoveryError:
    error = DeploymentSystemError.from_dict(stored)
    if not isinstance(error, FlowDiscoveryError):
        raise TypeError(f"{type(error).__name__} is not an error of discovery")
    return error
