"""Records of running commits, so that the doctor does not remove what they have written.

A commit stores its record before its first write, and deletes it in the transaction that binds the
version; that transaction checks that nobody else did. So an unbound snapshot belongs to a commit
that is running or has crashed; and once the doctor has claimed the record of a crashed one, that
commit can never bind its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.campaign.records import (
    IssueRecord,
    PendingCommitRecord,
    SpaceRecord,
    pending_commit_key,
    space_key,
)
from services.doctor.examination import LEFTOVER_AFTER_US
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, find_record, retry
from services.records.records import encode, now_us
from services.records.stores import Stores
from sluice.errors import Aborted
from sluice.names import CampaignName


@dataclass(frozen=True, slots=True)
class PendingCommit:
    """A commit with a stored record: its basis, and the keys that binding checks and deletes."""

    basis_digest: str
    checks: Mapping[str, int]


async def announce_commit(
    stores: Stores, campaign: CampaignName, snapshot_digest: str, issue: IssueRecord
) -> PendingCommit:
    """Record that a snapshot of a campaign is being committed with the current basis of its space.

    Raises Aborted while the doctor removes the leftovers of a commit of the same snapshot.
    """
    key, project = pending_commit_key(campaign.campaign, snapshot_digest), campaign.project
    space_of_issue = space_key(issue.model_id, issue.dimension)

    async def attempt() -> PendingCommit:
        space = await find_record(stores.ledger, project, space_of_issue, SpaceRecord)
        basis_digest = space.record.basis_digest if space else ""
        stored = await find_record(stores.ledger, project, key, PendingCommitRecord)
        if stored is None or not _is_shareable(campaign, stored.record, basis_digest):
            record = PendingCommitRecord(started_us=now_us(), basis_digest=basis_digest)
            # The space must still reference the basis, so that it is referenced at all times.
            checks = {
                key: stored.revision if stored else ABSENT,
                space_of_issue: space.revision if space else ABSENT,
            }
            await stores.ledger.commit(Transaction(project, checks, puts={key: encode(record)}))
            stored = await _read_back(stores, project, key, record)
        return PendingCommit(basis_digest, {key: stored.revision})

    return await retry(attempt, campaign)


async def _read_back(
    stores: Stores, project: str, key: str, record: PendingCommitRecord
) -> StoredRecord[PendingCommitRecord]:
    stored = await find_record(stores.ledger, project, key, PendingCommitRecord)
    if stored is None or stored.record != record:
        raise Conflict(key, "was bound or removed by another call")
    return stored


def _is_shareable(campaign: CampaignName, record: PendingCommitRecord, basis_digest: str) -> bool:
    """Whether another recent commit has the same snapshot and basis.

    Both write the same content, and the first one binds it.
    """
    age_us = now_us() - record.started_us
    if record.removing and age_us < LEFTOVER_AFTER_US:
        raise Aborted(f"{campaign}: leftovers of a crashed commit are being removed: try again")
    return (
        not record.removing
        and record.basis_digest == basis_digest
        and age_us < LEFTOVER_AFTER_US // 2
    )
