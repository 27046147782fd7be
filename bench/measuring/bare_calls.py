"""The bare API calls: what deploying costs when nobody thinks about it.

    python -m measuring.bare_calls API_URL BODIES.json

For each body: POST the flow, POST the deployment, and where it has schedules one call that activates it, one
after another over one connection. A 503 or a closed connection, with which a SQLite server now and then
answers a lone writer too, is asked again at once.
"""

import json
import sys
from pathlib import Path
from typing import Any

import httpx

# What the API takes when a deployment is made; what else a deployment read from the server holds is its own.
CREATION_FIELDS = (
    "name", "description", "version", "entrypoint", "path", "paused", "schedules", "tags", "labels",
    "parameters", "parameter_openapi_schema", "enforce_parameter_schema", "job_variables", "pull_steps",
    "work_pool_name", "work_queue_name", "concurrency_limit", "concurrency_options",
)  # fmt: skip
ATTEMPTS = 5
SCHEDULE_FIELDS = ("schedule", "active", "slug", "parameters", "max_scheduled_runs")


def creation_body(deployment: dict[str, Any]) -> dict[str, Any]:
    """What was sent to make this deployment, from what the server says of it."""
    body = {name: deployment[name] for name in CREATION_FIELDS if deployment.get(name) is not None}
    body["schedules"] = [{name: item[name] for name in SCHEDULE_FIELDS} for item in deployment["schedules"]]
    body["labels"] = {
        key: value for key, value in (deployment.get("labels") or {}).items() if "prefect." not in key
    }
    return body


def ask(client: httpx.Client, method: str, path: str, body: dict[str, Any]) -> Any:
    """The JSON answer; raises at an answer that is not a success."""
    answer = None
    for attempt in range(ATTEMPTS):
        try:
            answer = client.request(method, path, json=body)
        except httpx.ReadError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
    if answer is None:
        raise AssertionError("without an answer the last attempt has raised")
    answer.raise_for_status()
    return answer.json() if answer.content else None


def call(url: str, bodies: list[dict[str, Any]]) -> None:
    """Makes each deployment; raises at the first answer that is not a success."""
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        for body in bodies:
            scheduled = bool(body["schedules"])
            flow_name = body["entrypoint"].rsplit(":", 1)[1].replace("_", "-")
            flow = ask(client, "POST", "/flows/", {"name": flow_name})
            whole = {**body, "flow_id": flow["id"], "paused": scheduled}
            deployment = ask(client, "POST", "/deployments/", whole)
            if scheduled:
                ask(client, "PATCH", f"/deployments/{deployment['id']}", {"paused": False})


if __name__ == "__main__":
    call(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
