"""The main job from end to end on real parts: `make demo`; `make demo-down` stops what this started.

A Prefect server and a worker of the demo's own run in the background, with everything that they write under
.demo/. Each command is printed before it runs, so that it can be typed again by hand.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "shop"
CONFIGURATION = REPOSITORY / "deployment-config.yaml"
PORT = int(os.environ.get("DEMO_PORT", "4280"))
SERVER = f"http://127.0.0.1:{PORT}"
RUN = "exchange-rates/exchange-rates-python-development"
DONE, INVALID = 0, 3
KILL_SECONDS = 60.0


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


def run(*command: str, folder: Path = REPOSITORY, expected: int = DONE) -> None:
    """Prints and runs a command; ends the demo where its exit status is another one than expected."""
    print(f"$ {shlex.join(command)}", flush=True)
    finished = subprocess.run(command, cwd=folder, env=environment(), check=False)
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
    wanted = json.dumps({}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{SERVER}/api/deployments/count", wanted, headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
        return int(answer.read())


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
    say("How does it stand?")
    run("deployment-cli", "status")
    say("And a repository with every kind of broken flow: each with its place and its remedy (exit status 3)")
    run("deployment-cli", "validate", folder=ROOT / "examples" / "broken", expected=INVALID)
    say(f"Look at it in the Prefect UI: {SERVER}/deployments")
    print("It goes on running; `make demo-down` stops it.")


def stop() -> None:
    """Stops server and worker; without an earlier demo there is nothing to do."""
    if REPOSITORY.exists():
        run("deployment-cli", "down")
    else:
        print("There is no demo to stop.")


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
