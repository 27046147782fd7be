"""`serve`: health, readiness and metrics over HTTP."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.main import EXIT_INTERRUPTED
from deployment_system.cli.opening import open_here, say_target
from deployment_system.cli.output import write_note, write_result

TOKEN_VARIABLE = "DEPLOYMENT_SERVE_TOKEN"  # noqa: S105 - the name of a variable
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9464
"""Where OpenTelemetry's exporter for Prometheus listens by default."""


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 takes any that is free.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Who asks must show what it holds.  [default: {TOKEN_VARIABLE}]",
)
@common_options
@click.pass_obj
def serve(invocation: Invocation, /, host: str, port: int, token_file: Path | None, **values: Any) -> int:
    """Serve health, readiness, metrics, errors and transactions over HTTP, to be read only.

    /metrics, /health/live, /health/ready, /api/errors, /api/plans. On any other address than the loopback
    interface a token is needed.
    """
    from deployment_system.deploy import serving
    from deployment_system.deploy.doctor_flows import look_at_flows
    from deployment_system.error_handling import KnownSecrets

    take_common(invocation, values)
    token = serving.read_token(token_file, os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE)
    if not host.strip():
        raise click.BadParameter("It must not be empty.", param_hint="'--host'")
    project = open_here(invocation)
    invocation.secrets = (*invocation.secrets, token)
    say_target(invocation, project)

    def listening(url: str) -> None:
        write_result(invocation, {"status": "serving", "url": url}, f"serving {url}")
        sys.stdout.flush()

    try:
        serving.serve(
            project,
            host=host,
            port=port,
            token=token,
            in_containers=look_at_flows(project).in_containers,
            secrets=KnownSecrets.of_environ(os.environ, invocation.secrets),
            on_listening=listening,
        )
    except KeyboardInterrupt:
        write_note(invocation, "stopped by Ctrl-C")
        return EXIT_INTERRUPTED
    except SystemExit as end:
        write_note(invocation, "stopped by SIGTERM")
        return end.code if isinstance(end.code, int) else EXIT_INTERRUPTED
    return 0
