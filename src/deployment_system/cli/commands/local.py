"""`up` and `down`: a local Prefect server for the first use and for development."""

import os
from typing import Any
from urllib.parse import urlsplit

import click

from deployment_system.api.local_server import start_local_server, stop_local_server
from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here
from deployment_system.cli.output import write_note, write_result
from deployment_system.config import is_loopback
from deployment_system.deploy.project import Project

DEFAULT_PORT = 4200
"""Prefect's own."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the server.  [default: the configuration's]"
)
@click.option("--pool", metavar="NAME", help="Work pool of the worker.  [default: the configuration's]")
@common_options
@click.pass_obj
def up(invocation: Invocation, /, port: int | None, pool: str | None, **values: Any) -> int:
    """Start a local Prefect server (SQLite) with one process worker in the background."""
    take_common(invocation, values)
    project = open_here(invocation)
    project.state.make()
    server = start_local_server(
        project.state.local_server,
        port=port or _configured_port(project),
        work_pool=pool or project.environment.work_pools.python,
        environ=os.environ,
        on_progress=lambda text: write_note(invocation, f"… {text}"),
    )
    document = {
        "status": "started" if server.started else "running",
        "url": server.url,
        "ui_url": server.ui_url,
        "work_pool": server.work_pool,
        "started": list(server.started),
    }
    word = f"started {' and '.join(server.started)}" if server.started else "running already"
    text = f"{word}: API {server.url} · UI {server.ui_url} · work pool {server.work_pool}"
    write_result(invocation, document, text)
    if server.url != project.server.url:
        write_note(invocation, f"the configuration names another server: {project.server.url}")
    return 0


@click.command()
@common_options
@click.pass_obj
def down(invocation: Invocation, /, **values: Any) -> int:
    """Stop what up started, and nothing else."""
    take_common(invocation, values)
    project = open_here(invocation)
    ended = stop_local_server(
        project.state.local_server, on_progress=lambda text: write_note(invocation, f"… {text}")
    )
    text = f"stopped {' and '.join(ended)}" if ended else "nothing runs that `up` started here"
    write_result(invocation, {"status": "stopped" if ended else "not_running", "stopped": list(ended)}, text)
    return 0


def _configured_port(project: Project) -> int:
    parts = urlsplit(project.server.url)
    if parts.hostname and is_loopback(parts.hostname) and parts.port:
        return parts.port
    return DEFAULT_PORT
