"""The budget: never more vain retries than were saved up and earned, whoever asks in whatever order."""

import threading
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment_system.error_handling import ErrorCodes, PrefectAPIError, RetryBudget, RetryBudgetPolicy


def test_the_numbers_are_those_of_the_aws_sdks() -> None:
    """500 tokens, 5 for a retry, 10 for one after a timeout, 1 earned."""
    policy = RetryBudgetPolicy()
    assert (policy.capacity, policy.retry_cost, policy.timeout_cost, policy.success_gain) == (500, 5, 10, 1)
    assert RetryBudget().tokens == 500
    with pytest.raises(FrozenInstanceError):
        policy.capacity = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (ConnectionError(), 5),
        (TimeoutError(), 10),
        (PrefectAPIError("x", error_code=ErrorCodes.PREFECT_API_TIMEOUT), 10),
        (PrefectAPIError("x", error_code=ErrorCodes.PREFECT_API_UNAVAILABLE), 5),
    ],
)
def test_a_timeout_costs_double(error: Exception, cost: int) -> None:
    """By type or by code."""
    assert RetryBudgetPolicy().cost_of(error) == cost


@pytest.mark.parametrize(
    "wrong", [{"capacity": -1}, {"retry_cost": 0}, {"timeout_cost": 0}, {"success_gain": -1}]
)
def test_a_budget_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """A retry that costs nothing would be no budget."""
    with pytest.raises(ValueError, match="budget"):
        RetryBudgetPolicy(**wrong)


STEPS = st.lists(st.tuples(st.sampled_from(["spend", "earn"]), st.integers(1, 40)))


@given(capacity=st.integers(0, 60), steps=STEPS)
def test_a_budget_is_a_bounded_sum(capacity: int, steps: list[tuple[str, int]]) -> None:
    """Against a plain number: all or nothing is taken, nothing above the capacity is kept."""
    budget, expected = RetryBudget(RetryBudgetPolicy(capacity)), capacity
    for step, tokens in steps:
        if step == "spend":
            granted = tokens <= expected
            assert budget.spend(tokens) is granted
            expected -= tokens if granted else 0
        else:
            budget.earn(tokens)
            expected = min(capacity, expected + tokens)
        assert (budget.tokens, budget.full) == (expected, expected == capacity)


def test_threads_get_no_token_twice() -> None:
    """Eight of them take all there is, and not one more."""
    budget, start = RetryBudget(RetryBudgetPolicy(4000)), threading.Barrier(8)
    granted: list[int] = []

    def take() -> None:
        start.wait()
        granted.append(sum(budget.spend(5) for _ in range(1000)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(granted), budget.tokens) == (800, 0)
