"""A local Prefect server on SQLite with one process worker, in the background: `up` and `down`."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from deployment_system.api import local_processes
from deployment_system.api.local_processes import Background
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.error_handling import ErrorCodes, ErrorContext, PrefectAPIError

BOOT_SECONDS = 120.0
"""A first start makes the database: up to half a minute on a small machine."""

WORKER_SECONDS = 60.0
POLL_SECONDS = "2"
"""How often the worker asks for work; Prefect's own default of 10 makes the first try feel broken."""

SERVER = "server"
WORKER = "worker"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What runs now."""

    url: str
    ui_url: str
    work_pool: str
    started: tuple[str, ...]
    """What this call started; the rest ran already."""


def start_local_server(
    folder: Path,
    *,
    port: int,
    work_pool: str,
    environ: Mapping[str, str],
    on_progress: Callable[[str], None],
) -> LocalServer:
    """Starts what does not run yet and waits until it answers. What was started is ended again where
    the start fails or is interrupted. Raises LOCAL_PORT_IN_USE and LOCAL_SERVER_START_FAILED."""
    url = f"http://127.0.0.1:{port}/api"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = local_settings(environ, folder, url)
    started: list[Background] = []
    with _ended_on_failure(started, folder):
        server = local_processes.known(SERVER, folder)
        if server is None:
            _check_port(port)
            on_progress("starting the server")
            command = [prefect_command(), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
            server = local_processes.start(SERVER, command, settings, folder)
            started.append(server)
        _wait_for_server(server, url, folder, on_progress)
        with PrefectServer(url) as api:
            if api.ensure_process_pool(work_pool):
                on_progress(f"created work pool {work_pool}")
            if local_processes.known(WORKER, folder) is None:
                on_progress("starting the worker")
                command = [prefect_command(), "worker", "start", "--pool", work_pool, "--type", "process"]
                worker = local_processes.start(WORKER, command, settings, folder)
                started.append(worker)
                _wait_for_worker(worker, api, work_pool, folder)
    return LocalServer(url, url.removesuffix("/api"), work_pool, tuple(item.name for item in started))


def stop_local_server(folder: Path, on_progress: Callable[[str], None]) -> tuple[str, ...]:
    """Ends what `up` started, and workers that a recovery did; the names of what was ended."""
    ended = []
    workers = sorted(file.stem for file in folder.glob(f"{WORKER}*.json"))
    for name in (*workers, SERVER):
        running = local_processes.known(name, folder)
        if running is not None:
            on_progress(f"stopping the {name}")
            local_processes.stop(running, folder)
            ended.append(name)
    return tuple(ended)


@contextlib.contextmanager
def _ended_on_failure(started: list[Background], folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for background in reversed(started):
            local_processes.stop(background, folder)
        raise


def local_settings(environ: Mapping[str, str], folder: Path, url: str) -> dict[str, str]:
    """The caller's variables, without those that would lead Prefect elsewhere."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PREFECT_")}
    return kept | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": POLL_SECONDS,
        "PREFECT_SERVER_UI_API_URL": url,
        "DO_NOT_TRACK": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}",
    }


def prefect_command() -> str:
    """The `prefect` command of this very environment."""
    return str(Path(sys.executable).with_name("prefect"))


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PrefectAPIError(
                f"port {port} is taken by another program",
                error_code=ErrorCodes.LOCAL_PORT_IN_USE,
                context=ErrorContext(operation="up", port=port),
                cause=error,
            ) from error


def _wait_for_server(server: Background, url: str, folder: Path, on_progress: Callable[[str], None]) -> None:
    began = time.monotonic()
    told = 0
    while server.alive and time.monotonic() - began < BOOT_SECONDS:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        waited = int(time.monotonic() - began)
        if waited >= told + 5:
            told = waited
            on_progress(f"waiting for the server ({waited} s)")
        time.sleep(0.2)
    raise _not_started(SERVER, folder)


def _wait_for_worker(worker: Background, api: PrefectServer, work_pool: str, folder: Path) -> None:
    deadline = time.monotonic() + WORKER_SECONDS
    while worker.alive and time.monotonic() < deadline:
        if any(item.get("status") == "ONLINE" for item in api.workers(work_pool)):
            return
        time.sleep(0.3)
    raise _not_started(WORKER, folder)


def _not_started(name: str, folder: Path) -> PrefectAPIError:
    end = local_processes.log_end(name, folder)
    symptom = "unexpected keyword argument 'min_items'" in end
    return PrefectAPIError(
        f"the local Prefect {name} did not start" + (f"; its log ends:\n{end}" if end else ""),
        error_code=ErrorCodes.PREFECT_SERVER_INCOMPATIBLE
        if symptom
        else ErrorCodes.LOCAL_SERVER_START_FAILED,
        context=ErrorContext(file_path=folder / f"{name}.log", operation="up"),
    )
