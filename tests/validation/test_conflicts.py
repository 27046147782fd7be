"""Two sets of version specifiers exclude each other only when certainly no version fits both."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from deployment_system.validation.conflicts import exclude_each_other

NUMBERS = st.integers(min_value=0, max_value=3)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
SUFFIXES = st.sampled_from(
    ["", "", "", "a1", "b2", "rc1", ".post1", ".post2", ".dev1", "rc1.dev2", "a1.post2"]
)
EPOCHS = st.sampled_from(["", "", "", "1!"])
LOCALS = st.sampled_from(["", "", "", "+local", "+cu118"])


@st.composite
def versions(draw: st.DrawFn) -> str:
    """Versions with all that PEP 440 knows."""
    return draw(EPOCHS) + draw(RELEASES) + draw(SUFFIXES)


@st.composite
def specifiers(draw: st.DrawFn) -> str:
    """One specifier."""
    operator = draw(st.sampled_from([">=", "<=", ">", "<", "==", "!=", "==*", "!=*", "~=", "==="]))
    if operator.endswith("*"):
        return operator[:-1] + draw(EPOCHS) + draw(RELEASES) + ".*"
    if operator == "~=":
        return f"~={draw(RELEASES)}.{draw(NUMBERS)}{draw(SUFFIXES)}"
    if operator in ("==", "!="):
        return operator + draw(versions()) + draw(LOCALS)
    return operator + draw(versions())


SETS = st.lists(specifiers(), max_size=3).map(lambda parts: SpecifierSet(",".join(parts)))


@settings(max_examples=200, deadline=None)
@given(first=SETS, second=SETS, version=versions(), local=LOCALS)
def test_sets_that_a_version_fits_do_not_exclude_each_other(
    first: SpecifierSet, second: SpecifierSet, version: str, local: str
) -> None:
    """Whatever version it is: also one before a release, after one, of another epoch, or a local one."""
    found = Version(version + local)
    assume(first.contains(found, prereleases=True) and second.contains(found, prereleases=True))
    assert not exclude_each_other(first, second)


@settings(max_examples=400, deadline=None)
@given(version=versions(), local=LOCALS, data=st.data())
def test_sets_made_around_a_version_do_not_exclude_each_other(
    version: str, local: str, data: st.DataObject
) -> None:
    """Specifiers are drawn until they fit the version, so that few examples are thrown away."""
    found = Version(version + local)
    fitting = specifiers().filter(lambda text: SpecifierSet(text).contains(found, prereleases=True))
    parts = [data.draw(st.lists(fitting, max_size=3)) for _ in range(2)]
    first, second = (SpecifierSet(",".join(part)) for part in parts)
    assert not exclude_each_other(first, second), (first, second, found)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("<2", ">=2"),
        ("<2", ">2"),
        ("==1", "==2"),
        ("==1.0", "!=1"),
        ("~=1.4", ">=2"),
        ("==1.*", "==2.*"),
        ("<1.5", "==1.5.*"),
        (">=3", "<=2.9"),
        ("===1.0", "===1.1"),
        (">1,<2", ">=2"),
        (">1.0rc1", "<1.0"),
        ("==1.0+a", "==1.0+b"),
    ],
)
def test_sets_that_no_version_fits_exclude_each_other(first: str, second: str) -> None:
    """The usual ones, in both directions."""
    assert exclude_each_other(SpecifierSet(first), SpecifierSet(second))
    assert exclude_each_other(SpecifierSet(second), SpecifierSet(first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("<0a1", ""),
        (">1a1,<1a3", ""),
        (">1.0.post1", "<1.0.post3"),
        (">=1.0.dev1", "<1.0.dev2"),
        (">1.0rc1", "<=1.0"),
        (">1.4", "<1.5"),
        (">=1", "<1.0.1"),
        ("!=1.0", "~=1.0"),
        ("==1.0", "==1.0+local"),
        ("==1.*", "!=1.0,!=1.1"),
    ],
)
def test_sets_with_little_between_them_do_not_exclude_each_other(first: str, second: str) -> None:
    """What fits is a pre-release, a post-release, or lies just behind a limit."""
    assert not exclude_each_other(SpecifierSet(first), SpecifierSet(second))
    assert not exclude_each_other(SpecifierSet(second), SpecifierSet(first))
