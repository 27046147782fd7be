"""`format_user_error`: the message, the place with its code frame, the causes, the remedy, on 80 columns."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import (
    ConfigurationError,
    DockerError,
    ErrorCodes,
    ErrorContext,
    FlowDiscoveryError,
    PrefectAPIError,
    format_user_error,
)


def width(line: str) -> int:
    """The terminal columns of a line, counted on its own."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def frame(text: str, column: Any, end_column: Any = None, *, line: int = 2) -> list[str]:
    """What is shown of one faulty line: the lines below the place and above the remedies."""
    error = FlowDiscoveryError(
        "x",
        context=ErrorContext(
            file_path="a.py",
            line_number=line,
            column=column,
            end_column=end_column,
            source_lines=[[1, "first"], [2, text]],
        ),
        remediation=[],
    )
    return [shown for shown in format_user_error(error).splitlines() if " | " in f"{shown} "]


def test_an_error_is_told_whole() -> None:
    """Message, place, frame, facts, causes, remedies, and where more is said."""
    error = ConfigurationError(
        "flow 'load' has an unknown key 'tag'",
        error_code=ErrorCodes.CONFIG_UNKNOWN_KEY,
        context=ErrorContext(
            "load",
            environment="staging",
            file_path="deployment-config.yaml",
            line_number=10,
            column=5,
            end_column=8,
            source_lines=[[9, "  load:"], [10, "    tag: [x]"], [11, "  other:"]],
        ),
        remediation=["Write `tags`."],
        cause=ValueError("tag"),
    )
    assert format_user_error(error) == (
        "error[CONFIG_UNKNOWN_KEY]: flow 'load' has an unknown key 'tag'\n"
        "  --> deployment-config.yaml:10:5\n"
        "   9 |   load:\n"
        "  10 |     tag: [x]\n"
        "     |     ^^^\n"
        "  11 |   other:\n"
        "  environment staging\n"
        "  because: ValueError: tag\n"
        "  try: Write `tags`.\n"
        "  more: deployment-cli explain CONFIG_UNKNOWN_KEY"
    )


@pytest.mark.parametrize(
    ("text", "column", "end_column", "shown", "carets"),
    [
        ("abc", 1, None, "abc", "^"),
        ("abc", 2, 4, "abc", " ^^"),
        ("\tabc", 2, 3, "    abc", "    ^"),
        ("ab\tcd", 4, 5, "ab  cd", "    ^"),
        ("a\tb", 2, 3, "a   b", " ^^^"),
        ("名前 = x", 6, 7, "名前 = x", "       ^"),
        ("x = 名前", 5, 7, "x = 名前", "    ^^^^"),
        ("e\u0301a = 1", 3, 4, "e\u0301a = 1", " ^"),
        ("abc\r\n", 3, 4, "abc", "  ^"),
        ("abc\r", 9, 12, "abc", "   ^"),
        ("", 1, None, "", "^"),
        ("a\x00b", 3, None, "a\N{REPLACEMENT CHARACTER}b", "  ^"),
        ("a\x1b[31mb", 7, None, "a\N{REPLACEMENT CHARACTER}[31mb", "      ^"),
        ("abc", 2, 1, "abc", " ^"),
    ],
)
def test_the_caret_stands_below_the_fault(
    text: str, column: int, end_column: int | None, shown: str, carets: str
) -> None:
    """Whatever stands before it: tabs, wide characters, marks, controls; beyond the end, after the end."""
    assert frame(text, column, end_column) == ["  1 | first", f"  2 | {shown}".rstrip(), f"    | {carets}"]


@pytest.mark.parametrize("text", ["x" * 500, "\t" * 100 + "x" * 300, "名" * 300, "ab" * 20 + "\t名" * 100])
@pytest.mark.parametrize("column", [1, 37, 66, 67, 150, 300, 10_000])
def test_a_long_line_is_cut_around_the_fault(text: str, column: int) -> None:
    """It fits 80 columns, and so do the carets."""
    lines = frame(text + "!", column, column + 200)
    assert all(width(line) <= 80 for line in lines)
    assert lines[-1].strip(" |").startswith("^")


def test_the_caret_of_a_cut_line_is_below_the_very_character() -> None:
    """The one `!` of a line of 400 characters."""
    for column in (60, 70, 75, 76, 200, 400):
        text = "x" * (column - 1) + "!" + "x" * (400 - column)
        _, source, carets = frame(text, column)
        assert source[carets.index("^")] == "!"


@pytest.mark.parametrize("column", [None, 0, -3, "7", 2.5])
def test_without_a_usable_column_there_is_no_caret(column: Any) -> None:
    """The lines are shown all the same."""
    assert frame("abc", column) == ["  1 | first", "  2 | abc"]


def test_a_line_beyond_the_end_has_no_caret() -> None:
    """Nothing is marked that is not there."""
    assert frame("abc", 1, line=40) == ["  1 | first", "  2 | abc"]


