"""The decisions of one page of the outbox, as a transaction: pure."""

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
    """An entry of the outbox, at `place`, with the row that it is about."""

    place: str
    pending: PendingMatch
    row: Row

    def decide(self, duplicate_of: str) -> WaitingMatch:
        """The match, collected, or near to the sample that is named."""
        state = RowState.NEAR_DUPLICATE if duplicate_of else RowState.COLLECTED
        row = msgspec.structs.replace(self.row, state=state, duplicate_of=duplicate_of)
        return replace(self, row=row)


def one_basis_each(page: Sequence[WaitingMatch]) -> int:
    """How many matches of the page come before a campaign's basis changes.

    What was kept under one basis can be compared under another only once it has been written.
    """
    basis_of: dict[str, str] = {}
    for index, match in enumerate(page):
        pending = match.pending
        if basis_of.setdefault(pending.campaign, pending.basis_digest) != pending.basis_digest:
            return index
    return len(page)


def decisions(project: str, fence: Fence, page: Sequence[WaitingMatch]) -> Transaction:
    """Make what was decided known, with the list of the places decided.

    The fence is all that is checked: only its holder changes rows that are pending.
    """
    puts = {DECIDED: encode(DecidedEntries(entries=tuple(match.place for match in page)))}
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
