"""Locks that processes hold, on this machine and, with PostgreSQL, on others.

A lock belongs to a token that only its holder knows. Its holder is gone when its process is seen to be
gone, or, where that cannot be seen, when its lease has run out; then the next one takes the lock over. A
lock that a person took on purpose stays until it is released.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from deployment_system.error_handling.store.database import Database, Row, Transaction
from deployment_system.error_handling.store.failures import lock_held, lock_lost
from deployment_system.error_handling.store.owner import Owner

LEASE_SECONDS = 60.0
"""How long a holder on another machine counts as alive after it last said so."""
RENEWAL_SECONDS = 15.0
"""How often a holder should say so: three may be lost."""
_ASK_AGAIN_SECONDS = 0.2
_COLUMNS = "name, token, owner, purpose, is_manual, acquired_at, leased_until"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that somebody holds."""

    name: str
    token: str
    """Known to its holder: what makes two holders of one process different."""
    owner: Owner
    purpose: str
    manual: bool
    acquired_at: datetime
    leased_until: float
    taken_over_from: Owner | None = None
    """Who held it and is gone, leaving perhaps something half done; only in what `acquire` returns."""

    def is_stale(self, now: float) -> bool:
        """Whether the holder is gone, so that the lock may be taken over."""
        if self.manual:
            return False
        alive = self.owner.is_alive()
        return self.leased_until < now if alive is None else not alive


class Locks:
    """Takes, renews and releases locks. `sleep` and `clock` are for waiting only."""

    def __init__(
        self,
        database: Database,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sleep = sleep
        self._clock = clock

    def acquire(
        self,
        name: str,
        owner: Owner,
        purpose: str,
        *,
        manual: bool = False,
        wait: float = 0.0,
        on_wait: Callable[[Lock], None] | None = None,
    ) -> Lock:
        """Takes the lock, waiting up to `wait` seconds for it; `on_wait` is told each time that somebody
        has it. One that a person took is not waited for: nobody knows how long. Raises LOCK_HELD, with the
        holder in the message."""
        until = self._clock() + wait
        while True:
            taken, held = self._try(name, owner, purpose, manual)
            if taken:
                return taken
            if held is None:
                continue  # released between the two looks
            if held.manual or self._clock() >= until:
                raise lock_held(name, held.owner, held.acquired_at, held.purpose, held.manual)
            if on_wait:
                on_wait(held)
            self._sleep(min(_ASK_AGAIN_SECONDS, max(0.0, until - self._clock())))

    def release(self, lock: Lock) -> bool:
        """Gives it back; False: it was not this holder's any more."""
        with self._database.write() as writing:
            return remove_lock(writing, lock.name, lock.token)

    def renew(self, lock: Lock) -> None:
        """Says that the holder is alive. Raises LOCK_LOST when another took the lock over."""
        now = self._database.now()
        with self._database.write() as writing:
            changed = writing.execute(
                "UPDATE locks SET leased_until = ? WHERE name = ? AND token = ?",
                (now + LEASE_SECONDS, lock.name, lock.token),
            )
        if not changed:
            raise lock_lost(lock.name)

    def holder(self, name: str) -> Lock | None:
        """Who has it; None: nobody. Somebody who is gone counts: ask `is_gone`."""
        return read_lock(self._database, name)

    def all(self) -> list[Lock]:
        """Every lock that somebody has, by name."""
        return [_lock(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM locks ORDER BY name")]  # noqa: S608 - ours

    def is_gone(self, lock: Lock) -> bool:
        """Whether its holder is gone, so that the next one to ask gets it."""
        return lock.is_stale(self._database.now())

    def release_by_force(self, name: str) -> Lock | None:
        """Takes the lock away from whoever has it, and says who that was. For a person who knows."""
        with self._database.write(alone=True) as writing:
            held = read_lock(writing, name)
            if held:
                remove_lock(writing, name, held.token)
            return held

    def _try(self, name: str, owner: Owner, purpose: str, manual: bool) -> tuple[Lock | None, Lock | None]:
        held = self.holder(name)
        now = self._database.now()
        if held and not held.is_stale(now):
            return None, held  # looked at without writing: those who wait must not hold up those who work
        with self._database.write(alone=True) as writing:
            return take_lock(writing, name, owner, purpose, now, manual=manual)


def take_lock(
    writing: Transaction, name: str, owner: Owner, purpose: str, now: float, *, manual: bool = False
) -> tuple[Lock | None, Lock | None]:
    """The lock taken inside a transaction that is alone, or else the one that is held."""
    held = read_lock(writing, name)
    if held and not held.is_stale(now):
        return None, held
    if held:
        remove_lock(writing, name, held.token)
    token, acquired = os.urandom(16).hex(), datetime.now(UTC)
    gone = held.owner if held else None
    lock = Lock(name, token, owner, purpose, manual, acquired, now + LEASE_SECONDS, gone)
    writing.execute(
        f"INSERT INTO locks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the columns are ours
        (
            name,
            token,
            json.dumps(owner.to_dict()),
            purpose.replace("\0", ""),
            int(manual),
            acquired.isoformat(),
            lock.leased_until,
        ),
    )
    return lock, None


def read_lock(reading: Database | Transaction, name: str) -> Lock | None:
    """Who has it, seen from outside or from inside a transaction."""
    found = reading.rows(f"SELECT {_COLUMNS} FROM locks WHERE name = ?", (name,))  # noqa: S608 - ours
    return _lock(found[0]) if found else None


def remove_lock(writing: Transaction, name: str, token: str) -> bool:
    """Releases it inside a transaction; False: it was not this token's."""
    return writing.execute("DELETE FROM locks WHERE name = ? AND token = ?", (name, token)) > 0


def _lock(row: Row) -> Lock:
    name, token, owner, purpose, manual, acquired, leased = row
    return Lock(
        name,
        token,
        Owner.from_dict(json.loads(owner)),
        purpose,
        bool(manual),
        datetime.fromisoformat(acquired),
        leased,
    )