@pytest.mark.parametrize("lines", ["text", 3, None, [], [1], ["ab"], [[1]], [["1", "x"]], {"1": "x"}])
def test_malformed_source_lines_are_left_out(lines: Any) -> None:
    """The place is still told; the file is not opened, so that one that vanished does not matter."""
    context = ErrorContext(file_path="gone.py", line_number=1, column=1, source_lines=lines)
    text = format_user_error(FlowDiscoveryError("x", context=context))
    assert "  --> gone.py:1:1\n" in text
    assert " | " not in text


def test_a_hidden_secret_before_the_fault_takes_the_caret_away() -> None:
    """What was hidden had another length; a caret at the wrong place would mislead."""
    assert "^" not in "".join(frame('load(password="hunter2", x=)', 28))
    assert "^" in "".join(frame('load(x=, password="hunter2")', 8))


@pytest.mark.parametrize(
    ("context", "place"),
    [
        ({"file_path": "a.py"}, "  --> a.py"),
        ({"file_path": "a.py", "line_number": 3}, "  --> a.py:3"),
        ({"line_number": 3, "column": 4}, "  --> line 3, column 4"),
        ({"file_path": "a\x1b[2Jb\n.py"}, "  --> a\\x1b[2Jb\\n.py"),
    ],
)
def test_the_place(context: dict[str, Any], place: str) -> None:
    """As much of it as is known."""
    assert place in format_user_error(DockerError("x", context=ErrorContext(**context))).splitlines()


def test_facts_are_told_unless_the_message_names_them() -> None:
    """As words: the flow `a` is not named by any message with that letter, nor 3 attempts by a 503."""
    context = ErrorContext("a", "nightly", operation="apply", attempts=3)
    text = format_user_error(PrefectAPIError("nightly: the server answered 503", context=context))
    assert "  flow a · step apply · attempts 3" in text.splitlines()


def test_three_causes_are_enough_for_a_person() -> None:
    """The nearest."""
    error: Exception = ValueError("0")
    for number in range(1, 6):
        outer = ValueError(str(number))
        outer.__cause__ = error
        error = outer
    text = format_user_error(DockerError("x", cause=error))
    assert [line for line in text.splitlines() if "because" in line] == [
        f"  because: ValueError: {number}" for number in (5, 4, 3)
    ]


@given(
    message=st.text(),
    names=st.lists(st.text(max_size=30), min_size=4, max_size=4),
    source=st.text(max_size=200),
    column=st.integers(-2, 250),
)
def test_nothing_in_an_error_steers_a_terminal_or_crashes(
    message: str, names: list[str], source: str, column: int
) -> None:
    """No control character, no change of direction, valid Unicode, whatever the content."""
    flow, deployment, file, remedy = names
    context = ErrorContext(
        flow, deployment, file_path=file, line_number=1, column=column, source_lines=[[1, source]]
    )
    error = DockerError(message, context=context, remediation=remedy, cause=ValueError(message))
    text = format_user_error(error, details=True)
    steering = {
        c for c in text if unicodedata.category(c) == "Cc" or c in "\u202a\u202b\u202d\u202e\u2066\u2067"
    }
    assert steering <= {"\n"}
    text.encode("utf-8")


WORDS = st.lists(st.text("abcdeäß名前🎉-", min_size=1, max_size=25), max_size=60).map(" ".join)


@given(message=WORDS, remedy=WORDS, cause=WORDS, flow=WORDS)
def test_prose_fits_eighty_columns(message: str, remedy: str, cause: str, flow: str) -> None:
    """Wide characters counted as the two columns that they take; no word is lost or cut."""
    error = DockerError(message, remediation=remedy, cause=ValueError(cause), context=ErrorContext(flow))
    text = format_user_error(error)
    assert [line for line in text.splitlines() if width(line) > 80] == []
    assert " ".join([*message.split(), ""]) in " ".join([*text.split(), ""])


def test_a_long_word_stays_whole() -> None:
    """An address or a command is there to be copied."""
    url = "http://example.com/" + "x" * 100
    assert url in format_user_error(DockerError(f"cannot reach {url} now")).splitlines()[1]


def test_there_is_no_colour_whatever_the_environment_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain text: colour is for whoever prints it, who knows of NO_COLOR and of the terminal."""
    told = []
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "1")
            told.append(format_user_error(DockerError("x"), details=True))
    assert len(set(told)) == 1
    assert "\x1b" not in told[0]


def test_details_are_the_traceback() -> None:
    """Only when asked for, and only of an error that was raised."""
    with pytest.raises(DockerError) as caught:
        raise DockerError("x", cause=ValueError("low"))
    assert "Traceback" not in format_user_error(caught.value)
    assert "ValueError: low" in format_user_error(caught.value, details=True)
    assert "Traceback" in format_user_error(caught.value, details=True)
    assert format_user_error(DockerError("x"), details=True) == format_user_error(DockerError("x"))


def test_an_error_of_somebody_else_is_told_as_unexpected() -> None:
    """In place of a second error about the first."""
    text = format_user_error(ZeroDivisionError("division by zero"))
    assert text.startswith("error[UNEXPECTED_ERROR]: ZeroDivisionError: division by zero\n")
