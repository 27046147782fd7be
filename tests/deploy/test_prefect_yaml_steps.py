"""The build and push steps of a prefect.yaml, on a real server, engine and registry."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import httpx
import pytest

from deployment_system.builders.engine import DockerEngine
from tests.conftest import POOL
from tests.deploy.conftest import Workspace
from tests.docker_engine import BUSYBOX, PrivateEngine, Registry
from tests.recording_proxy import Fault, RecordingProxy

IMAGE_POOL = "test-image-pool"
CREATE = "/deployments/$"
SHELL = "prefect.deployments.steps.run_shell_script"
BUILD_IMAGE = "prefect_docker.deployments.steps.build_docker_image"
PUSH_IMAGE = "prefect_docker.deployments.steps.push_docker_image"


@pytest.fixture
def repository(workspace: Workspace) -> Workspace:
    """Two flows; the deployments come from the prefect.yaml that a test writes."""
    for flow in ("load", "report"):
        workspace.write_flow(flow)
    assert workspace.proxy is not None
    workspace.environ["PREFECT_API_URL"] = workspace.proxy.url
    return workspace


def declare(repository: Workspace, top: str, settings: str, *flows: str, pool: str = POOL) -> None:
    """A prefect.yaml: the steps at its top, and a deployment of each flow with the same settings."""
    entries = [
        f"  - name: {repository.name(flow)}\n"
        f"    entrypoint: flows/{flow}.py:{flow}\n" + indent(dedent(settings).replace("POOL", pool), "    ")
        for flow in flows or ("load",)
    ]
    repository.write("prefect.yaml", dedent(top) + "\npull: []\ndeployments:\n" + "\n".join(entries))


def shell(script: str, step_id: str = "say") -> str:
    """A build step at the top of the file, which notes in `ran` that it has run."""
    return (
        f"build:\n  - {SHELL}:\n      id: {step_id}\n      stream_output: true\n"
        f"      script: {json.dumps(script)}\n"
    )


def noted(text: str) -> str:
    """A script that leaves a note and says the text."""
    return f"bash -c 'echo x >> ran; echo {text}'"


STAGE = "work_pool: {name: POOL, job_variables: {env: {STAGE: '{{ say.stdout }}'}}}"


def runs(repository: Workspace) -> int:
    """How often the noting script has run."""
    file = repository.root / "ran"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_what_a_script_prints_becomes_part_of_the_deployment(
    repository: Workspace, proxy: RecordingProxy
) -> None:
    """A second deployment runs it again and writes nothing; only another output is another deployment."""
    declare(repository, shell(noted("staging")), STAGE)
    first = repository.deploy()
    assert (first.status, first.document["status"]) == (0, "deployed"), first.output + first.errors
    stored = repository.stored()[repository.name("load")]
    assert stored["job_variables"] == {"env": {"STAGE": "staging"}}
    assert "{{" not in json.dumps(first.document["changes"])
    proxy.forget()
    again = repository.deploy()
    assert (again.status, again.document["summary"]["unchanged"]) == (0, 1), again.output
    assert (runs(repository), proxy.writes) == (2, [])
    declare(repository, shell(noted("production")), STAGE)
    changed = repository.deploy()
    assert [list(change["fields"]) for change in changed.document["changes"]] == [["job_variables"]]
    assert repository.stored()[repository.name("load")]["job_variables"]["env"]["STAGE"] == "production"


def test_what_many_deployments_begin_with_runs_once(repository: Workspace) -> None:
    """The steps at the top of the file are the steps of each deployment."""
    declare(repository, shell(noted("both")), STAGE, "load", "report")
    assert repository.deploy().status == 0
    assert runs(repository) == 1
    assert [item["job_variables"]["env"]["STAGE"] for item in repository.stored().values()] == ["both"] * 2


@pytest.mark.parametrize("command", [("plan",), ("deploy", "--dry-run")])
def test_a_plan_runs_nothing_and_shows_references_as_they_stand(
    repository: Workspace, command: tuple[str, ...]
) -> None:
    """And names the steps, for a person and for a program."""
    declare(repository, shell(noted("staging")), STAGE)
    planned = repository.run(*command, "-ojson").document
    (step,) = planned["steps"]
    assert (step["phase"], step["name"], step["deployments"]) == ("build", "say", [repository.name("load")])
    (change,) = planned["changes"]
    assert change["fields"]["job_variables"]["after"] == {"env": {"STAGE": "{{ say.stdout }}"}}
    assert f"build step say  for {repository.name('load')}" in repository.run(*command).output
    assert runs(repository) == 0
    assert repository.stored() == {}


def test_no_secret_of_the_environment_is_shown_in_a_plan(repository: Workspace) -> None:
    """Inputs are shown as they are written."""
    value = "tell-nobody-4711"
    repository.environ["DEPLOY_TOKEN"] = value
    declare(repository, shell("echo {{ $DEPLOY_TOKEN }}"), STAGE)
    planned = repository.plan()
    assert planned.document["steps"][0]["inputs"]["script"] == "echo {{ $DEPLOY_TOKEN }}"
    assert value not in planned.output


def test_a_saved_plan_is_done_with_the_very_same_steps(repository: Workspace) -> None:
    """Another script is another plan."""
    declare(repository, shell(noted("staging")), STAGE)
    assert repository.run("plan", "--out", "plan.json").status == 0
    declare(repository, shell(noted("production")), STAGE)
    assert repository.deploy("--plan", "plan.json").codes == ["PLAN_OUTDATED"]
    assert runs(repository) == 0
    declare(repository, shell(noted("staging")), STAGE)
    assert repository.deploy("--plan", "plan.json").status == 0


def test_a_step_that_fails_stops_everything_before_the_server_is_touched(
    repository: Workspace, proxy: RecordingProxy
) -> None:
    """Exit 1 with the step, its place and the end of its output."""
    declare(repository, shell("bash -c 'echo on the way; exit 7'"), STAGE, "load", "report")
    result = repository.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back"), result.output
    assert result.codes == ["BUILD_STEP_FAILED"]
    context = result.document["errors"][0]["context"]
    assert (context["step"], context["file_path"], context["line_number"]) == ("say", "prefect.yaml", 2)
    assert (context["exit_status"], "on the way" in str(context["output"])) == (7, True)
    assert repository.stored() == {}
    assert [request for request in proxy.writes if "deployments" in request.path] == []
    logs = list((repository.root / ".deployment-system" / "builds").glob("*-steps.log"))
    assert ["on the way" in log.read_text() for log in logs] == [True]


def test_a_reference_to_nothing_is_told_before_any_step_runs(repository: Workspace) -> None:
    """Prefect would put nothing in its place, and deploy."""
    declare(repository, shell(noted("staging")), STAGE.replace("say.stdout", "say.stduot"))
    result = repository.deploy()
    assert (result.status, result.document["status"]) == (3, "invalid")
    assert "BUILD_STEP_OUTPUT_UNKNOWN" in result.codes
    assert runs(repository) == 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (
            STAGE.replace("{env: {STAGE: '{{ say.stdout }}'}}", "{env: '{{ say.stdout }}'}"),
            "JOB_VARIABLES_INVALID",
        ),
        ("work_pool: {name: POOL}\nparameters: {limit: '{{ say.stdout }}'}", "PARAMETER_INVALID"),
        ("work_pool: {name: POOL}\ntags: '{{ say.stdout }}'", "CONFIG_INVALID_VALUE"),
    ],
)
def test_what_a_step_gives_is_checked_like_what_is_written(
    repository: Workspace, settings: str, code: str
) -> None:
    """Nothing is written to the server; that a script has run cannot be taken back, so it is no exit 3."""
    declare(repository, shell(noted("many")), settings)
    result = repository.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back"), result.output
    assert result.codes == [code]
    assert (runs(repository), repository.stored()) == (1, {})


def test_content_that_comes_from_steps_may_be_tried_again(
    repository: Workspace, proxy: RecordingProxy
) -> None:
    """What the server refused was made by a step, which may make something else now."""
    declare(repository, shell(noted("staging")), STAGE)
    proxy.faults.append(Fault("POST", CREATE, status=422))
    assert repository.deploy().document["status"] == "rolled_back"
    proxy.faults.clear()
    assert repository.deploy().status == 0


def test_the_schedules_that_steps_decided_on_are_remembered(repository: Workspace) -> None:
    """A schedule whose parameters come from a step is known again, and goes when nothing declares it."""
    settings = (
        "work_pool: {name: POOL}\nschedules: [{cron: '0 3 * * *', parameters: {limit: '{{ n.stdout }}'}}]"
    )
    file = repository.root / "flows" / "load.py"
    file.write_text(file.read_text().replace("limit: int", "limit: str"))
    declare(repository, shell("echo 7", "n"), settings)
    assert repository.deploy().status == 0
    assert repository.deploy().document["summary"]["unchanged"] == 1
    declare(repository, shell("echo 7", "n"), "work_pool: {name: POOL}")
    assert repository.deploy().status == 0
    assert repository.stored()[repository.name("load")]["schedules"] == []


def test_what_steps_give_is_no_drift(repository: Workspace) -> None:
    """`status` runs no step, and so cannot know what they would give."""
    declare(repository, shell(noted("staging")), STAGE)
    assert repository.deploy().status == 0
    row = status_row(repository)
    assert (row["in_sync"], row["differs"]) == (True, [])
    stored = repository.stored()[repository.name("load")]
    repository.ask("PATCH", f"/deployments/{stored['id']}", {"description": "by hand"})
    row = status_row(repository)
    assert (row["in_sync"], row["differs"]) == (False, ["description"])


def status_row(repository: Workspace) -> dict[str, Any]:
    """What `status` says of the deployment. Other tests' folders, and so projects, are called the same."""
    rows = repository.run("status", "-ojson").document["deployments"]
    return next(row for row in rows if row["name"] == repository.name("load"))


