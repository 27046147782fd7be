"""Recoveries: proposed, agreed to, done, checked, undone where they do not help, and limited."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployment_system.error_handling import (
    REGISTRY,
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    PrefectAPIError,
    RecoveryError,
    RecoveryManager,
    RecoveryStrategy,
    RollbackManager,
    file_reference,
    file_state,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, RecoveryActions
from deployment_system.error_handling.recovery_audit import RecoveryAudit
from deployment_system.error_handling.recovery_manager import ProposedStep, RecoveryOutcome
from deployment_system.error_handling.recovery_plans import RecoveryPlan, RecoveryStep, strategy_of
from deployment_system.error_handling.undo_files import FileHandler

ERROR = PrefectAPIError("there is no work pool 'x'", error_code=ErrorCodes.WORK_POOL_NOT_FOUND)


@dataclass
class WriteFile(RecoveryAction):
    """Writes a file, truly; whether that helps, the test says."""

    file: Path
    helps: bool = True
    missing: str | None = None
    world: str = "as it was"
    done: list[str] = field(default_factory=list)

    name = "write_file"
    changes = "a file"
    checks = "as the test says"

    def needs(self, error: DeploymentSystemError, settings: Mapping[str, Any]) -> str | None:
        """As the test says."""
        return self.missing

    def propose(self, error: DeploymentSystemError, settings: Mapping[str, Any]) -> Proposal:
        """Depends on the world."""
        return Proposal(f"write {self.file.name} ({self.world})")

    def do(
        self, error: DeploymentSystemError, settings: Mapping[str, Any], transaction: RollbackManager
    ) -> str:
        """In the transaction."""
        handler, reference = FileHandler(), file_reference(self.file)
        state = file_state(b"new")
        transaction.change(
            "file",
            reference,
            state,
            lambda: handler.restore(reference, state, None),
            description="write the file",
            operation_type=OperationType.FILE_CREATE,
        )
        self.done.append(self.file.name)
        return f"wrote {self.file.name}"

    def check(self, error: DeploymentSystemError, settings: Mapping[str, Any]) -> str | None:
        """As the test says."""
        return None if self.helps else "the pool is still missing"


@pytest.fixture
def action(tmp_path: Path) -> WriteFile:
    """One that helps."""
    return WriteFile(tmp_path / "made")


@pytest.fixture
def manager(action: WriteFile) -> RecoveryManager:
    """With one guided plan."""
    return manager_with(action)


def manager_with(action: WriteFile, confidence: Confidence = Confidence.PROBABLE) -> RecoveryManager:
    """With one plan of one step."""
    steps = (RecoveryStep("write_file", confidence=confidence),)
    plan = RecoveryPlan(
        "pool", ("WORK_POOL_NOT_FOUND",), "make it", steps, ("Or by hand.",), strategy_of(steps)
    )
    return RecoveryManager(
        rollback_manager=RollbackManager(), actions=RecoveryActions([action]), plans=[plan]
    )


def test_there_is_a_plan_for_every_code() -> None:
    """Also without any configuration: the advice of the registry."""
    plans = RecoveryManager().recovery_plans
    assert set(plans) == {str(code) for code in REGISTRY}
    assert {plan.strategy for plan in plans.values()} <= {RecoveryStrategy.MANUAL, RecoveryStrategy.SKIP}
    assert all(plan.guidance for plan in plans.values())


def test_without_any_plan_guidance_is_given_and_nothing_done() -> None:
    """As the contract calls it."""
    success, messages = RecoveryManager().recover_from_error(ERROR)
    assert success is False
    assert messages == RecoveryManager().get_recovery_guidance(ERROR)
    assert messages


def test_a_guided_plan_is_proposed_and_done_with_a_yes(manager: RecoveryManager, action: WriteFile) -> None:
    """Nothing happens before it."""
    success, messages = manager.recover_from_error(ERROR)
    assert (success, action.done) == (False, [])
    assert messages[0] == "write made (as it was)"
    assert messages[-1] == "Or by hand."
    assert manager.recover_from_error(ERROR, auto_execute=True) == (True, ["wrote made"])
    assert action.file.read_bytes() == b"new"


def test_a_plan_whose_steps_are_certain_needs_no_yes(action: WriteFile) -> None:
    """Its strategy says so."""
    manager = manager_with(action, Confidence.CERTAIN)
    assert manager.recovery_plans["WORK_POOL_NOT_FOUND"].strategy is RecoveryStrategy.AUTOMATIC
    assert manager.recover_from_error(ERROR) == (True, ["wrote made"])


def test_what_does_not_help_is_undone_and_told(manager: RecoveryManager, action: WriteFile) -> None:
    """In vain is its own outcome; the world is as before."""
    action.helps = False
    recovery = manager.recover(ERROR)
    assert recovery.outcome is RecoveryOutcome.IN_VAIN
    assert not action.file.exists()
    assert recovery.error is not None
    assert recovery.error.error_code == ErrorCodes.RECOVERY_FAILED
    assert "the pool is still missing: everything is as before" in recovery.messages[-1]
    assert manager.recover_from_error(other(), auto_execute=True)[0] is False


def test_a_recovery_that_helped_can_be_taken_back(manager: RecoveryManager, action: WriteFile) -> None:
    """It is a transaction like any other."""
    recovery = manager.recover(ERROR)
    assert recovery.plan_id is not None
    assert manager.rollback_manager is not None
    assert manager.rollback_manager.execute_rollback(recovery.plan_id)
    assert not action.file.exists()


def test_what_is_missing_here_makes_it_advice(manager: RecoveryManager, action: WriteFile) -> None:
    """With the reason."""
    action.missing = "no room"
    recovery = manager.recover(ERROR)
    assert (recovery.outcome, recovery.steps[0].missing) == (RecoveryOutcome.ADVICE, "no room")
    assert "write_file: no room" in manager.get_recovery_guidance(ERROR)


def test_the_first_plan_that_can_be_carried_out_is_taken(action: WriteFile, tmp_path: Path) -> None:
    """Not the first one that fits."""
    other_action = WriteFile(tmp_path / "other", missing="no room")
    other_action.name = "other"  # type: ignore[misc] # an instance's own, for the test
    plans = [
        RecoveryPlan(name, ("WORK_POOL_NOT_FOUND",), name, (RecoveryStep(name),))
        for name in ("other", "write_file")
    ]
    manager = RecoveryManager(actions=RecoveryActions([other_action, action]), plans=plans)
    assert manager.propose(ERROR).plan.name == "write_file"


def test_what_was_agreed_to_is_done_or_refused(manager: RecoveryManager, action: WriteFile) -> None:
    """Not something else, because the world has changed in between."""
    proposed = manager.propose(ERROR)
    action.world = "changed"
    assert manager.recover(ERROR, proposed=proposed).outcome is RecoveryOutcome.REFUSED
    assert manager.recover(ERROR, agreed=lambda step: False).outcome is RecoveryOutcome.REFUSED
    assert action.done == []
    assert manager.recover(ERROR, proposed=manager.propose(ERROR)).outcome is RecoveryOutcome.RECOVERED


def test_the_same_fault_is_mended_three_times_an_hour_and_not_in_a_row(
    manager: RecoveryManager, action: WriteFile
) -> None:
    """Another fault is another matter; and it counts in the store, for any process."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    manager.clock = lambda: now
    assert manager.recover(ERROR).outcome is RecoveryOutcome.RECOVERED
    refused = manager.recover(ERROR)
    assert refused.outcome is RecoveryOutcome.REFUSED
    assert "0 s ago" in refused.messages[0]
    for _ in range(2):
        now += timedelta(seconds=10)
        action.file.unlink()
        assert manager.recover(ERROR).outcome is RecoveryOutcome.RECOVERED
    now += timedelta(seconds=10)
    refused = manager.recover(ERROR)
    assert refused.error is not None
    assert refused.error.error_code == ErrorCodes.RECOVERY_LIMIT_REACHED
    action.file.unlink()
    assert manager.recover(other()).outcome is RecoveryOutcome.RECOVERED
    now += timedelta(hours=1)
    action.file.unlink()
    assert manager.recover(ERROR).outcome is RecoveryOutcome.RECOVERED


