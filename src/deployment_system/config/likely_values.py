"""The value that was probably meant by one of another type, as YAML. Pure."""

import re
from typing import Any

BOOLEAN_WORDS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_WHOLE = re.compile(r"[+-]?\d+(\.0+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_NEEDS_QUOTES = re.compile(r"""[\[\]{},#&*!|>'"%@`]|: |^[-?:]( |$)|^\s|\s$""")


def likely_value(value: Any, wanted: str, written: str) -> str | None:
    """What `wanted`, in the words of the message, makes of a value: of "3" where a number belongs 3; None
    where that is not clear. `written` is how the file has it."""
    if isinstance(value, bool | int | float):
        if wanted == "text":
            return f'"{written}"'
        if wanted == "a whole number" and isinstance(value, float) and value.is_integer():
            return str(int(value))
        return f"[{written}]" if wanted.startswith("a list") else None
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    if wanted == "true or false":
        return BOOLEAN_WORDS.get(text.lower())
    if wanted == "a whole number":
        return text.partition(".")[0] if _WHOLE.fullmatch(text) else None
    if wanted in ("a number", "a finite number"):
        return text if _NUMBER.fullmatch(text) else None
    if wanted.startswith("a list"):
        return f"[{written}]" if written[:1] in "\"'" or not _NEEDS_QUOTES.search(text) else None
    return _one_of(text, wanted)


def _one_of(text: str, wanted: str) -> str | None:
    """Of `Always, IfNotPresent or Never`, the word that differs in case only, or begins so."""
    words = re.split(r", | or ", wanted)
    if len(words) < len(("one", "other")) or any(" " in word for word in words):
        return None
    plain = re.sub(r"[\s_-]", "", text).lower()
    same = [word for word in words if re.sub(r"[\s_-]", "", word).lower() == plain]
    return same[0] if len(same) == 1 else None
