"""`init`: writes a commented configuration."""

from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import write_result
from deployment_system.config import CONFIGURATION_FILE, initial_configuration
from deployment_system.error_handling.written_file import write_new


@click.command()
@common_options
@click.pass_obj
def init(invocation: Invocation, /, **values: Any) -> int:
    """Write a commented deployment-config.yaml here; never over an existing file."""
    take_common(invocation, values)
    file = Path.cwd() / (invocation.config_file or CONFIGURATION_FILE)
    text = initial_configuration(Path.cwd().name)
    write_new(file, text)
    write_result(
        invocation,
        {"status": "created", "file": file.name},
        f"wrote {file.name}; next: `deployment-cli validate`",
    )
    return 0
