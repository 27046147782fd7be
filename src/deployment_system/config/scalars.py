"""What a plain YAML scalar means: the core schema of YAML 1.2 for our own file, and YAML 1.1 for
`prefect.yaml`, because Prefect reads that file with a YAML 1.1 parser (there `yes` is true)."""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Any


class Dialect(Enum):
    """Which version of YAML the scalars of a file are read by."""

    YAML_1_2 = "1.2"
    YAML_1_1 = "1.1"


_NULL = re.compile(r"~|null|Null|NULL|")

_BOOLEAN_1_2 = re.compile(r"(true|True|TRUE)|(false|False|FALSE)")
_INTEGER_1_2 = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT_1_2 = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_BOOLEAN_1_1 = re.compile(r"(yes|Yes|YES|true|True|TRUE|on|On|ON)|(no|No|NO|false|False|FALSE|off|Off|OFF)")
_INTEGER_1_1 = re.compile(r"[-+]?(0b[0-1_]+|0[0-7_]+|(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+)")
_SEXAGESIMAL_1_1 = re.compile(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_FLOAT_1_1 = re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?")
_DATE_1_1 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT_1_1 = re.compile(
    r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?)"
    r"(?:[ \t]*(Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?"
)

_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(?:nan|NaN|NAN)")

LONGEST_NUMBER = 400
"""Characters. Python refuses integers of more than 4,300 digits, and no setting has more than a few."""


def plain_scalar(text: str, dialect: Dialect = Dialect.YAML_1_2) -> Any:
    """The value that an unquoted scalar stands for; text where it looks like nothing else.

    Timestamps of YAML 1.1 come back as ISO 8601 text, the form in which Prefect stores them too.
    """
    if _NULL.fullmatch(text):
        return None
    if len(text) > LONGEST_NUMBER:
        return text
    if _NOT_A_NUMBER.fullmatch(text):
        return float("nan")
    if found := _INFINITY.fullmatch(text):
        return float(f"{found[1]}inf")
    return _scalar_1_2(text) if dialect is Dialect.YAML_1_2 else _scalar_1_1(text)


def _scalar_1_2(text: str) -> Any:
    if found := _BOOLEAN_1_2.fullmatch(text):
        return found[1] is not None
    if _INTEGER_1_2.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT_1_2.fullmatch(text):
        return float(text)
    return text


def _scalar_1_1(text: str) -> Any:
    if found := _BOOLEAN_1_1.fullmatch(text):
        return found[1] is not None
    if _INTEGER_1_1.fullmatch(text):
        return _integer_1_1(text.replace("_", ""))
    if _SEXAGESIMAL_1_1.fullmatch(text):
        return _sexagesimal(text.replace("_", ""))
    if _FLOAT_1_1.fullmatch(text):
        return float(text.replace("_", ""))
    return _timestamp_1_1(text)


def _integer_1_1(text: str) -> Any:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith(("0b", "0x")):
        return sign * int(digits, 0) if len(digits) > len("0b") else text
    if digits.startswith("0") and len(digits) > 1:
        return sign * int(digits, 8)
    return sign * int(digits)


def _sexagesimal(text: str) -> int | float:
    """`1:30:00` is 5400: each part counts sixty times the next."""
    sign = -1 if text.startswith("-") else 1
    *whole, last = text.lstrip("+-").split(":")
    total = 0
    for part in whole:
        total = total * 60 + int(part)
    return sign * (total * 60 + (float(last) if "." in last else int(last)))


def _timestamp_1_1(text: str) -> str:
    if _DATE_1_1.fullmatch(text):
        return text
    found = _MOMENT_1_1.fullmatch(text)
    if not found:
        return text
    day = "-".join(part.zfill(2) for part in found[1].split("-"))
    hours, _, rest = found[2].partition(":")
    moment = f"{day}T{hours.zfill(2)}:{rest.rstrip('.')}{_offset(found[3])}"
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return text
    return read.astimezone(UTC).isoformat() if read.tzinfo else read.isoformat()


def _offset(zone: str | None) -> str:
    if zone is None or zone == "Z":
        return "+00:00" if zone else ""
    hours, _, minutes = zone[1:].partition(":")
    if len(hours) > len("00"):
        hours, minutes = hours[:-2], hours[-2:]
    return f"{zone[0]}{hours.zfill(2)}:{minutes or '00'}"
