"""Saying that a commit is under way, so that nobody takes what it has written for garbage.

A commit says so before its first write, and takes it back in the transaction that binds the
version; that one checks that nobody else did. So what is unbound belongs to a commit that is under
way, or died; and once the doctor has claimed what one has left, that commit can never bind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.campaign.records import (
    Issue,
    Making,
    Space,
    making_key,
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
class Begun:
    """A commit that has said so: its basis, and what binding must check and delete."""

    basis_digest: str
    checks: Mapping[str, int]


async def begin(
    stores: Stores, campaign: CampaignName, snapshot_digest: str, issue: Issue
) -> Begun:
    """Say that a snapshot of a campaign is being made, with the basis that its space has now.

    Raises Aborted while the doctor removes one of the same content.
    """
    where, project = making_key(campaign.campaign, snapshot_digest), campaign.project

    async def attempt() -> Begun:
        space = await find_record(
            stores.ledger, project, space_key(issue.model_id, issue.dimension), Space
        )
        basis = space.record.basis_digest if space else ""
        found = await find_record(stores.ledger, project, where, Making)
        if found is None or not _shared(campaign, found.record, basis):
            making = Making(started_us=now_us(), basis_digest=basis)
            # The space still names the basis when this does: in between, nobody finds it unnamed.
            checks = {
                where: found.revision if found else ABSENT,
                space_key(issue.model_id, issue.dimension): space.revision if space else ABSENT,
            }
            puts = {where: encode(making)}
            await stores.ledger.commit(Transaction(project, checks=checks, puts=puts))
            found = await _expect(stores, project, where, making)
        return Begun(basis, {where: found.revision})

    return await retry(attempt, campaign)


async def _expect(stores: Stores, project: str, where: str, making: Making) -> StoredRecord[Making]:
    found = await find_record(stores.ledger, project, where, Making)
    if found is None or found.record != making:
        raise Conflict(where, "was bound or removed by somebody else")
    return found


def _shared(campaign: CampaignName, making: Making, basis_digest: str) -> bool:
    """Whether another commit of the same content has said so already, and not long ago.

    They share what they write, and the first one binds it.
    """
    age_us = now_us() - making.started_us
    if making.removing and age_us < LEFTOVER_AFTER_US:
        raise Aborted(f"{campaign}: what is left of such a commit is being removed: try again")
    return (
        not making.removing
        and making.basis_digest == basis_digest
        and age_us < LEFTOVER_AFTER_US // 2
    )
