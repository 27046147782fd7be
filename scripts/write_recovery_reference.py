"""Writes docs/recovery.md and docs/recovery-plans.schema.json from the catalogue: `make reference`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from deployment_system.config.recovery_file import RecoveryFile
from deployment_system.deploy.recovery.catalogue import Catalogue, open_catalogue
from deployment_system.error_handling import REGISTRY
from deployment_system.error_handling.recovery_plans import RecoveryPlan, advice_for

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "recovery.md"
SCHEMA = DOCS / "recovery-plans.schema.json"
EVIDENCE = DOCS / "recovery-evidence.json"

INTRODUCTION = """# Recovery

Made by `scripts/write_recovery_reference.py` from the catalogue, the registry of error codes, and what
`make recovery-evidence` has seen.

A recovery plan mends what an error is about, and looks whether that has helped. It is a transaction: each
step says what it will change before it changes it, and when one of them does not help, all of them are
undone. So it ends with the trouble gone, or with everything as it was.

```console
$ deployment-cli deploy --recover ask     # shows what would be done about a failure, asks, tries again once
$ deployment-cli deploy --recover auto    # without asking; by default `ask` on a terminal, elsewhere `off`
$ deployment-cli doctor --fix             # the same for what `doctor` finds, in flows and their files too
$ deployment-cli recovery execute --error ID     # an error of the history: shows what would be done about it
$ deployment-cli recovery plans list      # the plans that hold here, and the actions that plans can use
$ deployment-cli recovery plans run CONFIG_UNKNOWN_KEY --dry-run    # what would be done about that now
$ deployment-cli recovery audit           # who changed what, when, why, and how it was before and after
```

A deployment that went well after something was mended has the status `recovered`, never plain `deployed`,
and its JSON has `recoveries` with each step, its diff and the seconds that it took. `deployment-cli recovery
execute --plan-id ID` takes a recovery back.

| Strategy | |
| --- | --- |
| automatic | every step is certain, and changes nothing that is yours |
| guided | you see what each step will change, and say yes |
| manual | only a person can do it: the guidance of the [error code](errors/README.md) |
| skip | a hint, which does not have to be mended |

## What keeps it within bounds

- **As shown, or not at all.** A preview (`recovery execute --error ID` without a yes) has a `version`. With
  `--preview-version VERSION` exactly that is done; where the world has changed since, it is refused
  (`PLAN_OUTDATED`). A person who thinks for longer than two seconds is held to the same.
- **One cause, once.** Twenty flows without their work pool are one recovery.
- **Not too much at once.** A run touches five flows at most (`RECOVERY_TOO_BROAD`); where more different
  things are wrong, they have a cause of their own.
- **Not over and over.** The same plan is tried three times an hour for the same fault, and not twice within
  five seconds (`RECOVERY_LIMIT_REACHED`). That is kept in the state, so it counts across processes.
- **Protected environments ask**, whatever `--recover` says, unless `--yes` is given together with `--env`.
  Elsewhere `--yes` answers for *certain* steps only.
- **Everything is written down** before it is done: `recovery audit`. It outlives the transaction, which
  `recovery cleanup` forgets. Diffs and values stand there without secrets, a file's content as its hash.

The numbers can be others, in `recovery-plans.yaml`:

```
limits: {most_flows: 20, most_attempts: 5, window_seconds: 600, pause_seconds: 30}
```

## Plans of your own

`recovery-plans.yaml` beside `deployment-config.yaml`; its plans are tried before those of the package, and
one that has the name of one of the package takes its place. [The schema](recovery-plans.schema.json) is for
editors, and `deployment-cli recovery plans validate` tells each mistake with its line.

```yaml
# yaml-language-server: $schema=recovery-plans.schema.json
plans:
  start-the-tunnel:
    for: [PREFECT_API_UNAVAILABLE]          # the error codes that it is for
    description: open the tunnel to the server
    environments: [staging]                 # without it: every environment
    when: {server_url: "http://127.0.0.1:4299/api"}     # values that the error's context must have, if any
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

An error's code and context are shown by `deployment-cli error show ID -o json`. To try a plan:

```console
$ deployment-cli recovery plans validate
$ deployment-cli recovery plans run start-the-tunnel --env staging --dry-run
$ deployment-cli recovery plans run start-the-tunnel --env staging
```
"""


SEEN_TO_WORK = """\
Seen to work: by tests that break the real thing, run the recovery, and see the original command succeed; and
by others in which the remedy does not help, and everything is as before afterwards. The time is that of the
recovery itself, as `make recovery-evidence` has measured it.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What tests on the real thing have seen of one plan and one code."""

    mended: int = 0
    """How often it helped."""
    seconds: tuple[float, ...] = ()
    """Of each time that it helped and that was measured."""
    in_vain: int = 0
    """How often it did not help, and everything was as before."""

    def __str__(self) -> str:
        if not self.mended and not self.in_vain:
            return "no"
        took = f" in {median(self.seconds):.2f} s" if self.seconds else ""
        did = f"mended{took}" if self.mended else "not seen to mend"
        return did + (", and put back where it did not help" if self.in_vain else "")


def read_evidence() -> Mapping[tuple[str, str], Seen]:
    """By code and plan, as `make recovery-evidence` has written it."""
    found: dict[tuple[str, str], Seen] = {}
    for each in json.loads(EVIDENCE.read_text(encoding="utf-8")):
        key = (each["code"], each["plan"])
        seen = found.get(key, Seen())
        if each["helped"]:
            measured = () if each["seconds"] is None else (each["seconds"],)
            found[key] = replace(seen, mended=seen.mended + 1, seconds=(*seen.seconds, *measured))
        else:
            found[key] = replace(seen, in_vain=seen.in_vain + 1)
    return found


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
            SEEN_TO_WORK,
            "| Code | Strategy | Plan | What is changed | How it is checked | Seen to work |\n"
            "| --- | --- | --- | --- | --- | --- |",
            *(row for code in sorted(REGISTRY, key=str) for row in _rows(str(code), catalogue)),
            "",
        ]
    )


def _rows(code: str, catalogue: Catalogue) -> list[str]:
    """The plans of a code, in the order in which they are tried."""
    evidence = read_evidence()
    found = [plan for plan in catalogue.plans if code in plan.codes]
    if not found:
        entry = next(entry for known, entry in REGISTRY.items() if known == code)
        return [f"| {_link(code)} | {advice_for(entry).strategy.value} | - | - | - | - |"]
    return [_row(code, plan, catalogue, evidence.get((code, plan.name), Seen())) for plan in found]


def _row(code: str, plan: RecoveryPlan, catalogue: Catalogue, seen: Seen) -> str:
    actions = [catalogue.actions.get(step.action) for step in plan.steps]
    changes = "; ".join(action.changes for action in actions)
    checks = "; ".join(action.checks for action in actions)
    name = f"`{plan.name}`: {plan.description}"
    return f"| {_link(code)} | {plan.strategy.value} | {name} | {changes} | {checks} | {seen} |"


def _link(code: str) -> str:
    return f"[`{code}`](errors/README.md#{code.lower()})"


def schema_text() -> str:
    """The schema's content."""
    return json.dumps(RecoveryFile.model_json_schema(by_alias=True), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(open_catalogue(DOCS, {})), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
