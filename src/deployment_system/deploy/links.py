"""Where a person sees a deployment, its runs and its work pool."""

from urllib.parse import quote

_CLOUD_API = "https://api.prefect.cloud/api"
_CLOUD_UI = "https://app.prefect.cloud"


def ui_url(api_url: str, deployment_id: str) -> str:
    """Where the UI shows a deployment."""
    return f"{ui_base(api_url)}/deployments/deployment/{deployment_id}"


def run_url(api_url: str, run_id: str) -> str:
    """Where it shows a run."""
    return f"{ui_base(api_url)}/runs/flow-run/{run_id}"


def pool_url(api_url: str, work_pool: str) -> str:
    """Where it shows a work pool with its workers."""
    return f"{ui_base(api_url)}/work-pools/work-pool/{quote(work_pool, safe='')}"


def ui_base(api_url: str) -> str:
    """Where the pages are: beside the API of a self-hosted server, elsewhere in Prefect Cloud."""
    if api_url.startswith(_CLOUD_API):
        workspace = api_url.rstrip("/").removeprefix(_CLOUD_API)
        return _CLOUD_UI + workspace.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
    return api_url.rstrip("/").removesuffix("/api")


def in_cloud(api_url: str) -> bool:
    """Whether the server is Prefect Cloud, whose pages tell nothing without logging in."""
    return api_url.startswith(_CLOUD_API)
