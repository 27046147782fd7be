"""What to do about a kind of error, with what the history says of it."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployment_system.error_handling.code_registry import REGISTRY
from deployment_system.error_handling.error_codes import CodeEntry, ErrorCategory, ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError
from deployment_system.error_handling.store.error_filter import moment_of
from deployment_system.error_handling.store.error_rows import GroupCount

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Guidance:
    """What is known of a code, or of every code of a type or a category."""

    subject: str
    meaning: str
    entries: tuple[CodeEntry, ...]
    """Those that were met most often first."""
    counts: dict[str, int]
    """How often each code was met."""
    last_seen: datetime | None

    @property
    def is_code(self) -> bool:
        """Whether one code was asked for."""
        return self.subject in ErrorCodes.__members__

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "subject": self.subject,
            "meaning": self.meaning,
            "count": sum(self.counts.values()),
            "last_seen": self.last_seen.isoformat() if self.last_seen else None,
            "codes": [
                {
                    "error_code": entry.code.value,
                    "title": entry.title,
                    "explanation": entry.explanation,
                    "retryable": entry.retryable,
                    "remediation": [remedy.text for remedy in entry.remedies],
                    "count": self.counts.get(entry.code.value, 0),
                }
                for entry in self.entries
            ],
        }


def guidance_on(name: str, met: Sequence[GroupCount]) -> Guidance:
    """Guidance for a code, a type such as `DockerError`, or a category such as `docker`, however it is
    spelled. Raises ERROR_CODE_UNKNOWN with the nearest names."""
    subject, meaning, entries = _found(name.strip()[:_LONGEST_NAME])
    codes = {entry.code.value for entry in entries}
    of_subject = [group for group in met if group.error_code in codes]
    counts: Counter[str] = Counter()
    for group in of_subject:
        counts[group.error_code] += group.count
    last = max((group.last_id for group in of_subject), default=None)
    ordered = sorted(entries, key=lambda entry: -counts[entry.code.value])
    return Guidance(subject, meaning, tuple(ordered), dict(counts), moment_of(last) if last else None)


def _found(name: str) -> tuple[str, str, tuple[CodeEntry, ...]]:
    code = name.upper().replace("-", "_")
    if code in ErrorCodes.__members__:
        entry = REGISTRY[ErrorCodes(code)]
        return code, entry.explanation, (entry,)
    kinds = {kind.__name__.lower(): kind for kind in _kinds()}
    if kind := kinds.get(name.lower()):
        meaning = (kind.__doc__ or "").partition("\n")[0]
        every = kind is DeploymentSystemError
        return (
            kind.__name__,
            meaning,
            tuple(REGISTRY.values()) if every else _of_category(kind.default_category),
        )
    category = name.lower().replace("-", "_")
    if category in {each.value for each in ErrorCategory}:
        return category, f"Errors of the category {category}.", _of_category(ErrorCategory(category))
    raise _unknown(
        name, [*ErrorCodes.__members__, *(kind.__name__ for kind in kinds.values()), *ErrorCategory]
    )


def _kinds() -> Iterable[type[DeploymentSystemError]]:
    return (DeploymentSystemError, *DeploymentSystemError.__subclasses__())


def _of_category(category: ErrorCategory) -> tuple[CodeEntry, ...]:
    return tuple(entry for entry in REGISTRY.values() if entry.category is category)


def _unknown(name: str, known: Iterable[str]) -> DeploymentSystemError:
    by_lower = {each.lower(): each for each in known}
    near = [by_lower[each] for each in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    hint = f": did you mean {near[0]}?" if near else ""
    return DeploymentSystemError(
        f"there is no error code, type or category {name!r}{hint}",
        error_code=ErrorCodes.ERROR_CODE_UNKNOWN,
        category=ErrorCategory.USAGE,
        remediation=[f"deployment-cli error guidance {each}" for each in near] or None,
    )
