"""Writes docs/faults.md: each fault in our words and in those of `prefect deploy --all`, with the exit
status and what is on the server afterwards, from real runs of both on one repository and a real server.

    python scripts/compare_faults.py               all of them, on servers of its own; needs root
    python scripts/compare_faults.py FAULT...      only those with such a name, printed
"""

import argparse
import getpass
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import httpx

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.real_faults import CLUSTER_POOL, FAULTS, POOL, Fault, Scene, told, write_repository  # noqa: E402
from tests.conftest import free_port  # noqa: E402
from tests.prefect_servers import PrefectProcess  # noqa: E402
from tests.recording_proxy import RecordingProxy, recording_proxy  # noqa: E402

FILE = PROJECT / "docs" / "faults.md"
BIN = Path(sys.executable).parent
LONGEST = 300
BOX = " │╭╰─╮╯┃"
USUAL_WARNINGS = ("CONFIG_FILE_NOT_FOUND",)
_EXCEPTION = re.compile(r"([a-z_]\w*\.)+[A-Z]\w+: |[A-Z]\w*(Error|Exception): ")
_TELLING = re.compile(r"WARNING|Skipping|does not exist")
HEADER = """\
# What each fault looks like

Made by `scripts/compare_faults.py` from real runs: each fault once with `deployment-cli deploy` and once with
`prefect deploy --all` of Prefect {prefect}, on the same repository of three flows (extract, transform, load)
with the same `prefect.yaml`, and on a real server without deployments. Unless the fault says otherwise, it is
in transform. Of ours the code, message and place of the first error are shown; what to do stands below it in
the command's output, and `deployment-cli explain CODE` says more. Of Prefect's output the last exception is
shown, or the last words; of a run that succeeds, what sounds like a problem; and how many lines it was.
Addresses and folders are replaced.

The old server, refusals and busy answers come from a proxy before the real server. For *the work pool is of
another type* ours has a `deployment-config.yaml` in place of the `prefect.yaml`, in which no type is said.

Exit statuses of ours: 0 done, and what is broken is named; 1 failed and put back; 3 not valid, and nothing
was changed; 5 somebody else is deploying.

| fault | `deployment-cli deploy` | then on the server | `prefect deploy --all` | then on the server |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Place:
    """Where both contenders run."""

    proxy: RecordingProxy
    server_url: str
    authenticated_url: str
    folder: Path
    raw: TextIO | None = None
    """Takes everything that the contenders say."""


def outcome(place: Place, fault: Fault, *, ours: bool) -> tuple[str, str]:
    """What a contender says, with its exit status, and what is on the server then."""
    folder = Path(tempfile.mkdtemp(prefix="ours-" if ours else "prefect-", dir=place.folder))
    write_repository(folder, fault, ours=ours)
    command = [str(BIN / "deployment-cli"), "deploy", "-o", "json"] if ours else _prefect()
    scene = Scene(
        place.proxy,
        place.server_url,
        place.authenticated_url,
        folder,
        [*fault.prefix, *command],
        _environ(place, fault),
        ours,
    )
    _empty(scene)
    place.proxy.forget()
    with fault.around(scene):
        finished = scene.run()
    place.proxy.forget()
    output = finished.stdout + finished.stderr
    if place.raw is not None:
        place.raw.write(f"\n==== {fault.name}, {command[0]}\n{output}")
        place.raw.flush()
    status = "killed" if finished.returncode < 0 else f"exit {finished.returncode}"
    words = _ours(finished.stdout) if ours else _prefects(output, failed=finished.returncode != 0)
    if finished.returncode < 0:
        words = ""
    there = scene.afterwards or told(scene.stored())
    return _cell(f"{status}: {words}" if words else status, place), there


def _prefect() -> list[str]:
    return [str(BIN / "prefect"), "--no-prompt", "deploy", "--all"]


def _environ(place: Place, fault: Fault) -> dict[str, str]:
    names = ("PREFECT_", "DEPLOYMENT_", "CI", "GITHUB_", "SHOP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    own = {
        "PREFECT_HOME": str(place.folder / "prefect-home"),
        "PREFECT_API_URL": place.proxy.url,
        "PREFECT_CLI_COLORS": "false",
        "COLUMNS": "1000",
        "NO_COLOR": "1",
    }
    given = {
        name: value.replace("{root}", place.proxy.url.removesuffix("/api")).replace(
            "{authenticated}", place.authenticated_url
        )
        for name, value in fault.environ.items()
    }
    return {**kept, **own, **given}


def _empty(scene: Scene) -> None:
    for stored in scene.stored().values():
        scene.ask("DELETE", f"/deployments/{stored['id']}")


def _ours(output: str) -> str:
    """The first error, and how many more there are; where there is none, how it ended, with a warning."""
    if not output.strip():
        return ""
    document = json.loads(output)
    errors = [item["error"] for item in document.get("skipped", ())] + document.get("errors", [])
    warnings = [item for item in document.get("warnings", ()) if item["error_code"] not in USUAL_WARNINGS]
    told = _told(errors)
    if not told:
        return document["status"] + (f"; warning {_told(warnings)}" if warnings else "")
    return told


def _told(errors: Sequence[Mapping[str, Any]]) -> str:
    different = list({error["message"]: error for error in errors}.values())
    if not different:
        return ""
    first = different[0]
    file, line = first["context"].get("file_path"), first["context"].get("line_number")
    where = f" ({file}:{line})" if file and line else f" ({file})" if file else ""
    more = f", and {len(different) - 1} more" if len(different) > 1 else ""
    return f"`{first['error_code']}` {first['message']}{where}{more}"


def _prefects(output: str, *, failed: bool) -> str:
    """Of a failure the last exception, else the last words; of a success what sounds like a problem."""
    lines = [line.strip(BOX) for line in output.splitlines()]
    lines = [line for line in lines if line]
    if not failed:
        telling = [line for line in lines if _TELLING.search(line)]
        words = f"`{telling[-1][:LONGEST]}`" if telling else "no word of it"
        return f"{words} ({len(lines)} lines)"
    exceptions = [line for line in lines if _EXCEPTION.match(line)]
    if exceptions:
        return f"`{exceptions[-1][:LONGEST]}` ({len(lines)} lines)"
    begins = [number for number, line in enumerate(lines) if line.startswith("Deploying ")]
    words = " ".join(lines[begins[-1] + 1 :] if begins else lines)
    return f"`{words[:LONGEST]}` ({len(lines)} lines)"


def _cell(text: str, place: Place) -> str:
    """Without what differs from run to run and from machine to machine."""
    for real, shown in (
        (place.authenticated_url.removesuffix("/api"), "http://server.example"),
        (place.proxy.url.removesuffix("/api"), "http://server.example"),
        (place.server_url.removesuffix("/api"), "http://server.example"),
        (str(PROJECT), "…"),
        (f"{getpass.getuser()} on {socket.gethostname()}", "somebody on a machine"),
    ):
        text = text.replace(real, shown)
    text = re.sub(rf"{re.escape(str(place.folder))}/(ours|prefect)-[^/\s'\"`]{{8}}/?", "", text)
    text = re.sub(r"\b(ours|prefect)-\w{8}\b", "shop", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]{6,}", "…", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d\.\d{3} ", "", text)
    text = re.sub(r"\b(pid|process) \d+", r"\1 …", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "…", text)
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


@contextmanager
def _place(raw: TextIO | None) -> Iterator[Place]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        servers = []
        for name, environ in (("open", {}), ("closed", {"PREFECT_SERVER_API_AUTH_STRING": "shop:right"})):
            home = folder / name
            home.mkdir()
            server = PrefectProcess(home, free_port(), environ)
            stack.callback(server.stop)
            server.start()
            server.wait_until_healthy()
            servers.append(server)
        proxy = stack.enter_context(recording_proxy(servers[0].url))
        kinds = httpx.get(f"{servers[0].url}/collections/views/aggregate-worker-metadata", timeout=60).json()
        template = kinds["prefect"]["process"]["default_base_job_configuration"]
        for pool in (
            {"name": POOL, "type": "process", "base_job_template": template},
            {"name": CLUSTER_POOL, "type": "kubernetes"},
        ):
            httpx.post(f"{servers[0].url}/work_pools/", json=pool, timeout=60).raise_for_status()
        yield Place(proxy, servers[0].url, servers[1].url, folder, raw)


def rows(place: Place, faults: Sequence[Fault]) -> Iterator[str]:
    """A line of the table for each fault."""
    for fault in faults:
        ours, then = outcome(place, fault, ours=True)
        prefect, at_last = outcome(place, fault, ours=False)
        yield f"| {fault.name} | {ours} | {then} | {prefect} | {at_last} |"


def main() -> None:
    """Makes every fault with both, and writes the table; or prints the rows that are named."""
    parser = argparse.ArgumentParser(description="Faults in our words and in Prefect's.")
    parser.add_argument("faults", nargs="*", help="parts of the names of faults")
    parser.add_argument("--raw", type=argparse.FileType("w"), help="a file for everything that was said")
    arguments = parser.parse_args()
    wanted = arguments.faults
    faults = [fault for fault in FAULTS if not wanted or any(part in fault.name for part in wanted)]
    text = HEADER.format(prefect=version("prefect"))
    with _place(arguments.raw) as place:
        for row in rows(place, faults):
            print(row, flush=True)
            text += f"{row}\n"
    if not wanted:
        FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
