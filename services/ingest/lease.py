"""The lease that makes one projector per project, with the ledger's revision as fencing token."""

from __future__ import annotations

from collections.abc import Callable

from services.ledger.interface import ABSENT, Conflict, Entry, Ledger, Transaction
from services.records.records import Record, decode, encode

LEASE = "projector-lease"
DURATION_US = 10_000_000
SEIZE_ATTEMPTS = 8


class Lease(Record, frozen=True, kw_only=True):
    """Who projects, until when: microseconds since 1970, UTC."""

    owner: str
    expires_us: int


class Fence:
    """A lease that is held: `checks` must be part of every transaction made under it.

    A holder that was paused past its lease finds that the revision has moved on, and its
    transaction is refused, whatever its clock says.
    """

    def __init__(self, revision: int, expires_us: int) -> None:
        self.checks = {LEASE: revision}
        self._expires_us = expires_us

    def lasts(self, now_us: int) -> bool:
        """Whether more than half of the lease is left, and no more than all of it.

        More is left only once the clock was set back: others must see the lease renewed meanwhile.
        """
        return DURATION_US // 2 < self._expires_us - now_us <= DURATION_US


async def seize(
    ledger: Ledger, project: str, owner: str, now_us: Callable[[], int]
) -> Fence | None:
    """Take the lease of a project from whoever has it; None when others take it all the time.

    That is safe because a holder's transactions name the lease's revision: the holder before is
    fenced off from now on, and goes on once it has the lease again.
    """
    for _ in range(SEIZE_ATTEMPTS):
        found = (await ledger.get(project, [LEASE])).get(LEASE)
        fence = await _take(ledger, project, owner, found.revision if found else ABSENT, now_us())
        if fence is not None:
            return fence
    return None


async def renew(
    ledger: Ledger, project: str, owner: str, held: Fence, now_us: Callable[[], int]
) -> Fence | None:
    """The lease held, for another while; None once somebody else has it."""
    return await _take(ledger, project, owner, held.checks[LEASE], now_us())


async def release(ledger: Ledger, project: str, owner: str, fence: Fence) -> bool:
    """Give the lease back for anybody to take; whether it was held until now."""
    free = encode(Lease(owner=owner, expires_us=0))
    try:
        await ledger.commit(Transaction(project, checks=fence.checks, puts={LEASE: free}))
    except Conflict:
        return False
    return True


async def _take(
    ledger: Ledger, project: str, owner: str, revision: int, now_us: int
) -> Fence | None:
    """Put the lease if it has that revision still."""
    expires_us = now_us + DURATION_US
    lease = encode(Lease(owner=owner, expires_us=expires_us))
    try:
        await ledger.commit(Transaction(project, checks={LEASE: revision}, puts={LEASE: lease}))
    except Conflict:
        return None
    taken = (await ledger.get(project, [LEASE])).get(LEASE)
    return Fence(taken.revision, expires_us) if taken and taken.value == lease else None


class Leases:
    """The leases of projects, as one owner takes and renews them.

    Somebody else's lease is over once it has expired by the owner's clock, or was not renewed for
    its duration by a clock that nobody can set. Without the latter, a lease taken before the clock
    was set back an hour, or by a process whose clock is an hour ahead, would outlive it by as much.
    """

    def __init__(
        self, ledger: Ledger, owner: str, now_us: Callable[[], int], steady_us: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._now_us = now_us
        self._steady_us = steady_us
        self._seen: dict[str, tuple[int, int]] = {}

    async def acquire(self, project: str, held: Fence | None) -> Fence | None:
        """Take the lease of a project, or renew the one held; None while somebody else has it.

        Also None when the lease held was lost in between, even if it is free again: what its holder
        remembers may be out of date.
        """
        found = (await self._ledger.get(project, [LEASE])).get(LEASE)
        revision = found.revision if found else ABSENT
        if held is not None and held.checks[LEASE] != revision:
            return None
        if held is None and found is not None and not self._free(project, found):
            return None
        return await _take(self._ledger, project, self._owner, revision, self._now_us())

    def _free(self, project: str, found: Entry) -> bool:
        lease = decode(Lease, found)
        if lease.owner == self._owner or lease.expires_us <= self._now_us():
            return True
        return self._abandoned(project, found.revision)

    def _abandoned(self, project: str, revision: int) -> bool:
        """Whether this process has known that revision for the duration of a lease."""
        now_us = self._steady_us()
        seen, since_us = self._seen.get(project, (ABSENT, now_us))
        if seen != revision:
            self._seen[project] = revision, now_us
            return False
        return now_us - since_us >= DURATION_US
