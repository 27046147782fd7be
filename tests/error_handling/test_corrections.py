"""A correction that an error brings along: applied where it stands, or not at all."""

import pytest

from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext
from deployment_system.error_handling.corrections import Correction, corrected


@pytest.mark.parametrize(
    ("correction", "text", "after"),
    [
        (Correction("b", "c", 2, 1), "a\r\nb: 1\r\n", "a\r\nc: 1\r\n"),
        (Correction("b", "c", 2, 3), "a\nb b\n", "a\nb c\n"),
        (Correction("limt", "limit", 1), "limt: 3 # limt2", "limit: 3 # limt2"),
        (Correction("limt", "limit", 1), "limt: limt", None),
        (Correction("limt", "limit", 1), "limt-2: 1", None),
        (Correction("b", "c", 9, 1), "a\n", None),
        (Correction("b", "c", 0, 1), "a\n", None),
        (Correction("b", "c", 1, 1), "a\n", None),
        (Correction("${A}", "${B}", 1), "x: ${A}y", "x: ${B}y"),
    ],
)
def test_it_is_applied_to_what_stands_there(correction: Correction, text: str, after: str | None) -> None:
    """Nothing else in the text changes; what was changed in between is left alone."""
    assert correction.applied(text) == after


def test_it_travels_with_the_error() -> None:
    """Also through the history, as JSON."""
    error = ConfigurationError(
        "x", error_code=ErrorCodes.CONFIG_UNKNOWN_KEY, context=ErrorContext(line_number=3)
    )
    assert Correction.of(error) is None
    assert Correction.of(corrected(error, "a", None)) is None
    corrected(error, "a", "b")
    assert Correction.of(ConfigurationError.from_dict(error.to_dict())) == Correction("a", "b", 3)


@pytest.mark.parametrize(
    "fact", ["x", {}, {"written": "", "meant": "b", "line": 1}, {"written": "a", "line": 1}]
)
def test_what_is_none_is_none(fact: object) -> None:
    """Whatever a report of another version holds."""
    error = ConfigurationError(
        "x", error_code=ErrorCodes.CONFIG_UNKNOWN_KEY, context=ErrorContext(correction=fact)
    )
    assert Correction.of(error) is None
