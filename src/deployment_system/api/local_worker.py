"""A process worker on this machine, in the background, for a work pool that nobody takes work from."""

import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from deployment_system.api import local_processes
from deployment_system.api.local_processes import Background
from deployment_system.api.local_server import WORKER, local_settings, prefect_command
from deployment_system.api.prefect_server import PrefectServer
from deployment_system.error_handling import ErrorCodes, ErrorContext, PrefectAPIError

ASK_AGAIN_SECONDS = 0.3


def worker_name(work_pool: str) -> str:
    """What the process is noted as: `down` ends it with the others."""
    return f"{WORKER}-{quote(work_pool, safe='')}"


def start_local_worker(
    folder: Path, url: str, work_pool: str, environ: Mapping[str, str], login: Mapping[str, str]
) -> Background:
    """Starts it, without waiting until it asks for work. `login` are the variables that open the server."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [prefect_command(), "worker", "start", "--pool", work_pool, "--type", "process"]
    settings = {**local_settings(environ, folder, url), **login}
    return local_processes.start(worker_name(work_pool), command, settings, folder)


def has_worker_online(server: PrefectServer, work_pool: str) -> bool:
    """Whether somebody takes work from the pool. Raises PrefectAPIError."""
    return any(worker.get("status") == "ONLINE" for worker in server.workers(work_pool))


def wait_for_worker(
    worker: Background, server: PrefectServer, work_pool: str, folder: Path, seconds: float
) -> None:
    """Returns when a worker of the pool is online, or the time is over. Raises LOCAL_SERVER_START_FAILED
    with the end of its log where it ends."""
    deadline = time.monotonic() + seconds
    while not has_worker_online(server, work_pool) and time.monotonic() < deadline:
        if not worker.alive:
            end = local_processes.log_end(worker.name, folder)
            raise PrefectAPIError(
                f"the worker for {work_pool!r} ended" + (f"; its log ends:\n{end}" if end else ""),
                error_code=ErrorCodes.LOCAL_SERVER_START_FAILED,
                context=ErrorContext(file_path=folder / f"{worker.name}.log", operation="start a worker"),
            )
        time.sleep(ASK_AGAIN_SECONDS)
