"""What keeps recoveries within bounds: how many flows, how often, as agreed, where, and written down."""

import getpass
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import Workspace
from tests.deploy.world import wait_for

CONFIGURATION = "deployment-config.yaml"


@pytest.fixture
def broken_flows(one_flow: Workspace) -> list[Path]:
    """Seven flows, each with a mistake of its own."""
    files = [one_flow.write_flow(f"part-{number}") for number in range(7)]
    for file in files:
        file.write_text(file.read_text().replace("int = 1):", "int = 1)"))
    return files


def test_a_run_that_would_touch_too_many_flows_is_refused(
    one_flow: Workspace, broken_flows: list[Path]
) -> None:
    """Until somebody has said that it may; nothing is changed before."""
    wrong = [file.read_text() for file in broken_flows]
    refused = one_flow.deploy("--strict", "--recover", "auto")
    assert refused.status == 3
    assert "RECOVERY_TOO_BROAD" in refused.codes, refused.output
    assert "would touch 7 flows" in refused.document["errors"][-1]["message"]
    assert [file.read_text() for file in broken_flows] == wrong
    assert one_flow.run("doctor", "--fix", "--auto-execute", "-ojson").status == 1
    assert [file.read_text() for file in broken_flows] == wrong
    one_flow.write("recovery-plans.yaml", "limits: {most_flows: 7}\n")
    result = one_flow.deploy("--strict", "--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert len(one_flow.stored()) == 8


def test_a_limit_that_is_none_is_told_with_its_line(one_flow: Workspace) -> None:
    """As any mistake in the file."""
    one_flow.write("recovery-plans.yaml", "limits:\n  most_flows: 0\n")
    told = one_flow.run("recovery", "plans", "validate", "-ojson")
    assert told.status == 3
    assert told.document["errors"][0]["context"]["line_number"] == 2


def misspell(workspace: Workspace, written: str, instead: str) -> None:
    """A mistake in the configuration."""
    file = workspace.root / CONFIGURATION
    file.write_text(file.read_text().replace(written, instead))


def test_mistakes_beside_each_other_are_mended_one_after_another(one_flow: Workspace) -> None:
    """Each diff shows the other's line, too: that is no change of the world."""
    right = (one_flow.root / CONFIGURATION).read_text()
    misspell(one_flow, "work_pools", "work_pool")
    misspell(one_flow, "default_tags", "default_tag")
    result = one_flow.deploy("--recover", "auto")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors
    assert [each["status"] for each in result.document["recoveries"]] == ["recovered", "recovered"]
    assert (one_flow.root / CONFIGURATION).read_text() == right


def test_what_does_not_help_is_not_tried_over_and_over(one_flow: Workspace) -> None:
    """It counts in the store, also where the configuration is what is wrong."""
    misspell(one_flow, "_seconds: 0.5", '_seconds: "99999"')
    one_flow.write("recovery-plans.yaml", "limits: {most_attempts: 1, pause_seconds: 0}\n")
    first = one_flow.deploy("--recover", "auto")
    assert [each["status"] for each in first.document["recoveries"]] == ["in_vain"]
    second = one_flow.deploy("--recover", "auto")
    assert [each["status"] for each in second.document["recoveries"]] == ["refused"]
    assert second.codes == ["CONFIG_INVALID_VALUE", "RECOVERY_LIMIT_REACHED"]


def misspelt_flow(one_flow: Workspace) -> str:
    """An error of the history that a plan can mend; its id."""
    file = one_flow.root / "flows" / "load.py"
    file.write_text(file.read_text().replace("int = 1):", "int = 1)"))
    assert one_flow.deploy().status == 3
    history = one_flow.run("error", "list", "-ojson").document["errors"]
    (error,) = [each for each in history if each["error_code"] == "FLOW_SYNTAX_ERROR"]
    return str(error["error_id"])


def test_what_a_preview_has_shown_is_done_or_refused(one_flow: Workspace) -> None:
    """Another process agrees to it by its version."""
    error_id = misspelt_flow(one_flow)
    execute = ("recovery", "execute", "--error", error_id, "-ojson")
    preview = one_flow.run(*execute)
    assert preview.document["status"] == "proposed"
    version = preview.document["version"]
    file = one_flow.root / "flows" / "load.py"
    file.write_text(file.read_text() + "\n\nclass Other\n    pass\n")
    changed = file.read_text()
    refused = one_flow.run(*execute, "--preview-version", version)
    assert (refused.status, refused.document["status"]) == (1, "refused"), refused.output
    assert refused.document["error"]["error_code"] == "PLAN_OUTDATED"
    assert file.read_text() == changed
    again = one_flow.run(*execute).document["version"]
    assert again != version
    done = one_flow.run(*execute, "--preview-version", again)
    assert (done.status, done.document["status"]) == (0, "recovered"), done.output
    assert one_flow.run("recovery", "execute", "--preview-version", again).status == 2


def test_a_protected_environment_asks_whatever_recover_says(one_flow: Workspace) -> None:
    """Unless --yes is given together with --env: nobody is here who could answer."""
    one_flow.configure(environment="protected: true")
    file = one_flow.root / "flows" / "load.py"
    file.write_text(file.read_text().replace("int = 1):", "int = 1)"))
    wrong = file.read_text()
    assert "CONFIRMATION_REQUIRED" in one_flow.deploy("--recover", "auto").codes
    assert one_flow.run("doctor", "--fix", "--auto-execute").status == 3
    assert file.read_text() == wrong
    result = one_flow.deploy("--recover", "auto", "--yes", "--env", "development")
    assert (result.status, result.document["status"]) == (0, "recovered"), result.output + result.errors


def audit(workspace: Workspace) -> list[dict[str, Any]]:
    """Every entry, the newest first."""
    found: list[dict[str, Any]] = workspace.run("recovery", "audit", "-ojson").document["recoveries"]
    return found


def test_every_recovery_is_in_the_audit_trail(one_flow: Workspace) -> None:
    """Who, when, why, where, before and after; that it was taken back, too. It outlives the transaction."""
    assert audit(one_flow) == []
    file = one_flow.root / "flows" / "load.py"
    right = file.read_text()
    file.write_text(right.replace("int = 1):", "int = 1)"))
    (recovery,) = one_flow.deploy("--recover", "auto").document["recoveries"]
    (entry,) = audit(one_flow)
    assert getpass.getuser() in entry["who"]
    assert entry["begun_at"] < entry["ended_at"]
    assert (entry["plan"], entry["error_code"]) == ("syntax-error", "FLOW_SYNTAX_ERROR")
    assert (entry["environment"], entry["outcome"]) == ("development", "recovered")
    assert entry["agreed_by"] == "an option of the command"
    assert entry["fault"].startswith("1:")
    assert entry["seconds"] == recovery["seconds"]
    (change,) = entry["changes"]
    assert change["before"]["content"] != change["after"]["content"]
    assert change["after"]["content"].startswith(f"{len(right)} bytes, sha256 ")
    assert "+def load(limit: int = 1):" in entry["steps"][0]["diff"]
    shown = one_flow.run("recovery", "audit").output
    assert "syntax-error" in shown
    assert "+def load(limit: int = 1):" in shown
    listed = one_flow.run("recovery", "list", "-ojson").document["plans"]
    facts = next(plan["recovery"] for plan in listed if plan["plan_id"] == recovery["plan_id"])
    assert (facts["recovery"], facts["environment"]) == ("syntax-error", "development")
    assert one_flow.run("recovery", "execute", "--plan-id", recovery["plan_id"], "--auto-execute").status == 0
    assert audit(one_flow)[0]["transaction"] == "rolled_back"
    assert one_flow.run("recovery", "cleanup", "--days", "0").status == 0
    assert audit(one_flow)[0]["transaction"] == "forgotten"
    assert one_flow.run("recovery", "audit", "--limit", "0").status == 2


def test_the_audit_trail_tells_no_secret(one_flow: Workspace) -> None:
    """Neither in the diff nor in what was there before and after."""
    planted = "tell-nobody-4711"
    one_flow.write("requirements.txt", f"--index-url https://us:{planted}@index.example/simple\nprefect")
    file = one_flow.root / "flows" / "load.py"
    file.write_text("import yaml_that_nobody_has\n" + file.read_text())
    assert one_flow.deploy("--recover", "auto").document["status"] == "recovered"
    for format in ("text", "json"):
        told = one_flow.run("recovery", "audit", "-o", format).output
        assert "yaml-that-nobody-has" in told
        assert planted not in told


def test_a_recovery_whose_process_was_killed_stands_there_as_begun(one_flow: Workspace) -> None:
    """And how its transaction stands: the next process puts it back."""
    misspelt_flow(one_flow)
    one_flow.write("right.txt", "there\n")
    one_flow.write(
        "recovery-plans.yaml",
        """
        plans:
          slowly:
            for: [FLOW_SYNTAX_ERROR]
            description: take long
            steps:
              - action: run
                with: {command: [cp, right.txt, made.txt], check: [sleep, '300'], undo: [rm, made.txt]}
        """,
    )
    running = one_flow.start("deploy", "--recover", "auto", "-ojson")
    wait_for((one_flow.root / "made.txt").exists)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    (entry,) = audit(one_flow)
    assert (entry["outcome"], entry["transaction"]) == ("begun", "pending")
    assert one_flow.run("recovery", "execute", "--auto-execute").status == 0
    assert audit(one_flow)[0]["transaction"] == "rolled_back"
    assert not (one_flow.root / "made.txt").exists()


# -- one plan, now ------------------------------------------------------------------------------------------


def test_a_plan_is_run_for_what_is_in_the_files_now(one_flow: Workspace) -> None:
    """By its name or by a code, without any history: first shown, then done."""
    right = (one_flow.root / CONFIGURATION).read_text()
    misspell(one_flow, "work_pools", "work_pool")
    for name in ("configuration-key-misspelt", "CONFIG_UNKNOWN_KEY"):
        shown = one_flow.run("recovery", "plans", "run", name, "--dry-run", "--auto-execute", "-ojson")
        assert (shown.status, shown.document["status"]) == (0, "proposed"), shown.output
        assert "+    work_pools:" in shown.document["steps"][0]["diff"]
    assert (one_flow.root / CONFIGURATION).read_text() != right
    text = one_flow.run("recovery", "plans", "run", "CONFIG_UNKNOWN_KEY", "--dry-run").output
    assert "write work_pools instead of work_pool" in text
    done = one_flow.run("recovery", "plans", "run", "configuration-key-misspelt", "--auto-execute", "-ojson")
    assert (done.status, done.document["status"]) == (0, "recovered"), done.output
    assert (one_flow.root / CONFIGURATION).read_text() == right


def test_a_plan_is_run_for_an_error_of_the_history_or_for_its_code_alone(one_flow: Workspace) -> None:
    """Whatever is known; of another error it is refused."""
    run = ("recovery", "plans", "run", "work-pool-missing", "-ojson")
    unknown = one_flow.run(*run, "--dry-run")
    assert (unknown.status, unknown.document["status"]) == (1, "advice")
    assert unknown.document["steps"][0]["missing"]
    waiting = one_flow.run("recovery", "plans", "run", "server-away", "--auto-execute", "-ojson")
    assert waiting.document["status"] == "recovered", "it needs nothing but the server"
    pool = f"{one_flow.prefix}-run"
    misspell(one_flow, "test-pool", pool)
    assert one_flow.deploy().codes == ["WORK_POOL_NOT_FOUND"]
    assert one_flow.run(*run, "--dry-run").document["status"] == "proposed"
    error_id = one_flow.run("error", "list", "-ojson").document["errors"][0]["error_id"]
    other = one_flow.run("recovery", "plans", "run", "server-away", "--error", error_id, "-ojson")
    assert (other.status, other.codes) == (2, ["USAGE_INVALID"])
    assert one_flow.run(*run, "--error", error_id, "--auto-execute").document["status"] == "recovered"
    assert one_flow.deploy().status == 0
    misspelt = one_flow.run("recovery", "plans", "run", "server-awy", "-ojson")
    assert misspelt.codes == ["PLAN_NOT_FOUND"]


def test_a_plan_of_ones_own_takes_the_place_of_one_with_its_name(one_flow: Workspace) -> None:
    """It stands there once, and first."""
    one_flow.write(
        "recovery-plans.yaml",
        "plans: {syntax-error: {for: [FLOW_SYNTAX_ERROR], description: by hand, guidance: [Ask Ada.]}}\n",
    )
    plans = one_flow.run("recovery", "plans", "list", "-ojson").document["plans"]
    named = [plan["description"] for plan in plans if plan["name"] == "syntax-error"]
    assert (named, plans[0]["name"]) == (["by hand"], "syntax-error")
    misspelt_flow(one_flow)
    assert one_flow.deploy("--recover", "auto").status == 3, "nobody mends it any more"
