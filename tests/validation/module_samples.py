"""Whole files, each with a flow `f` whose signature is not simply what stands in its parentheses.

`CERTAIN` files are read from their text; of `OPEN` ones the text does not tell, and the file is imported.
All of them are held against Prefect.
"""

_FLOW = "from prefect import flow\n"
_WRAP = """
import functools
def wrapped(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        return fn(*args, **kwargs)
    return inner
def hidden(fn):
    def inner(*a, loud: bool = False):
        return fn(*a)
    return inner
"""


def _documented(docstring: str) -> str:
    indented = docstring.replace("\n", "\n    ")
    return f'{_FLOW}\n@flow\ndef f(x: int, y: str = "a", *args, **kwargs):\n    """{indented}"""\n'


DOCSTRINGS = {
    "no section": "Loads.\n\nAnd more: nothing.",
    "google": "Loads.\n\nArgs:\n    x: Number.\n    y: Text on\n        two lines.\n\nReturns:\n    Nothing.",
    "google with types": "Loads.\n\nArgs:\n    x (int): The number.\n    y (str, optional): The text.",
    "google with unknown names": "Loads.\n\nArgs:\n    z: None.\n    *args: Rest.\n    **kwargs: More.",
    "google arguments": "Loads.\n\nArguments:\n    x: One.",
    "google params": "Loads.\n\nParams:\n    x: One.",
    "google parameters": "Loads.\n\nParameters:\n    x: One.",
    "google in capitals": "Loads.\n\nARGS:\n    x: One.",
    "google with a title": "Loads.\n\nArgs: What it takes\n    x: One.",
    "google keyword arguments": "Loads.\n\nKeyword Args:\n    x: One.",
    "google other parameters": "Loads.\n\nOther Parameters:\n    x: One.",
    "google twice": "Loads.\n\nArgs:\n    x: One.\n\nText.\n\nArgs:\n    y: Two.",
    "google without a blank line": "Loads.\nArgs:\n    x: One.",
    "google with nothing in it": "Loads.\n\nArgs:\n\nReturns:\n    Nothing.",
    "google with a blank line inside": "Loads.\n\nArgs:\n    x: One.\n\n        Still one.\n    y: Two.",
    "google without colons": "Loads.\n\nArgs:\n    x\n    y is text",
    "google with code": "Loads.\n\nArgs:\n    x: One, `a: b`.\n\n        ```\n        Args:\n        ```\n",
    "google at the very start": "Args:\n    x: One.",
    "google with unicode": "Loads.\n\nArgs:\n    x: Größe ☃.",
    "numpy": "Loads.\n\nParameters\n----------\nx : int\n    The number.\ny : str\n    The text.",
    "numpy with a colon": "Loads.\n\nParameters:\n-----------\nx : int\n    The number.",
    "sphinx": "Loads.\n\n:param x: The number.\n:param str y: The text.\n:returns: nothing",
    "epytext": "Loads.\n\n@param x: The number.",
    "tabs": "Loads.\n\nArgs:\n\tx: One.",
    "admonition": "Loads.\n\nNote:\n    x: One.\n\nArgs:\n    x: Two.",
}

CERTAIN = {
    **{f"docstring: {name}": _documented(text) for name, text in DOCSTRINGS.items()},
    "named": _FLOW + '@flow(name="other name", retries=2)\ndef f(x: int): ...',
    "not validated": _FLOW + "@flow(validate_parameters=False)\ndef f(x: int, *args, **kwargs): ...",
    "async": _FLOW + "@flow\nasync def f(x: int): ...",
    "generator": _FLOW + "@flow\ndef f(x: int):\n    yield x",
    "assigned": _FLOW + 'def g(x: int):\n    """Args:\n    x: One."""\nf = flow(g)',
    "assigned with options": _FLOW + "def g(x: int): ...\nf = flow(name='n')(g)",
    "made of the class": "from prefect import Flow\ndef g(x: int): ...\nf = Flow(g, name='n')",
    "module attribute": "import prefect\n@prefect.flow\ndef f(x: int): ...",
    "another name for the decorator": "from prefect import flow as job\n@job\ndef f(x: int): ...",
    "return annotation": _FLOW + "@flow\ndef f(x: int) -> None: ...",
    "local names in functions": _FLOW + "def g():\n    int = str\n    return int\n@flow\ndef f(x: int): ...",
    "names of a class body": _FLOW + "class A:\n    int = str\n@flow\ndef f(x: int): ...",
    "import inside a function": _FLOW
    + "from datetime import date\ndef g():\n    from x import date\n@flow\ndef f(x: date): ...",
    "defined below what it uses": _FLOW + "@flow\ndef f(x: int): ...\nLIMIT = 1\nclass A: ...",
    "raw docstring": _FLOW + '@flow\ndef f(x: int):\n    r"""Args:\n        x: A \\d."""',
}

