"""Any text at all: discovery never raises, never runs it, and gives the same for the same files."""

import random
import tempfile
from pathlib import Path

import snippets_making
import snippets_names
import snippets_places
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployment_system.discovery import Discovery, discover

TEXTS = [snippet.text for snippet in (*snippets_names.ALL, *snippets_making.ALL, *snippets_places.ALL)]

WORDS = (
    *(
        "from",
        "import",
        "prefect",
        "flow",
        "Flow",
        "as",
        "f",
        "g",
        "name",
        "=",
        ":=",
        "+=",
        "(",
        ")",
        "[",
        "]",
    ),
    *(
        "{",
        "}",
        "@",
        ":",
        ",",
        ".",
        "*",
        "**",
        "->",
        "def",
        "class",
        "async",
        "await",
        "lambda",
        "return",
        "yield",
    ),
    *(
        "if",
        "else",
        "elif",
        "try",
        "except",
        "finally",
        "with",
        "for",
        "while",
        "match",
        "case",
        "_",
        "del",
        "global",
    ),
    *(
        "__name__",
        "==",
        "'__main__'",
        "'x'",
        'f"{f}"',
        "None",
        "1",
        "\n",
        "\n    ",
        "\n        ",
        "\t",
        "#",
        "\\",
    ),
    *(
        "with_options",
        "functools",
        "partial",
        "wraps",
        "\x0c",
        "\r",
        "\ufeff",
        "'''",
        "\0",
        "# coding: latin-1\n",
    ),
    *("from prefect import flow\n", "@flow\ndef f(): pass\n", "f = flow(g)\n", "def g(x): return g(g(x))\n"),
)

QUICK = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def scanned(files: dict[str, bytes]) -> Discovery:
    """What is said of a folder of these files; what is there afterwards is what was there before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        found = discover(folder, cache_file=folder / "cache.json")
        warm = discover(folder, cache_file=folder / "cache.json")
        assert (found.flows, found.not_deployable) == (warm.flows, warm.not_deployable)
        assert [error.fingerprint for error in found.errors] == [error.fingerprint for error in warm.errors]
        assert found.warnings == warm.warnings == ()
        assert {path.name for path in folder.iterdir()} == {*files, "cache.json"}
    for error in found.errors:
        assert error.context.file_path in files
        assert error.remediation
    return found


@QUICK
@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_soup_of_words(words: list[str]) -> None:
    """Words of Python and Prefect in any order."""
    scanned({"x.py": ("# prefect flow\n" + " ".join(words)).encode()})


@QUICK
@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.randoms(use_true_random=False))
def test_files_that_are_cut_doubled_and_mixed(one: str, other: str, chance: random.Random) -> None:
    """Lines of two orderly files, some of them gone, doubled, moved or cut."""
    lines = [*one.splitlines(), *other.splitlines()]
    for _ in range(chance.randrange(1, 6)):
        at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
        change = chance.randrange(4)
        if change == 0:
            lines.insert(to, lines[at])
        elif change == 1:
            lines[at], lines[to] = lines[to], lines[at]
        elif change == 2:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        else:
            lines[at] = " " * chance.randrange(6) + lines[at]
    scanned({"x.py": "\n".join(lines).encode()})


@QUICK
@given(st.sampled_from(TEXTS), st.integers(0, 400), st.binary(max_size=4))
def test_bytes_put_anywhere(text: str, at: int, what: bytes) -> None:
    """Broken characters, null bytes, marks of encodings."""
    content = text.encode()
    scanned({"x.py": content[:at] + what + content[at + len(what) :]})


SIDE_EFFECT = """\
import pathlib
mark = pathlib.Path(__file__).parent
(mark / "imported").write_text("at the top")

def make(x=(mark / "default").write_text("in a default")):
    (mark / "called").write_text("in a function")
    return flow(x, name=str((mark / "name").write_text("in a name")))

class Meta(type):
    def __init__(cls, *args):
        (mark / "class").write_text("in a class")
"""


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(TEXTS), st.booleans())
def test_the_code_that_is_read_is_never_run(text: str, before: bool) -> None:
    """Each place where Python would run something on import leaves a file; none is there afterwards."""
    parts = [SIDE_EFFECT, text] if before else [text, SIDE_EFFECT]
    scanned({"x.py": "\n".join([*parts, "x = make(make)", "class A(metaclass=Meta): pass"]).encode()})


def test_the_side_effects_would_show(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    file = tmp_path / "x.py"
    exec(compile(SIDE_EFFECT, str(file), "exec"), {"__file__": str(file)})  # noqa: S102 - what must not happen
    assert {path.name for path in tmp_path.iterdir()} == {"imported", "default"}


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_in_which_files_were_made_does_not_matter(order: list[int]) -> None:
    """Sorted by name, folder by folder; within a file by line."""
    files = {f"{number}.py": TEXTS[number * 11].encode() for number in order}
    usual = {f"{number}.py": TEXTS[number * 11].encode() for number in range(8)}
    found, expected = scanned(files), scanned(usual)
    assert (found.flows, found.not_deployable) == (expected.flows, expected.not_deployable)
    assert [error.fingerprint for error in found.errors] == [error.fingerprint for error in expected.errors]


FACTORIES_WITHOUT_END = """\
from prefect import flow
def a(x): return a(a(x))
def b(): return c()
def c(): return b()
"""


def test_factories_that_call_each_other_over_and_over_come_to_an_end(tmp_path: Path) -> None:
    """Of a hundred calls in each of five floors there would be ten thousand million."""
    floors = "".join(f"def f{n}():\n" + f"    x = f{n + 1}()\n" * 100 + "    return x\n" for n in range(6))
    (tmp_path / "x.py").write_text(
        FACTORIES_WITHOUT_END + floors + "x = a(flow)\ny = b()\nz = f0()\n@flow\ndef last(): pass\n"
    )
    found = discover(tmp_path)
    assert [flow.name for flow in found.flows] == ["last"]
    assert found.errors == ()
    assert found.seconds < 20
