"""Who is told what came of a command, and when: messages, routes, repeats that are folded, quiet hours,
and an outbox in the store, so that a message outlives the process that had it to tell.

Apprise sends; it is imported only when there is something to send.
"""

from deployment_system.notifications.channels import Channel, Failure, Sending
from deployment_system.notifications.message import EVENTS, Event, Message
from deployment_system.notifications.notifier import Delivered, Notifier, Placed, Placement
from deployment_system.notifications.quiet_hours import QuietHours
from deployment_system.notifications.routes import DEFAULT_EVENTS, Route
from deployment_system.notifications.templates import PLACEHOLDERS

__all__ = [
    "DEFAULT_EVENTS",
    "EVENTS",
    "PLACEHOLDERS",
    "Channel",
    "Delivered",
    "Event",
    "Failure",
    "Message",
    "Notifier",
    "Placed",
    "Placement",
    "QuietHours",
    "Route",
    "Sending",
]
