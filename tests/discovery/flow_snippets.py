"""What one row of the tables of snippets is: a source text, and what discovery must say of it."""

import textwrap
from dataclasses import dataclass

Found = tuple[str, str, int]
"""The module-level name, the flow's name, the line of what makes it a flow."""


@dataclass(frozen=True)
class Snippet:
    """One small file."""

    name: str
    """A Python identifier: the file is called so, and the test."""
    source: str
    flows: tuple[Found, ...] = ()
    not_deployable: tuple[tuple[str, str, str], ...] = ()
    """Flow name, function, and a word of the reason."""
    errors: tuple[tuple[str, int], ...] = ()
    """Code and line."""
    gaps: tuple[tuple[str, str], ...] = ()
    """Flow names that Prefect finds in the file and discovery says nothing of, each with the reason."""
    imports: bool = True
    """Whether Python can import the file."""

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.py"

    @property
    def text(self) -> str:
        """The file's content, from the first line on."""
        return textwrap.dedent(self.source).lstrip("\n")


COMPANIONS = {
    "metaflow.py": "class _Flow:\n    pass\n\n\ndef flow(fn=None, **options):\n    return fn or flow\n",
    "constants.py": 'NAME = "from-elsewhere"\n',
    "library.py": (
        'from prefect import flow\n\n\ndef plain():\n    pass\n\n\n@flow(name="library-flow")\n'
        "def imported():\n    pass\n"
    ),
    "passing_on.py": "from prefect import flow\n\n__all__ = ['flow']\n",
}
"""Modules that snippets import, written beside them."""
