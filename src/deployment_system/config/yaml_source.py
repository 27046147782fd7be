"""A YAML file as plain data that remembers where each key and value stands.

Both files are read here: deployment-config.yaml and prefect.yaml.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployment_system.config.scalars import Dialect, plain_scalar
from deployment_system.config.source_frame import lines_of, source_lines
from deployment_system.config.yaml_nodes import (
    MappingNode,
    Mark,
    Node,
    ScalarNode,
    SequenceNode,
    YamlProblem,
    read_nodes,
)
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext, ErrorSeverity
from deployment_system.error_handling.corrections import Correction

LARGEST_FILE = 1024 * 1024
"""Bytes. The largest configurations seen in public repositories have less than a tenth of it."""

Where = tuple[str | int, ...]
"""Keys and list positions from the document's root to a value."""

_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The content of a file, and the places of its parts."""

    shown_as: str
    """The file's name in messages: relative to the repository's root."""
    lines: tuple[str, ...] = ()
    data: Any = None
    keys: Mapping[Where, Mark] = field(default_factory=dict)
    values: Mapping[Where, Mark] = field(default_factory=dict)
    plain: frozenset[Where] = frozenset()
    """Where text is written without quotes."""

    def hiding(self, paths: Iterable[Where]) -> "YamlDocument":
        """The same, with the values at the paths hidden where its lines are shown."""
        lines = list(self.lines)
        for mark in (self.values[path] for path in paths if path in self.values):
            line = lines[mark.line - 1]
            end = len(line) + 1 if mark.end_column is None else mark.end_column
            # As long as it is: what stands behind keeps its column.
            lines[mark.line - 1] = f"{line[: mark.column - 1]}{'*' * (end - mark.column)}{line[end - 1 :]}"
        return replace(self, lines=tuple(lines))

    def place(self, path: Where, *, key: bool = False) -> ErrorContext:
        """Where that value (or its key) stands; of what is not in the file, the nearest part around it."""
        mark = (self.keys if key else self.values).get(path)
        while mark is None and path:
            path = path[:-1]
            mark = self.keys.get(path) or self.values.get(path)
        return self.at(mark)

    def written(self, path: Where, *, key: bool = False) -> str | None:
        """A scalar as the file writes it (`1.10`, not 1.1); None where it is not on one line."""
        mark = (self.keys if key else self.values).get(path)
        if mark is None or mark.end_column is None:
            return None
        return self.lines[mark.line - 1][mark.column - 1 : mark.end_column - 1]

    def correction(self, path: Where, meant: str, *, key: bool = False) -> dict[str, Any] | None:
        """For an error's context: what should stand there instead, in the quotes that the file has; None
        where that is not on one line. `meant` is YAML where the value is not in quotes."""
        mark, written = (self.keys if key else self.values).get(path), self.written(path, key=key)
        if mark is None or not written:
            return None
        quote = written[0] if written[0] in "\"'" and written[-1] == written[0] else ""
        return Correction(written, f"{quote}{meant}{quote}", mark.line, mark.column).to_fact()

    def at(self, mark: Mark | None) -> ErrorContext:
        """A context for that stretch of the file."""
        if mark is None:
            return ErrorContext(file_path=self.shown_as)
        extra: dict[str, Any] = {"source_lines": source_lines(self.lines, mark.line)}
        if mark.end_column is not None:
            extra["end_column"] = mark.end_column
        return ErrorContext(file_path=self.shown_as, line_number=mark.line, column=mark.column, **extra)

    def error(
        self,
        message: str,
        path: Where,
        code: ErrorCodes,
        *,
        key: bool = False,
        remediation: list[str] | None = None,
        severity: ErrorSeverity | None = None,
        cause: BaseException | None = None,
    ) -> ConfigurationError:
        """One of our errors, at that path."""
        return ConfigurationError(
            message,
            error_code=code,
            context=self.place(path, key=key),
            remediation=remediation,
            severity=severity,
            cause=cause,
        )


@dataclass(frozen=True, slots=True)
class YamlReading:
    """What reading a file gave: a document, or errors that kept it from being one."""

    document: YamlDocument
    errors: tuple[ConfigurationError, ...] = ()


def read_yaml_file(file: Path, *, shown_as: str, dialect: Dialect) -> YamlReading:
    """Reads a file of at most LARGEST_FILE bytes; the size is looked at first."""
    try:
        size = file.stat().st_size
        if file.is_file() and size > LARGEST_FILE:
            return _failed(shown_as, _too_large(shown_as, size))
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        return _failed(shown_as, _unreadable(shown_as, error))
    if len(content) > LARGEST_FILE:
        return _failed(shown_as, _too_large(shown_as, len(content)))
    return read_yaml(content, shown_as=shown_as, dialect=dialect)


def read_yaml(content: bytes, *, shown_as: str, dialect: Dialect) -> YamlReading:
    """Reads UTF-8 text, with or without a byte order mark, as one YAML document."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _failed(shown_as, _not_utf8(shown_as, content, error))
    lines = tuple(lines_of(text))
    bare = YamlDocument(shown_as, lines)
    try:
        _refuse_control_characters(text)
        root = read_nodes(text)
    except YamlProblem as found:
        return YamlReading(bare, (_as_error(bare, found),))
    reader = _Reader(dialect)
    data = reader.value(root, ()) if root is not None else None
    document = YamlDocument(shown_as, lines, data, reader.keys, reader.values, frozenset(reader.plain))
    return YamlReading(document, tuple(_as_error(document, found) for found in reader.problems))


