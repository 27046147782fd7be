"""Which API the pages of a Prefect server ask: often another one than people think."""

import httpx

ASK_SECONDS = 5.0
_API = "/api"


def ui_api_url(server_url: str) -> str | None:
    """The URL that a browser asks which shows this server's UI; None where the server shows none, as Prefect
    Cloud does elsewhere, or does not say."""
    if not server_url.endswith(_API):
        return None
    try:
        answer = httpx.get(f"{server_url.removesuffix(_API)}/ui-settings", timeout=ASK_SECONDS)
        found = answer.json().get("api_url") if answer.is_success else None
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) and found else None
