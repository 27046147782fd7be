"""Container deployments on a real engine, registry and server: images are part of the transaction."""

import signal
import time
from collections.abc import Callable

import pytest

from deployment_system.builders.engine import DockerEngine
from tests.deploy.conftest import Workspace
from tests.deploy.docker_world import DOCKER_POOL, Images, registry_tags
from tests.docker_engine import BUSYBOX, PrivateEngine, Registry
from tests.monitoring.serving import Serving, serving, wait_for
from tests.monitoring.test_metrics import numbers
from tests.recording_proxy import Fault, RecordingProxy

CREATE = "^/api/deployments/$"
DOCKERFILE = f"FROM {BUSYBOX}\nWORKDIR /app\nCOPY flows flows\nRUN echo built > /made\n"


@pytest.fixture
def shop(workspace: Workspace, docker_pool: str, running_engine: PrivateEngine) -> Workspace:
    """Two flows with a Dockerfile above both, for an engine of our own."""
    for flow in ("load", "report"):
        workspace.write_flow(flow)
    workspace.write("Dockerfile", DOCKERFILE)
    workspace.write(".dockerignore", ".prefect-home\n.deployment-system\ndeployment-config.yaml\n")
    workspace.environ["DOCKER_HOST"] = running_engine.url
    configured(workspace)
    return workspace


def configured(workspace: Workspace, *lines: str, flows: str = '{"*": {types: [docker]}}') -> None:
    """The environment's lines for containers."""
    text = "".join(f"\n    {line}" for line in lines)
    workspace.configure(flows, environment=f"image_pull_policy: Never{text}")
    file = workspace.root / "deployment-config.yaml"
    file.write_text(
        file.read_text().replace("{python: test-pool}", f"{{python: test-pool, docker: {DOCKER_POOL}}}")
    )


@pytest.fixture
def images(shop: Workspace, engine: DockerEngine) -> Images:
    """Of the shop."""
    return Images(engine, shop.prefix)


def image_of(workspace: Workspace, flow: str) -> str:
    """The image that a flow's deployment starts from."""
    stored = workspace.stored()[f"{workspace.name(flow)}-docker-development"]
    image: str = stored["job_variables"]["image"]
    return image


def test_an_image_is_built_once_named_by_its_content_and_used(shop: Workspace, images: Images) -> None:
    """Two flows share a Dockerfile: one image. A second deployment builds nothing and writes nothing."""
    planned = shop.run("plan", "-ojson")
    assert "changes" in planned.document, planned.output
    assert [item["resource"] for item in planned.document["changes"]] == ["image", "deployment", "deployment"]
    assert images.names() == {}
    first = shop.deploy()
    assert (first.status, first.document["status"]) == (0, "deployed"), first.errors + first.output
    assert image_of(shop, "load") == image_of(shop, "report")
    assert image_of(shop, "load") in images.names()
    assert images.names()[f"{shop.prefix}:development"] == images.names()[image_of(shop, "load")]
    stored = shop.stored()[f"{shop.name('load')}-docker-development"]
    assert stored["work_pool_name"] == DOCKER_POOL
    assert stored["job_variables"]["image_pull_policy"] == "Never"
    assert stored["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}
    ]
    assert shop.proxy is not None
    shop.proxy.forget()
    again = shop.deploy()
    assert (again.status, again.document["status"]) == (0, "unchanged")
    assert shop.proxy.writes == []
    shown = numbers(shop.run("metrics", "show").output)
    assert shown["image_build_duration_seconds_count{environment=development}"] == 1


def test_serve_is_ready_while_engine_registry_and_server_answer(
    shop: Workspace, running_engine: PrivateEngine, registry: Registry
) -> None:
    """One that hangs is told within the deadline, and holds up nobody who asks for something else."""
    configured(shop, f"docker_registry: {registry.host}/team")
    assert shop.proxy is not None

    def said(running: Serving) -> dict[str, str | None]:
        answer = running.get("/health/ready").json()
        return {each["name"]: each["error_code"] for each in answer["dependencies"]}

    well = dict.fromkeys(("state", "prefect", "docker", "registry"))
    with serving(shop) as running:
        assert said(running) == well
        assert running.get("/health/ready").status_code == 200
        running_engine.signal(signal.SIGSTOP)
        shop.proxy.faults.append(Fault("GET", "/admin/version", delay_seconds=6, times=1))
        try:
            hanging = {"docker": "DOCKER_DAEMON_TIMEOUT", "prefect": "PREFECT_API_TIMEOUT"}
            wait_for(lambda: said(running) == well | hanging)
            assert running.get("/health/live").status_code == 200
            assert 'dependency_up{dependency="docker"} 0.0' in running.get("/metrics").text
        finally:
            running_engine.signal(signal.SIGCONT)
        wait_for(lambda: said(running) == well)
    wait_for(lambda: shop.proxy is not None and shop.proxy.in_flight == 0)