def test_an_action_that_nobody_knows_is_no_recovery(action: WriteFile) -> None:
    """The plan of a newer version, say."""
    plan = RecoveryPlan("x", ("WORK_POOL_NOT_FOUND",), "x", (RecoveryStep("no_such"),))
    manager = RecoveryManager(actions=RecoveryActions([action]), plans=[plan])
    recovery = manager.recover(ERROR)
    assert recovery.outcome is RecoveryOutcome.ADVICE
    assert "there is no recovery action 'no_such' here; there are: write_file" in str(recovery.to_dict())


def test_a_plan_with_a_condition_is_only_for_errors_that_meet_it(action: WriteFile) -> None:
    """By the values of the context."""
    plan = RecoveryPlan(
        "x", ("WORK_POOL_NOT_FOUND",), "x", (RecoveryStep("write_file"),), when={"paused": True}
    )
    manager = RecoveryManager(actions=RecoveryActions([action]), plans=[plan])
    assert manager.recover(ERROR).outcome is RecoveryOutcome.ADVICE
    paused = PrefectAPIError(
        "x", error_code=ErrorCodes.WORK_POOL_NOT_FOUND, context=ErrorContext(paused=True)
    )
    assert manager.recover(paused).outcome is RecoveryOutcome.RECOVERED


