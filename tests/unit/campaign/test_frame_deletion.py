"""A deleted frame is in no issue, snapshot and model of its project any more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from msgspec import structs, to_builtins

from services.campaign.campaigns import get_campaign, set_active
from services.campaign.elements import add_elements
from services.campaign.frame_deletion import purge_frames
from services.campaign.issues import get_issue
from services.campaign.records import (
    CampaignRecord,
    VersionRecord,
    campaign_key,
    version_key,
)
from services.campaign.versions import find_pending_changes, get_version
from services.ledger.interface import Transaction
from services.records.records import encode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from services.vectors.interface import Kind
from sluice.errors import Aborted, FailedPrecondition, InvalidArgument, Unavailable
from sluice.names import CampaignName
from sluice.scoring import ScoringModel, normalise
from tests.unit.campaign.campaign_service import (
    PROJECT,
    CampaignService,
    make_box,
    make_candidate,
    make_candidate_set,
    make_embedding,
    version_name,
)
from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.fake_reviews import FakeReviews
from tests.unit.campaign.faults import failing, overtaken


async def purge(service: CampaignService, *frame_ids: str) -> DeletionCounts:
    """Purge frames."""
    return await purge_frames(service.stores, PROJECT, frame_ids, validate_only=False)


async def find_frame(service: CampaignService, frame_id: str) -> list[str]:
    """Where the vector of a frame that was added as a whole is stored: points, files, records."""
    stores = service.stores
    row = normalise(make_embedding(f"frame {frame_id!r}")[None])
    places = []
    for collection in await stores.vectors.collections(PROJECT.project):
        assert collection.kind is Kind.ELEMENTS
        for tenant in await stores.vectors.tenants(collection):
            points = await stores.vectors.read(collection, tenant)
            places += [tenant for vector in points.vectors if np.array_equal(vector, row[0])]
    async for page in scan_pages(stores.ledger, PROJECT.project, ""):
        places += [entry.key for entry in page if row.tobytes() in entry.value]
    everything = datetime.now(UTC) + timedelta(hours=1)
    for digest in await stores.blobs.list_before(everything, after="", limit=1_000):
        if row.tobytes() in await stores.blobs.get(digest):
            places.append(digest)
    return places


async def read_version(
    service: CampaignService, campaign: CampaignName, number: int
) -> VersionRecord:
    """A version."""
    return await get_version(service.stores, version_name(campaign, number))


async def write_earlier_version(service: CampaignService, record: CampaignRecord) -> None:
    """Give a campaign's version a model of format 2, as an earlier Sluice wrote it."""
    blobs = service.stores.blobs
    model = ScoringModel.from_bytes(await blobs.get(record.version.model_digest))
    digest = await blobs.put(replace(model, summary=None).to_bytes())
    await blobs.delete(record.version.model_digest)
    version = structs.replace(record.version, model_digest=digest, fit=None)
    puts = {
        campaign_key(record.id): encode(structs.replace(record, version=version)),
        version_key(record.id, version.number): encode(version),
    }
    await service.stores.ledger.commit(Transaction(PROJECT.project, puts=puts))


async def test_every_copy_is_removed(service: CampaignService) -> None:
    """Issues, all versions' snapshots and models lose the frame; the doctor is quiet."""
    issue, other = await service.create_issue("a", "b"), await service.create_issue("a", "c")
    campaign, _ = await service.create_campaign(issue)
    await service.add_frames(issue, "d")
    await service.commit_version(campaign)
    assert 6 == len(await find_frame(service, "a"))

    counts = await purge(service, "a")

    assert DeletionCounts(elements=2, members=2) == counts
    assert [] == await find_frame(service, "a")
    assert ["b", "d"] == [e.frame_id for e in await service.list_elements(issue)]
    assert (2, 1) == (
        (await get_issue(service.stores, issue)).element_count,
        (await get_issue(service.stores, other)).element_count,
    )
    for later in (False, True):
        assert [] == await examine(service, later=later)


async def test_a_version_keeps_its_counts_and_names_its_former_models(
    service: CampaignService,
) -> None:
    """Number, snapshot and element count stay; the model is that of the remaining elements."""
    issue = await service.create_issue("a", "b", "c")
    campaign, record = await service.create_campaign(issue)

    await purge(service, "a", "b")

    version = await read_version(service, campaign, 1)
    assert (record.version.snapshot_digest, 3, ("a", "b"), 2) == (
        version.snapshot_digest,
        version.element_count,
        version.purged,
        version.purged_count,
    )
    assert (record.version.model_digest,) == version.former_digests
    model = ScoringModel.from_bytes(await service.stores.blobs.get(version.model_digest))
    assert ["c"] == [element.frame_id for element in model.element_ids]
    assert version == (await get_campaign(service.stores, campaign)).version


@pytest.mark.parametrize("earlier", [False, True], ids=["format 3", "format 2"])
async def test_a_purged_version_has_the_fit_of_its_new_model(
    service: CampaignService, earlier: bool
) -> None:
    """The fit summary is the new model's; a model of format 2 becomes one of format 3."""
    await service.set_background()
    campaign, record = await service.create_campaign(await service.create_issue(*"abcd"))
    if earlier:
        await write_earlier_version(service, record)
    before = await read_version(service, campaign, 1)

    await purge(service, "a")

    version = await read_version(service, campaign, 1)
    model = ScoringModel.from_bytes(await service.stores.blobs.get(version.model_digest))
    assert model.summary is not None
    assert version.fit is not None
    assert (None if earlier else record.version.fit) == before.fit != version.fit
    assert asdict(model.summary) == to_builtins(version.fit)
    assert [] == await examine(service)
    await purge(service, "b", "c", "d")
    assert (await read_version(service, campaign, 1)).fit is None


