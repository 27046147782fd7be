"""How many writers: one more only where the server refuses nothing and it pays."""

import threading
import time

import pytest

from deployment_system.deploy.pace import GROUP, Pace, run_paced


def test_a_refusal_ends_the_search_one_writer_below() -> None:
    """A server that is too busy for two is left with one, for good."""
    assert Pace().after(10, refused=True) == Pace(1, settled=True)
    tried = Pace().after(10, refused=False)
    assert tried.writers == 2
    assert tried.after(30, refused=True) == Pace(1, settled=True)


def test_one_more_writer_has_to_pay() -> None:
    """Less than a tenth more is only a longer queue at the server."""
    two = Pace().after(10, refused=False)
    assert two.after(10.5, refused=False) == Pace(1, settled=True)
    three = two.after(12, refused=False)
    assert (three.writers, three.settled) == (3, False)


def test_never_more_writers_than_allowed() -> None:
    """`--concurrency` is the ceiling."""
    assert Pace(ceiling=1).after(10, refused=False) == Pace(1, 1, settled=True)


@pytest.mark.parametrize("ceiling", [1, 4])
def test_each_item_is_done_once(ceiling: int) -> None:
    """Whatever the pace."""
    done: list[int] = []
    lock = threading.Lock()

    def action(item: int) -> None:
        time.sleep(0.0005)
        with lock:
            done.append(item)

    yielded = list(run_paced(range(5 * GROUP), action, ceiling=ceiling))
    assert sorted(done) == sorted(yielded) == list(range(5 * GROUP))


@pytest.mark.parametrize("ceiling", [1, 4])
def test_the_first_failure_stops_what_has_not_begun(ceiling: int) -> None:
    """What has begun is waited for, and then the failure is raised."""
    begun: list[int] = []

    def action(item: int) -> None:
        begun.append(item)
        if item == GROUP + 2:
            raise ValueError(item)
        time.sleep(0.0005)

    paced = run_paced(range(10 * GROUP), action, ceiling=ceiling)
    with pytest.raises(ValueError, match=str(GROUP + 2)):
        list(paced)
    assert len(begun) <= 2 * GROUP
