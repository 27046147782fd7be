"""Where a person sees a deployment."""


def ui_url(api_url: str, deployment_id: str) -> str:
    """Where the UI of a self-hosted server shows a deployment."""
    return f"{api_url.rstrip('/').removesuffix('/api')}/deployments/deployment/{deployment_id}"
