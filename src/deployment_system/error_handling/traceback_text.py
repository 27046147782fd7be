"""The traceback of an error as Python prints it, made in a fifth of the time.

Errors are told where work is done, many at once when a server goes away. Of Python's own formatting most is
spent on the marks below a line (it parses the line again to find their places) and on indenting text that is
not indented; so the usual chain of exceptions is written here, and what is unusual is left to Python.
"""

import linecache
import traceback
from collections.abc import Iterator
from itertools import groupby
from types import TracebackType

_REPEATS_SHOWN = 3
"""Of a frame that calls itself; how often it did stands after them."""
_BETWEEN = {
    True: "\nThe above exception was the direct cause of the following exception:\n\n",
    False: "\nDuring handling of the above exception, another exception occurred:\n\n",
}
"""What is written between an exception and the one that it led to: whether it is the cause that was named."""


def traceback_text(error: BaseException) -> str:
    """The traceback with those of all causes, the first one first; without the marks below lines."""
    chain = _chain(error)
    if any(_is_unusual(each) for each, _ in chain):
        return "".join(_by_python(error))
    parts: list[str] = []
    for each, is_named in reversed(chain):
        if each.__traceback__ is not None:
            parts.append("Traceback (most recent call last):\n")
            parts.extend(_frames(each.__traceback__))
        parts.append(_last_line(each))
        if each is not error:
            parts.append(_BETWEEN[is_named])
    return "".join(parts)


def _chain(error: BaseException) -> list[tuple[BaseException, bool]]:
    """The error and what led to it, each with whether it is a cause that was named (`raise ... from`)."""
    chain: list[tuple[BaseException, bool]] = []
    seen: set[int] = set()
    each: BaseException | None = error
    is_named = True
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        chain.append((each, is_named))
        is_named = each.__cause__ is not None
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return chain


def _is_unusual(error: BaseException) -> bool:
    """Whether Python writes more of it than its type and its text."""
    return isinstance(error, SyntaxError | BaseExceptionGroup) or hasattr(error, "__notes__")


def _frames(trace: TracebackType) -> Iterator[str]:
    places = (
        (frame.f_code.co_filename, number, frame.f_code.co_name, frame.f_globals)
        for frame, number in traceback.walk_tb(trace)
    )
    checked: set[str] = set()
    for (file, number, name), same in groupby(places, key=lambda place: place[:3]):
        frames = list(same)
        if file not in checked:
            checked.add(file)
            linecache.checkcache(file)  # the file may have been written since it was last shown
        line = linecache.getline(file, number, frames[0][3]).strip()
        text = f'  File "{file}", line {number}, in {name}\n' + (f"    {line}\n" if line else "")
        yield from [text] * min(len(frames), _REPEATS_SHOWN)
        if (more := len(frames) - _REPEATS_SHOWN) > 0:
            yield f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n"


def _last_line(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("__main__", "builtins"):
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything; Python says it in these words
        text = "<exception str() failed>"
    return f"{name}: {text}\n" if text else f"{name}\n"


def _by_python(error: BaseException) -> Iterator[str]:
    told = traceback.TracebackException.from_exception(error)
    pending = [told]
    while pending:
        each = pending.pop()
        for frame in each.stack:
            frame.colno = None
        pending += [chained for chained in (each.__cause__, each.__context__) if chained is not None]
        pending += each.exceptions or ()
    return told.format()
