"""What a call that succeeds at once costs, beside the loop that one writes by hand.

    python bench/retry.py [--rounds 15]

Each contender calls the same function, which does nothing, and would try five times with growing delays. They
take turns in one process, and the fastest round counts: the others only show what else the machine did.
tenacity and stamina are beside them where they are installed; nothing here depends on them.
"""

import argparse
import asyncio
import importlib
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from deployment_system.error_handling import (
    CircuitBreaker,
    RetryBudget,
    RetryHandler,
    RetryPolicies,
    with_async_retry,
    with_retry,
)
from measuring.rows import Promise, report

CALLS = 20_000
"""In a round of one contender: some hundredths of a second, or tenths for the slowest."""
ATTEMPTS = 5
BASE_DELAY_SECONDS = 0.5
MOST_TIMES_BY_HAND = 10
PEERS = ("tenacity", "stamina")

Call = Callable[[], Any]
AsyncCall = Callable[[], Awaitable[Any]]


def nothing() -> None:
    """What is called."""


async def nothing_awaited() -> None:
    """The same, awaited."""


def by_hand() -> Any:
    """The loop that stands in so many programs, around the call itself."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return nothing()
        except ConnectionError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(BASE_DELAY_SECONDS * 2 ** (attempt - 1))
    return None


async def by_hand_awaited() -> Any:
    """The same, awaited."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await nothing_awaited()
        except ConnectionError:
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(BASE_DELAY_SECONDS * 2 ** (attempt - 1))
    return None


def contenders(installed: dict[str, Any]) -> dict[str, tuple[Call, AsyncCall]]:
    """The synchronous and the asynchronous call of each, by name."""
    plain = RetryHandler(RetryPolicies.NETWORK_RETRY)
    whole = RetryHandler(RetryPolicies.NETWORK_RETRY, budget=RetryBudget(), breaker=CircuitBreaker())
    found = {
        "by hand": (by_hand, by_hand_awaited),
        "RetryHandler": (partial(plain.retry, nothing), partial(plain.async_retry, nothing_awaited)),
        "RetryHandler with budget and breaker": (
            partial(whole.retry, nothing),
            partial(whole.async_retry, nothing_awaited),
        ),
        "@with_retry": (
            with_retry(RetryPolicies.NETWORK_RETRY)(nothing),
            with_async_retry(RetryPolicies.NETWORK_RETRY)(nothing_awaited),
        ),
    }
    if tenacity := installed.get("tenacity"):
        retry = tenacity.retry(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential(BASE_DELAY_SECONDS),
            retry=tenacity.retry_if_exception_type(ConnectionError),
        )
        found["tenacity"] = (retry(nothing), retry(nothing_awaited))
    if stamina := installed.get("stamina"):
        retry = stamina.retry(on=ConnectionError, attempts=ATTEMPTS, wait_initial=BASE_DELAY_SECONDS)
        found["stamina"] = (retry(nothing), retry(nothing_awaited))
    return found


def seconds_a_call(call: Call) -> float:
    """The mean of one round."""
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS


async def seconds_an_awaited_call(call: AsyncCall) -> float:
    """The same, awaited."""
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - began) / CALLS


def fastest(rounds: int, installed: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Seconds a call in the fastest round, by way and name."""
    everybody = contenders(installed)
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for name, (call, awaited) in everybody.items():
            took = {"sync": seconds_a_call(call), "async": asyncio.run(seconds_an_awaited_call(awaited))}
            for way, seconds in took.items():
                best[way, name] = min(seconds, best.get((way, name), seconds))
    return best


def installed_peers() -> dict[str, Any]:
    """Their modules, by name."""
    found = {}
    for name in PEERS:
        try:
            found[name] = importlib.import_module(name)
        except ModuleNotFoundError:
            continue  # the caller says that it is not installed
    return found


def promise(way: str, name: str, best: dict[tuple[str, str], float], yardstick: str, bound: float) -> Promise:
    """One row, in nanoseconds a call."""
    ours, theirs = best[way, name], best[way, yardstick]
    return Promise(
        f"{name}, {way}", f"{ours * 1e9:.0f} ns", f"{theirs * 1e9:.0f} ns ({yardstick})", ours / theirs, bound
    )


def main() -> int:
    """Prints the table; the exit status says whether each promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender (default: 15)")
    peers = installed_peers()
    best = fastest(parser.parse_args().rounds, peers)
    whole = "RetryHandler with budget and breaker"
    rows = []
    for way in ("sync", "async"):
        for name in ("RetryHandler", whole, "@with_retry"):
            rows.append(promise(way, name, best, "by hand", MOST_TIMES_BY_HAND))
        rows.extend(promise(way, whole, best, peer, 1) for peer in peers)
    status = report(rows)
    for name in PEERS:
        if name in peers:
            print(f"{name}: {best['sync', name] / best['sync', 'by hand']:.0f} times the loop by hand sync, "
                  f"{best['async', name] / best['async', 'by hand']:.0f} times async")  # fmt: skip
        else:
            print(f"{name}: not installed")
    return status


if __name__ == "__main__":
    sys.exit(main())