class _Reader:
    """Turns nodes into data, noting places and problems on the way."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.keys: dict[Where, Mark] = {}
        self.values: dict[Where, Mark] = {}
        self.plain: set[Where] = set()
        self.problems: list[YamlProblem] = []

    def value(self, node: Node, path: Where) -> Any:
        self.values[path] = node.mark
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.items)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there are three kinds of nodes
        return self._scalar(node, path)

    def _scalar(self, node: ScalarNode, path: Where) -> Any:
        if node.tag in ("!", "tag:yaml.org,2002:str") or (node.quoted and node.tag is None):
            return node.text
        value = plain_scalar(node.text, self.dialect)
        if isinstance(value, str):
            self.plain.add(path)
        return value

    def _mapping(self, node: MappingNode, path: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: dict[str, Mark] = {}
        for key_node, value_node in node.pairs:
            if _is_merge(key_node):
                continue
            key = self._key(key_node)
            if key is None:
                continue
            if key in own:
                self.problems.append(_duplicate(key, own[key], key_node.mark))
                continue
            own[key] = key_node.mark
            self.keys[(*path, key)] = key_node.mark
            result[key] = self.value(value_node, (*path, key))
        for key_node, value_node in node.pairs:
            if _is_merge(key_node):
                self._merge(value_node, path, result)
        return result

    def _merge(self, node: Node, path: Where, result: dict[str, Any]) -> None:
        """`<<: *one` or `<<: [*one, *other]`: keys that are not there yet; the first says most."""
        sources = node.items if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                self.problems.append(YamlProblem("<< needs a mapping, or a list of mappings", source.mark))
                continue
            for key_node, value_node in source.pairs:
                if _is_merge(key_node):
                    self._merge(value_node, path, result)
                    continue
                key = self._key(key_node)
                if key is not None and key not in result:
                    self.keys[(*path, key)] = key_node.mark
                    result[key] = self.value(value_node, (*path, key))

    def _key(self, node: Node) -> str | None:
        if isinstance(node, ScalarNode):
            if node.quoted or node.tag is not None:
                return node.text
            value = plain_scalar(node.text, self.dialect)
            if isinstance(value, str):
                return value
            if self.dialect is Dialect.YAML_1_1 and value is not None:
                return json.dumps(value)
            shown = node.text or "nothing"
            self.problems.append(
                YamlProblem(
                    f"the key {shown} is no text for YAML", node.mark, f'Write it in quotes: "{node.text}".'
                )
            )
            return None
        self.problems.append(YamlProblem("a key must be text, not a list or a mapping", node.mark))
        return None


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.text == "<<" and not node.quoted and node.tag is None


def _duplicate(key: str, first: Mark, again: Mark) -> YamlProblem:
    return YamlProblem(
        f"the key {key!r} is given twice, first in line {first.line}",
        again,
        f"Keep one of the two: line {first.line} or line {again.line}.",
    )


def _refuse_control_characters(text: str) -> None:
    found = _NOT_PRINTABLE.search(text)
    if found is None:
        return
    before = lines_of(text[: found.start()])
    what = "a null byte" if found[0] == "\0" else f"the control character U+{ord(found[0]):04X}"
    raise YamlProblem(
        f"{what}, which no YAML file may hold", Mark(len(before), len(before[-1]) + 1), "Remove it."
    )


def _as_error(document: YamlDocument, found: YamlProblem) -> ConfigurationError:
    return ConfigurationError(
        f"{document.shown_as}: {found.message}",
        error_code=ErrorCodes.CONFIG_INVALID_FORMAT,
        context=document.at(found.mark),
        remediation=[found.remedy] if found.remedy else None,
        cause=found.__cause__,
    )


def _failed(shown_as: str, error: ConfigurationError) -> YamlReading:
    return YamlReading(YamlDocument(shown_as), (error,))


def _too_large(shown_as: str, size: int) -> ConfigurationError:
    return ConfigurationError(
        f"{shown_as} has {size:,} bytes; a configuration of more than {LARGEST_FILE:,} bytes is not read",
        error_code=ErrorCodes.CONFIG_TOO_LARGE,
        context=ErrorContext(file_path=shown_as, size=size, limit=LARGEST_FILE),
    )


def _unreadable(shown_as: str, error: OSError) -> ConfigurationError:
    reasons = {
        FileNotFoundError: "does not exist",
        IsADirectoryError: "is a folder, not a file",
        PermissionError: "may not be read by this user",
    }
    reason = reasons.get(type(error), f"cannot be read: {error.strerror or error}")
    missing = isinstance(error, FileNotFoundError)
    return ConfigurationError(
        f"{shown_as} {reason}",
        error_code=ErrorCodes.CONFIG_FILE_NOT_FOUND if missing else ErrorCodes.CONFIG_FILE_UNREADABLE,
        context=ErrorContext(file_path=shown_as),
        cause=error,
    )


def _not_utf8(shown_as: str, content: bytes, error: UnicodeDecodeError) -> ConfigurationError:
    before = lines_of(content[: error.start].decode("utf-8-sig"))
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    what = "is UTF-16" if utf16 else f"has the byte 0x{content[error.start]:02x}, which is not UTF-8, here"
    return ConfigurationError(
        f"{shown_as} {what}; a configuration is read as UTF-8",
        error_code=ErrorCodes.CONFIG_INVALID_FORMAT,
        context=ErrorContext(file_path=shown_as, line_number=len(before), column=len(before[-1]) + 1),
        remediation=["Save the file as UTF-8."],
        cause=error,
    )
