"""Where an error happened: the facts that it gathers while it travels up."""

import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from deployment_system.error_handling.plain_values import copied, json_value, plain_text

_TEXT_FIELDS = ("flow_name", "deployment_name", "environment", "file_path", "operation")
_FIELDS = (
    "flow_name",
    "deployment_name",
    "environment",
    "file_path",
    "line_number",
    "column",
    "operation",
)
_PRESENTABLE = frozenset(_TEXT_FIELDS) - {"file_path"}


class ErrorContext:
    """Where and during what an error happened. Immutable.

    Lines count from 1, columns from 1 (in characters). `extra` holds free further facts as JSON
    values; they stand beside the named fields in `to_dict()`. Secrets among them are hidden.
    """

    __slots__ = (*_FIELDS, "extra")

    flow_name: str | None
    deployment_name: str | None
    environment: str | None
    file_path: str | None
    line_number: int | None
    column: int | None
    operation: str | None
    extra: Mapping[str, Any]

    def __init__(
        self,
        flow_name: str | None = None,
        deployment_name: str | None = None,
        environment: str | None = None,
        file_path: Any = None,
        line_number: int | None = None,
        column: int | None = None,
        operation: str | None = None,
        **extra: Any,
    ) -> None:
        put = object.__setattr__
        put(self, "flow_name", _text_or_none(flow_name))
        put(self, "deployment_name", _text_or_none(deployment_name))
        put(self, "environment", _text_or_none(environment))
        # As it is, so that it can be compared and opened; made presentable where it is shown.
        path = os.fsdecode(file_path) if isinstance(file_path, bytes | os.PathLike) else file_path
        put(self, "file_path", path if path is None or isinstance(path, str) else plain_text(path))
        put(self, "line_number", line_number)
        put(self, "column", column)
        put(self, "operation", _text_or_none(operation))
        put(self, "extra", MappingProxyType(json_value(extra)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"ErrorContext is immutable: extend it with .extended({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("ErrorContext is immutable")

    def extended(self, **fields: Any) -> Self:
        """A context that also says `fields`. What is known already wins: the place nearest to the
        fault knows best."""
        known = {name: value for name, value in self._facts() if value is not None}
        return type(self)(**{**fields, **known})

    def to_dict(self) -> dict[str, Any]:
        """Every known fact by its name, the extra ones beside the named."""
        facts: dict[str, Any] = {}
        for name in _FIELDS:
            value = getattr(self, name)
            if value is not None:
                # Texts are presentable since they were put here, all but the path.
                facts[name] = value if name in _PRESENTABLE else json_value(value)
        # JSON values without secrets already; copied, so that nobody changes an error through its record.
        facts |= {name: copied(value) for name, value in self.extra.items() if value is not None}
        return facts

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """The context that `to_dict` was called on."""
        return cls(**facts)

    def _facts(self) -> Iterator[tuple[str, Any]]:
        for name in _FIELDS:
            yield name, getattr(self, name)
        yield from self.extra.items()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ErrorContext):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().get(name) for name in _TEXT_FIELDS))

    def __repr__(self) -> str:
        return f"ErrorContext({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _context_from_dict, ({name: value for name, value in self._facts() if value is not None},)


def _context_from_dict(facts: Mapping[str, Any]) -> ErrorContext:
    return ErrorContext.from_dict(facts)


def _text_or_none(value: object) -> str | None:
    return None if value is None else plain_text(value)
