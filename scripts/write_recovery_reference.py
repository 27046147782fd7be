"""Writes docs/recovery.md and docs/recovery-plans.schema.json from the catalogue: `make reference`."""

import json
from collections.abc import Iterable
from pathlib import Path

from deployment_system.config.recovery_file import RecoveryFile
from deployment_system.deploy.recovery.catalogue import Catalogue, open_catalogue
from deployment_system.error_handling import REGISTRY
from deployment_system.error_handling.recovery_plans import RecoveryPlan, advice_for

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "recovery.md"
SCHEMA = DOCS / "recovery-plans.schema.json"

INTRODUCTION = """# Recovery

Made by `scripts/write_recovery_reference.py` from the catalogue and the registry of error codes.

A recovery plan mends what an error is about, and looks whether that has helped. It is a transaction: each
step says what it will change before it changes it, and when one of them does not help, all of them are
undone. So it ends with the trouble gone, or with everything as it was.

```console
$ deployment-cli deploy --recover ask     # shows what would be done about a failure, asks, tries again once
$ deployment-cli deploy --recover auto    # without asking; by default `ask` on a terminal, elsewhere `off`
$ deployment-cli doctor --fix             # the same for what `doctor` finds
$ deployment-cli recovery plans list      # the plans that hold here, and the actions that plans can use
```

A deployment that went well after something was mended has the status `recovered`, never plain `deployed`,
and its JSON has `recoveries` with each step and its diff. `deployment-cli recovery execute --plan-id ID`
takes a recovery back.

What keeps it within bounds: where several errors have one cause, it is mended once; with more than five
different faults at once nothing is mended; the same plan is tried three times an hour for the same fault,
and not twice within five seconds; what a person agreed to is done as it was shown, or refused because the
world has changed. `--yes` answers for *certain* steps only.

| Strategy | |
| --- | --- |
| automatic | every step is certain, and changes nothing that is yours |
| guided | you see what each step will change, and say yes |
| manual | only a person can do it: the guidance of the [error code](errors/README.md) |
| skip | a hint, which does not have to be mended |

## Plans of your own

`recovery-plans.yaml` beside `deployment-config.yaml`; its plans are tried before those of the package. [The
schema](recovery-plans.schema.json) is for editors, and `deployment-cli recovery plans validate` tells each
mistake with its line.

```yaml
# yaml-language-server: $schema=recovery-plans.schema.json
plans:
  start-the-tunnel:
    for: [PREFECT_API_UNAVAILABLE]          # the error codes that it is for
    description: open the tunnel to the server
    environments: [staging]                 # without it: every environment
    when: {operation: deploy}               # values that the error's context must have, if any
    steps:
      - action: run                         # a command without a shell, with a time limit
        with:
          command: [systemctl, --user, start, prefect-tunnel]
          check: [systemctl, --user, is-active, prefect-tunnel]
          undo: [systemctl, --user, stop, prefect-tunnel]
          timeout_seconds: 30
      - action: wait_for_server
        with: {seconds: 20}
    guidance:
      - Ask the platform team for access to the tunnel.
```
"""


def page(catalogue: Catalogue) -> str:
    """The whole page."""
    rows = [
        f"| `{action.name}` | {action.changes} | {action.checks} | {action.confidence.value} | "
        f"{', '.join(f'`{name}`' for name in sorted(action.known_settings)) or '-'} |"
        for action in sorted(catalogue.actions, key=lambda action: action.name)
    ]
    return "\n".join(
        [
            INTRODUCTION,
            "## Actions\n",
            "| Action | Changes | Checks | Sure | Settings |\n| --- | --- | --- | --- | --- |",
            *rows,
            "\n## Every error code\n",
            "| Code | Strategy | Plan | Steps |\n| --- | --- | --- | --- |",
            *(row for code in sorted(REGISTRY, key=str) for row in _rows(str(code), catalogue.plans)),
            "",
        ]
    )


def _rows(code: str, plans: Iterable[RecoveryPlan]) -> list[str]:
    """The plans of a code, in the order in which they are tried."""
    found = [plan for plan in plans if code in plan.codes]
    entry = next(entry for known, entry in REGISTRY.items() if known == code)
    return [
        f"| `{code}` | {plan.strategy.value} | {plan.description if plan.steps else '-'} | "
        f"{', '.join(f'`{step.action}`' for step in plan.steps) or '-'} |"
        for plan in found or [advice_for(entry)]
    ]


def schema_text() -> str:
    """The schema's content."""
    return json.dumps(RecoveryFile.model_json_schema(by_alias=True), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(open_catalogue(DOCS, {})), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