async def test_a_deletion_has_the_same_answer_twice(service: CampaignService) -> None:
    """A preview, the deletion, and the same deletion again give the same counts."""
    issue = await service.create_issue("a", "b")
    await service.create_campaign(issue)

    preview = await purge_frames(service.stores, PROJECT, ["a", "x"], validate_only=True)
    assert 2 == (await get_issue(service.stores, issue)).element_count

    assert DeletionCounts(elements=1, members=1) == preview
    assert [preview, preview] == [await purge(service, "a", "x"), await purge(service, "a", "x")]


async def test_a_campaign_without_elements_is_deactivated(service: CampaignService) -> None:
    """If all elements are deleted, the campaign cannot be active until the next commit."""
    issue = await service.create_issue("a")
    campaign, _ = await service.create_campaign(issue)

    await purge(service, "a")

    assert not (await get_campaign(service.stores, campaign)).active
    with pytest.raises(FailedPrecondition, match="commit a new version first"):
        await set_active(service.stores, campaign, active=True)
    await service.add_frames(issue, "b")
    await service.commit_version(campaign)
    assert (await set_active(service.stores, campaign, active=True)).active
    assert [] == await examine(service)


async def test_crops_and_samples_are_purged(service: CampaignService) -> None:
    """Crops are elements of their frame; accepted and discarded samples are members."""
    issue = await service.create_issue("z")
    crop = make_candidate("a", "l1", make_box("l1"))
    await add_elements(service.stores, issue, make_candidate_set([crop]))
    campaign, _ = await service.create_campaign(issue)
    await service.commit_version(campaign, FakeReviews("b c", "d e"))

    counts = await purge(service, "a", "b", "d")

    assert DeletionCounts(elements=1, members=4) == counts
    version = await read_version(service, campaign, 2)
    points = await service.read_snapshot(campaign, version.snapshot_digest)
    assert {"z", "c", "e"} == points.keys()
    assert [] == await examine(service)


async def test_a_deleted_frame_is_not_added_again(service: CampaignService) -> None:
    """AddElements names a deleted frame, and adds nothing; a commit takes in no sample of it."""
    issue = await service.create_issue("b")
    campaign, _ = await service.create_campaign(issue)
    await purge(service, "a")

    with pytest.raises(InvalidArgument, match=r"elements\[1\].frame.id .*'a' was deleted"):
        await service.add_frames(issue, "c", "a")
    version = await service.commit_version(campaign, FakeReviews("a d"))

    assert 1 == (await get_issue(service.stores, issue)).element_count
    assert 1 == version.accepted_count


async def test_a_deletion_overtakes_an_addition(service: CampaignService) -> None:
    """A frame that is deleted while it is added is refused, and its points are deleted."""
    issue = await service.create_issue("b")
    slow = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", purge(service, "a"))
    )

    with pytest.raises(InvalidArgument, match="was deleted"):
        await slow.add_frames(issue, "a")

    assert [] == await find_frame(service, "a")


async def test_a_deletion_overtakes_a_commit(service: CampaignService) -> None:
    """A commit that read a frame before its deletion is aborted, and leaves no point of it."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.add_frames(issue, "c")
    slow = service.with_stores(blobs=overtaken(service.stores.blobs, "put", purge(service, "a")))

    with pytest.raises(Aborted, match="frames were deleted during the commit"):
        await slow.commit_version(campaign)
    late = service.with_stores(blobs=overtaken(service.stores.blobs, "put", purge(service, "c")))
    with pytest.raises(Aborted, match="frames were deleted during the commit"):
        await late.create_campaign(issue)

    assert 1 == (await service.commit_version(campaign)).element_count
    await examine(service, repair=True)
    assert [] == await find_frame(service, "a") + await find_frame(service, "c")
    assert [] == await examine(service)


@pytest.mark.parametrize("store", ["ledger.commit", "vectors.delete", "blobs.delete_before"])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_an_interrupted_deletion_is_completed(
    service: CampaignService, store: str, at: int
) -> None:
    """Wherever a deletion stops, the same request completes it."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.add_frames(issue, "d")
    await service.commit_version(campaign)
    name, method = store.split(".")
    broken = service.with_stores(**{name: failing(getattr(service.stores, name), method, at=at)})
    with suppress(Unavailable):
        await purge(broken, "a")

    counts = await purge(service, "a")

    assert DeletionCounts(elements=1, members=2) == counts
    assert [] == await find_frame(service, "a")
    assert [] == await examine(service)


async def test_the_doctor_completes_listed_points(service: CampaignService) -> None:
    """Points that an interrupted deletion has listed are reported after an hour, and deleted."""
    issue = await service.create_issue("a", "b")
    broken = service.with_stores(vectors=failing(service.stores.vectors, "delete"))
    with pytest.raises(Unavailable):
        await purge(broken, "a")

    assert [] == await examine(service, later=False)
    found = await examine(service)
    await examine(service, repair=True)

    assert f"points of p/issues/{issue.issue}" in [finding.subject for finding in found]
    assert [] == await find_frame(service, "a")
    assert [] == await examine(service)


async def test_pending_changes_do_not_count_purged_elements(service: CampaignService) -> None:
    """After a deletion, issue and version have the same elements: nothing is left to commit."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await purge(service, "a")

    record = await get_campaign(service.stores, campaign)
    changes = await find_pending_changes(service.stores, PROJECT.project, record)

    assert (0, 0) == (changes.elements_added, changes.elements_removed)
    assert 1 == len(await service.list_elements(issue))