def test_ctrl_c_ends_a_step_and_nothing_is_deployed(repository: Workspace) -> None:
    """Exit 130, and the script is gone."""
    declare(repository, shell("bash -c 'echo $$ > pid; sleep 300'"), STAGE)
    running = repository.start("deploy", "-ojson")
    file = repository.root / "pid"
    wait_until(lambda: file.exists() and file.read_text().strip() != "")
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert json.loads(output)["status"] == "interrupted"
    assert repository.stored() == {}
    pid = int(file.read_text())
    wait_until(lambda: not is_running(pid))


# -- Docker steps -----------------------------------------------------------------------------------------

DOCKERFILE = f"FROM {BUSYBOX}\nWORKDIR /app\nCOPY flows flows\nRUN echo built > /made\n"
USES_IMAGE = "work_pool: {name: POOL, job_variables: {image: '{{ build-image.image }}'}}"


@pytest.fixture(scope="session")
def image_pool(prefect_server: str) -> str:
    """A pool whose runs start from an image."""
    variables = {"image": {"type": "string"}, "env": {"type": "object"}}
    template = {
        "variables": {"type": "object", "properties": variables},
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in variables},
    }
    body = {"name": IMAGE_POOL, "type": "docker", "base_job_template": template}
    answer = httpx.post(f"{prefect_server}/work_pools/", json=body, timeout=60)
    assert answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
    return IMAGE_POOL


