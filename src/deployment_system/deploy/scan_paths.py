"""A folder of flows that the configuration names and that is not there."""

from pathlib import PurePosixPath

from deployment_system.config.problems import nearest
from deployment_system.deploy.project import Project
from deployment_system.error_handling import ErrorCodes, FlowDiscoveryError
from deployment_system.error_handling.corrections import corrected


def scan_path_in_configuration(error: FlowDiscoveryError, project: Project) -> FlowDiscoveryError:
    """The error with the place in the configuration, and the folder that was probably meant."""
    path, document = error.context.file_path or "", project.configuration.document
    listed = project.configuration.scan.paths or ()
    if document is None or path not in listed:
        return error
    meant = _near_path(project, path)
    hint = f": did you mean {meant!r}?" if meant else ""
    located = FlowDiscoveryError(
        f"{error.message}{hint}",
        error_code=ErrorCodes.SCAN_PATH_NOT_FOUND,
        context=document.place(("scan", "paths", listed.index(path))).extended(
            operation="discover", scan_path=path
        ),
    )
    return corrected(located, path, meant)


def _near_path(project: Project, path: str) -> str | None:
    """What stands where the path should and is called nearly so: the same kind, file or folder."""
    wanted = PurePosixPath(path)
    above = project.root / wanted.parent
    if not above.is_dir():
        return None
    is_file = wanted.suffix == ".py"
    there = [
        item.name
        for item in above.iterdir()
        if (item.suffix == ".py" if is_file else item.is_dir() and not item.name.startswith("."))
    ]
    found = nearest(wanted.name, there)
    return None if found is None else str(wanted.with_name(found))
