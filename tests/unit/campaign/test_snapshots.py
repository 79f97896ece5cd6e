"""Snapshots: read at one moment, verified, and never changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaigns import get_campaign, set_active
from services.campaign.element_points import issue_tenant
from services.campaign.elements import list_elements, remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.manifest import read_manifest
from services.campaign.version_files import VersionFile, read_version_file
from services.campaign.versions import get_version
from services.records.documents import ATTEMPTS
from services.vectors.interface import Points
from sluice.errors import (
    Aborted,
    DataLoss,
)
from tests.unit.campaign.campaign_service import (
    ALL,
    ELEMENTS,
    CampaignService,
    version_name,
)
from tests.unit.campaign.faults import InterceptedStore, overtaken


async def test_a_snapshot_does_not_change(service: CampaignService) -> None:
    """Whatever becomes of the issue, a version keeps its elements, model and digests."""
    issue = await service.create_issue("a", "b")
    campaign, created = await service.create_campaign(issue)
    version = created.version
    model = await read_version_file(service.stores, version_name(campaign, 1), VersionFile.MODEL)
    elements = await service.read_snapshot(campaign, version.snapshot_digest)

    await service.add_frames(issue, "b", "c", seed=1)
    await remove_elements(service.stores, issue, [("a", "")])
    second = await service.commit_version(campaign)
    await set_active(service.stores, campaign, active=False)
    await delete_issue(service.stores, issue, "")

    assert {"a", "b"} == elements.keys()
    assert elements == await service.read_snapshot(campaign, version.snapshot_digest)
    assert {"b", "c"} == (await service.read_snapshot(campaign, second.snapshot_digest)).keys()
    assert version == await get_version(service.stores, version_name(campaign, 1))
    assert model == await read_version_file(
        service.stores, version_name(campaign, 1), VersionFile.MODEL
    )
    assert 2 == len({version.model_digest, second.model_digest})


async def test_the_order_of_elements_does_not_matter(service: CampaignService) -> None:
    """Two issues of the same elements, added in other orders, have one snapshot and one model."""
    one, other = await service.create_issue("a", "b", "c"), await service.create_issue("c", "x")
    await service.add_frames(other, "b", "a")
    await remove_elements(service.stores, other, [("x", "")])

    _, first = await service.create_campaign(one)
    _, second = await service.create_campaign(other)

    assert first.version.snapshot_digest == second.version.snapshot_digest
    assert first.version.model_digest == second.version.model_digest


async def test_a_commit_reads_the_issue_at_one_moment(service: CampaignService) -> None:
    """An issue that changes while it is read is read again: the snapshot is never a mixture."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    replacement = service.add_frames(issue, "a", "b", seed=1)
    late = service.with_stores(vectors=overtaken(service.stores.vectors, "retrieve", replacement))

    version = await late.commit_version(campaign)

    _, elements, _ = await list_elements(service.stores, issue, ALL)
    manifest = (await read_manifest(service.stores, version.snapshot_digest)).elements
    assert [element.digest.hex() for element in elements] == [digest for *_, digest in manifest]


async def test_an_issue_that_never_rests_is_given_up(service: CampaignService) -> None:
    """A commit of an issue that changes each time it is read ends with ABORTED."""
    issue = await service.create_issue("a")
    campaign, created = await service.create_campaign(issue)
    seeds = iter(range(1, ATTEMPTS + 1))

    async def change(real: Callable[..., Awaitable[Points]], *args: Any) -> Points:
        await service.add_frames(issue, "a", seed=next(seeds))
        return await real(*args)

    with pytest.raises(Aborted, match=str(issue)):
        await service.with_stores(
            vectors=InterceptedStore(service.stores.vectors, "retrieve", change)
        ).commit_version(campaign)
    assert created == await get_campaign(service.stores, campaign)


async def test_a_lost_vector_stops_a_commit(service: CampaignService) -> None:
    """An element with a missing or changed vector is named, and nothing is committed."""
    issue = await service.create_issue("a", "b")
    campaign, created = await service.create_campaign(issue)
    vectors, tenant = service.stores.vectors, issue_tenant(issue)
    stored = await vectors.read(ELEMENTS, tenant)
    altered = Points(stored.ids, stored.vectors[::-1].copy(), stored.payloads)

    await vectors.write(ELEMENTS, tenant, altered)
    with pytest.raises(DataLoss, match="frame 'a' does not match its digest"):
        await service.commit_version(campaign)
    await vectors.delete_tenant(ELEMENTS, tenant)
    with pytest.raises(DataLoss, match="frame 'a' does not match its digest") as raised:
        await service.commit_version(campaign)

    assert "DIGEST_MISMATCH" == raised.value.reason
    assert created == await get_campaign(service.stores, campaign)


async def test_a_snapshot_is_read_back(service: CampaignService) -> None:
    """A vector store that returns other vectors than were written stops the commit."""
    issue = await service.create_issue("a", "b")

    async def corrupt(real: Callable[..., Awaitable[None]], *args: Any) -> None:
        collection, tenant, points = args
        await real(collection, tenant, Points(points.ids, points.vectors * 2, points.payloads))

    with pytest.raises(DataLoss, match=r"snapshot .* differ from those written"):
        await service.with_stores(
            vectors=InterceptedStore(service.stores.vectors, "write", corrupt)
        ).create_campaign(issue)
    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns


async def test_large_snapshots_are_written_in_pages(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of several pages has every element once."""
    monkeypatch.setattr("services.records.points.PAGE", 2)
    monkeypatch.setattr("services.campaign.snapshots.PAGE", 2)
    ids = [f"frame-{number}" for number in range(5)]

    campaign, created = await service.create_campaign(await service.create_issue(*ids))

    assert (
        set(ids) == (await service.read_snapshot(campaign, created.version.snapshot_digest)).keys()
    )
    assert 5 == len((await read_manifest(service.stores, created.version.snapshot_digest)).elements)
