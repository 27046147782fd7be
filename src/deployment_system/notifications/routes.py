"""Where messages go, and which."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deployment_system.error_handling import ErrorSeverity
from deployment_system.notifications.message import EVENTS, Event, Message, at_least
from deployment_system.notifications.quiet_hours import QuietHours
from deployment_system.notifications.templates import DEFAULT_BODY, DEFAULT_TITLE

DEFAULT_EVENTS = tuple(event for event in EVENTS if event not in (Event.DEPLOYED, Event.LOCKED))
"""What goes wrong, and how that ends."""


@dataclass(frozen=True)
class Route:
    """One way for messages: the channels at its end, and what they are told."""

    name: str
    urls: tuple[str, ...] = field(repr=False)
    """In the form of Apprise. Mostly secrets as a whole; never shown."""
    unset: tuple[str, ...] = ()
    """Variables that URLs of it need and that are not set here: then it is not used here."""
    events: tuple[Event, ...] = DEFAULT_EVENTS
    minimum_severity: ErrorSeverity = ErrorSeverity.LOW
    categories: tuple[str, ...] = ()
    """Empty: all."""
    codes: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    cool_down: timedelta = timedelta(hours=1)
    """How long the same is not told again."""
    quiet_hours: QuietHours | None = None
    title: str = DEFAULT_TITLE
    body: str = DEFAULT_BODY

    @property
    def schemes(self) -> tuple[str, ...]:
        """Of its channels, what may be shown of them."""
        return tuple(url.partition("://")[0] for url in self.urls)

    def wanted(self, message: Message) -> Message | None:
        """What of a message goes this way; None: nothing.

        Severity, category and code are asked of errors: of several, those that fit are told. A message
        without errors has none of these, and goes where its event is asked for."""
        if message.event not in self.events:
            return None
        if self.environments and message.environment not in self.environments:
            return None
        fitting = [
            each
            for each in message.errors
            if at_least(ErrorSeverity(each.severity), self.minimum_severity)
            and (not self.categories or each.category in self.categories)
            and (not self.codes or each.code in self.codes)
        ]
        if message.errors and not fitting:
            return None
        return message.narrowed(fitting)

    def held_until(self, message: Message, now: datetime) -> datetime | None:
        """When the quiet hours are over that keep a message back; None: it may be sent now."""
        if self.quiet_hours is None:
            return None
        over = self.quiet_hours.end_of(now)
        grave = self.quiet_hours.let_through
        if over is None or grave is None or message.severity is None:
            return over
        return None if at_least(message.severity, grave) else over
