"""Alert rules for Prometheus, made from the metrics and from the registry of codes: neither can drift.

What is told by a time ("it last ended so at …") also fires for who is seldom scraped, or only pushes; what is
told by a counter fires when it has risen, or is new since the last quarter of an hour.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from deployment_system.error_handling import REGISTRY, ErrorCodes
from deployment_system.monitoring.metrics import (
    CIRCUIT_CHANGES,
    DEPENDENCY_UP,
    DEPLOYMENTS,
    ERRORS,
    FLOWS,
    GIVE_UPS,
    LAST_TRANSACTION,
    LOCKS,
    OPEN_TRANSACTIONS,
    RECOVERIES,
    STATE_UP,
    UNFINISHED_TRANSACTIONS,
    Metric,
)

GROUP = "deployment_system"
DEFAULT_DOCS_URL = "docs"
"""Where the documentation lies: a folder of the repository, until somebody says an address."""
CRITICAL, WARNING = "critical", "warning"
_RECENT_SECONDS = 900
_WINDOW = "15m"
_WIDE = 4096


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. `lasting`: how long it must be so; `code`: the error whose page says more."""

    name: str
    expression: str
    severity: str
    code: ErrorCodes
    summary: str
    lasting: str = "0m"
    remedy: str = ""
    """What to do first, before what the registry says."""
    code_label: bool = False
    """The page is that of the code in the alert's own label."""

    def to_rule(self, docs_url: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        page = "{{ $labels.code | toLower }}" if self.code_label else self.code.lower()
        entry = REGISTRY[self.code]
        remedies = [self.remedy, *(() if self.code_label else (remedy.text for remedy in entry.remedies))]
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "remedy": " ".join(filter(None, remedies)),
                "runbook_url": f"{docs_url.rstrip('/')}/errors/README.md#{page}",
            },
        }


def selected(metric: Metric, **labels: str) -> str:
    """A selector of PromQL. Raises KeyError for a label that the metric does not have, and ValueError for a
    value that it cannot have."""
    for label, value in labels.items():
        known = metric.labels[label]
        if known is not None and not set(value.removeprefix("~").split("|")) <= set(known):
            raise ValueError(f"{metric.name} has no {label} {value!r}")
    conditions = [
        f'{label}=~"{value[1:]}"' if value.startswith("~") else f'{label}="{value}"'
        for label, value in labels.items()
    ]
    return f"{metric.name}{{{','.join(conditions)}}}" if conditions else metric.name


def recent(metric: Metric, **labels: str) -> str:
    """A moment that is less than a quarter of an hour ago."""
    return f"time() - {selected(metric, **labels)} < {_RECENT_SECONDS}"


def risen(metric: Metric, **labels: str) -> str:
    """A counter that has risen, or was not there when its source was there already: the first error of its
    kind makes a series that begins with 1, which `increase` does not see."""
    chosen = selected(metric, **labels)
    new = f"({chosen} unless {chosen} offset {_WINDOW})"
    was_there = f"on (job, instance) {STATE_UP.name} offset {_WINDOW}"
    return f"increase({chosen}[{_WINDOW}]) > 0 or ({new} and {was_there})"


def _down(dependency: str) -> str:
    return f"{selected(DEPENDENCY_UP, dependency=dependency)} == 0"


_HERE = "{{ $labels.environment }}"

