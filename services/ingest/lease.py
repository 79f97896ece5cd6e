"""The lease that makes one projector per project, with the ledger's revision as fencing token."""

from __future__ import annotations

from collections.abc import Callable

from services.ledger.interface import ABSENT, Conflict, Entry, Ledger, Transaction
from services.records.records import Record, decode, encode

LEASE = "projector-lease"
DURATION_US = 10_000_000
SEIZE_ATTEMPTS = 8


class Lease(Record, frozen=True, kw_only=True):
    """The owner and expiry (microseconds since 1970, UTC) of a project's projector lease."""

    owner: str
    expires_us: int


class Fence:
    """A lease that is held; `checks` must be part of every transaction made under it.

    If a holder was paused past its lease, the lease's revision has changed and its transaction is
    rejected, whatever its clock says.
    """

    def __init__(self, revision: int, expires_us: int) -> None:
        self.checks = {LEASE: revision}
        self._expires_us = expires_us

    def lasts(self, now_us: int) -> bool:
        """Whether more than half of the lease remains, and no more than its duration.

        More can remain only if the clock was set back; then the lease must be renewed as well.
        """
        return DURATION_US // 2 < self._expires_us - now_us <= DURATION_US


async def seize(
    ledger: Ledger, project: str, owner: str, now_us: Callable[[], int]
) -> Fence | None:
    """Take the lease of a project from its holder; None if others keep taking it too.

    That is safe because a holder's transactions check the lease's revision: the previous holder is
    fenced off from now on, and continues once it has acquired the lease again.
    """
    for _ in range(SEIZE_ATTEMPTS):
        entry = (await ledger.get(project, [LEASE])).get(LEASE)
        fence = await _take(ledger, project, owner, entry.revision if entry else ABSENT, now_us())
        if fence is not None:
            return fence
    return None


async def renew(
    ledger: Ledger, project: str, owner: str, held: Fence, now_us: Callable[[], int]
) -> Fence | None:
    """Extend a lease that is held; None if another owner has taken it."""
    return await _take(ledger, project, owner, held.checks[LEASE], now_us())


async def release(ledger: Ledger, project: str, owner: str, fence: Fence) -> bool:
    """Free a lease; whether it was still held."""
    free = encode(Lease(owner=owner, expires_us=0))
    try:
        await ledger.commit(Transaction(project, checks=fence.checks, puts={LEASE: free}))
    except Conflict:
        return False
    return True


async def _take(
    ledger: Ledger, project: str, owner: str, revision: int, now_us: int
) -> Fence | None:
    """Write the lease if its revision is unchanged."""
    expires_us = now_us + DURATION_US
    lease = encode(Lease(owner=owner, expires_us=expires_us))
    try:
        await ledger.commit(Transaction(project, checks={LEASE: revision}, puts={LEASE: lease}))
    except Conflict:
        return None
    entry = (await ledger.get(project, [LEASE])).get(LEASE)
    return Fence(entry.revision, expires_us) if entry and entry.value == lease else None


class LeaseKeeper:
    """Takes and renews the leases of projects for one owner.

    Another owner's lease has ended once it has expired by this process's clock, or was not
    renewed for its duration by a monotonic clock. Without the latter, a lease taken before the
    clock was set back an hour, or by a process with a clock an hour ahead, would last an hour more.
    """

    def __init__(
        self, ledger: Ledger, owner: str, now_us: Callable[[], int], steady_us: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._now_us = now_us
        self._steady_us = steady_us
        self._observed: dict[str, tuple[int, int]] = {}

    async def acquire(self, project: str, held: Fence | None) -> Fence | None:
        """Take the lease of a project, or renew the one held; None while another owner has it.

        Also None if the lease held was lost in between, even if it is free again: the state kept
        under it may be out of date.
        """
        entry = (await self._ledger.get(project, [LEASE])).get(LEASE)
        revision = entry.revision if entry else ABSENT
        if held is not None and held.checks[LEASE] != revision:
            return None
        if held is None and entry is not None and not self._is_free(project, entry):
            return None
        return await _take(self._ledger, project, self._owner, revision, self._now_us())

    def _is_free(self, project: str, entry: Entry) -> bool:
        lease = decode(Lease, entry)
        if lease.owner == self._owner or lease.expires_us <= self._now_us():
            return True
        return self._is_abandoned(project, entry.revision)

    def _is_abandoned(self, project: str, revision: int) -> bool:
        """Whether the revision has been the same for the duration of a lease."""
        now_us = self._steady_us()
        known_revision, since_us = self._observed.get(project, (ABSENT, now_us))
        if known_revision != revision:
            self._observed[project] = revision, now_us
            return False
        return now_us - since_us >= DURATION_US
