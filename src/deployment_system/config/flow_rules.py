"""What holds for one flow in one environment: every rule that fits it, merged key by key."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from deployment_system.config.models import (
    DEFAULT_DEPLOYMENT_NAME,
    ConcurrencyLimit,
    Configuration,
    FlowKeys,
    ImageSettings,
)
from deployment_system.config.schedule import Schedule
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ErrorContext

_WILDCARD = re.compile(r"[*?\[]")


class Places(Mapping[str, ErrorContext]):
    """Where settings stand: `schedules`, `schedules.0.cron`, `parameters.limit`. Worked out when asked,
    as hardly any is ever needed. A name that stands nowhere is a KeyError, `get` gives None."""

    def __init__(self, document: YamlDocument, origins: Mapping[str, Where]) -> None:
        self._document = document
        self._origins = origins

    def __getitem__(self, name: str) -> ErrorContext:
        path = self._path(name)
        if path is None:
            raise KeyError(name)
        return self._document.place(path)

    def key(self, name: str) -> ErrorContext | None:
        """Where the key itself stands, for errors about a name and not about its value."""
        path = self._path(name)
        return None if path is None else self._document.place(path, key=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)

    def _path(self, name: str) -> Where | None:
        """The origin of the longest known beginning of the name, and the rest as steps below it."""
        known, rest = name, ""
        while known not in self._origins:
            if not known:
                return None
            known, _, step = known.rpartition(".")
            rest = f"{step}.{rest}" if rest else step
        steps = [int(step) if step.isdecimal() else step for step in rest.split(".") if step]
        path = (*self._origins[known], *steps)
        return path if path in self._document.values else None


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """What is said of one flow for one environment. None: nothing is said."""

    types: tuple[str, ...] | None = None
    environments: tuple[str, ...] | None = None
    schedules: tuple[Schedule, ...] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str | None = None
    version: str | None = None
    concurrency_limit: ConcurrencyLimit | None = None
    work_pool: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    dockerfile: str | None = None
    image: ImageSettings = field(default_factory=ImageSettings)
    deployment_name: str = DEFAULT_DEPLOYMENT_NAME
    """Template of the deployment's name; `{flow}`, `{type}` and `{environment}` are its parts."""
    places: Places = field(default_factory=lambda: Places(YamlDocument(""), {}), compare=False, repr=False)
    rules: tuple[str, ...] = ()
    """The patterns that fit the flow, the most specific last."""


def flow_settings(
    configuration: Configuration,
    flow_name: str,
    environment_name: str,
) -> FlowSettings:
    """Merges the rules that fit `flow_name`, the least specific first; then, in the same order, what
    they override for the environment.

    A rule is more specific than another when it is the flow's name itself; else when more characters
    stand before its first wildcard; else when it has more characters that are no wildcard; else when
    it stands further down in the file. Later keys replace earlier ones, except that mappings are
    merged: parameters by their names, job variables at every depth.
    """
    merged: dict[str, Any] = {"deployment_name": configuration.deployment_name}
    origins: dict[str, Where] = {}
    fitting = matching_rules(configuration, flow_name)
    for path, keys in _layers(configuration, fitting, environment_name):
        _merge(merged, origins, keys, path)
    places = Places(configuration.document or YamlDocument(""), origins)
    return FlowSettings(**merged, places=places, rules=tuple(fitting))


def matching_rules(configuration: Configuration, flow_name: str) -> list[str]:
    """The patterns that fit the flow's name, the least specific first."""
    order = {pattern: index for index, pattern in enumerate(configuration.flows)}
    fitting = [pattern for pattern in order if pattern == flow_name or fnmatchcase(flow_name, pattern)]
    return sorted(fitting, key=lambda pattern: (_specificity(pattern, flow_name), order[pattern]))


def _specificity(pattern: str, flow_name: str) -> tuple[bool, int, int]:
    first = _WILDCARD.search(pattern)
    literal = len(re.sub(r"\[[^\]]*\]|[*?]", "", pattern))
    return (pattern == flow_name, first.start() if first else len(pattern), literal)


def _layers(
    configuration: Configuration, patterns: Sequence[str], environment_name: str
) -> Iterator[tuple[Where, FlowKeys]]:
    for pattern in patterns:
        yield ("flows", pattern), configuration.flows[pattern]
    for pattern in patterns:
        override = configuration.flows[pattern].overrides.get(environment_name)
        if override is not None:
            yield ("flows", pattern, "overrides", environment_name), override


def _merge(merged: dict[str, Any], origins: dict[str, Where], keys: FlowKeys, path: Where) -> None:
    for name in FlowKeys.model_fields:
        value = getattr(keys, name)
        if value is None:
            continue
        if name == "parameters":
            value = {**merged.get(name, {}), **value}
        elif name == "image":
            value = merged_image(merged.get(name, ImageSettings()), value)
        elif name == "job_variables":
            value = merged_mappings(merged.get(name, {}), value)
        merged[name] = value
        _note_origins(origins, name, getattr(keys, name), (*path, name))


def merged_image(below: ImageSettings, above: ImageSettings) -> ImageSettings:
    """Both, key by key; arguments and secrets by their names. Where they disagree, `above` holds."""
    said = {name: getattr(above, name) for name in above.model_fields_set}
    for name in ("build_args", "secrets"):
        said[name] = {**getattr(below, name), **said.get(name, {})}
    return below.model_copy(update=said)


def _note_origins(origins: dict[str, Where], name: str, value: Any, path: Where) -> None:
    origins[name] = path
    if isinstance(value, Mapping):
        for key, item in value.items():
            _note_origins(origins, f"{name}.{key}", item, (*path, key))


def merged_mappings(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, mapping in mapping; where they disagree, `above` holds."""
    merged = dict(below)
    for key, value in above.items():
        there = merged.get(key)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        merged[key] = merged_mappings(there, value) if both else value  # type: ignore[arg-type]
    return merged
