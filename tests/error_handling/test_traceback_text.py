"""The traceback of an error is what Python prints, but for the marks below a line."""

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import ConfigurationError
from deployment_system.error_handling.traceback_text import traceback_text

KINDS: tuple[type[Exception], ...] = (ValueError, KeyError, OSError, ConfigurationError)
LINKS = ("cause", "context", "none")


def printed_by_python(error: BaseException) -> str:
    """As Python prints it, without marks."""
    return without_marks("".join(traceback.format_exception(error)))


def without_marks(text: str) -> str:
    """Without the lines of `~` and `^`."""
    lines = text.split("\n")
    return "\n".join(line for line in lines if not line.strip() or set(line.strip()) - set("~^"))


def raised(kinds: list[type[Exception]], links: list[str], depths: list[int], text: str) -> Exception:
    """An exception with a chain behind it, each from so many frames below."""
    error: Exception | None = None
    for kind, link, depth in zip(kinds, links, depths, strict=False):
        try:
            handled(error, kind, link, depth, text)
        except Exception as raised_one:  # noqa: BLE001 - whichever kind was chosen
            error = raised_one
    assert error is not None
    return error


def handled(before: Exception | None, kind: type[Exception], link: str, depth: int, text: str) -> None:
    """Raises while another is handled."""
    if before is None:
        fail(kind, depth, text)
    try:
        throw(before)
    except Exception as other:  # noqa: BLE001 - as above
        if link == "context":
            fail(kind, depth, text)
        try:
            fail(kind, depth, text)
        except Exception as error:
            raise error from (other if link == "cause" else None)


def throw(error: BaseException, cause: BaseException | None = None) -> None:
    """Raises it."""
    if cause is not None:
        raise error from cause
    raise error


def fail(kind: type[Exception], depth: int, text: str) -> None:
    """Raises some frames below."""
    if depth:
        fail(kind, depth - 1, text)
    raise kind(text)


@given(
    kinds=st.lists(st.sampled_from(KINDS[:3]), min_size=1, max_size=4),
    links=st.lists(st.sampled_from(LINKS), min_size=4, max_size=4),
    depths=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    text=st.text(max_size=20),
)
def test_chains_look_as_python_prints_them(
    kinds: list[type[Exception]], links: list[str], depths: list[int], text: str
) -> None:
    error = raised(kinds, links, depths, text)
    assert traceback_text(error) == printed_by_python(error)


def test_an_error_of_ours_is_named_with_its_module() -> None:
    error = raised([OSError, ConfigurationError], ["none", "cause"], [0, 2], "no such thing")
    assert traceback_text(error) == printed_by_python(error)
    assert "error_types.ConfigurationError: no such thing" in traceback_text(error)


def unusual() -> Iterator[Exception]:
    """Exceptions of which Python writes more than type and text."""
    try:
        compile("a = (", "flow.py", "exec")
    except SyntaxError as error:
        yield error
    noted = ValueError("with a note")
    noted.add_note("seen on Tuesday")
    yield noted
    yield ExceptionGroup("several", [ValueError("one"), KeyError("two")])


@pytest.mark.parametrize("error", list(unusual()), ids=lambda error: type(error).__name__)
def test_what_is_unusual_is_written_by_python(error: Exception) -> None:
    with pytest.raises(RuntimeError) as caught:
        throw(RuntimeError("outside"), error)
    assert without_marks(traceback_text(caught.value)) == printed_by_python(caught.value)


class Speechless(Exception):  # noqa: N818 - what it is matters here, not that it is an error
    """One whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_a_text_that_cannot_be_made() -> None:
    with pytest.raises(Speechless) as caught:
        throw(Speechless())
    assert traceback_text(caught.value) == printed_by_python(caught.value)


def test_a_chain_that_comes_back_to_itself_ends() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__context__, second.__context__ = second, first
    assert traceback_text(first).count("first") == 1


def test_lines_are_those_of_the_file_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "changing.py"
    for number in range(2):
        module = ModuleType("changing")
        source = f"def fail():\n    raise ValueError('{'x' * number}changed {number}')\n"
        file.write_text(source)
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - the source above
        with pytest.raises(ValueError, match="changed") as caught:
            module.fail()
        assert f"raise ValueError('{'x' * number}changed {number}')" in traceback_text(caught.value)
    linecache.clearcache()