@pytest.fixture
def shop(repository: Workspace, image_pool: str, running_engine: PrivateEngine) -> Workspace:
    """The repository with a Dockerfile, for an engine of our own."""
    repository.write("Dockerfile", DOCKERFILE)
    repository.write(".dockerignore", ".prefect-home\n.deployment-system\nprefect.yaml\n")
    repository.environ["DOCKER_HOST"] = running_engine.url
    return repository


def build_step(image_name: str, *lines: str) -> str:
    """A step that builds an image."""
    more = "".join(f"      {line}\n" for line in ("pull: false", *lines))
    return (
        f"build:\n  - {BUILD_IMAGE}:\n      id: build-image\n      requires: prefect-docker\n"
        f"      image_name: {image_name}\n{more}"
    )


def names(engine: DockerEngine, shop: Workspace) -> dict[str, str]:
    """The names of the shop's images, with the images."""
    return {tag: image.id for image in engine.images() for tag in image.tags if shop.prefix in tag}


def test_an_image_is_built_by_our_builder_under_its_declared_names(
    shop: Workspace, engine: DockerEngine
) -> None:
    """prefect-docker is not needed; the outputs are its own. The code is where its Dockerfiles have it."""
    settings = (
        "work_pool: {name: POOL, job_variables: {image: '{{ build-image.image }}'}}\n"
        "tags: '{{ build-image.additional_tags }}'\n"
        "version: '{{ build-image.tag }}'\n"
        "description: '{{ image_name }} {{ image_id }}'\n"
    )
    image = f"team/{shop.prefix}"
    declare(shop, build_step(image, "tag: '1.0'", "additional_tags: [stable]"), settings, pool=IMAGE_POOL)
    file = shop.root / "prefect.yaml"
    file.write_text(file.read_text().replace("pull: []\n", ""))
    first = shop.deploy()
    assert first.status == 0, first.output + first.errors
    stored = shop.stored()[shop.name("load")]
    there = names(engine, shop)
    assert set(there) == {f"{image}:1.0", f"{image}:stable"}
    assert stored["job_variables"] == {"image": f"{image}:1.0"}
    assert (stored["tags"], stored["version"]) == (["stable"], "1.0")
    assert stored["description"] == f"{image} {there[f'{image}:1.0']}"
    assert stored["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": f"/opt/prefect/{shop.root.name}"}}
    ]
    again = shop.deploy()
    assert (again.status, again.document["summary"]["unchanged"]) == (0, 1)
    assert names(engine, shop) == there


