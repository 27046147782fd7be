"""Commands that a later version brings: each says so."""

import click

from deployment_system.cli.opening import not_available

_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.command(context_settings=_ANYTHING)
def serve() -> int:
    """Health, readiness and metrics over HTTP (comes with a later version)."""
    raise not_available("serve", "Health and metrics over HTTP come")
