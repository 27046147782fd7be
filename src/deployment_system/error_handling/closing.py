"""What is opened, and closed when it is done with."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Used in `with`, it closes itself at the end, however that comes."""

    @abstractmethod
    def close(self) -> None:
        """Gives back what it holds. Twice is once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
