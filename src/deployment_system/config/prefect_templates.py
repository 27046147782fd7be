"""`{{ … }}` in a prefect.yaml.

What Prefect does while it deploys, and what is done here:

- `{{ $NAME }}` is the environment variable. Where it is not set, Prefect puts nothing in its place;
  here that is an error, because a tag or an address with a hole in it is never meant.
- `{{ NAME }}` is the environment variable too when one of that name is set, as in Prefect.
- `{{ prefect.blocks.… }}` and `{{ prefect.variables.… }}` in job variables: Prefect looks them up while
  it deploys and stores the value; here they stay, and the worker looks them up for each run, so that
  no secret is stored in a deployment. Elsewhere only Prefect's own deploying could resolve them.
- `{{ ctx.… }}` in job variables stays for the worker, as in Prefect.
- In pull steps everything stays for the worker except the variables that are set, as in Prefect.
- Any other reference is to the output of a build or push step.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from deployment_system.config.problems import dotted
from deployment_system.config.variables import VariableText
from deployment_system.config.yaml_source import Where, YamlDocument
from deployment_system.error_handling import ConfigurationError, ErrorCodes

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.\-\[\]$]+)\s*\}\}")
_LOOKED_UP = ("prefect.blocks.", "prefect.variables.")


class Kind(Enum):
    """Where a text stands, which decides what happens to its references."""

    SETTING = auto()
    JOB_VARIABLE = auto()
    PULL_STEP = auto()


@dataclass(slots=True)
class Templates:
    """Replaces the references in parts of one file, and collects what is wrong with them."""

    document: YamlDocument
    environ: Mapping[str, str]
    errors: list[ConfigurationError] = field(default_factory=list)

    def replaced(self, value: Any, path: Where, kind: Kind) -> Any:
        """The value with its references replaced, deeply. Keys stay as they are."""
        if isinstance(value, dict):
            self._refuse_block_by_id(value, path, kind)
            return {key: self.replaced(item, (*path, key), kind) for key, item in value.items()}
        if isinstance(value, list):
            return [self.replaced(item, (*path, index), kind) for index, item in enumerate(value)]
        return self._text(value, path, kind) if isinstance(value, str) and "{{" in value else value

    def _text(self, text: str, path: Where, kind: Kind) -> str:
        used: list[str] = []

        def value_of(found: re.Match[str]) -> str:
            name = found[1].lstrip("$")
            is_variable = found[1].startswith("$")
            if name in self.environ and (is_variable or kind is not Kind.PULL_STEP):
                used.append(name)
                return self.environ[name]
            if not _left_for_the_worker(found[1], kind):
                self.errors.append(self._problem(found[0], found[1], path))
            return found[0]

        result = _PLACEHOLDER.sub(value_of, text)
        return VariableText(result, source=text, variables=tuple(dict.fromkeys(used))) if used else result

    def _problem(self, reference: str, name: str, path: Where) -> ConfigurationError:
        if name.startswith("$"):
            return self._not_set(name.lstrip("$"), path)
        if name.startswith(_LOOKED_UP):
            what = "is not supported yet outside job variables and pull steps"
        elif name.startswith("ctx."):
            what = "is known only to the worker, which replaces it in job variables alone"
        else:
            what = (
                "is no environment variable that is set; outputs of build and push steps are not supported "
                "yet: they come with container deployments"
            )
        return self.document.error(
            f"{dotted(path)}: {reference} {what}",
            path,
            ErrorCodes.PREFECT_YAML_UNSUPPORTED,
            remediation=["Write the value itself, or an environment variable: {{ $NAME }}."],
        )

    def _not_set(self, name: str, path: Where) -> ConfigurationError:
        return self.document.error(
            f"{dotted(path)} needs the environment variable {name}, which is not set",
            path,
            ErrorCodes.CONFIG_VARIABLE_NOT_SET,
            remediation=[f"Set it: export {name}=…"],
        )

    def _refuse_block_by_id(self, value: Mapping[str, Any], path: Where, kind: Kind) -> None:
        reference = value.get("$ref")
        if kind is Kind.SETTING and isinstance(reference, dict) and "block_document_id" in reference:
            self.errors.append(
                self.document.error(
                    f"{dotted(path)} refers to a block by its id, which is not supported yet here",
                    path,
                    ErrorCodes.PREFECT_YAML_UNSUPPORTED,
                )
            )


def _left_for_the_worker(name: str, kind: Kind) -> bool:
    if kind is Kind.PULL_STEP:
        return True
    return kind is Kind.JOB_VARIABLE and name.startswith((*_LOOKED_UP, "ctx."))
