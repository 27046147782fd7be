"""What Prefect itself says, from a process of its own: the test process does not import Prefect."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SCHEMAS = """
import json, sys, uuid, warnings
warnings.simplefilter("ignore")
from prefect.client.schemas.actions import DeploymentCreate
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.importtools import load_script_as_module

def sent(flow):
    # As RunnerDeployment and the client put it into the request that creates a deployment.
    schema = parameter_schema(flow).model_dump(exclude_unset=True)
    request = DeploymentCreate(name="d", flow_id=uuid.uuid4(), parameter_openapi_schema=schema)
    return request.model_dump(mode="json")["parameter_openapi_schema"]

for file in json.loads(sys.stdin.read()):
    module = load_script_as_module(file)
    for name, value in vars(module).items():
        if isinstance(value, Flow) and not name.startswith("_"):
            print(json.dumps([f"{file}:{name}", sent(value)]))
"""


def ask_prefect(program: str, question: Any, folder: Path) -> str:
    """Runs a program that imports Prefect, with a question as JSON on its input."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    home = folder / ".prefect-home"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(question),
        env={**environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


def prefect_schemas(files: Sequence[str], folder: Path) -> dict[str, Any]:
    """The schemas that Prefect sends to the server, by entrypoint."""
    lines = ask_prefect(_SCHEMAS, list(files), folder).splitlines()
    return dict(json.loads(line) for line in lines if line.startswith("["))
