"""From the folder where a command starts to the configuration that holds there."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deployment_system.config.channel_urls import ROUTES, channel_warnings, secret_places
from deployment_system.config.models import (
    DEFAULT_ENVIRONMENT,
    Configuration,
    standard_environments,
)
from deployment_system.config.problems import as_errors, dotted, nearest, unresolved, value_at
from deployment_system.config.scalars import Dialect
from deployment_system.config.substitution import substitute_all
from deployment_system.config.yaml_source import Where, YamlDocument, read_yaml_file
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext, ErrorSeverity

CONFIGURATION_FILE = "deployment-config.yaml"
ENVIRONMENT_VARIABLE = "DEPLOYMENT_ENV"
DEFAULT_FLOWS_FOLDER = "flows"


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """What was found: a configuration, or the errors that kept it from being one."""

    root: Path
    """The folder that paths are relative to: the file's, or the one that the search started in."""
    file: Path | None
    """None: there is none, and defaults hold."""
    configuration: Configuration | None
    """None where there are errors."""
    environment_name: str
    errors: tuple[ConfigurationError, ...] = ()
    warnings: tuple[ConfigurationError, ...] = ()
    document: YamlDocument = field(default_factory=lambda: YamlDocument(CONFIGURATION_FILE), repr=False)
    """The file's text and places, for messages about its values."""

    def place(self, *path: str | int) -> ErrorContext:
        """Where a value stands: `place("environments", "production", "prefect_api_url")`."""
        return self.document.place(path)


def load_configuration(
    start: Path,
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str],
    environment: str | None = None,
    sections: Collection[str] | None = None,
) -> LoadedConfiguration:
    """Finds, reads and checks the configuration; with `sections`, those of its top-level keys alone.

    Without `config_file`, deployment-config.yaml is looked for in `start` and the folders above it, as
    far as the repository (a folder with `.git`) or the file system goes. The active environment is
    `environment`, else DEPLOYMENT_ENV, else the file's default_environment, else `development`.
    Nothing is raised: what is wrong stands in `errors`, in the order of the file's lines.
    """
    asked = environment or environ.get(ENVIRONMENT_VARIABLE) or None
    file = start / config_file if config_file is not None else find_configuration(start)
    if file is None:
        return _without_file(start, asked)
    root = file.parent
    reading = read_yaml_file(file, shown_as=file.name, dialect=Dialect.YAML_1_2)
    document = reading.document.hiding(secret_places(reading.document))
    if reading.errors and document.data is None:
        name = asked or DEFAULT_ENVIRONMENT
        return LoadedConfiguration(root, file, None, name, _in_order(reading.errors), document=document)
    return _from_document(document, file, environ, asked, reading.errors, sections)


def scan_paths(configuration: Configuration, root: Path) -> tuple[str, ...]:
    """Where flows are looked for, relative to the root; nothing: everywhere."""
    if configuration.scan.paths is not None:
        return tuple(configuration.scan.paths)
    return (DEFAULT_FLOWS_FOLDER,) if (root / DEFAULT_FLOWS_FOLDER).is_dir() else ()


def find_configuration(start: Path) -> Path | None:
    """The nearest deployment-config.yaml at or above `start`, inside the repository."""
    for folder in _upward(start):
        if (folder / CONFIGURATION_FILE).exists() or (folder / CONFIGURATION_FILE).is_symlink():
            return folder / CONFIGURATION_FILE
    return None


def _upward(start: Path) -> Iterator[Path]:
    for folder in (start, *start.absolute().parents):
        yield folder
        if (folder / ".git").exists():
            return


def _without_file(start: Path, asked: str | None) -> LoadedConfiguration:
    known = standard_environments()
    name = asked or DEFAULT_ENVIRONMENT
    folder = start.absolute().name
    configuration = Configuration(project=folder or "project", environments=dict(known))
    warning = ConfigurationError(
        f"there is no {CONFIGURATION_FILE} in {folder or start} or above it: defaults are used",
        error_code=ErrorCodes.CONFIG_FILE_NOT_FOUND,
        severity=ErrorSeverity.LOW,
        context=ErrorContext(file_path=CONFIGURATION_FILE),
        remediation=["Run `deployment-cli init`, which writes one with every default and its explanation."],
    )
    if name in known:
        return LoadedConfiguration(start, None, configuration, name, (), (warning,))
    error = _not_configured(name, known, YamlDocument(CONFIGURATION_FILE), asked)
    return LoadedConfiguration(start, None, None, name, (error,), (warning,))


def _from_document(
    document: YamlDocument,
    file: Path,
    environ: Mapping[str, str],
    asked: str | None,
    before: tuple[ConfigurationError, ...],
    sections: Collection[str] | None,
) -> LoadedConfiguration:
    root = file.parent
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        error = document.error(
            f"{document.shown_as} must hold a mapping (key: value) at its top, not {_kind(data)}",
            (),
            ErrorCodes.CONFIG_INVALID_FORMAT,
        )
        name = asked or DEFAULT_ENVIRONMENT
        return LoadedConfiguration(root, file, None, name, (*before, error), document=document)
    if sections is not None:
        data = {key: value for key, value in data.items() if key in sections}
    substituted = substitute_all(document, data, environ, lambda found: _active(found, asked))
    errors = [*before, *substituted.errors]
    configuration = _validated(document, substituted.data, root, errors)
    name = substituted.environment_name
    known = _environment_names(substituted.data)
    if name not in known:
        errors.append(_not_configured(name, known, document, asked))
    errors.extend(_unknown_environments(document, substituted.data, known))
    warnings = channel_warnings(document, configuration.notifications, name) if configuration else ()
    return LoadedConfiguration(
        root,
        file,
        None if errors else configuration,
        name,
        _in_order(errors),
        tuple(warnings),
        document=document,
    )


