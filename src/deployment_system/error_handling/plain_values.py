"""Any object as text or as JSON values. Never raises, whatever it is given: the error that is being
told about must not be replaced by one about its telling."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from deployment_system.error_handling.hidden_secrets import HIDDEN, names_a_secret, without_secrets

LEFT_OUT = "…"
MOST_VALUES = 20_000
"""Values of one object that are kept; what shares its parts many times over would fill the memory."""
DEEPEST = 50
LONGEST_TEXT = 100_000
"""Characters of one text that are kept: an error is no place for a whole file."""
_LARGEST_INTEGER_BITS = 10_000
"""Python refuses to write longer integers in decimals."""


def plain_text(value: object) -> str:
    """The text of any object as valid Unicode, without secrets, cut where it is endless."""
    text = valid_text(value)
    # Secrets are looked for beyond the cut, so that it leaves no half of one.
    text = without_secrets(text[: 2 * LONGEST_TEXT])
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + LEFT_OUT


def valid_text(value: object) -> str:
    """The text of any object; what cannot be encoded (lone surrogates, odd bytes) is escaped."""
    try:
        text = _text(value)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return f"<{type(value).__name__} that cannot be shown>"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_value(value: object) -> Any:
    """The nearest JSON value. Values of keys that name a secret are hidden; what contains itself, is
    too deep or too much is left out."""
    return _Conversion().convert(value, ())


def _text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, int) and value.bit_length() > _LARGEST_INTEGER_BITS:
        return hex(value)
    return str(value)


class _Conversion:
    """One object on its way to JSON: counts what it has given."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def convert(self, value: object, inside: tuple[int, ...]) -> Any:
        """The value; `inside` holds the identities of the containers around it."""
        self._left -= 1
        if self._left < 0:
            return LEFT_OUT
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.convert(value.value, inside)
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, date | time | datetime):
            return value.isoformat()
        if isinstance(value, Mapping | Sequence | Set) and not isinstance(value, str | bytes | bytearray):
            if id(value) in inside or len(inside) >= DEEPEST:
                return LEFT_OUT
            return self._container(value, (*inside, id(value)))
        return plain_text(value)

    @staticmethod
    def _number(value: float) -> Any:
        if isinstance(value, int):
            return int(value) if value.bit_length() <= _LARGEST_INTEGER_BITS else hex(value)
        return float(value) if math.isfinite(value) else str(float(value))

    def _container(self, value: Mapping[Any, Any] | Iterable[Any], inside: tuple[int, ...]) -> Any:
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, inside)
            items = sorted(value, key=valid_text) if isinstance(value, Set) else value
            return self._list(items, inside)
        except Exception:  # noqa: BLE001 - a foreign container may raise anything while it is read
            return f"<{type(value).__name__} that cannot be shown>"

    def _mapping(self, value: Mapping[Any, Any], inside: tuple[int, ...]) -> dict[str, Any]:
        converted = {}
        for key, item in value.items():
            if self._left <= 0:
                break
            name = plain_text(key)
            converted[name] = self._field(name, item, inside)
        return converted

    def _list(self, value: Iterable[Any], inside: tuple[int, ...]) -> list[Any]:
        converted = []
        for item in value:
            converted.append(self.convert(item, inside))
            if self._left < 0:
                break
        return converted

    def _field(self, key: str, value: object, inside: tuple[int, ...]) -> Any:
        if value is not None and not isinstance(value, bool) and names_a_secret(key):
            return HIDDEN
        return self.convert(value, inside)