def test_ctrl_c_in_the_middle_leaves_nothing(manager: RecoveryManager, action: WriteFile) -> None:
    """What was begun is undone."""

    def interrupted(error: DeploymentSystemError, settings: Mapping[str, Any]) -> str | None:
        raise KeyboardInterrupt

    action.check = interrupted  # type: ignore[method-assign] # as if somebody had pressed it just then
    with pytest.raises(KeyboardInterrupt):
        manager.recover(ERROR)
    assert not action.file.exists()


def other() -> DeploymentSystemError:
    """Another fault of the same kind."""
    return PrefectAPIError("there is no work pool 'y'", error_code=ErrorCodes.WORK_POOL_NOT_FOUND)


def test_who_thought_for_long_gets_what_was_shown_or_nothing(
    manager: RecoveryManager, action: WriteFile
) -> None:
    """The world is looked at again after the last yes."""
    manager.fresh_seconds = -1.0  # any thought is long

    def yes(step: ProposedStep) -> bool:
        action.world = "changed meanwhile"
        return True

    refused = manager.recover(ERROR, agreed=yes)
    assert refused.outcome is RecoveryOutcome.REFUSED
    assert refused.error is not None
    assert refused.error.error_code == ErrorCodes.PLAN_OUTDATED
    assert action.done == []
    assert manager.recover(ERROR, agreed=yes).outcome is RecoveryOutcome.RECOVERED


def test_a_version_stands_for_what_was_shown(manager: RecoveryManager, action: WriteFile) -> None:
    """Another world, another version."""
    version = manager.propose(ERROR).version
    assert manager.propose(ERROR).version == version
    action.world = "changed"
    assert manager.recover(ERROR, version=version).outcome is RecoveryOutcome.REFUSED
    assert manager.recover(ERROR, version=manager.propose(ERROR).version).outcome is RecoveryOutcome.RECOVERED


def test_each_change_is_in_the_audit_trail(manager: RecoveryManager, action: WriteFile) -> None:
    """What helped, what did not, and how it was before and after."""
    assert manager.rollback_manager is not None
    manager.environment, manager.agreed_by = "staging", "a test"
    recovered = manager.recover(ERROR)
    assert recovered.seconds is not None
    action.helps = False
    manager.recover(other())
    in_vain, helped = RecoveryAudit(manager.rollback_manager.store).entries()
    assert (helped["outcome"], in_vain["outcome"]) == ("recovered", "in_vain")
    assert (helped["environment"], helped["agreed_by"]) == ("staging", "a test")
    assert helped["changes"][0]["before"] is None
    assert helped["changes"][0]["after"]["content"].startswith("3 bytes, sha256 ")
    assert in_vain["changes"][0]["status"] in ("rolled_back", "skipped")


def test_nothing_is_changed_that_cannot_be_written_down(
    manager: RecoveryManager, action: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is full, say."""

    def full(self: RecoveryAudit, *arguments: object, **more: object) -> dict[str, Any]:
        raise RecoveryError("there is no room", error_code=ErrorCodes.STATE_FULL)

    monkeypatch.setattr(RecoveryAudit, "begin", full)
    refused = manager.recover(ERROR)
    assert refused.outcome is RecoveryOutcome.REFUSED
    assert (action.done, action.file.exists()) == ([], False)
    assert manager.rollback_manager is not None
    assert manager.rollback_manager.current_plan is None
