"""Time that passes only where a test lets it, and work that fails as often as it is told."""

from dataclasses import dataclass, field


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Lets that much time pass."""
        self.slept.append(seconds)
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        """The same, awaited."""
        self.sleep(seconds)


class Flaky:
    """Fails with each of these in turn, then gives "done"; each call takes `seconds`."""

    def __init__(self, clock: Clock, *errors: BaseException, seconds: float = 0.0) -> None:
        self.clock, self.errors, self.seconds, self.calls = clock, list(errors), seconds, 0

    def __call__(self) -> str:
        self.calls += 1
        self.clock.now += self.seconds
        if self.errors:
            raise self.errors.pop(0)
        return "done"
