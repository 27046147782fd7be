"""What `doctor` asks of the Prefect UI: do its pages show the server that is deployed to (R4.5)."""

from urllib.parse import urlsplit

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.ui_settings import ui_api_url
from deployment_system.config import is_loopback
from deployment_system.config.server import same_server
from deployment_system.deploy.project import Project
from deployment_system.error_handling import (
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    PrefectAPIError,
    RetryPolicy,
)

LOOK_SECONDS = 3.0


def ui_trouble(project: Project, server: PrefectServer) -> tuple[str, PrefectAPIError | None] | None:
    """What the UI shows, in words, and the error where that is not our server; None: it has no UI. Raises
    PrefectAPIError where the server itself cannot be asked."""
    ours, shown = project.server.url, ui_api_url(project.server.url)
    if shown is None:
        return None
    if same_server(shown, ours):
        return f"its pages ask {shown}", None
    if _is_of_another_machine(shown, ours):
        where = "any browser but one on the server's own machine asks its own machine, and shows nothing"
        return _other(project, shown, where)
    pools = _pools_at(shown)
    if pools is None:
        if is_loopback(urlsplit(shown).hostname or ""):
            return _other(project, shown, "where no Prefect server answers")
        return f"its pages ask {shown}, which cannot be asked from here", None
    if pools & {str(pool["id"]) for pool in server.work_pools()}:
        return f"its pages ask {shown}, which is the same server", None
    return _other(project, shown, "which is another server")


def _is_of_another_machine(shown: str, ours: str) -> bool:
    return is_loopback(urlsplit(shown).hostname or "") and not is_loopback(urlsplit(ours).hostname or "")


def _pools_at(url: str) -> set[str] | None:
    """The ids of the work pools there: servers make their own, so one of ours is our server. None: nobody
    answers, or not to us. No login of ours is sent: it may be somebody else's server."""
    once = RetryPolicy(max_attempts=1)
    with PrefectServer(url, timeout_seconds=LOOK_SECONDS, retry_policy=once) as other:
        try:
            return {str(pool["id"]) for pool in other.work_pools()}
        except DeploymentSystemError:
            return None


def _other(project: Project, shown: str, why: str) -> tuple[str, PrefectAPIError]:
    ours = project.server.url
    error = PrefectAPIError(
        f"the pages of the Prefect UI ask {shown}, {why}: what is deployed to {ours} is not seen there",
        error_code=ErrorCodes.PREFECT_UI_OTHER_SERVER,
        context=ErrorContext(operation="look at the UI", server_url=ours, ui_api_url=shown),
        remediation=[
            f"Where the server is started: `PREFECT_SERVER_UI_API_URL={ours}`, and start it again.",
            f"Or deploy to {shown}: `prefect_api_url` of the environment.",
        ],
    )
    return error.message, error
