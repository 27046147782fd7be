"""What our steps make of a deployment is what `prefect deploy --all` itself stores on a real server."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployment_system.builders.prefect_steps import StepRunner
from deployment_system.config import (
    PrefectDeployment,
    filled_deployment,
    filled_step,
    load_prefect_yaml,
    with_outputs,
)
from deployment_system.config.step_functions import PREFECTS_OWN, known_function
from tests.validation.prefect_truth import ask_prefect

FLOWS = '''\
from prefect import flow


@flow(name="FLOW")
def load(text: str = "x", more: dict = {}, many: list = [], n: int = 1):
    """Loads."""
'''
TOOLS = """\
def make(name, **more):
    return {"name": name, "number": 7, "tags": ["a", "b"], "deep": {"list": [1, {"x": None}]}, **more}
"""
PROJECT = """\
build:
  - prefect.deployments.steps.run_shell_script:
      id: stage
      script: echo at {{ $STAGE }}
  - {}
  - tools.make:
      id: made
      name: "{{ stage.stdout }}!"
      copied: "{{ stage }}"
push:
  - tools.make: {id: pushed, name: "{{ made.tags[1] }}-{{ number }}"}
pull:
  - prefect.deployments.steps.set_working_directory: {directory: "{{ made.name }}/{{ $STAGE }}"}
  - prefect.deployments.steps.run_shell_script: {id: later, script: "echo {{ stage.stdout }}"}
  - prefect.deployments.steps.run_shell_script: {script: "echo {{ later.stdout }} {{ $NOT_SET_ANYWHERE }}"}
deployments:
  - name: everything
    entrypoint: flows.py:load
    version: "{{ made.name }}"
    description:
      "{{ stage.stdout }}, {{ made.tags }}, {{ made.deep }}, {{ made.deep.list[1].x }}, {{ $STAGE }}"
    tags: ["of-{{ made.tags[0] }}", "{{ STAGE }}", "n{{ number }}"]
    parameters:
      {text: "{{ pushed.name }}", more: {all: "{{ made.deep }}"}, many: ["{{ tags }}, "], n: "{{ number }}"}
    schedules:
      - {interval: 3600, slug: s, parameters: {text: "{{ made.copied.stdout }}", n: "{{ made.number }}"}}
    work_pool:
      name: "{{ $POOL }}"
      work_queue_name: "q-{{ name }}"
      job_variables: {env: {A: "{{ stage.stdout }}", RUN: "{{ ctx.flow_run.id }}-{{ name }}"}}
  - name: alltags
    entrypoint: flows.py:load
    version: "1"
    tags: "{{ made.tags }}"
    work_pool: {name: "{{ $POOL }}"}
  - name: nobuild
    entrypoint: flows.py:load
    version: "{{ sh.stdout }}"
    build: null
    push:
      prefect.deployments.steps.run_shell_script: {id: sh, script: echo own}
    pull: []
    work_pool: {name: "{{ $POOL }}"}
"""
NAMES = ["everything", "alltags", "nobuild"]
IN_LISTS = """\
  - name: lists
    entrypoint: flows.py:load
    tags: ["{{ made.name }}", x]
    parameters: {many: ["{{ tags }}", 1]}
    work_pool: {name: "{{ $POOL }}", job_variables: {env: {A: b}}}
