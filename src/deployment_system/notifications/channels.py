"""Sends one text through one channel, within a time, and says why where it did not arrive."""

import logging
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from deployment_system.error_handling import ErrorCodes, ErrorSeverity, KnownSecrets
from deployment_system.error_handling.hidden_secrets import without_secrets

_SHORTEST_TOKEN = 8
"""Characters of a part of a URL that may be a token; what is shorter is told by the word for it."""
_LONGEST_REASON = 300
_PIECE_SECONDS = 0.2
_NOT_UNDERSTOOD = (ErrorCodes.NOTIFICATION_URL_INVALID, "Apprise does not understand its URL")
_TYPES = {None: "info", ErrorSeverity.LOW: "warning", ErrorSeverity.MEDIUM: "warning"}
"""How Apprise marks a message; anything graver is a failure."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One of a route's, by its place there: what is known of it to others."""

    route: str
    number: int
    """From 0, in the order of the configuration."""
    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """The only part of the URL that is no secret anywhere."""
        return self.url.partition("://")[0]


@dataclass(frozen=True, slots=True)
class Sending:
    """A text for a channel."""

    channel: Channel
    title: str
    body: str
    severity: ErrorSeverity | None = None
    went_well: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a text did not arrive."""

    channel: Channel
    code: ErrorCodes
    reason: str


def send_all(sendings: Sequence[Sending], timeout_seconds: float) -> list[Failure | None]:
    """Sends all of them side by side; of each what kept it from arriving. One that takes longer than the
    timeout is given up: its thread ends with the process, and may still send it."""
    if not sendings:
        return []
    done: list[Failure | None] = [
        Failure(each.channel, ErrorCodes.NOTIFICATION_FAILED, f"no answer within {timeout_seconds:g} seconds")
        for each in sendings
    ]
    with _Log() as log:
        threads = [
            # Not of a pool: the interpreter waits for the threads of pools before it ends.
            threading.Thread(target=_send, args=(sending, done, index, log), daemon=True)
            for index, sending in enumerate(sendings)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + timeout_seconds
        for thread in threads:
            # In short pieces: a Ctrl-C that another thread of this process was told of is seen between them.
            while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
                thread.join(min(left, _PIECE_SECONDS))
        return list(done)


def secrets_of(url: str) -> list[str]:
    """What of a channel's URL must not be told: all of it, its password, each part that may be a token."""
    found = [url, *re.split(r"[/:@?#&=,]+", url)]
    try:
        parts = urlsplit(url)
        found += [parts.username or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    except ValueError:
        pass  # no URL: then its pieces are all there is
    named = [text for part in found for text in (part, unquote(part)) if len(text) >= _SHORTEST_TOKEN]
    return list(dict.fromkeys(named))


def _send(sending: Sending, done: list[Failure | None], index: int, log: "_Log") -> None:
    channel = sending.channel
    log.watch()
    try:
        code, reason = _sent(sending)
    except Exception as error:  # noqa: BLE001 - a plug-in of a channel may raise anything
        code, reason = ErrorCodes.NOTIFICATION_FAILED, f"{type(error).__name__}: {error}"
    if code is None:
        done[index] = None
        return
    said = ". ".join(dict.fromkeys((*log.lines(), *([reason] if reason else ()))))
    told = without_secrets(KnownSecrets(secrets_of(channel.url)).hide(said))
    done[index] = Failure(channel, code, told[:_LONGEST_REASON] or "the channel did not take it")


def _sent(sending: Sending) -> tuple[ErrorCodes | None, str]:
    """No code where it was sent."""
    import apprise

    channel = apprise.Apprise.instantiate(sending.channel.url, suppress_exceptions=True)
    if channel is None:
        return _NOT_UNDERSTOOD
    kind = "success" if sending.went_well else _TYPES.get(sending.severity, "failure")
    sent = apprise.Apprise([channel]).notify(
        sending.body,
        title=sending.title,
        notify_type=apprise.NotifyType(kind),
        body_format=apprise.NotifyFormat.TEXT,
    )
    return (None, "") if sent else (ErrorCodes.NOTIFICATION_FAILED, "")


def url_problem(url: str) -> tuple[ErrorCodes, str] | None:
    """Why nothing can be sent to a URL, as far as that shows without sending; None: it looks well."""
    import apprise

    with _Log():
        channel = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return _NOT_UNDERSTOOD if channel is None else None


class _Log(logging.Handler):
    """What Apprise says while it sends, by the thread that says it. It goes nowhere else: there are URLs with
    secrets in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._by_thread: dict[int, list[str]] = {}

    def watch(self) -> None:
        """From now on what this thread says is kept."""
        self._by_thread[threading.get_ident()] = []

    def lines(self) -> list[str]:
        """What this thread has said."""
        return self._by_thread.get(threading.get_ident(), [])

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        said = self._by_thread.get(threading.get_ident())
        if said is not None:
            said.append(record.getMessage().strip().rstrip("."))

    def __enter__(self) -> "_Log":
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        # The logger stays quiet: a thread that was given up may still say something.
        logging.getLogger("apprise").removeHandler(self)
