"""What was probably meant by a value of the wrong type, and by a variable that is not set."""

import pytest

from deployment_system.config.likely_values import likely_value
from deployment_system.config.variables import near_variable


@pytest.mark.parametrize(
    ("value", "wanted", "written", "meant"),
    [
        ("3", "a whole number", '"3"', "3"),
        ("3.0", "a whole number", '"3.0"', "3"),
        (3.0, "a whole number", "3.0", "3"),
        (3.5, "a whole number", "3.5", None),
        ("three", "a whole number", "three", None),
        ("0.5", "a number", '"0.5"', "0.5"),
        ("1e", "a number", '"1e"', None),
        ("yes", "true or false", "yes", "true"),
        ("OFF", "true or false", "OFF", "false"),
        ("maybe", "true or false", "maybe", None),
        (1.10, "text", "1.10", '"1.10"'),
        (True, "text", "true", '"true"'),
        ("nightly", "a list, as in [one, other]", "nightly", "[nightly]"),
        ("a, b", "a list, as in [one, other]", "a, b", None),
        (7, "a list, as in [one, other]", "7", "[7]"),
        ("always", "IfNotPresent, Always or Never", "always", "Always"),
        ("if-not-present", "IfNotPresent, Always or Never", "if-not-present", "IfNotPresent"),
        ("sometimes", "IfNotPresent, Always or Never", "sometimes", None),
        ("x", "at most 3600", "x", None),
        ("", "a number", '""', None),
        (None, "a number", "null", None),
    ],
)
def test_the_value_in_the_type_that_is_wanted(
    value: object, wanted: str, written: str, meant: str | None
) -> None:
    """None where it is not clear."""
    assert likely_value(value, wanted, written) == meant


def test_a_variable_with_almost_that_name_is_meant_unless_it_differs_in_a_number() -> None:
    """Another server is another thing; so is a variable that is empty."""
    environ = {"SHOP_SERVER_URL": "x", "SHOP_1_URL": "x", "SHOP_EMPTY_VALUE": ""}
    assert near_variable("SHOP_SERVR_URL", environ) == "SHOP_SERVER_URL"
    assert near_variable("SHOP_2_URL", environ) is None
    assert near_variable("SHOP_EMPTY_VALU", environ) is None
    assert near_variable("OTHER", environ) is None