def test_both_types_of_one_flow_and_one_of_them_alone(shop: Workspace) -> None:
    """By default a flow with a Dockerfile has both; `--type` means one."""
    configured(shop, flows="{}")
    assert shop.deploy("--type", "python").status == 0
    assert set(shop.stored()) == {shop.deployment_name(flow) for flow in ("load", "report")}
    assert shop.deploy("--type", "docker").status == 0
    assert len(shop.stored()) == 4
    assert shop.deploy().document["status"] == "unchanged"


def test_what_the_environment_says_of_containers_reaches_the_pool(shop: Workspace) -> None:
    """In the pool's own words; what a flow says of itself wins."""
    configured(
        shop,
        "resource_limits: {memory: 512Mi, cpu: 0.5}",
        "networks: [data]",
        "volumes: ['/srv/data:/data:ro']",
        "job_variables: {env: {STAGE: dev}}",
        flows='{"*": {types: [docker]}, "NAME:load": {job_variables: {mem_limit: 1g}}}',
    )
    assert shop.deploy().status == 0
    variables = shop.stored()[f"{shop.name('report')}-docker-development"]["job_variables"]
    assert variables["mem_limit"] == f"{512 * 2**20}b"
    assert variables["container_create_kwargs"] == {"nano_cpus": 500_000_000}
    assert variables["networks"] == ["data"]
    assert variables["volumes"] == ["/srv/data:/data:ro"]
    assert variables["env"] == {"STAGE": "dev"}
    of_load = shop.stored()[f"{shop.name('load')}-docker-development"]["job_variables"]
    assert of_load["mem_limit"] == "1g"


def test_a_kubernetes_pool_is_told_the_image_in_its_own_words(shop: Workspace) -> None:
    """The template is Prefect's own for Kubernetes. What it has no variable for is not sent, and a value that
    its schema does not allow is refused before anything is built."""
    pool = f"{shop.prefix}-kubernetes"
    known = shop.ask("GET", "/collections/views/aggregate-worker-metadata")
    template = known["prefect-kubernetes"]["kubernetes"]["default_base_job_configuration"]
    shop.ask("POST", "/work_pools/", {"name": pool, "type": "kubernetes", "base_job_template": template})
    file = shop.root / "deployment-config.yaml"

    def declared(job_variables: str) -> None:
        configured(shop, "networks: [data]", f"job_variables: {job_variables}")
        file.write_text(file.read_text().replace(DOCKER_POOL, pool))

    declared("{namespace: flows, finished_job_ttl: soon}")
    refused = shop.deploy()
    assert (refused.status, set(refused.codes)) == (3, {"JOB_VARIABLES_INVALID"}), refused.output
    assert "finished_job_ttl" in refused.document["errors"][0]["message"]
    declared("{namespace: flows, finished_job_ttl: 60}")
    result = shop.deploy()
    assert result.status == 0, result.errors
    stored = shop.stored()[f"{shop.name('load')}-docker-development"]
    image = stored["job_variables"].pop("image")
    assert image.startswith(f"{shop.prefix}:")
    expected = {"image_pull_policy": "Never", "namespace": "flows", "finished_job_ttl": 60}
    assert stored["job_variables"] == expected
    assert shop.deploy().document["status"] == "unchanged"


def test_a_pool_without_images_is_no_pool_for_containers(shop: Workspace) -> None:
    """Named before anything is built."""
    file = shop.root / "deployment-config.yaml"
    file.write_text(file.read_text().replace(DOCKER_POOL, "test-pool"))
    result = shop.deploy()
    assert (result.status, set(result.codes)) == (3, {"WORK_POOL_TYPE_MISMATCH"})


