"""`discover`: finds flows without importing them."""

import os
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.output import say_errors, say_warnings, write_result
from deployment_system.cli.render.flows import discovery_text
from deployment_system.config import load_configuration, scan_paths
from deployment_system.deploy.problems import EXIT_INVALID, ProblemsFound
from deployment_system.deploy.state_folder import FOLDER_NAME, StateFolder
from deployment_system.discovery import Discovery
from deployment_system.discovery import discover as scan


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@common_options
@click.pass_obj
def discover(invocation: Invocation, /, paths: tuple[str, ...], **values: Any) -> int:
    """Find flows without importing them.

    Without PATH, where the configuration says; a PATH is a folder or a file.
    """
    take_common(invocation, values)
    found = _scan_here(invocation) if not paths else _joined([_scan_path(path) for path in paths])
    document = {
        "flows": [flow.to_dict() for flow in found.flows],
        "not_deployable": [item.to_dict() for item in found.not_deployable],
        "errors": [error.to_dict() for error in found.errors],
        "files_scanned": found.files_scanned,
        "seconds": round(found.seconds, 3),
    }
    write_result(invocation, document, discovery_text(found))
    say_warnings(invocation, found.warnings)
    say_errors(invocation, found.errors)
    nothing = not found.files_scanned and bool(found.errors)
    return EXIT_INVALID if nothing else 0


def _scan_here(invocation: Invocation) -> Discovery:
    loaded = load_configuration(
        Path.cwd(),
        config_file=invocation.config_file,
        environ=os.environ,
        environment=invocation.environment,
    )
    if loaded.configuration is None:
        raise ProblemsFound(loaded.errors, EXIT_INVALID, "invalid")
    root = loaded.root.resolve()
    paths = scan_paths(loaded.configuration, root)
    state = StateFolder(root / FOLDER_NAME)
    cache = state.discovery_cache if state.path.is_dir() else None
    return scan(root, paths=paths, exclude=loaded.configuration.scan.exclude, cache_file=cache)


def _scan_path(path: str) -> Discovery:
    """Files are relative to the folder that is named."""
    place = Path(path)
    return scan(place.parent, paths=[place.name]) if place.is_file() else _scan_folder(place)


def _scan_folder(folder: Path) -> Discovery:
    return scan(folder) if folder.is_dir() else scan(Path.cwd(), paths=[str(folder)])


def _joined(parts: list[Discovery]) -> Discovery:
    return Discovery(
        flows=tuple(flow for part in parts for flow in part.flows),
        not_deployable=tuple(item for part in parts for item in part.not_deployable),
        errors=tuple(error for part in parts for error in part.errors),
        files_scanned=sum(part.files_scanned for part in parts),
        seconds=sum(part.seconds for part in parts),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )
