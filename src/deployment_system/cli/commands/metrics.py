"""`metrics`: what is counted, for those who do not let `serve` run; and what belongs to it, as files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.opening import open_here
from deployment_system.cli.output import write_note, write_result, write_text
from deployment_system.deploy.project import Project
from deployment_system.deploy.watching import WatchedState
from deployment_system.error_handling import DeploymentSystemError
from deployment_system.monitoring.samples import Family

URL_VARIABLE = "DEPLOYMENT_PUSHGATEWAY_URL"
OTLP_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""As OpenTelemetry itself calls it."""


@click.group()
def metrics() -> None:
    """What monitoring is told: shown, written, pushed; and alert rules and a dashboard for it."""


@metrics.command()
@common_options
@click.pass_obj
def show(invocation: Invocation, /, **values: Any) -> int:
    """Show every metric as it is now, as Prometheus reads it."""
    from deployment_system.monitoring.exposition import as_text

    take_common(invocation, values)
    _, families, error = _read(invocation)
    document = {"metrics": [family.to_dict() for family in families]}
    if error is not None:
        raise error
    write_result(invocation, document, as_text(families).rstrip("\n"))
    return 0


@metrics.command()
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Such as /var/lib/prometheus/node-exporter/deployments.prom.",
)
@common_options
@click.pass_obj
def write(invocation: Invocation, /, file: Path, **values: Any) -> int:
    """Write every metric to a file that node_exporter's textfile collector reads; whole or not at all."""
    from deployment_system.monitoring.exposition import write_file

    take_common(invocation, values)
    _, families, error = _read(invocation)
    # Also where the state cannot be read: then that is what is to be told.
    write_file(families, file)
    if error is not None:
        raise error
    document = {"status": "written", "file": os.fspath(file), "metrics": len(families)}
    write_result(invocation, document, f"{len(families)} metrics written to {file}")
    return 0


@metrics.command()
@click.option("--url", metavar="URL", help=f"Of a Pushgateway.  [default: {URL_VARIABLE}]")
@click.option("--job", default="deployment_system", show_default=True, help="The job there.")
@click.option("--otlp", metavar="URL", help=f"Of an OpenTelemetry collector.  [default: {OTLP_VARIABLE}]")
@common_options
@click.pass_obj
def push(invocation: Invocation, /, url: str | None, job: str, otlp: str | None, **values: Any) -> int:
    """Push every metric to a Pushgateway or an OpenTelemetry collector: for runs in CI, which nobody can
    scrape."""
    from deployment_system.deploy.metrics_push import push_to_collector, push_to_gateway, without_login

    take_common(invocation, values)
    if url is None and otlp is None:
        url, otlp = os.environ.get(URL_VARIABLE), os.environ.get(OTLP_VARIABLE)
    if not url and not otlp:
        raise click.UsageError(f"Where to? Give --url or --otlp, or set {URL_VARIABLE} or {OTLP_VARIABLE}.")
    if not job.strip():
        raise click.BadParameter("It must not be empty.", param_hint="'--job'")
    project, families, error = _read(invocation)
    if url:
        push_to_gateway(families, url, job=job, project=project.owner.project)
    if otlp:
        push_to_collector(families, otlp, project=project.owner.project)
    if error is not None:
        raise error
    targets = [without_login(each) for each in (url, otlp) if each]
    document = {"status": "pushed", "targets": targets, "metrics": len(families)}
    write_result(invocation, document, f"{len(families)} metrics pushed to {' and '.join(targets)}")
    return 0


def _read(
    invocation: Invocation,
) -> tuple[Project, Sequence[Family], DeploymentSystemError | None]:
    """The project, its metrics, and why they are not all."""
    project = open_here(invocation, for_recovery=True)
    if not project.has_state:
        write_note(invocation, "nothing was ever deployed from here: there is no state to be read")
    with WatchedState(project) as state:
        families, error = state.families()
    return project, families, error


@metrics.command()
@click.option("--docs-url", metavar="URL", help="Where alerts link to.  [default: docs, in the repository]")
@common_options
@click.pass_obj
def rules(invocation: Invocation, /, docs_url: str | None, **values: Any) -> int:
    """Print alert rules for Prometheus."""
    from deployment_system.monitoring.alerts import ALERTS, DEFAULT_DOCS_URL, rules_text

    take_common(invocation, values)
    where = docs_url or DEFAULT_DOCS_URL
    document = {"groups": [{"name": "deployment_system", "rules": [each.to_rule(where) for each in ALERTS]}]}
    write_result(invocation, document, rules_text(where).rstrip("\n"))
    return 0


@metrics.command()
@common_options
@click.pass_obj
def dashboard(invocation: Invocation, /, **values: Any) -> int:
    """Print a dashboard that Grafana imports: JSON in every format."""
    from deployment_system.monitoring.dashboard import dashboard_text

    take_common(invocation, values)
    write_text(invocation, dashboard_text().rstrip("\n"))
    return 0
