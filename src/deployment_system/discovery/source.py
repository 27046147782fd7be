"""A file's bytes to its syntax tree, or to the finding that says why there is none."""

import ast
import codecs
import hashlib
import io
import re
import sys
import tokenize
import warnings
from dataclasses import dataclass
from typing import Any

from deployment_system.discovery.files import SourceFile, unreadable
from deployment_system.error_handling import ErrorCodes, ErrorContext, FlowDiscoveryError

LARGEST_FILE_BYTES = 5 * 1024 * 1024
"""No hand-written module comes near; parsing takes about 100 times its size in memory."""

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that may hold flows, read and parsed."""

    tree: ast.Module
    digest: str


_IMPORTS_PREFECT = re.compile(rb"\b(?:import|from)\b[^\n]*\bprefect|\\\r?\n")
"""An import of Prefect, as far as a line tells, or a line that goes on in the next one."""


def mentions_flows(content: bytes) -> bool:
    """Whether the file can hold flows at all: it speaks of flows, and imports Prefect. Spares parsing most
    files, also those that speak of both without an import."""
    return b"flow" in content.lower() and b"prefect" in content and bool(_IMPORTS_PREFECT.search(content))


def read_bytes(file: SourceFile) -> bytes | FlowDiscoveryError:
    """The file's content."""
    if file.size > LARGEST_FILE_BYTES:
        return FlowDiscoveryError(
            f"{file.name} has {file.size} bytes; files over {LARGEST_FILE_BYTES} are not looked at",
            error_code=ErrorCodes.FLOW_FILE_TOO_LARGE,
            context=ErrorContext(file_path=file.name, operation="discover"),
        )
    try:
        with open(file.path, "rb") as stream:  # noqa: PTH123 - hot path
            return stream.read()
    except OSError as error:
        return unreadable(file.name, error)


def parse(file: SourceFile, content: bytes) -> Source | FlowDiscoveryError:
    """The file's syntax tree."""
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        return _encoding_error(file, "holds a null byte", line)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user's code is only read; its warnings are not ours
            tree = ast.parse(content, filename=file.name)
    except SyntaxError as error:
        return _syntax_error(file, content, error)
    except (ValueError, LookupError, UnicodeError) as error:
        return _encoding_error(file, f"cannot be decoded: {error}", None, error)
    except (RecursionError, MemoryError) as error:
        return too_deep(file, error)
    return Source(tree, hashlib.sha256(content).hexdigest())


def _syntax_error(file: SourceFile, content: bytes, error: SyntaxError) -> FlowDiscoveryError:
    text = _decoded(content)
    if text is None or _is_encoding_problem(error):
        what = _undecodable(content) or f"cannot be decoded: {error.msg}"
        return _encoding_error(file, what, error.lineno, error)
    if _is_too_deep(error):
        return too_deep(file, error, error.lineno)
    lines = re.split(r"\r\n|\r|\n", text)
    number = error.lineno or 1
    facts: dict[str, Any] = {"source_lines": source_lines(lines, number)}
    if error.end_offset and error.end_lineno == error.lineno:
        facts["end_column"] = error.end_offset
    return FlowDiscoveryError(
        f"{file.name} is not valid Python {sys.version_info[0]}.{sys.version_info[1]}: {error.msg}",
        error_code=ErrorCodes.FLOW_SYNTAX_ERROR,
        context=ErrorContext(
            file_path=file.name,
            line_number=number,
            column=error.offset or 1,
            operation="discover",
            **facts,
        ),
        remediation=_remedies(lines, number),
    )


def source_lines(lines: list[str], number: int) -> list[list[object]]:
    """The faulty line with its neighbours, for a code frame."""
    first, last = max(1, number - 1), min(len(lines), number + 1)
    return [[index, lines[index - 1][:400]] for index in range(first, last + 1)]


def _remedies(lines: list[str], number: int) -> list[str] | None:
    line = lines[number - 1] if number <= len(lines) else ""
    if _TEMPLATE.search(line):
        return ["This looks like a template: add it to `scan.exclude` in deployment-config.yaml."]
    if re.match(r"(<{7}|={7}|>{7})", line):
        return ["This is the mark of a merge that was not finished: choose one side and remove the marks."]
    if re.match(r"\s*type\s+\w+.*=", line) or re.match(r"\s*(class|(async\s+)?def)\s+\w+\[", line):
        return ["This looks like Python 3.12: run deployment-cli with that version."]
    return None


def too_deep(file: SourceFile, cause: Exception, line: int | None = None) -> FlowDiscoveryError:
    """The error for source that is nested deeper than can be read."""
    return FlowDiscoveryError(
        f"{file.name} is nested too deeply to be read",
        error_code=ErrorCodes.FLOW_FILE_TOO_COMPLEX,
        context=ErrorContext(file_path=file.name, line_number=line, operation="discover"),
        cause=cause,
    )


def _is_too_deep(error: SyntaxError) -> bool:
    # As below: the messages are the only sign.
    return str(error.msg).startswith(("too many nested parentheses", "too many levels of indentation"))


def _is_encoding_problem(error: SyntaxError) -> bool:
    # The parser reports these without a type of their own; its messages are the only sign.
    message = str(error.msg)
    return "encoding" in message or "(unicode error)" in message or "codec can't decode" in message


def _decoded(content: bytes) -> str | None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None


def _undecodable(content: bytes) -> str | None:
    """Which byte is not of the encoding that the file says it has."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return f"is not {error.encoding.upper()}: it holds the byte 0x{content[error.start]:02x}"
    except (SyntaxError, LookupError):
        return None  # the declaration itself is wrong, and Python says how
    return None


def _encoding_error(
    file: SourceFile, what: str, line: int | None, cause: Exception | None = None
) -> FlowDiscoveryError:
    return FlowDiscoveryError(
        f"{file.name} {what}",
        error_code=ErrorCodes.FLOW_FILE_ENCODING_INVALID,
        context=ErrorContext(file_path=file.name, line_number=line or 1, operation="discover"),
        cause=cause,
    )
