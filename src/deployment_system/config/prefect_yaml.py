"""An existing prefect.yaml, read so that `prefect deploy --all` and this system deploy the same.

Read as Prefect 3.8.8 does (YAML 1.1 scalars, anchors and merge keys, `{{ … }}`), with these differences,
each on the side of caution: a duplicate key, an unknown key inside a deployment, a variable that is not
set, a reference to an output that no step gives and a text where a list of tags belongs are errors, where
Prefect ignores the first two, leaves a hole for the next two and makes one tag of every letter of the
last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment_system.config.prefect_deployment import (
    DeploymentReader,
    PrefectDeployment,
    line_of,
    wrong_shape,
)
from deployment_system.config.problems import nearest, unknown_key
from deployment_system.config.scalars import Dialect
from deployment_system.config.yaml_source import YamlDocument, read_yaml_file
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorSeverity

PREFECT_FILE = "prefect.yaml"

_READ_AT_TOP = ("name", "prefect-version", "build", "push", "pull", "deployments")
_FOR_ANCHORS = ("definitions",)
_MISSPELT = 0.75


@dataclass(frozen=True, slots=True)
class PrefectProject:
    """A prefect.yaml: the deployments that are valid, and what is wrong with the others."""

    file: Path
    deployments: tuple[PrefectDeployment, ...] = ()
    errors: tuple[ConfigurationError, ...] = ()
    """Those of one deployment have its name in their context (`deployments[2]` where it has none), those
    of the whole file have none."""
    warnings: tuple[ConfigurationError, ...] = ()
    name: str | None = None


def load_prefect_yaml(root: Path, *, environ: Mapping[str, str]) -> PrefectProject | None:
    """Reads prefect.yaml in `root`; None where there is none. Nothing is raised."""
    file = root / PREFECT_FILE
    if not file.exists() and not file.is_symlink():
        return None
    reading = read_yaml_file(file, shown_as=PREFECT_FILE, dialect=Dialect.YAML_1_1)
    if reading.errors:
        return PrefectProject(file, errors=reading.errors)
    return _project(file, reading.document, environ)


def _project(file: Path, document: YamlDocument, environ: Mapping[str, str]) -> PrefectProject:
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        return PrefectProject(file, errors=(wrong_shape(document, (), "a mapping (key: value)"),))
    errors, warnings = _top_level_keys(document, data)
    listed = data.get("deployments") or []
    if not isinstance(listed, list):
        errors.append(wrong_shape(document, ("deployments",), "a list of deployments"))
        listed = []
    deployments: dict[tuple[str, str], PrefectDeployment] = {}
    for index, item in enumerate(listed):
        read = DeploymentReader(document, data, index, environ)
        deployment = read.checked(item)
        if deployment is not None:
            identity = (deployment.name, deployment.entrypoint)
            if identity in deployments:
                read.errors.append(_given_before(document, deployment, index, deployments[identity]))
            elif not read.errors:
                deployments[identity] = deployment
        called = read.name or f"deployments[{index}]"
        errors.extend(error.with_context(deployment_name=called) for error in read.errors)
    name = data.get("name")
    return PrefectProject(
        file,
        tuple(deployments.values()),
        tuple(sorted(errors, key=line_of)),
        tuple(warnings),
        name if isinstance(name, str) else None,
    )


def _top_level_keys(
    document: YamlDocument, data: Mapping[str, Any]
) -> tuple[list[ConfigurationError], list[ConfigurationError]]:
    """Prefect ignores unknown keys at the top, and people keep anchors there. So only what looks like a
    misspelling is an error, and the rest a hint."""
    errors, warnings = [], []
    for key in data:
        if key in (*_READ_AT_TOP, *_FOR_ANCHORS) or key.startswith(("x-", ".", "_")):
            continue
        if nearest(key, _READ_AT_TOP, cutoff=_MISSPELT):
            errors.append(unknown_key(document, (key,), _READ_AT_TOP))
            continue
        warnings.append(
            document.error(
                f"the key {key!r} is read neither by Prefect nor here",
                (key,),
                ErrorCodes.CONFIG_UNKNOWN_KEY,
                key=True,
                severity=ErrorSeverity.LOW,
                remediation=["Keep what is only referred to by anchors under `definitions:`, or remove it."],
            )
        )
    return errors, warnings


def _given_before(
    document: YamlDocument, deployment: PrefectDeployment, index: int, first: PrefectDeployment
) -> ConfigurationError:
    return document.error(
        f"the deployment {deployment.name!r} of {deployment.entrypoint} is given twice, "
        f"first in line {first.place.line_number}",
        ("deployments", index, "name"),
        ErrorCodes.DEPLOYMENT_NAME_DUPLICATE,
        remediation=["Give one of the two another name, or remove it."],
    )
