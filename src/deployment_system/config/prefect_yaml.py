"""An existing prefect.yaml, read so that `prefect deploy --all` and this system deploy the same.

Read as Prefect 3.8.8 does (YAML 1.1 scalars, anchors and merge keys, `{{ … }}`), with these differences,
each on the side of caution: a duplicate key, an unknown key inside a deployment, a variable that is not
set and a text where a list of tags belongs are errors, where Prefect ignores the first two, leaves a
hole for the third and makes one tag of every letter of the fourth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deployment_system.config.flow_rules import Places
from deployment_system.config.models import ConcurrencyLimit
from deployment_system.config.prefect_models import SUPPORTED_LATER, PrefectKeys
from deployment_system.config.prefect_templates import Kind, Templates
from deployment_system.config.problems import as_errors, nearest, unknown_key
from deployment_system.config.scalars import Dialect
from deployment_system.config.schedule import Schedule
from deployment_system.config.value_types import settled
from deployment_system.config.yaml_source import Where, YamlDocument, read_yaml_file
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext, ErrorSeverity

PREFECT_FILE = "prefect.yaml"
DEFAULT_POOL_VARIABLES = ("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "PREFECT_DEFAULT_WORK_POOL_NAME")

_READ_AT_TOP = ("name", "prefect-version", "build", "push", "pull", "deployments")
_FOR_ANCHORS = ("definitions",)
_MISSPELT = 0.75


@dataclass(frozen=True, slots=True)
class PrefectDeployment:
    """One deployment, as its file says it. None: not said."""

    name: str
    entrypoint: str
    flow_name: str | None = None
    """Prefect ignores it: a deployment belongs to the flow that the entrypoint names."""
    schedules: tuple[Schedule, ...] | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    description: str | None = None
    version: str | None = None
    concurrency_limit: ConcurrencyLimit | None = None
    enforce_parameter_schema: bool | None = None
    paused: bool | None = None
    pull_steps: tuple[Mapping[str, Any], ...] | None = None
    """(): none on purpose. None: not said; Prefect then sets the working directory to the folder of the
    prefect.yaml (to /opt/prefect where the job variables name an image)."""
    place: ErrorContext = field(default_factory=ErrorContext, compare=False, repr=False)
    places: Places = field(default_factory=lambda: Places(YamlDocument(""), {}), compare=False, repr=False)
    """Where its keys stand: `schedules.0.cron`, `work_pool.name`, `parameters.limit`."""


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
        return PrefectProject(file, errors=(_wrong_shape(document, (), "a mapping (key: value)"),))
    errors, warnings = _top_level_keys(document, data)
    listed = data.get("deployments") or []
    if not isinstance(listed, list):
        errors.append(_wrong_shape(document, ("deployments",), "a list of deployments"))
        listed = []
    deployments: dict[tuple[str, str], PrefectDeployment] = {}
    for index, item in enumerate(listed):
        read = _Deployment(document, data, index, environ)
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
        tuple(sorted(errors, key=_line)),
        tuple(warnings),
        name if isinstance(name, str) else None,
    )


def _line(error: ConfigurationError) -> tuple[int, int]:
    return (error.context.line_number or 0, error.context.column or 0)


def _wrong_shape(document: YamlDocument, path: Where, wanted: str) -> ConfigurationError:
    what = ".".join(str(part) for part in path) or document.shown_as
    return document.error(f"{what} must be {wanted}", path, ErrorCodes.CONFIG_INVALID_FORMAT)


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


class _Deployment:
    """Reads one entry of `deployments`."""

    def __init__(
        self, document: YamlDocument, top: Mapping[str, Any], index: int, environ: Mapping[str, str]
    ) -> None:
        self.document = document
        self.top = top
        self.path: Where = ("deployments", index)
        self.environ = environ
        self.name: str | None = None
        self.templates = Templates(document, environ)
        self.errors = self.templates.errors

    def checked(self, item: Any) -> PrefectDeployment | None:
        """The deployment; None where `errors` say why not."""
        if not isinstance(item, dict):
            self.errors.append(_wrong_shape(self.document, self.path, "a mapping (key: value)"))
            return None
        self.name = item["name"] if isinstance(item.get("name"), str) else None
        self._refuse_what_comes_later(item)
        pull_steps = self._pull_steps(item)
        keys = self._validated(self._settings(item))
        if keys is None:
            return None
        self.name = keys.name
        return self._deployment(keys, pull_steps)

    def _settings(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The keys that the model checks, with their templates replaced."""
        settings = {}
        for key, value in item.items():
            if key == "pull" or key in SUPPORTED_LATER:
                continue
            path = (*self.path, key)
            if key == "work_pool" and isinstance(value, dict):
                settings[key] = {
                    name: self.templates.replaced(
                        part, (*path, name), Kind.JOB_VARIABLE if name == "job_variables" else Kind.SETTING
                    )
                    for name, part in value.items()
                }
            else:
                settings[key] = self.templates.replaced(value, path, Kind.SETTING)
        return settings

    def _validated(self, settings: dict[str, Any]) -> PrefectKeys | None:
        try:
            return PrefectKeys.model_validate(settings)
        except ValidationError as found:
            already = {_line(error) for error in self.errors}
            more = as_errors(
                found,
                self.document,
                settings,
                PrefectKeys,
                below=self.path,
                also_known=("pull", *SUPPORTED_LATER),
            )
            self.errors.extend(error for error in more if _line(error) not in already)
            return None

    def _refuse_what_comes_later(self, item: Mapping[str, Any]) -> None:
        for key in SUPPORTED_LATER:
            path, value = (*self.path, key), item.get(key)
            if key in ("build", "push") and self._falls_back(item, key):
                path, value = (key,), self.top.get(key)
            if value:
                self.errors.append(self._comes_later(key, path))

    def _falls_back(self, item: Mapping[str, Any], key: str) -> bool:
        """Whether the steps at the top of the file hold. Prefect runs the global push steps of a
        deployment also where it says `push: null` or `push: []`, unlike build steps."""
        return key not in item if key == "build" else not item.get(key)

    def _comes_later(self, key: str, path: Where) -> ConfigurationError:
        whose = "" if len(path) > 1 else ", given at the top of the file,"
        if key in ("build", "push"):
            what = f"{key} steps{whose} are not supported yet: they come with container deployments"
        else:
            what = f"{key} is not supported yet: it comes with a later version"
        name = self.name or "NAME"
        return self.document.error(
            f"the deployment {name!r}: {what}",
            path,
            ErrorCodes.PREFECT_YAML_UNSUPPORTED,
            key=True,
            remediation=[
                f"Deploy it with `prefect deploy --name {name}` as before, or remove `{key}` from it."
            ],
        )

    def _pull_steps(self, item: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...] | None:
        """The deployment's pull steps, else the file's. A single step may stand without a list."""
        path: Where = (*self.path, "pull")
        steps = item.get("pull")
        if not steps and steps != []:
            path, steps = ("pull",), self.top.get("pull")
        if isinstance(steps, dict):
            steps = [steps] if steps else None
        if steps is None:
            return None
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            self.errors.append(_wrong_shape(self.document, path, "a list of steps, each a mapping"))
            return None
        replaced: list[dict[str, Any]] = settled(self.templates.replaced(steps, path, Kind.PULL_STEP))
        return tuple(step for step in replaced if step)

    def _deployment(
        self, keys: PrefectKeys, pull_steps: tuple[Mapping[str, Any], ...] | None
    ) -> PrefectDeployment:
        pool = keys.work_pool
        defaults = (self.environ.get(name) for name in DEFAULT_POOL_VARIABLES)
        return PrefectDeployment(
            name=keys.name,
            entrypoint=keys.entrypoint,
            flow_name=keys.flow_name or None,
            schedules=keys.all_schedules,
            work_pool_name=pool.name or next((name for name in defaults if name), None),
            work_queue_name=pool.work_queue_name,
            job_variables=pool.job_variables,
            parameters=keys.parameters,
            tags=keys.tags,
            description=keys.description or None,
            version=keys.version or None,
            concurrency_limit=keys.concurrency_limit,
            enforce_parameter_schema=keys.enforce_parameter_schema,
            paused=keys.paused,
            pull_steps=pull_steps,
            place=self.document.place((*self.path, "name")),
            places=Places(self.document, {"": self.path}),
        )


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
