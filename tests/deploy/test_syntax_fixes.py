"""Slips of the keyboard in Python: mended where there is one way to read them, else named."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.deploy.recovery.syntax_fixes import fixed, likely_mistake

MENDED = [
    ("def f(x: int = 1)  # c\n    return 1\n", "def f(x: int = 1):  # c\n    return 1\n"),
    ("class A\n    x = 1\n\n\ndef g()\n    return A\n", "class A:\n    x = 1\n\n\ndef g():\n    return A\n"),
    ("def f():\n\treturn 1\n        x = 2\n", "def f():\n        return 1\n        x = 2\n"),
    ("x = \u201chello\u201d\n", 'x = "hello"\n'),
    ("x\u00a0=\u00a01\n", "x = 1\n"),
    ("if x:\n    print \u201chello\u201d\n", 'if x:\n    print("hello")\n'),
    ("print 'a', b  # c\n", "print('a', b)  # c\n"),
    (
        "try:\n    pass\nexcept ValueError, e:\n    pass\n",
        "try:\n    pass\nexcept ValueError as e:\n    pass\n",
    ),
    ("if a:\n    pass\nelse if b:\n    pass\n", "if a:\n    pass\nelif b:\n    pass\n"),
    ("x = foo(1, 2  # c\ny = 3\n", "x = foo(1, 2)  # c\ny = 3\n"),
    ("x = [\n    1,\n    2\ny = 3\n", "x = [\n    1,\n    2]\ny = 3\n"),
    ("def f(a, b:\n    return 1\n", "def f(a, b):\n    return 1\n"),
    ("def f(a: int = 1:\n    return 1\n", "def f(a: int = 1):\n    return 1\n"),
    ("x = foo(1))\n", "x = foo(1)\n"),
    ("x = 'abc\ny = 1\n", "x = 'abc'\ny = 1\n"),
    ("foo('abc)\ny = 1\n", "foo('abc')\ny = 1\n"),
    ("x = {'a': 1\ndef g()\n    return 1\n", "x = {'a': 1}\ndef g():\n    return 1\n"),
    ("<<<<<<< ours\nx = 1\n=======\nx  = 1\n>>>>>>> theirs\n", "x = 1\n"),
    ("<<<<<<< a\nx = 1\n||||||| b\nx = 0\n=======\nx = 1\n>>>>>>> c\ny = 2\n", "x = 1\ny = 2\n"),
]


@pytest.mark.parametrize(("broken", "right"), MENDED)
def test_a_slip_with_one_reading_is_mended(broken: str, right: str) -> None:
    """All else stays, comments too; and so do other ends of lines."""
    found = fixed(broken)
    assert found is not None, likely_mistake(broken)
    assert found.text == right
    assert found.what
    assert fixed(right) is None
    other = fixed(broken.replace("\n", "\r\n"))
    assert other is not None
    assert other.text == right.replace("\n", "\r\n")


LEFT = [
    (
        "<<<<<<< ours\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n",
        "lines 1 to 5 are a merge that was not finished",
    ),
    (
        "if a:\n<<<<<<< o\n    x()\n=======\nx()\n>>>>>>> t\n",
        "lines 2 to 6 are a merge that was not finished",
    ),
    ("if x = 1:\n    pass\n", "Maybe you meant '=='"),
    ("print 'a',\n", "Missing parentheses"),
    ("foo(a,\nb\nc\n", "'(' was never closed"),
    ("def f(=:\n    pass\n", "line 1: invalid syntax"),
    ("x = 1\n  y = 2\n", "unexpected indent"),
    ("x = '\0'\n", "null bytes"),
]


@pytest.mark.parametrize(("broken", "said"), LEFT)
def test_what_can_be_read_in_several_ways_is_named(broken: str, said: str) -> None:
    """And left alone."""
    assert fixed(broken) is None
    assert said in likely_mistake(broken)


@given(st.text(alphabet="abx =:()[]{}'\"\n\t,#<>|0\u201c\u00a0", max_size=60))
def test_any_text_is_mended_to_python_or_left(text: str) -> None:
    """Never to something else, and nothing is raised."""
    found = fixed(text)
    if found is not None:
        ast.parse(found.text)
        assert found.text != text
    assert isinstance(likely_mistake(text), str)
