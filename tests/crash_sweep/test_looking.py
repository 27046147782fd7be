"""The eyes of the sweep: a difference that they miss, or a call that they do not know, would hide a fault."""

from pathlib import Path

import pytest

from tests.crash_sweep.server_picture import Allowance, Picture
from tests.crash_sweep.system_calls import EFFECTS, HARMLESS, calls_in

BEFORE = Picture(
    {"deployment a/b": {"paused": True, "schedules": {"x": {"id": 1, "active": False}}}, "flow a": {}}
)


def test_each_field_that_differs_is_a_line() -> None:
    """Also the fields of fields, and those that came or went."""
    later = Picture({"deployment a/b": {"paused": False, "schedules": {"y": {}}}, "flow a": {"tags": []}})
    assert BEFORE.differences(later, ()) == [
        "deployment a/b: paused: true -> false",
        'deployment a/b: schedules.x: {"active": false, "id": 1} -> (missing)',
        "deployment a/b: schedules.y: (missing) -> {}",
        "flow a: tags: (missing) -> []",
    ]


def test_things_that_came_or_went_are_lines() -> None:
    """A work queue that is left over, a flow that is gone."""
    later = Picture({"deployment a/b": BEFORE.things["deployment a/b"], "work queue p/q": {"priority": 1}})
    assert BEFORE.differences(later, ()) == [
        "flow a: is gone",
        'work queue p/q: was not there before: {"priority": 1}',
    ]


def test_an_allowance_covers_its_fields_of_its_things_only() -> None:
    """What it does not name stays a difference."""
    schedule = {"id": 2, "active": True}
    later = Picture({"deployment a/b": {"paused": True, "schedules": {"x": schedule}}, "flow a": {"id": 1}})
    allowed = (Allowance(("deployment *",), ("schedules.*.id", "id"), "made anew"),)
    assert BEFORE.differences(later, allowed) == [
        "deployment a/b: schedules.x.active: false -> true",
        "flow a: id: (missing) -> 1",
    ]


def test_calls_are_counted_in_the_first_thread_from_the_opening_on(tmp_path: Path) -> None:
    """The number that strace counts by, and how many of them came before."""
    log = tmp_path / "log"
    log.write_text(
        '7 write(1, "") = 0\n'
        '7 openat(AT_FDCWD, "/x/state.db", O_RDWR) = 3\n'
        '8 write(1, "") = 0\n'
        "7 fsync(3 <unfinished ...>\n"
        "7 <... fsync resumed>) = 0\n"
        '7 write(3, "") = 0\n'
    )
    assert calls_in(log, opening="/state.db").points == [("fsync", 1), ("write", 2)]


def test_a_call_that_nobody_thought_about_is_an_error(tmp_path: Path) -> None:
    """A newer Python may reach the disk in another way."""
    log = tmp_path / "log"
    log.write_text('7 openat(AT_FDCWD, "/x/state.db", O_RDWR) = 3\n7 new_write(3) = 0\n')
    with pytest.raises(AssertionError, match="new_write"):
        calls_in(log, opening="/state.db")
    assert not EFFECTS & HARMLESS