def test_a_wrong_dockerfile_makes_its_flow_invalid_and_no_other(shop: Workspace) -> None:
    """File and line, before anything is built; the others are deployed."""
    shop.write("flows/load.Dockerfile", f"FROM {BUSYBOX}\nCOPY no-such-file /app\n")
    configured(shop, flows="{}")
    result = shop.deploy()
    assert result.status == 0, result.errors
    (skipped,) = result.document["skipped"]
    assert skipped["flow"] == shop.name("load")
    assert skipped["error"]["error_code"] == "DOCKER_COPY_SOURCE_MISSING"
    assert skipped["error"]["context"]["file_path"] == "flows/load.Dockerfile"
    assert skipped["error"]["context"]["line_number"] == 2
    assert {name.split("-")[1] for name in shop.stored()} == {"report"}
    validated = shop.run("validate", "-ojson")
    assert validated.status == 3
    assert shop.deploy("--strict").status == 3


def test_a_build_that_fails_leaves_nothing_behind(shop: Workspace, images: Images) -> None:
    """Exit 1 with the instruction, its line and the last lines of the log; no image, no container."""
    shop.write("Dockerfile", DOCKERFILE + "RUN echo on the way && exit 7\n")
    before = images.everything()
    result = shop.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back")
    assert result.codes == ["DOCKER_BUILD_FAILED"]
    error = result.document["errors"][0]
    assert error["context"]["line_number"] == 5
    assert "on the way" in str(error["context"])
    assert shop.stored() == {}
    assert images.everything() == before


def test_images_are_put_back_when_the_server_refuses(
    shop: Workspace, proxy: RecordingProxy, images: Images
) -> None:
    """The new image goes, and the name that moved goes back to the image that had it."""
    assert shop.deploy().status == 0
    before = images.names()
    engine_before = images.everything()
    shop.write("flows/more.txt", "another content")
    proxy.faults.append(Fault("PATCH", "/deployments/", status=422))
    result = shop.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back")
    assert images.names() == before
    assert images.everything()[0] == engine_before[0]
    assert image_of(shop, "load") in before
    proxy.forget()
    assert shop.deploy("--force").status == 0
    assert len(images.names()) == len(before) + 1


def test_a_deployment_that_went_well_can_be_taken_back_with_its_image(
    shop: Workspace, images: Images
) -> None:
    """Deployments, image and names; the image before is the one that is used again."""
    assert shop.deploy().status == 0
    before, image = images.names(), image_of(shop, "load")
    shop.write("flows/more.txt", "another content")
    plan_id = shop.deploy().document["plan_id"]
    assert image_of(shop, "load") != image
    taken_back = shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute", "-ojson")
    assert taken_back.status == 0, taken_back.output
    assert images.names() == before
    assert image_of(shop, "load") == image


@pytest.fixture
def pushing(shop: Workspace, registry: Registry) -> Workspace:
    """The shop, with a registry of our own."""
    configured(shop, f"docker_registry: {registry.host}/team")
    return shop


def path_in_registry(workspace: Workspace) -> str:
    """Where a repository's image is."""
    return f"team/{workspace.prefix}"


def test_a_pushed_image_is_pinned_by_its_digest(
    pushing: Workspace, registry: Registry, images: Images
) -> None:
    """A tag can move, a digest cannot; with the registry alone nothing is built again."""
    assert pushing.deploy().status == 0
    repository, _, digest = image_of(pushing, "load").partition("@")
    assert repository == f"{registry.host}/team/{pushing.prefix}"
    assert set(registry_tags(registry, path_in_registry(pushing)).values()) == {digest}
    assert pushing.deploy().document["status"] == "unchanged"
    for name in images.names():
        images.engine.remove(name)
    assert pushing.deploy().document["status"] == "unchanged"


def test_a_push_is_taken_back_with_the_rest(
    pushing: Workspace, registry: Registry, proxy: RecordingProxy
) -> None:
    """The registry has what it had: the new tag is gone, the environment's points where it did."""
    assert pushing.deploy().status == 0
    before = registry_tags(registry, path_in_registry(pushing))
    pushing.write("flows/more.txt", "another content")
    proxy.faults.append(Fault("PATCH", "/deployments/", status=422))
    result = pushing.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back"), result.output
    assert registry_tags(registry, path_in_registry(pushing)) == before