OPEN = {
    "decorated below": _FLOW + _WRAP + "@flow\n@wrapped\ndef f(x: int): ...",
    "decorated below without wraps": _FLOW + _WRAP + "@flow\n@hidden\ndef f(x: int): ...",
    "assigned of a decorated function": _FLOW + _WRAP + "@hidden\ndef g(x: int): ...\nf = flow(g)",
    "wrapped in the call": _FLOW + _WRAP + "def g(x: int): ...\nf = flow(hidden(g))",
    "made by a factory": _FLOW
    + "def make(int):\n    @flow(name='n')\n    def inner(x: int): ...\n    return inner\nf = make(str)",
    "with options": _FLOW + "@flow\ndef g(x: int): ...\nf = g.with_options(name='n')",
    "lambda": _FLOW + "f = flow(lambda x, y=1: x, name='n')",
    "bound method": _FLOW + "class A:\n    def m(self, x: int): ...\nf = flow(A().m, name='n')",
    "static method": _FLOW + "class A:\n    @staticmethod\n    def m(x: int): ...\nf = flow(A.m, name='n')",
    "one of two": _FLOW
    + "if True:\n    @flow\n    def f(x: int): ...\nelse:\n    @flow\n    def f(y: str): ...",
    "the other of two": _FLOW
    + "if False:\n    @flow\n    def f(x: int): ...\nelse:\n    @flow\n    def f(y: str): ...",
    "defined twice": _FLOW + "@flow\ndef f(x: int): ...\n@flow\ndef f(y: str): ...",
    "builtin that is a class": _FLOW + "class int(str): ...\n@flow\ndef f(x: int): ...",
    "builtin that is assigned": _FLOW + "int = str\n@flow\ndef f(x: int): ...",
    "builtin that is annotated": _FLOW + "int: type = str\n@flow\ndef f(x: int): ...",
    "builtin of a loop": _FLOW + "for int in (str,): pass\n@flow\ndef f(x: int): ...",
    "builtin of a walrus": _FLOW + "if (int := str): pass\n@flow\ndef f(x: int): ...",
    "builtin that is global": _FLOW
    + "def g():\n    global int\n    int = str\ng()\n@flow\ndef f(x: int): ...",
    "builtin of a star": _FLOW + "from names import *\n@flow\ndef f(x: list): ...",
    "import that is rebound": _FLOW + "from datetime import date\ndate = str\n@flow\ndef f(x: date): ...",
    "import that is a class": _FLOW
    + "from pathlib import Path\nclass Path(Path): ...\n@flow\ndef f(x: Path): ...",
    "imported twice": _FLOW
    + "from datetime import date\nfrom names import number as date\n@flow\ndef f(x: date): ...",
    "imported under a condition": _FLOW
    + "import sys\nif sys.version_info > (3,):\n    from typing import Optional\n"
    + "@flow\ndef f(x: Optional[int]): ...",
    "imported or else": _FLOW
    + "try:\n    from nowhere import Optional\nexcept ImportError:\n    from typing import Optional\n"
    + "@flow\ndef f(x: Optional[int]): ...",
    "only for type checkers": "from __future__ import annotations\n"
    + _FLOW
    + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from datetime import date\n"
    + "@flow\ndef f(x: date, y: int = 1): ...",
    "imported below": "from __future__ import annotations\n"
    + _FLOW
    + "@flow\ndef f(x: date, y: int): ...\nfrom datetime import date",
    "own module": _FLOW + "from names import number\n@flow\ndef f(x: number): ...",
    "typing extensions": _FLOW
    + "from typing_extensions import Optional\n@flow\ndef f(x: Optional[int]): ...",
    "pydantic 1": _FLOW
    + "from pydantic.v1 import BaseModel\nclass M(BaseModel):\n    a: int = 1\n"
    + "@flow\ndef f(x: M, y: int = 2): ...",
    "signature that is set": _FLOW
    + "import inspect\ndef g(x: int): ...\n"
    + "g.__signature__ = inspect.Signature([inspect.Parameter('z', inspect.Parameter.KEYWORD_ONLY)])\n"
    + "f = flow(g)",
    "docstring that is set": _FLOW + "def g(x: int): ...\ng.__doc__ = 'Args:\\n    x: One.'\nf = flow(g)",
    "annotations that are set": _FLOW + "def g(x: int): ...\ng.__annotations__['x'] = str\nf = flow(g)",
    "defaults that are set": _FLOW + "def g(x: int = 1): ...\ng.__defaults__ = (2,)\nf = flow(g)",
    "typing that is changed": _FLOW
    + "import typing as t\nclass t:\n    Optional = list\n@flow\ndef f(x: t.Optional): ...",
    "partial": _FLOW
    + "import functools\ndef g(x: int, y: str = 'a'): ...\np = functools.partial(g, y='b')\n"
    + "functools.update_wrapper(p, g)\nf = flow(p, name='n')",
    "another module's function": _FLOW + "from names import function\nf = flow(function, name='n')",
    "a shadowed decorator's neighbour": _FLOW + "@flow\ndef f(x: 'Later'): ...\nclass Later: ...",
}

NAMES = "number = float\nlist = int\ndef function(z: float = 1): ...\n"
"""A module beside the samples."""
