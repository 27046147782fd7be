"""Failed attempts, as hooks see them and as the final error keeps them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from deployment_system.error_handling.plain_values import plain_text

if TYPE_CHECKING:
    import logging


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed attempt, as hooks see it."""

    number: int
    """From 1."""
    error: BaseException
    delay: float | None
    """Seconds until the next one; None: this was the last."""
    elapsed: float
    """Seconds since the first one began."""
    out_of_budget: bool = False
    """Whether it was the last only because the run's budget is used up."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One failed attempt, as the final error keeps it: words only, so that it can be stored and sent."""

    number: int
    description: str
    delay: float | None
    elapsed: float


def attempts_of(error: BaseException) -> tuple[FailedAttempt, ...]:
    """Every attempt that led to this error, the first one first; empty where nothing was tried again."""
    return cast("tuple[FailedAttempt, ...]", getattr(error, "retry_attempts", ()))


def log_attempts(logger: "logging.Logger") -> Callable[[Attempt], None]:
    """A hook for `on_attempt`: at INFO an attempt that another follows, at WARNING the last."""

    def log(attempt: Attempt) -> None:
        if attempt.delay is None:
            logger.warning("attempt %d failed, and was the last: %s", attempt.number, attempt.error)
        else:
            logger.info(
                "attempt %d failed, the next in %.2f s: %s", attempt.number, attempt.delay, attempt.error
            )

    return log


def description(error: BaseException) -> str:
    """The error's type and words, without secrets."""
    return f"{type(error).__name__}: {plain_text(error)}"
