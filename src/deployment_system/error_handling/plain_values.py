"""Any object as text or as JSON values. Never raises, whatever it is given: the error that is being
told about must not be replaced by one about its telling."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time
from enum import Enum
from typing import Any, TypeGuard

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


def copied(value: Any) -> Any:
    """A copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


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
        is_named = _names_its_value(value)
        for key, item in value.items():
            if self._left <= 0:
                break
            name = plain_text(key)
            is_secret = names_a_secret(name) or (is_named and name.lower() == "value")
            converted[name] = self._field(item, inside, is_secret=is_secret)
        return converted

    def _list(self, value: Iterable[Any], inside: tuple[int, ...]) -> list[Any]:
        converted: list[Any] = []
        before: object = None
        for item in value:
            if _is_pair(item):
                converted.append([plain_text(item[0]), HIDDEN])
            else:
                converted.append(self._field(item, inside, is_secret=_asks_for_a_secret(before)))
            before = item
            if self._left < 0:
                break
        return converted

    def _field(self, value: object, inside: tuple[int, ...], *, is_secret: bool) -> Any:
        if is_secret and value is not None and not isinstance(value, bool):
            return HIDDEN
        return self.convert(value, inside)


def _names_its_value(value: Mapping[Any, Any]) -> bool:
    """Whether it is like `{"name": "DB_PASSWORD", "value": …}`, as Kubernetes writes variables."""
    return any(
        isinstance(name := value.get(key), str) and names_a_secret(name)
        for key in ("name", "key", "Name", "Key")
    )


def _is_pair(item: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a name that tells a secret and its value, as headers are listed."""
    if not isinstance(item, list | tuple) or len(item) != len(("name", "value")):
        return False
    return isinstance(item[0], str | bytes) and item[1] is not None and names_a_secret(valid_text(item[0]))


def _asks_for_a_secret(argument: object) -> bool:
    """Whether it is an argument of a command line after which a secret follows."""
    return (
        isinstance(argument, str)
        and argument.startswith("-")
        and "=" not in argument
        and names_a_secret(argument)
    )
