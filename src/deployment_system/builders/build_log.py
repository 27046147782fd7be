"""The log of one build: complete in a file, its last lines in memory, each line to whoever watches."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext

TAIL_LINES = 20
HIDDEN = "********"

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LONGEST_SHOWN = 500

OnLine = Callable[[str], object]


class BuildLog:
    """Takes a build's output as it comes. Not frozen: it is written until the build is over.

    `hidden` are values that no line may show. The file may be read by its owner alone.
    """

    def __init__(
        self, folder: Path | None, name: str, *, on_line: OnLine | None = None, hidden: Iterable[str] = ()
    ) -> None:
        self.file: Path | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._on_line = on_line
        self._hidden = sorted(filter(None, hidden), key=len, reverse=True)
        self._rest = ""
        self._stream: IO[str] | None = None
        if folder is not None:
            safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "image"
            self._open(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}-{safe}.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()
        if self._stream is not None:
            self._stream.close()

    def write(self, text: str) -> None:
        """Takes a piece of output, which may end within a line."""
        *lines, self._rest = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            self._line(line)

    def flush(self) -> None:
        """Takes what stands in an unfinished line for a line."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._line(rest)

    @property
    def last_lines(self) -> list[str]:
        """The last lines that say something."""
        return list(self.tail)

    def _line(self, raw: str) -> None:
        line = _COLOURS.sub("", raw).rstrip()
        for secret in self._hidden:
            line = line.replace(secret, HIDDEN)
        if self._stream is not None:
            self._stream.write(f"{line}\n")
        if not line.strip():
            return
        self.tail.append(line[:_LONGEST_SHOWN])
        if self._on_line is not None:
            self._on_line(line)

    def _open(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            # Line by line: what a killed build said last is what one wants to read.
            self._stream = file.open("w", encoding="utf-8", errors="replace", buffering=1)
        except OSError as error:
            raise DockerError(
                f"the log of the build cannot be written: {error.strerror or error}",
                error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
                context=ErrorContext(file_path=file, operation="build"),
                cause=error,
            ) from error
        self.file = file
