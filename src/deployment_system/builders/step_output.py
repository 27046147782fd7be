"""What the steps of a prefect.yaml print: told line by line, kept in a file, without secrets."""

import codecs
import io
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from deployment_system.error_handling.hidden_secrets import HIDDEN, names_a_secret, without_secrets

LAST_LINES = 20
"""Lines that an error shows."""
LONGEST_LINE = 10_000
"""Characters after which a line is told even though it has not ended."""
SHORTEST_SECRET = 6
"""Characters. Hiding a shorter value, such as `1` or `yes`, would hide half of the output."""


class StepOutput:
    """Takes bytes as they come from the pipe."""

    def __init__(
        self, on_line: Callable[[str], None], log: TextIO | None, environ: Mapping[str, str]
    ) -> None:
        self._on_line = on_line
        self._log = log
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        # A carriage return alone ends a line too: progress bars write one after the other.
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        self._begun = ""
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._secrets: set[str] = set()
        self.hide(value for name, value in environ.items() if names_a_secret(name))

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on, these are shown as asterisks."""
        for secret in secrets:
            self._secrets.update(line for line in secret.splitlines() if len(line) >= SHORTEST_SECRET)

    def begin(self) -> None:
        """Another step begins."""
        self._last.clear()

    def take(self, content: bytes) -> None:
        """Tells every line that has ended."""
        *lines, self._begun = (self._begun + self._decoder.decode(content)).split("\n")
        for line in lines:
            self._tell(line)
        if len(self._begun) > LONGEST_LINE:
            self.end_line()
        if self._log is not None:
            self._log.flush()

    def end_line(self) -> None:
        """Tells what was begun: nothing more comes."""
        if self._begun:
            self._tell(self._begun)
        self._begun = ""

    @property
    def last_lines(self) -> list[str]:
        """The end of what the step printed."""
        return list(self._last)

    def without_secrets(self, text: str) -> str:
        """The text as it may be shown."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)

    def _tell(self, line: str) -> None:
        shown = self.without_secrets(line)
        self._last.append(shown)
        if self._log is not None:
            self._log.write(shown + "\n")
        self._on_line(shown)