"""


@pytest.fixture(scope="module")
def stored(
    prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, dict[str, Any]], dict[str, PrefectDeployment]]]:
    """The deployments as the server has them after `prefect deploy --all`, and as ours would be."""
    folder = tmp_path_factory.mktemp("contract")
    flow, pool = f"steps-{uuid.uuid4().hex[:8]}", f"steps-pool-{uuid.uuid4().hex[:8]}"
    for name, text in (
        ("flows.py", FLOWS.replace("FLOW", flow)),
        ("tools.py", TOOLS),
        ("prefect.yaml", PROJECT + IN_LISTS),
    ):
        (folder / name).write_text(text)
    variables = {"STAGE": "test", "POOL": pool}
    environ = {
        **os.environ,
        **variables,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(folder / "home"),
    }
    body = {"name": pool, "type": "process"}
    httpx.post(f"{prefect_server}/work_pools/", json=body, timeout=60).raise_for_status()
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ours = {deployment.name: deployment for deployment in deployed_by_us(folder, environ)}
    answers = {}
    for name in (*NAMES, "lists"):
        answer = httpx.get(f"{prefect_server}/deployments/name/{flow}/{name}", timeout=60)
        assert answer.status_code == httpx.codes.OK, f"{name}: {done.stdout}"
        answers[name] = answer.json()
    yield answers, ours
    httpx.delete(f"{prefect_server}/flows/{answers[NAMES[0]]['flow_id']}", timeout=60)
    httpx.delete(f"{prefect_server}/work_pools/{pool}", timeout=60)


def deployed_by_us(folder: Path, environ: dict[str, str]) -> Iterator[PrefectDeployment]:
    """Each deployment after its steps have run."""
    read = load_prefect_yaml(folder, environ={name: environ[name] for name in ("STAGE", "POOL")})
    assert read is not None
    assert read.errors == ()
    with StepRunner(folder, environ=environ) as runner:
        for deployment in read.deployments:
            outputs: Any = {}
            for step in (*deployment.build_steps, *deployment.push_steps):
                outputs = with_outputs(outputs, step, runner.run(filled_step(step, outputs)))
            yield filled_deployment(deployment, outputs)


@pytest.mark.server
@pytest.mark.parametrize("name", NAMES)
def test_the_server_has_what_our_steps_make(name: str, stored: Any) -> None:
    """Field by field: the same steps run, and the same outputs in the same places."""
    answers, made = stored
    there, ours = answers[name], made[name]
    assert there["version"] == ours.version
    assert there["description"] == (ours.description or "Loads.")
    assert there["tags"] == list(ours.tags or ())
    assert there["parameters"] == ours.parameters
    assert there["job_variables"] == ours.job_variables
    assert there["work_queue_name"] == (ours.work_queue_name or "default")
    assert there["pull_steps"] == list(ours.pull_steps or ())
    assert [schedule["parameters"] for schedule in there["schedules"]] == [
        schedule.parameters for schedule in ours.schedules or ()
    ]
    assert "{{ made" not in json.dumps(there["parameters"])


@pytest.mark.server
def test_a_reference_in_a_list_is_kept_where_prefect_loses_it(stored: Any) -> None:
    """Prefect 3.8.8 drops an item that is one reference and nothing else, before the steps run. When this
    fails, Prefect has mended it, and the lists belong to the test above."""
    answers, made = stored
    assert (answers["lists"]["tags"], answers["lists"]["parameters"]) == (["x"], {"many": [1]})
    assert made["lists"].tags == ("at test!", "x")
    assert made["lists"].parameters == {"many": [["a", "b"], 1]}


VALUES: dict[str, Any] = {
    "text": "a",
    "number": 1,
    "float": 1.5,
    "yes": True,
    "none": None,
    "empty": "",
    "list": ["a", 1, {"x": "y"}],
    "map": {"a": {"b": [1, 2]}, "1": "one"},
    "with-dash": "d",
}
TEMPLATES = [
    *(f"{{{{ made.{name} }}}}" for name in VALUES),
    *(f"{{{{ {name} }}}}" for name in VALUES),
    *(f"x{{{{made.{name}}}}}y {{{{  {name}  }}}}" for name in VALUES),
    "{{ made }}",
    "{{ made.list[0] }}",
    "{{ made.list[2].x }}",
    "{{ made.list.1 }}",
    "{{ made.list[-1] }}",
    "{{ made.map.a.b[1] }}-{{ made.map.a }}",
    " {{ made.number }}",
    "{{ made.number }}\n",
    "{{ made.number }}{{ made.number }}",
    "{{ not a reference }} {{}} {made.number} {{ made.number }",
    "${{ made.text }} $$ {{{ made.text }}}",
]
_APPLY = """
import json, sys
from prefect.utilities.templating import apply_values
templates, outputs = json.loads(sys.stdin.read())
print(json.dumps([apply_values(template, outputs, warn_on_notset=True) for template in templates]))
"""


def test_every_reference_is_replaced_as_prefect_replaces_it(tmp_path: Path) -> None:
    """Whole texts keep the type of the value, parts of texts are written as Python writes them."""
    parameters = {f"p{index}": template for index, template in enumerate(TEMPLATES)}
    declared = {"name": "a", "entrypoint": "f.py:f", "parameters": parameters}
    document = {"build": [{"my.make": {"id": "made"}}], "deployments": [declared]}
    (tmp_path / "prefect.yaml").write_text(json.dumps(document))
    read = load_prefect_yaml(tmp_path, environ={})
    assert read is not None
    assert read.errors == ()
    [deployment] = read.deployments
    outputs = with_outputs({}, deployment.build_steps[0], VALUES)
    ours = filled_deployment(deployment, outputs).parameters
    theirs = json.loads(ask_prefect(_APPLY, [TEMPLATES, dict(outputs)], tmp_path))
    assert [ours[f"p{index}"] for index in range(len(TEMPLATES))] == theirs


_SIGNATURES = """
import inspect, json, typing
from prefect.deployments.steps import core, pull, utility
import prefect.deployments.steps as steps
known = {}
for module, prefix in ((steps, ""), (pull, "pull."), (utility, "utility.")):
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__.startswith("prefect.deployments.steps.")
        if own and value.__module__ != core.__name__ and not name.startswith("_"):
            known[prefix + name] = [
                [item.name, item.default is item.empty, item.kind is item.VAR_KEYWORD]
                for item in inspect.signature(value).parameters.values()
            ]
print(json.dumps(known))
"""


def test_the_functions_that_we_know_are_those_of_prefect(tmp_path: Path) -> None:
    """Each with the inputs that it takes, and which of them it needs."""
    for name, parameters in json.loads(ask_prefect(_SIGNATURES, None, tmp_path)).items():
        function = known_function(PREFECTS_OWN + name)
        assert function is not None, name
        named = [(item, required) for item, required, is_rest in parameters if not is_rest]
        assert set(function.required) == {item for item, required in named if required}, name
        assert set(function.inputs) == {item for item, _ in named}, name
        assert function.takes_any_input is any(is_rest for *_, is_rest in parameters), name