def _active(default_environment: Any, asked: str | None) -> str:
    if asked:
        return asked
    if isinstance(default_environment, str) and default_environment.strip():
        return str(default_environment)
    return DEFAULT_ENVIRONMENT


def _validated(
    document: YamlDocument, data: dict[str, Any], root: Path, errors: list[ConfigurationError]
) -> Configuration | None:
    try:
        return _with_defaults(Configuration.model_validate(data), root).read_from(document)
    except ValidationError as found:
        open_paths = unresolved(found, data)
        if open_paths:
            return _validated(document, _without(data, open_paths), root, errors)
        errors.extend(as_errors(found, document, data, Configuration))
        return None


def _with_defaults(configuration: Configuration, root: Path) -> Configuration:
    changes: dict[str, Any] = {}
    if "project" not in configuration.model_fields_set:
        changes["project"] = root.absolute().name or "project"
    if not configuration.environments:
        changes["environments"] = dict(standard_environments())
    return configuration.model_copy(update=changes) if changes else configuration


def _without(data: Any, paths: list[Where], here: Where = ()) -> Any:
    """The data without what stands at the paths."""
    if isinstance(data, dict):
        kept = {key: value for key, value in data.items() if (*here, key) not in paths}
        return {key: _without(value, paths, (*here, key)) for key, value in kept.items()}
    if isinstance(data, list):
        return [
            _without(value, paths, (*here, index))
            for index, value in enumerate(data)
            if (*here, index) not in paths
        ]
    return data


def _environment_names(data: Mapping[str, Any]) -> tuple[str, ...]:
    environments = data.get("environments")
    if isinstance(environments, dict) and environments:
        return tuple(environments)
    return tuple(standard_environments())


def _not_configured(
    name: str, known: Any, document: YamlDocument, asked: str | None = None
) -> ConfigurationError:
    meant = nearest(name, known)
    said = ("default_environment",)
    path: Where = said if not asked and said in document.values else ("environments",)
    hint = f": did you mean {meant!r}?" if meant else f"; configured are {', '.join(sorted(known))}"
    error = document.error(
        f"the environment {name!r} is not configured{hint}",
        path,
        ErrorCodes.ENVIRONMENT_NOT_CONFIGURED,
        key=bool(asked),
        remediation=[
            f"Use one of: {', '.join(sorted(known))}.",
            f"Or add {name!r} under `environments:` in {document.shown_as}.",
        ],
    )
    correction = document.correction(path, meant) if meant and path == said else None
    return error.with_context(environment=name, nearest=meant, correction=correction)


def _unknown_environments(
    document: YamlDocument, data: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[ConfigurationError]:
    """Environments that flows and routes of notifications name and that are not configured."""
    routes = value_at(data, ROUTES)
    for route, rule in (routes if isinstance(routes, dict) else {}).items():
        if isinstance(rule, dict):
            yield from _unknown_in_rule(document, (*ROUTES, route), rule, known)
    flows = data.get("flows")
    for flow, rule in (flows if isinstance(flows, dict) else {}).items():
        if not isinstance(rule, dict):
            continue
        yield from _unknown_in_rule(document, ("flows", flow), rule, known)
        overrides = rule.get("overrides")
        for name, keys in (overrides if isinstance(overrides, dict) else {}).items():
            path: Where = ("flows", flow, "overrides", name)
            if name not in known:
                yield _names_unknown(document, path, name, known, key=True)
            if isinstance(keys, dict):
                yield from _unknown_in_rule(document, path, keys, known)


def _unknown_in_rule(
    document: YamlDocument, path: Where, rule: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[ConfigurationError]:
    listed = value_at(rule, ("environments",))
    for index, name in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(name, str) and name not in known:
            yield _names_unknown(document, (*path, "environments", index), name, known)


def _names_unknown(
    document: YamlDocument, path: Where, name: str, known: tuple[str, ...], *, key: bool = False
) -> ConfigurationError:
    meant = nearest(name, known)
    hint = f": did you mean {meant!r}?" if meant else f"; configured are {', '.join(known)}"
    where = dotted(path[:-1])
    error = document.error(
        f"{where} names the environment {name!r}, which is not configured{hint}",
        path,
        ErrorCodes.ENVIRONMENT_NOT_CONFIGURED,
        key=key,
        remediation=[f"Write one of: {', '.join(known)}; or add {name!r} under `environments:`."],
    )
    correction = document.correction(path, meant, key=key) if meant else None
    return error.with_context(nearest=meant, correction=correction)


def _kind(data: Any) -> str:
    return "a list" if isinstance(data, list) else "a single value"


def _in_order(errors: Any) -> tuple[ConfigurationError, ...]:
    return tuple(
        sorted(errors, key=lambda error: (error.context.line_number or 0, error.context.column or 0))
    )
