"""The main job from end to end on real parts: `make demo`; `make demo-down` stops what this started.

A Prefect server and a worker of the demo's own run in the background, with everything that they write under
.demo/. Where there is a Docker engine, one more flow runs in a container. Each command is printed before it
runs, so that it can be typed again by hand.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "shop"
CONFIGURATION = REPOSITORY / "deployment-config.yaml"
PORT = int(os.environ.get("DEMO_PORT", "4280"))
SERVER = f"http://127.0.0.1:{PORT}"
RUN = "exchange-rates/exchange-rates-python-development"
CONTAINERS = DEMO / "containers"
CONTAINER_POOL = "containers"
CONTAINER_WORKER = "container-worker"
CONTAINER_DEPLOYMENT = "price-list-docker-development"
CONTAINER_RUN = f"price-list/{CONTAINER_DEPLOYMENT}"
DONE, INVALID = 0, 3
KILL_SECONDS = 60.0
WORKER_SECONDS = 120.0


def environment() -> dict[str, str]:
    """Leads every command to the demo's server and keeps Prefect's files out of the user's home."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "DEPLOYMENT_"))
    }
    return {**kept, **settings(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def settings() -> dict[str, str]:
    """The variables that make the difference."""
    return {
        "PREFECT_HOME": str(DEMO / "prefect-home"),
        "PREFECT_API_URL": f"{SERVER}/api",
        "DEVELOPMENT_PREFECT_API_URL": f"{SERVER}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def say(words: str) -> None:
    """A heading between the commands."""
    print(f"\n\033[1m# {words}\033[0m" if sys.stdout.isatty() else f"\n# {words}", flush=True)


def run(
    *command: str,
    folder: Path = REPOSITORY,
    expected: int = DONE,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Prints and runs a command; ends the demo where its exit status is another one than expected."""
    print(f"$ {shlex.join(command)}", flush=True)
    finished = subprocess.run(command, cwd=folder, env={**environment(), **(variables or {})}, check=False)
    if finished.returncode != expected:
        sys.exit(f"demo: {command[0]} {command[1]} exited {finished.returncode}, expected was {expected}")


def copy_example() -> None:
    """The example repository, as new; the state of an earlier demo stays."""
    shutil.copytree(ROOT / "examples" / "flows", REPOSITORY, dirs_exist_ok=True)


def deploy_and_kill() -> None:
    """A deployment that dies as by a power cut, once the server has the first of its deployments."""
    print("$ deployment-cli deploy & sleep …; kill -9 $!", flush=True)
    command = ["deployment-cli", "deploy", "--quiet"]
    running = subprocess.Popen(command, cwd=REPOSITORY, env=environment())
    deadline = time.monotonic() + KILL_SECONDS
    while running.poll() is None and time.monotonic() < deadline and not deployed():
        time.sleep(0.005)
    running.kill()
    running.wait()
    if running.returncode != -signal.SIGKILL:
        sys.exit(f"demo: the deployment ended with {running.returncode} before it could be killed")
    print(f"killed; the server has {deployed()} of its deployments", flush=True)


def deployed() -> int:
    """How many deployments the server has."""
    return int(ask("/deployments/count", {}))


def ask(path: str, question: Mapping[str, Any]) -> Any:
    """What the server answers."""
    headers = {"content-type": "application/json"}
    body = json.dumps(question).encode()
    request = urllib.request.Request(f"{SERVER}/api{path}", body, headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
        return json.loads(answer.read())


def change_one_value() -> None:
    """Edits the configuration as a person would."""
    text = CONFIGURATION.read_text()
    changed = text.replace("parameters: {limit: 20}", "parameters: {limit: 25}")
    if changed == text:
        sys.exit(f"demo: nothing to change in {CONFIGURATION}")
    CONFIGURATION.write_text(changed)
    print("$ sed -i 's/limit: 20/limit: 25/' deployment-config.yaml", flush=True)


def demonstrate() -> None:
    """Every step, in the order in which a newcomer would take them."""
    say(f"A repository of flows, copied to {REPOSITORY.relative_to(ROOT)}")
    copy_example()
    for name, value in settings().items():
        print(f"$ export {name}={shlex.quote(value)}")
    print(f"$ cd {REPOSITORY.relative_to(ROOT)}")
    say("A local Prefect server and a worker, in the background")
    run("deployment-cli", "up", "--port", str(PORT))
    say("Which flows are there? Their code is read, never imported")
    run("deployment-cli", "discover")
    say("Is everything right with them? Nothing is changed")
    run("deployment-cli", "validate")
    say("What would be done?")
    run("deployment-cli", "plan")
    if deployed() == 0:
        say("Do it, and die in the middle: what was begun is in the journal")
        deploy_and_kill()
        run("deployment-cli", "recovery", "list")
        say("Whoever comes next puts everything back; the next deployment would do so by itself")
        run("deployment-cli", "recovery", "execute", "--auto-execute")
        print(f"the server has {deployed()} deployments", flush=True)
    say("Do it")
    run("deployment-cli", "deploy")
    say("The worker runs one of them")
    run("prefect", "deployment", "run", RUN, "--watch")
    say("One value changes: one field is written, nothing else")
    change_one_value()
    run("deployment-cli", "deploy")
    say("A flow in a container, from an image that deploy builds")
    run_in_container()
    break_and_mend()
    say("How does it stand?")
    run("deployment-cli", "status")
    say("And a repository with every kind of broken flow: each with its place and its remedy (exit status 3)")
    run("deployment-cli", "validate", folder=ROOT / "examples" / "broken", expected=INVALID)
    say(f"Look at it in the Prefect UI: {SERVER}/deployments")
    print("It goes on running; `make demo-down` stops it.")


def break_and_mend() -> None:
    """Five faults, each mended while one looks on."""
    import demo_recovery  # whoever only stops a demo breaks nothing

    demo_recovery.break_and_mend(demo_recovery.Shop(REPOSITORY, run, say, SERVER))


def run_in_container() -> None:
    """A flow that is deployed with its image and run from that, where there is an engine."""
    import demo_containers  # whoever only stops a demo, or makes pictures, needs no Docker

    engine = demo_containers.find_engine(DEMO)
    base = None if engine is None else demo_containers.base_image(engine)
    if engine is None or base is None:
        return
    shutil.copytree(ROOT / "examples" / "containers", CONTAINERS, dirs_exist_ok=True)
    variables = {"DOCKER_HOST": engine, "BASE_IMAGE": base}
    for name, value in variables.items():
        print(f"$ export {name}={shlex.quote(value)}")
    start_container_worker(variables)
    print(f"$ cd {CONTAINERS.relative_to(ROOT)}")
    run("deployment-cli", "deploy", folder=CONTAINERS, variables=variables)
    named = {"deployments": {"name": {"any_": [CONTAINER_DEPLOYMENT]}}}
    (deployment,) = ask("/deployments/filter", named)
    image = deployment["job_variables"]["image"]
    print(f"the deployment starts from {image}: another content would have another name", flush=True)
    run("prefect", "deployment", "run", CONTAINER_RUN, "--watch", folder=CONTAINERS, variables=variables)
    (last,) = ask("/flow_runs/filter", {**named, "sort": "EXPECTED_START_TIME_DESC", "limit": 1})
    print(f"the run in the container: {last['state_type']}", flush=True)
    if last["state_type"] != "COMPLETED":
        sys.exit(f"demo: the run ended {last['state_name']}: {last['state'].get('message')}")


def start_container_worker(variables: Mapping[str, str]) -> None:
    """A worker of a docker pool, in the background, which makes the pool."""
    from deployment_system.api import local_processes

    stop_container_worker()  # that of an earlier demo may have another engine
    command = ["prefect", "worker", "start", "--type", "docker", "--pool", CONTAINER_POOL]
    print(f"$ {shlex.join(command)} &", flush=True)
    found = shutil.which("prefect", path=environment()["PATH"])
    worker = local_processes.start(
        CONTAINER_WORKER,
        [found or "prefect", *command[1:], "--install-policy", "never"],
        {**environment(), **variables, "PREFECT_WORKER_QUERY_SECONDS": "1"},
        DEMO,
    )
    deadline = time.monotonic() + WORKER_SECONDS
    wanted = {"work_pools": {"name": {"any_": [CONTAINER_POOL]}}}
    while not any(pool["status"] == "READY" for pool in ask("/work_pools/filter", wanted)):
        if not worker.alive or time.monotonic() > deadline:
            log = local_processes.log_end(CONTAINER_WORKER, DEMO)
            sys.exit(f"demo: the worker for containers did not start; its log ends:\n{log}")
        time.sleep(0.3)


def stop_container_worker() -> bool:
    """Ends the worker of an earlier demo; whether there was one."""
    from deployment_system.api import local_processes

    running = local_processes.known(CONTAINER_WORKER, DEMO)
    if running is not None:
        local_processes.stop(running, DEMO)
    return running is not None


def stop() -> None:
    """Stops what the demo started; without an earlier demo there is nothing to do."""
    if not REPOSITORY.exists():
        print("There is no demo to stop.")
        return
    had_containers = stop_container_worker()
    run("deployment-cli", "down")
    import demo_containers

    if demo_containers.stop_engine(DEMO):
        print("The demo's own Docker engine has ended, and its images are gone.")
    elif had_containers:
        print("The image stays in your Docker engine, beside its base:")
        print("$ docker image ls --filter label=deployment-system.project=shop-containers")


def main() -> None:
    """Runs the demo, or ends it with --down."""
    parser = argparse.ArgumentParser(description="From a repository of flows to a run of one of them.")
    parser.add_argument("--down", action="store_true", help="stop what the demo started")
    if parser.parse_args().down:
        stop()
    else:
        demonstrate()


if __name__ == "__main__":
    main()
