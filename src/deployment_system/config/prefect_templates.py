"""`{{ … }}` in a prefect.yaml.

What Prefect does while it deploys, and what is done here:

- `{{ $NAME }}` is the environment variable. Where it is not set, Prefect puts nothing in its place;
  here that is an error, because a tag or an address with a hole in it is never meant.
- `{{ NAME }}` is the environment variable too when one of that name is set, as in Prefect, but for
  steps: there it is only ever an output.
- `{{ step.output }}` and `{{ output }}` stay until the step has run. One that no step can give is an
  error, where Prefect puts nothing in its place. What names and times a deployment must be known before.
- `{{ prefect.blocks.… }}` and `{{ prefect.variables.… }}` in job variables: Prefect looks them up while
  it deploys and stores the value; here they stay, and the worker looks them up for each run, so that
  no secret is stored in a deployment. In build and push steps they are looked up when the step runs.
  Elsewhere only Prefect's own deploying could resolve them.
- `{{ ctx.… }}` in job variables stays for the worker, as in Prefect.
- In pull steps all else stays for the worker, if an earlier pull step can give it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from deployment_system.config.problems import dotted
from deployment_system.config.step_scope import Found, OutputReference, StepScope
from deployment_system.config.variables import VariableText
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes

PLACEHOLDER = re.compile(r"\{\{\s*([\w.\-\[\]$]+)\s*\}\}")
LOOKED_UP = ("prefect.blocks.", "prefect.variables.")


class Kind(Enum):
    """Where a text stands, which decides what happens to its references."""

    SETTING = auto()
    """Must be known before the steps run."""
    LATER_SETTING = auto()
    """May hold outputs of steps."""
    JOB_VARIABLE = auto()
    STEP = auto()
    """An input of a build or push step."""
    PULL_STEP = auto()


_WITHOUT_BARE_VARIABLES = (Kind.STEP, Kind.PULL_STEP)
_LOOKED_UP_IN = (Kind.JOB_VARIABLE, Kind.STEP, Kind.PULL_STEP)


@dataclass(slots=True)
class Templates:
    """Replaces the references in parts of one file, and collects what is wrong with them."""

    document: YamlDocument
    environ: Mapping[str, str]
    errors: list[ConfigurationError] = field(default_factory=list)
    scope: StepScope = field(default_factory=StepScope)
    """What the build and push steps give that have run at this point."""
    pull_scope: StepScope = field(default_factory=StepScope)
    """What the pull steps before this point give, on the worker."""
    references: list[OutputReference] = field(default_factory=list)
    """To outputs of steps, by their whole path in the document."""

    def replaced(self, value: Any, path: Where, kind: Kind) -> Any:
        """The value with its references replaced, deeply. Keys stay as they are."""
        if isinstance(value, dict):
            self._refuse_block_by_id(value, path, kind)
            return {key: self.replaced(item, (*path, key), kind) for key, item in value.items()}
        if isinstance(value, list):
            return [self.replaced(item, (*path, index), kind) for index, item in enumerate(value)]
        return self._text(value, path, kind) if isinstance(value, str) and "{{" in value else value

    def references_below(self, base: Where, *, under: Where = ()) -> tuple[OutputReference, ...]:
        """The references that stand below a path, with their way from there."""
        return tuple(
            replace(reference, where=(*under, *reference.where[len(base) :]))
            for reference in self.references
            if reference.where[: len(base)] == base
        )

    def _text(self, text: str, path: Where, kind: Kind) -> str:
        used: list[str] = []

        def value_of(found: re.Match[str]) -> str:
            name = found[1].lstrip("$")
            is_variable = found[1].startswith("$")
            if name in self.environ and (is_variable or kind not in _WITHOUT_BARE_VARIABLES):
                used.append(name)
                return self.environ[name]
            if not self._stays(found[0], found[1], path, kind):
                self.errors.append(self._problem(found[0], found[1], path, kind))
            return found[0]

        result = PLACEHOLDER.sub(value_of, text)
        return VariableText(result, source=text, variables=tuple(dict.fromkeys(used))) if used else result

    def _stays(self, text: str, name: str, path: Where, kind: Kind) -> bool:
        """Whether somebody replaces the reference later. One to a step's output is noted."""
        if name.startswith("$"):
            return kind is Kind.PULL_STEP
        if name.startswith(LOOKED_UP):
            return kind in _LOOKED_UP_IN
        if name.startswith("ctx."):
            return kind is Kind.JOB_VARIABLE
        found = self.scope.find(name)
        on_worker = self.pull_scope.find(name) if kind is Kind.PULL_STEP else Found.MISSING
        if kind is Kind.SETTING or found is on_worker is Found.MISSING:
            return False
        if found is not Found.MISSING:
            may_be_the_workers = found is Found.POSSIBLE and on_worker is not Found.MISSING
            place = self.document.place(path)
            self.references.append(OutputReference(name, text, path, may_be_the_workers, place))
        return True

    def _problem(self, reference: str, name: str, path: Where, kind: Kind) -> ConfigurationError:
        if name.startswith("$"):
            return self._not_set(name.lstrip("$"), path)
        if name.startswith(LOOKED_UP):
            what = "is not supported yet outside job variables and steps"
        elif name.startswith("ctx."):
            what = "is known only to the worker, which replaces it in job variables alone"
        elif self.scope.find(name) is not Found.MISSING:
            what = "is the output of a step, and this must be known before the steps run"
        else:
            return self._no_output(reference, name, path, kind)
        return self.document.error(
            f"{dotted(path)}: {reference} {what}",
            path,
            ErrorCodes.PREFECT_YAML_UNSUPPORTED,
            remediation=["Write the value itself, or an environment variable: {{ $NAME }}."],
        )

    def _no_output(self, reference: str, name: str, path: Where, kind: Kind) -> ConfigurationError:
        what, meant = self.scope.why_missing(name)
        known = self.scope.names
        if kind is Kind.PULL_STEP:
            on_worker, meant_there = self.pull_scope.why_missing(name)
            what, meant = (what, meant) if meant else (on_worker, meant_there)
            known = (*known, *self.pull_scope.names)
        if kind not in _WITHOUT_BARE_VARIABLES and name.isidentifier():
            what = f"{what}, nor is it an environment variable that is set"
        hint = f": did you mean {{{{ {meant} }}}}?" if meant else ""
        return self.document.error(
            f"{dotted(path)}: {reference} {what}{hint}",
            path,
            ErrorCodes.BUILD_STEP_OUTPUT_UNKNOWN,
            remediation=self._remedies(name, meant, tuple(dict.fromkeys(known))),
        )

    def _remedies(self, name: str, meant: str | None, known: tuple[str, ...]) -> list[str]:
        remedies = [f"Write {{{{ {meant} }}}}."] if meant else []
        if name in self.environ:
            remedies.append(f"Write {{{{ ${name} }}}} for the environment variable.")
        if known:
            remedies.append(f"Known at this point: {', '.join(known)}.")
        return remedies or ["No step runs before. Write the value itself, or {{ $NAME }}."]

    def _not_set(self, name: str, path: Where) -> ConfigurationError:
        return self.document.error(
            f"{dotted(path)} needs the environment variable {name}, which is not set",
            path,
            ErrorCodes.CONFIG_VARIABLE_NOT_SET,
            remediation=[f"Set it: export {name}=…"],
        )

    def _refuse_block_by_id(self, value: Mapping[str, Any], path: Where, kind: Kind) -> None:
        reference = value.get("$ref")
        if (
            kind in (Kind.SETTING, Kind.LATER_SETTING)
            and isinstance(reference, dict)
            and "block_document_id" in reference
        ):
            self.errors.append(
                self.document.error(
                    f"{dotted(path)} refers to a block by its id, which is not supported yet here",
                    path,
                    ErrorCodes.PREFECT_YAML_UNSUPPORTED,
                )
            )