def test_killed_in_a_build_the_next_one_leaves_nothing(shop: Workspace, images: Images) -> None:
    """SIGKILL while a command of the Dockerfile runs: no container, no image, no lock."""
    shop.write("Dockerfile", DOCKERFILE + "RUN echo waiting && sleep 30\n")
    before = images.everything()
    running = shop.start("deploy", "-ojson")
    wait_until(lambda: bool(images.everything()[2] - before[2]))
    running.kill()
    running.communicate()
    recovered = shop.run("recovery", "execute", "--auto-execute", "-ojson")
    assert recovered.status == 0, recovered.output
    wait_until(lambda: images.everything() == before)


def test_build_builds_and_changes_no_deployment(shop: Workspace, images: Images) -> None:
    """And says so before, with --dry-run."""
    planned = shop.run("build", "--dry-run", "-ojson")
    assert (planned.status, planned.document["status"]) == (0, "planned")
    assert images.names() == {}
    built = shop.run("build", "-ojson")
    assert (built.status, built.document["status"]) == (0, "built"), built.output + built.errors
    assert len(images.names()) == 2
    assert shop.run("build", "-ojson").document["status"] == "unchanged"
    assert shop.stored() == {}
    refused = shop.run("build", "--push", "-ojson")
    assert (refused.status, refused.codes) == (3, ["CONFIG_MISSING_REQUIRED_FIELD"])


def test_a_dockerfile_is_made_where_there_is_none(shop: Workspace) -> None:
    """Shown by --dry-run, written by --eject, never over one that is there."""
    (shop.root / "Dockerfile").unlink()
    shop.write("requirements.txt", "six\n")
    configured(shop, f"image: {{base: '{BUSYBOX}'}}")
    shown = shop.run("build", "--dry-run")
    assert f"FROM {BUSYBOX}" in shown.output
    assert shop.run("build", "--eject").status == 0
    assert (shop.root / "Dockerfile").exists()
    assert shop.run("build", "--eject").status == 3


def test_clean_removes_images_too_and_can_be_taken_back(shop: Workspace, images: Images) -> None:
    """With --images; the plan keeps them until it is forgotten."""
    assert shop.deploy().status == 0
    before = images.names()
    cleaned = shop.run("clean", "--images", "--yes", "-ojson")
    assert cleaned.status == 0, cleaned.output
    assert images.names() == {}
    assert shop.stored() == {}
    plan_id = cleaned.document["plan_id"]
    assert shop.run("recovery", "execute", "--plan-id", plan_id, "--auto-execute").status == 0
    assert images.names() == before
    assert len(shop.stored()) == 2


def test_doctor_looks_at_docker_where_something_runs_in_a_container(
    shop: Workspace, registry: Registry
) -> None:
    """The engine, the builder and why it is that one, the registry; each failure with its remedy."""
    configured(shop, f"docker_registry: {registry.host}")
    checks = {check["name"]: check for check in shop.run("doctor", "-ojson").document["checks"]}
    assert checks["Docker"]["ok"]
    assert checks["Docker builder"]["ok"]
    assert checks["Docker registry"]["ok"]
    shop.environ["DOCKER_HOST"] = "unix:///no/such/docker.sock"
    configured(shop, "docker_registry: 127.0.0.1:9")
    checks = {check["name"]: check for check in shop.run("doctor", "-ojson").document["checks"]}
    assert checks["Docker"]["error_code"] == "DOCKER_DAEMON_UNAVAILABLE"
    assert checks["Docker registry"]["error_code"] == "DOCKER_REGISTRY_UNAVAILABLE"
    assert checks["Docker"]["remediation"]


def test_without_an_engine_the_error_says_so(shop: Workspace) -> None:
    """Exit 1, nothing changed; flows that run as processes do not need one."""
    shop.environ["DOCKER_HOST"] = "unix:///no/such/docker.sock"
    configured(shop, flows="{}")
    result = shop.deploy()
    assert (result.status, result.document["status"]) == (1, "rolled_back")
    assert result.codes == ["DOCKER_DAEMON_UNAVAILABLE"]
    assert shop.deploy("--type", "python").status == 0


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it happened, or the test fails."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
