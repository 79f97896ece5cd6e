"""Planning the transaction that commits the decisions of one outbox page; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from services.ingest import counters
from services.ingest.counters import Count
from services.ingest.lease import Fence
from services.ingest.records import (
    DECIDED,
    DecidedEntries,
    Mark,
    PendingMatch,
    Row,
    RowState,
    order_keys,
    row_key,
)
from services.ledger.interface import Add, Transaction
from services.records.records import encode


@dataclass(frozen=True, slots=True)
class WaitingMatch:
    """An outbox entry under its key, with the row of its match."""

    entry_key: str
    pending: PendingMatch
    row: Row

    def decide(self, duplicate_of: str) -> WaitingMatch:
        """The match as collected, or as a near duplicate of the sample named, if not ""."""
        state = RowState.NEAR_DUPLICATE if duplicate_of else RowState.COLLECTED
        row = msgspec.structs.replace(self.row, state=state, duplicate_of=duplicate_of)
        return replace(self, row=row)


def take_until_basis_changes(page: Sequence[WaitingMatch]) -> Sequence[WaitingMatch]:
    """The matches of the page before the first whose campaign has changed its basis.

    Samples kept under one basis can be compared in another only after they have been written.
    """
    basis_of: dict[str, str] = {}
    for index, match in enumerate(page):
        pending = match.pending
        if basis_of.setdefault(pending.campaign, pending.basis_digest) != pending.basis_digest:
            return page[:index]
    return page


def plan_decisions(project: str, fence: Fence, page: Sequence[WaitingMatch]) -> Transaction:
    """The transaction that commits decisions, with the list of their outbox entries.

    It checks nothing but the fence: only the holder of the lease changes pending rows.
    """
    puts = {DECIDED: encode(DecidedEntries(entries=tuple(match.entry_key for match in page)))}
    adds: defaultdict[str, int] = defaultdict(int)
    for match in page:
        campaign, frame_id, row = match.pending.campaign, match.pending.frame_id, match.row
        puts[row_key(campaign, frame_id)] = encode(row)
        adds[Count.PENDING.of(campaign)] -= 1
        if row.state is RowState.COLLECTED:
            adds[Count.COLLECTED.of(campaign)] += 1
            puts |= dict.fromkeys(
                order_keys(campaign, row.version, row.score, frame_id), encode(Mark())
            )
        else:
            adds[Count.NEAR_DUPLICATE.of(campaign)] += 1
            adds[Count.BUDGET_USED.of(campaign)] -= 1
            adds[counters.budget_used_on(campaign, row.received_us)] -= 1
    return Transaction(
        project,
        checks=fence.checks,
        puts=puts,
        adds={name: Add(delta) for name, delta in adds.items()},
    )
