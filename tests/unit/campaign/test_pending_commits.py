"""Records of running commits: shared by equal ones, and closed to them during a removal."""

from __future__ import annotations

import pytest
from msgspec import structs

from services.campaign.issues import get_issue
from services.campaign.pending_commits import PendingCommit, announce_commit
from services.campaign.records import PendingCommitRecord, pending_commit_key
from services.doctor.examination import LEFTOVER_AFTER_US
from services.ledger.interface import Transaction
from services.records.documents import StoredRecord, find_record
from services.records.records import encode, now_us
from sluice.errors import Aborted
from sluice.names import CampaignName
from tests.unit.campaign.campaign_service import PROJECT, CampaignService

CAMPAIGN = CampaignName(PROJECT.project, "c")
DIGEST = "0" * 64
KEY = pending_commit_key(CAMPAIGN.campaign, DIGEST)


async def announce(service: CampaignService) -> PendingCommit:
    """Announce a commit of one snapshot of a new issue."""
    issue = await get_issue(service.stores, await service.create_issue("a"))
    return await announce_commit(service.stores, CAMPAIGN, DIGEST, issue)


async def read(service: CampaignService) -> StoredRecord[PendingCommitRecord]:
    """The record of that commit."""
    stored = await find_record(service.stores.ledger, PROJECT.project, KEY, PendingCommitRecord)
    assert stored is not None
    return stored


async def put(service: CampaignService, **fields: object) -> None:
    """Store the record with other fields."""
    record = structs.replace((await read(service)).record, **fields)
    await service.stores.ledger.commit(Transaction(PROJECT.project, puts={KEY: encode(record)}))


async def test_a_commit_checks_its_record(service: CampaignService) -> None:
    """Binding must check the record at the revision at which it was stored."""
    pending = await announce(service)

    assert ("", {KEY: (await read(service)).revision}) == (pending.basis_digest, pending.checks)


async def test_equal_commits_share_a_record(service: CampaignService) -> None:
    """A second commit of the same snapshot and basis leaves the record of the first alone."""
    assert await announce(service) == await announce(service)


async def test_another_basis_gets_another_record(service: CampaignService) -> None:
    """After a new background, a commit of the same snapshot replaces the record."""
    first = await announce(service)
    await service.set_background()

    second = await announce(service)

    assert second.basis_digest == (await read(service)).record.basis_digest != first.basis_digest
    assert second.checks != first.checks


async def test_an_old_record_is_replaced(service: CampaignService) -> None:
    """A record that the doctor may soon take for a crashed commit's is stored anew."""
    await announce(service)
    await put(service, started_us=now_us() - LEFTOVER_AFTER_US // 2)
    old = await read(service)

    pending = await announce(service)

    assert pending.checks != {KEY: old.revision}
    assert (await read(service)).record.started_us > old.record.started_us


async def test_a_removal_aborts_commits_of_its_snapshot(service: CampaignService) -> None:
    """While the doctor removes a snapshot no commit of it starts; an old claim is replaced."""
    await announce(service)
    await put(service, removing=True)
    with pytest.raises(Aborted, match=f"{CAMPAIGN}: leftovers .* are being removed"):
        await announce(service)

    await put(service, started_us=now_us() - LEFTOVER_AFTER_US)
    await announce(service)

    assert not (await read(service)).record.removing