def test_an_image_goes_when_the_server_refuses_the_deployment(
    shop: Workspace, proxy: RecordingProxy, engine: DockerEngine
) -> None:
    """And a name that moved goes back to the image that had it."""
    declare(shop, build_step(f"team/{shop.prefix}", "tag: '1.0'"), USES_IMAGE, pool=IMAGE_POOL)
    proxy.faults.append(Fault("POST", CREATE, status=422))
    refused = shop.deploy()
    assert (refused.status, refused.document["status"]) == (1, "rolled_back"), refused.output
    assert names(engine, shop) == {}
    proxy.faults.clear()
    assert shop.deploy().status == 0
    before = names(engine, shop)
    shop.write("flows/more.txt", "another content")
    file = shop.root / "prefect.yaml"
    file.write_text(file.read_text() + "\n    description: another\n")
    proxy.faults.append(Fault("PATCH", "/deployments/", status=422))
    assert shop.deploy().document["status"] == "rolled_back"
    assert names(engine, shop) == before


def test_an_image_is_pushed_and_taken_back(
    shop: Workspace, registry: Registry, proxy: RecordingProxy
) -> None:
    """The registry has what it had before, when the deployment that needs the image fails."""
    image = f"{registry.host}/team/{shop.prefix}"
    push = (
        f"push:\n  - {PUSH_IMAGE}:\n      image_name: '{{{{ build-image.image_name }}}}'\n"
        "      tag: '{{ build-image.tag }}'\n      additional_tags: '{{ build-image.additional_tags }}'\n"
    )
    build = build_step(image, "tag: '1.0'", "additional_tags: [stable]")
    declare(
        shop, build + push, "work_pool: {name: POOL, job_variables: {image: '{{ image }}'}}", pool=IMAGE_POOL
    )
    proxy.faults.append(Fault("POST", CREATE, status=422))
    refused = shop.deploy()
    assert (refused.status, refused.document["status"]) == (1, "rolled_back"), refused.output
    assert tags(registry, shop) == set()
    proxy.faults.clear()
    deployed = shop.deploy()
    assert deployed.status == 0, deployed.output
    assert tags(registry, shop) == {"1.0", "stable"}
    assert shop.stored()[shop.name("load")]["job_variables"]["image"] == f"{image}:1.0"


def test_a_build_that_fails_names_the_line_of_the_dockerfile_and_the_step(
    shop: Workspace, engine: DockerEngine
) -> None:
    """As a build of our own does."""
    shop.write("Dockerfile", DOCKERFILE + "RUN echo on the way && exit 7\n")
    declare(shop, build_step(f"team/{shop.prefix}", "tag: '1.0'"), USES_IMAGE, pool=IMAGE_POOL)
    result = shop.deploy()
    assert (result.status, result.codes) == (1, ["DOCKER_BUILD_FAILED"])
    context = result.document["errors"][0]["context"]
    assert (context["file_path"], context["line_number"], context["step"]) == ("Dockerfile", 5, "build-image")
    assert names(engine, shop) == {}


def test_an_option_that_our_builder_does_not_have_is_told_before(shop: Workspace) -> None:
    """Never left out silently: the image would be another."""
    declare(shop, build_step(f"team/{shop.prefix}", "shmsize: 1000000"), USES_IMAGE, pool=IMAGE_POOL)
    result = shop.deploy()
    assert (result.status, result.codes[0]) == (3, "PREFECT_YAML_UNSUPPORTED")
    assert result.document["errors"][0]["context"]["line_number"] == 7
    declare(shop, build_step(f"team/{shop.prefix}", "nocache: often"), USES_IMAGE, pool=IMAGE_POOL)
    assert (shop.deploy().status, shop.deploy().codes[0]) == (3, "CONFIG_INVALID_VALUE")


def tags(registry: Registry, shop: Workspace) -> set[str]:
    """The tags of the shop's image in the registry."""
    answer = httpx.get(f"http://{registry.host}/v2/team/{shop.prefix}/tags/list", timeout=10)
    return set(answer.json().get("tags") or [])


def is_running(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it happened, or the test fails."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
