"""Actions of recovery plans by their names."""

import pytest

from deployment_system.error_handling import RecoveryError
from deployment_system.error_handling.recovery_actions import RecoveryActions


def test_an_action_that_is_not_there_is_told_with_those_that_are() -> None:
    """A plan of a user's own file may name anything."""
    with pytest.raises(RecoveryError) as caught:
        RecoveryActions().get("make_tea")
    assert caught.value.error_code == "RECOVERY_ACTION_UNKNOWN"
    assert caught.value.message == "there is no recovery action 'make_tea' here; there are: none"
