"""What is counted for ever, on SQLite and on a real PostgreSQL server."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deployment_system.error_handling import (
    DeploymentSystemError,
    DockerError,
    ErrorReporter,
    PrefectAPIError,
    RollbackManager,
)
from deployment_system.error_handling.collected import Collected
from deployment_system.error_handling.store import Measure, Owner, Store, migrating, open_store
from deployment_system.error_handling.store.measures import SECONDS_BOUNDS, duration


@pytest.fixture
def store(state_url: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(state_url) as opened:
        yield opened


def amounts(store: Store, name: str) -> dict[tuple[str, ...], float]:
    """The numbers of a name by the values of their labels, in the order of the labels' names."""
    found = (each for each in store.measures.all() if each.name == name)
    return {tuple(value for _, value in sorted(each.labels.items())): each.amount for each in found}


def test_counts_add_up_and_levels_are_replaced(store: Store) -> None:
    """By name and labels, in whatever order the labels are given, and with any text in them."""
    odd = "ünï\0\ud800 'quoted' %s ? {}"
    store.measures.write([Measure("n", 2, {"a": "1", "b": odd}), Measure("level", 7, adds=False)])
    store.measures.write([Measure("n", 3, {"b": odd, "a": "1"}), Measure("level", 4.5, adds=False)])
    store.measures.write([Measure("n", 1, {"a": "2", "b": odd})])
    assert amounts(store, "n") == {
        ("1", "ünï\\ud800 'quoted' %s ? {}"): 5,
        ("2", "ünï\\ud800 'quoted' %s ? {}"): 1,
    }
    assert amounts(store, "level") == {(): 4.5}


def test_a_duration_counts_below_the_first_bound_that_it_does_not_pass() -> None:
    """A bound belongs to what it bounds; what is above all of them has one of its own."""
    bounds = {
        seconds: duration("s", seconds, {})[0].labels["le"] for seconds in (0.0, 0.1, 0.11, 1800.0, 1800.1)
    }
    assert bounds == {0.0: "0.1", 0.1: "0.1", 0.11: "0.25", 1800.0: "1800", 1800.1: "+Inf"}
    assert tuple(float(f"{bound:g}") for bound in SECONDS_BOUNDS) == SECONDS_BOUNDS


WRITER = """
import sys
from deployment_system.error_handling.store import Measure, open_store
with open_store(sys.argv[1]) as store:
    for number in range(50):
        names = ("a", "b") if sys.argv[2] == "1" else ("b", "a")
        store.measures.write([Measure(name, 1, {"of": "all"}) for name in names])
"""


def test_nothing_is_lost_when_processes_count_at_once(state_url: str, store: Store) -> None:
    """Four of them, in different orders."""
    children = [subprocess.Popen([sys.executable, "-c", WRITER, state_url, str(n % 2)]) for n in range(4)]
    assert [child.wait(120) for child in children] == [0] * 4
    assert amounts(store, "a") == amounts(store, "b") == {("all",): 200}


def test_errors_that_are_forgotten_stay_counted(state_url: str) -> None:
    """A counter never goes back: neither when the history is cleared nor when it has become too old."""
    with ErrorReporter(history=state_url) as reporter:
        reporter.report_errors([DockerError("one"), DockerError("two")], environment="staging")
        reporter.report_error(PrefectAPIError("three"))
        assert reporter.clear() == 3
        reporter.report_error(DockerError("four"), environment="staging")
    with open_store(state_url) as store:
        totals = {(each.category, each.environment): each.count for each in store.measures.errors()}
    assert totals == {("docker", "staging"): 3, ("prefect_api", None): 1}


def test_a_report_that_is_handed_on_twice_is_counted_once(state_url: str) -> None:
    """As it is kept once."""
    with ErrorReporter(history=state_url) as reporter:
        document = reporter.report_error(DockerError("one")).document
        reporter.records.add([document])
    with open_store(state_url) as store:
        assert [each.count for each in store.measures.errors()] == [1]


def test_errors_from_before_anything_was_counted_are_counted(
    state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state of an older version brings them along."""
    with monkeypatch.context() as older:
        older.setattr(migrating, "MIGRATIONS", migrating.MIGRATIONS[:2])
        older.setattr(migrating, "KNOWN_VERSION", 2)
        with ErrorReporter(history=state_url) as reporter:
            reporter.report_errors(
                [DockerError(text) for text in ("one", "two", "two")], environment="staging"
            )
    with open_store(state_url) as store:
        assert [(each.environment, each.count) for each in store.measures.errors()] == [("staging", 3)]


def test_transactions_that_are_forgotten_stay_counted(state_url: str, store: Store) -> None:
    """By how they ended and where; the time of the last one with them, and how long rolling back took."""
    with RollbackManager(store=store) as manager:
        for _ in range(2):
            manager.start_transaction("well", scope="shop/staging")
            manager.commit_transaction()
        with pytest.raises(DeploymentSystemError), manager.transaction("badly", scope="shop/staging"):
            raise DockerError("no")
        manager.start_transaction("still open", scope="shop/production")
        assert store.journal.remove_settled(timedelta(seconds=-1)) == 3
    assert amounts(store, "transactions") == {("staging", "completed"): 2, ("staging", "rolled_back"): 1}
    assert amounts(store, "last_transaction").keys() == amounts(store, "transactions").keys()
    assert sum(amounts(store, "rollback_seconds").values()) == 1
    assert 0 <= amounts(store, "rollback_seconds_sum")["staging",] < 60


def test_what_was_collected_is_given_once() -> None:
    """Then it is forgotten: it would be counted twice."""
    collected = Collected()
    collected.count("n", of="a")
    collected.count("n", 2, of="a")
    collected.level("now", 3)
    collected.level("now", 4)
    assert collected.taken() == [Measure("n", 3, {"of": "a"}), Measure("now", 4, adds=False)]
    assert collected.taken() == []


def test_the_newest_plans_page_by_page(store: Store) -> None:
    """Each once, the newest first."""
    made = {store.journal.begin(str(number), Owner.current())[0].plan_id for number in range(5)}
    first = [plan.plan_id for plan in store.journal.newest(3)]
    rest = [plan.plan_id for plan in store.journal.newest(3, before=first[-1])]
    assert [*first, *rest] == sorted(made, reverse=True)


def test_errors_page_by_page(state_url: str) -> None:
    """What follows the last one that was seen."""
    with ErrorReporter(history=state_url) as reporter:
        reporter.report_errors([DockerError(str(number)) for number in range(5)])
        found = [each["error_id"] for each in reporter.records.find()]
        following = [each["error_id"] for each in reporter.records.find(limit=2, after=found[1])]
    assert following == found[2:4]
