"""Where a person sees a deployment and its runs."""


def ui_url(api_url: str, deployment_id: str) -> str:
    """Where the UI of a self-hosted server shows a deployment."""
    return f"{_ui(api_url)}/deployments/deployment/{deployment_id}"


def run_url(api_url: str, run_id: str) -> str:
    """Where it shows a run."""
    return f"{_ui(api_url)}/runs/flow-run/{run_id}"


def _ui(api_url: str) -> str:
    return api_url.rstrip("/").removesuffix("/api")