ALERTS = (
    Alert(
        "DeploymentRolledBack",
        recent(LAST_TRANSACTION, outcome="rolled_back"),
        WARNING,
        ErrorCodes.DEPLOYMENT_FAILED,
        f"A change to {_HERE} was put back",
        remedy="`deployment-cli recovery list` shows which, `deployment-cli error show` tells why.",
    ),
    Alert(
        "DeploymentNotPutBack",
        f"{selected(UNFINISHED_TRANSACTIONS)} > 0",
        CRITICAL,
        ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED,
        f"{{{{ $value }}}} transaction(s) in {_HERE} are half done, and nobody works on them",
        lasting="2m",
        remedy="`deployment-cli recovery list` shows them, `deployment-cli recovery execute` puts them back.",
    ),
    Alert(
        "DeploymentHangs",
        f"{selected(OPEN_TRANSACTIONS)} > 0",
        WARNING,
        ErrorCodes.LOCK_HELD,
        f"A deployment to {_HERE} has been running for more than an hour",
        lasting="1h",
        remedy="`deployment-cli lock show` says who it is.",
    ),
    Alert(
        "DeploymentLockForgotten",
        f"{selected(LOCKS, holder='person')} > 0",
        WARNING,
        ErrorCodes.LOCK_HELD,
        f"Somebody has kept everybody from deploying to {_HERE} for more than eight hours",
        lasting="8h",
        remedy="`deployment-cli lock show` says who; `deployment-cli lock release` gives it back.",
    ),
    Alert(
        "DeploymentsOutOfSync",
        f"{selected(DEPLOYMENTS, state='out_of_sync')} > 0",
        WARNING,
        ErrorCodes.PLAN_OUTDATED,
        f"{{{{ $value }}}} deployment(s) in {_HERE} are not as the repository declares",
        lasting="1h",
        remedy="`deployment-cli status` names them, `deployment-cli deploy` makes them as declared.",
    ),
    Alert(
        "FlowsInvalid",
        f"{selected(FLOWS, state='invalid')} > 0",
        WARNING,
        ErrorCodes.VALIDATION_FAILED,
        f"{{{{ $value }}}} flow(s) are invalid in {_HERE}, and left out of deployments",
        lasting="1h",
        remedy="`deployment-cli validate` names file and line.",
    ),
    Alert(
        "CriticalError",
        risen(ERRORS, severity="critical"),
        CRITICAL,
        ErrorCodes.STATE_DAMAGED,
        f"{{{{ $labels.code }}}} happened in {_HERE}",
        remedy="`deployment-cli error show` tells what happened, `deployment-cli explain "
        "{{ $labels.code }}` what to do.",
        code_label=True,
    ),
    Alert(
        "DeploymentStateUnreadable",
        f"{selected(STATE_UP)} == 0",
        CRITICAL,
        ErrorCodes.STATE_UNUSABLE,
        "The state of deployments cannot be read: nothing can be deployed or put back",
        lasting="2m",
        remedy="`deployment-cli doctor` says why.",
    ),
    Alert(
        "PrefectServerAway",
        _down("prefect"),
        CRITICAL,
        ErrorCodes.PREFECT_API_UNAVAILABLE,
        "The Prefect server does not answer",
        lasting="2m",
    ),
    Alert(
        "DockerEngineAway",
        _down("docker"),
        WARNING,
        ErrorCodes.DOCKER_DAEMON_UNAVAILABLE,
        "The Docker engine that builds images does not answer",
        lasting="2m",
    ),
    Alert(
        "ImageRegistryAway",
        _down("registry"),
        WARNING,
        ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE,
        "The image registry does not answer, or does not take the credentials",
        lasting="2m",
    ),
    Alert(
        "PrefectServerLeftAlone",
        risen(CIRCUIT_CHANGES, state="open"),
        WARNING,
        ErrorCodes.CIRCUIT_OPEN,
        f"{{{{ $labels.service }}}} failed so often in a row in {_HERE} that it was left alone for a while",
    ),
    Alert(
        "RequestsGivenUp",
        risen(GIVE_UPS, service="prefect", reason="~attempts|budget"),
        WARNING,
        ErrorCodes.PREFECT_API_UNAVAILABLE,
        f"Requests to the Prefect server of {_HERE} were given up after several attempts",
    ),
    Alert(
        "RecoveryDidNotHelp",
        risen(RECOVERIES, outcome="~in_vain|incomplete"),
        WARNING,
        ErrorCodes.RECOVERY_FAILED,
        f"The recovery plan {{{{ $labels.plan }}}} did not help in {_HERE}",
        remedy="`deployment-cli error list` tells what it met.",
    ),
)


def rules_text(docs_url: str = DEFAULT_DOCS_URL) -> str:
    """The file for Prometheus' `rule_files`."""
    document = {"groups": [{"name": GROUP, "rules": [_folded(alert.to_rule(docs_url)) for alert in ALERTS]}]}
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = _WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream.write("# Made by `deployment-cli metrics rules`: change it there, not here.\n")
    yaml.dump(document, stream)
    return stream.getvalue()


def _folded(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Expressions as blocks, in which no quote has to be escaped."""
    return {**rule, "expr": LiteralScalarString(str(rule["expr"]) + "\n")}
