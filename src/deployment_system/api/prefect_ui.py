"""The other side of a Prefect server: the pages that people look at, and whom those ask."""

from dataclasses import dataclass, replace

import httpx

from deployment_system.api.connection import SERVER_RETRY, Connection
from deployment_system.error_handling import ErrorContext, PrefectAPIError
from deployment_system.error_handling.closing import Closing

UI_TIMEOUT_SECONDS = 5.0
_RETRY = replace(SERVER_RETRY, max_attempts=2)


@dataclass(frozen=True, slots=True)
class UiSettings:
    """What a server tells its own pages."""

    api_url: str
    """Where the pages ask, from the browser of whoever looks at them."""
    default_version: str | None = None
    """`v1` or `v2`, the design that is shown first; None: the server knows only one."""


class PrefectUi(Closing):
    """The pages beside an API. They take no credentials: it is the pages that ask who looks at them. Close
    it, or use it in a `with` block."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._connection = Connection(self.url, timeout_seconds=UI_TIMEOUT_SECONDS, retry_policy=_RETRY)

    def close(self) -> None:
        """Ends the connections."""
        self._connection.close()

    def settings(self) -> UiSettings | None:
        """What the pages are told; None where no pages are served. Raises PrefectAPIError where the server
        does not answer at all."""
        context = ErrorContext(operation="ask for the settings of the UI")
        try:
            found = self._connection.read_or_none("/ui-settings", context)
        except PrefectAPIError as error:
            if error.retryable:
                raise
            return None  # something answers there, and not as a UI does
        if found is None or not isinstance(found.get("api_url"), str):
            return None
        # One whose UI is turned off tells the settings all the same. Older ones do not say which they have.
        if found.get("available_uis") == []:
            return None
        return UiSettings(found["api_url"], found.get("default_ui"))

    def shows_page(self, url: str) -> bool:
        """Whether a page comes from there, as a browser would ask for it: not what the page then shows."""
        answer = self._connection.page(url, ErrorContext(operation="open a page of the UI"))
        kind = answer.headers.get("content-type", "")
        return answer.status_code == httpx.codes.OK and kind.startswith("text/html")
