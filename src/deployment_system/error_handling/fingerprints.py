"""The same fault again, on another machine or in another run: told by what does not change."""

import hashlib
import re
from collections.abc import Iterable

from deployment_system.error_handling.plain_values import plain_text

_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[/\\]")
_RUN_DETAILS = re.compile(
    r"""(?x) 0x[0-9a-fA-F]+                                # an address in memory
      | [0-9a-fA-F]{8}-[0-9a-fA-F-]{27}                   # a UUID
      | [0-9a-f]{12,}                                     # a hash
      | (?<=["']) (?:[A-Za-z]:)? [/\\] [^"'\n]* [/\\]     # the folder of a quoted path, blanks included
      | (?:\b[A-Za-z]:)? (?:[/\\][\w.@+~-]+)+ [/\\]       # the folder of any other path
      | \d+"""
)


def fingerprint(code: str, file_path: str | None, names: Iterable[str | None], texts: Iterable[str]) -> str:
    """Version 1: code, file, names, and the message and causes without what changes from run to run."""
    parts = [
        code,
        _place(plain_text(file_path or "")),
        *(name or "" for name in names),
        *map(_without_run_details, texts),
    ]
    return "1:" + hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _place(file_path: str) -> str:
    """A path within the project as it is; of an absolute one, which differs by machine, the file name."""
    path = file_path.replace("\\", "/")
    return path.rsplit("/", 1)[-1] if _ABSOLUTE.match(file_path) else path


def _without_run_details(text: str) -> str:
    return _RUN_DETAILS.sub("_", text)
