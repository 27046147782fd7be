"""States as JSON text, their large values apart as blobs."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

LARGE = 64 * 1024
"""Bytes from which on a value is kept beside the table that is written at every operation."""
_BYTES, _TEXT_BLOB, _BYTES_BLOB, _ESCAPED = "$bytes", "$text_blob", "$bytes_blob", "$mapping"
_MARKS = frozenset((_BYTES, _TEXT_BLOB, _BYTES_BLOB, _ESCAPED))

Blobs = dict[str, bytes]


def as_text(value: Any, blobs: Blobs) -> str:
    """The JSON text of a value; large texts and bytes in it go into `blobs` by their digest.

    Raises TypeError for what is neither JSON nor bytes.
    """
    try:
        text = json.dumps(value, separators=(",", ":"))
    except TypeError:
        pass  # bytes, or a mapping that is no dict: the long way below converts them, or raises again
    else:
        if len(text) <= LARGE and '"$' not in text:
            return text  # nothing in it needs anything of its own
    return json.dumps(_outward(value, blobs), separators=(",", ":"))


def from_text(text: str, blobs: Mapping[str, bytes]) -> Any:
    """The value that `as_text` was called with. Raises KeyError for a blob that is missing, ValueError for
    what is no JSON."""
    return _inward(json.loads(text), blobs)


def blobs_named(text: str) -> bool:
    """Whether the text may name a blob, so that blobs are read only where there are any."""
    return f'"{_TEXT_BLOB}"' in text or f'"{_BYTES_BLOB}"' in text


def _outward(value: Any, blobs: Blobs) -> Any:
    match value:
        case bytes() | bytearray():
            if len(value) > LARGE:
                return {_BYTES_BLOB: _put(bytes(value), blobs)}
            return {_BYTES: base64.b64encode(value).decode("ascii")}
        case str() if len(value) > LARGE:
            return {_TEXT_BLOB: _put(value.encode("utf-8", "surrogatepass"), blobs)}
        case Mapping():
            converted = {key: _outward(item, blobs) for key, item in value.items()}
            return {_ESCAPED: converted} if len(value) == 1 and not _MARKS.isdisjoint(value) else converted
        case list() | tuple():
            return [_outward(item, blobs) for item in value]
        case _:
            return value


def _put(content: bytes, blobs: Blobs) -> str:
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return digest


def _inward(value: Any, blobs: Mapping[str, bytes]) -> Any:
    match value:
        case {"$bytes": str(encoded), **rest} if not rest:
            return base64.b64decode(encoded)
        case {"$bytes_blob": str(digest), **rest} if not rest:
            return blobs[digest]
        case {"$text_blob": str(digest), **rest} if not rest:
            return blobs[digest].decode("utf-8", "surrogatepass")
        case {"$mapping": dict(mapping), **rest} if not rest:
            return {key: _inward(item, blobs) for key, item in mapping.items()}
        case dict():
            return {key: _inward(item, blobs) for key, item in value.items()}
        case list():
            return [_inward(item, blobs) for item in value]
        case _:
            return value
